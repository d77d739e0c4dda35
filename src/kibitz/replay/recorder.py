"""Writes down what hooks do to a run that is kept: what they write to the state, and what they ask for."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

from kibitz.callbacks.dispatch import Dispatch, Seat
from kibitz.engine.state import TrainState, plain
from kibitz.engine.timeline import Timeline
from kibitz.replay.entry import Entry, EpochEnded, Wrote
from kibitz.replay.moment import Moment, Moments
from kibitz.run import Run

ROOM = 4
"""How many states' bytes hooks may write between two commits and have kept."""


class Recorder:
    """Watches the door of a run, and its state.

    What is no function of the program, its seed and its data is written down: it is what another run of the same
    program, with other callbacks, would not do by itself. What the loops write is done by them again.

    Args:
        run: The run.
        timeline: Its state.
    """

    def __init__(self, run: Run, timeline: Timeline):
        self.moments = Moments(run.clock)
        self._run, self._timeline = run, timeline
        self._entries: list[Entry] = []
        self._arrays: dict[str, np.ndarray] = {}
        self._room = 0
        self._moment: Moment | None = None
        self._what: dict[str, dict[str, Any]] = defaultdict(dict)  # of the moment, by who wrote
        self._late: list[Seat] = []
        self._beginning = False
        self._flags, self._asked = _flags(run), run.evaluation_asked
        self._given: Any = None  # the logs of the moment, to which callbacks may add
        self._logs: dict[str, Any] = {}
        self._on = False

    def begin(self) -> None:
        """From here on it is written down; what was before, a process that goes on does again."""
        self._on, self._flags, self._asked = True, _flags(self._run), self._run.evaluation_asked
        self._timeline.told = self._wrote

    def wait(self, seats: list[Seat]) -> None:
        """Let callbacks that are new to a run that goes on begin when all is put back: what they see is what there is.

        Args:
            seats: Their places.
        """
        self._late = seats

    def begin_late(self, dispatch: Dispatch, *, within: bool) -> None:
        """All is put back: let those who have waited begin.

        Args:
            dispatch: The door.
            within: Whether an epoch is under way.
        """
        if not self._late:
            return
        self._beginning = True
        dispatch.fire("on_train_begin", {})
        if within:
            dispatch.fire("on_epoch_begin", self._run.clock.epoch, {})
        self._beginning, self._late = False, []

    def end(self) -> None:
        """The run is over."""
        self._timeline.told, self._on = None, False

    def note(self, entry: Entry) -> None:
        """Write down what no hook did."""
        self._entries.append(entry)

    def boundary(self, *, begun: bool, seconds: float) -> None:
        """All callbacks have had their hooks, of a batch, or of an epoch."""
        clock = self._run.clock
        self.moments.boundary(begun=begun)
        if self._on and not begun:
            self.note(EpochEnded(clock.epoch, clock.step, seconds))

    def taken(self) -> tuple[list[Entry], dict[str, np.ndarray]]:
        """What was written down since the last time, and the arrays that belong to it."""
        entries, arrays = self._entries, self._arrays
        self._entries, self._arrays, self._room = [], {}, 0
        return entries, arrays

    # -- the door ----------------------------------------------------------------------------------------------------

    def opens(self, hook: str, args: tuple[Any, ...]) -> None:
        """A hook is about to be fired."""
        self._moment = self.moments.fired(hook, args)
        self._given = args[-1] if args and isinstance(args[-1], dict) else {}
        self._logs = dict(self._given)
        self._asked = self._run.evaluation_asked

    def hears(self, seat: Seat) -> bool:
        """Everybody is called, in time."""
        return any(seat is each for each in self._late) == self._beginning

    def heard(self, seat: Seat) -> None:
        """A callback has had the hook: take what it wrote into the module, and look at what it asked for."""
        if not self._on:
            return
        self._timeline.push()
        flags, asked = _flags(self._run), self._run.evaluation_asked
        if flags != self._flags:
            self._flags = flags
            self._what[seat.name]["@stop"] = [self._run.reason if flags[0] else "", *flags]
        if asked != self._asked:
            self._asked = asked
            self._what[seat.name]["@evaluate"] = sorted(asked or ())
        if self._given != self._logs:
            added = _added(self._logs, self._given)
            self._logs = dict(self._given)
            if added:
                self._what[seat.name].setdefault("@logs", {}).update(added)

    def closes(self, hook: str, args: tuple[Any, ...]) -> None:  # noqa: ARG002 - the door says which
        """All have had it: what each of them did is one entry."""
        if self._moment is not None:
            self._entries += [Wrote(self._moment, by, what) for by, what in self._what.items()]
        self._what.clear()

    def quiet(self, kind: str, own: float) -> float:  # noqa: ARG002 - the door asks for each kind
        """Nobody is kept from passing."""
        return own

    # -- the state ---------------------------------------------------------------------------------------------------

    def _wrote(self, old: TrainState, new: TrainState) -> None:
        by = self._run.asking
        if not by:
            return  # a loop did, and will again
        what = self._what[by]
        if old.params.keys() != new.params.keys():
            what["@moved"] = list(new.params)
            return
        before, after = named(old), named(new)
        if before.keys() != after.keys():
            what["@odd"] = f"put {', '.join(sorted(after.keys() ^ before.keys())[:3])} in or took it out"
            return
        changed = {name: value for name, value in after.items() if _differ(before[name], value)}
        arrays = {name: value for name, value in changed.items() if not _is_number(value)}
        what |= {name: _number(value) for name, value in changed.items() if name not in arrays}
        if arrays:
            self._keep(what, arrays, sum(_bytes(value) for value in after.values()))

    def _keep(self, what: dict[str, Any], arrays: dict[str, Any], whole: int) -> None:
        """Keep arrays for the commit that comes; so much as there is room for."""
        self._room += sum(_bytes(value) for value in arrays.values())
        if self._room > ROOM * whole or what.get("@arrays") is True:
            what["@arrays"] = True
            return
        place = place_of(self._moment, self._run.asking)
        self._arrays |= {f"{place}/{name}": plain(value) for name, value in arrays.items()}
        what["@arrays"] = sorted({*what.get("@arrays", []), *arrays})


def place_of(moment: Moment | None, by: str) -> str:
    """How the names of arrays begin that were written at a moment by a callback."""
    return "" if moment is None else f"{moment.step}.{moment.part}.{moment.test}/{moment.hook}/{moment.index}/{by}"


def named(state: TrainState) -> dict[str, Any]:
    """The leaves of a state by names for a person, such as "optimizer/learning_rate"; without those of graph hooks."""
    flat, _ = jax.tree_util.tree_flatten_with_path(state.with_(graph={}))
    return {jax.tree_util.keystr(path, simple=True, separator="/"): value for path, value in flat}


def _flags(run: Run) -> tuple[bool, bool, bool]:
    return run.stop_requested, run.stop_now, run.stop_evaluating


def _added(before: Mapping[str, Any], logs: Mapping[str, Any]) -> dict[str, Any]:
    """Numbers that a callback has put into the logs of a hook, or set to something else."""
    return {
        str(name): _number(value)
        for name, value in logs.items()
        if (name not in before or before[name] is not value) and isinstance(value, int | float | np.generic)
    }


def _differ(old: Any, new: Any) -> bool:
    """Whether it was written: arrays are told by what they are, numbers by their bits."""
    if new is old or not _is_number(new):
        return new is not old
    return np.asarray(new).tobytes() != np.asarray(old).tobytes()


def _is_number(value: Any) -> bool:
    return value.ndim == 0 and getattr(value.dtype, "kind", "") in tuple("biuf")


def _number(value: Any) -> Any:
    """The shortest decimal that is this number in its own precision."""
    value = np.asarray(value)
    if value.dtype == np.float32:
        short = float(str(value))
        return short if np.float32(short).tobytes() == value.tobytes() else float(value)
    return value.item()


def _bytes(value: Any) -> int:
    return value.size * value.dtype.itemsize
