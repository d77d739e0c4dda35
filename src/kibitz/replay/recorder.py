"""Writes down what hooks do to a run that is kept: what they write to the state, and what they ask for."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from operator import is_
from typing import Any

import jax
import numpy as np

from kibitz.callbacks.dispatch import Dispatch, Seat
from kibitz.engine.state import TrainState, plain
from kibitz.engine.timeline import Timeline
from kibitz.hooks import OUTCOME_HOOK
from kibitz.replay.entry import Entry, EpochEnded, Validated, Wrote
from kibitz.replay.logged import Untold, as_logged
from kibitz.replay.moment import Moment, Moments
from kibitz.run import Run

ROOM = 4
"""How many states' bytes hooks may write between two commits and have kept."""

SMALL = 2**20
"""What counts as the bytes of a state where none is meant, or a smaller one."""


class Recorder:
    """Watches the door of a run, and its state.

    What is no function of the program, its seed and its data is written down: it is what another run of the same
    program, with other callbacks, would not do by itself. What the loops write is done by them again.

    Args:
        run: The run.
        timeline: Its state.
        trainable: Tells what of the model is trainable, as a one or a nought for each part.
        averages: Tells whether averages stand in place of the weights.
    """

    def __init__(
        self, run: Run, timeline: Timeline, trainable: Callable[[], str] = str, averages: Callable[[], bool] = bool
    ):
        self.moments = Moments(run.clock)
        self._run, self._timeline, self._trainable, self._averages = run, timeline, trainable, averages
        self._entries: list[Entry] = []
        self._arrays: dict[str, np.ndarray] = {}
        self._room = 0
        self._moment: Moment | None = None
        self._what: dict[str, dict[str, Any]] = defaultdict(dict)  # of the moment, by who wrote
        self.late: list[Seat] = []  # who are new to a run that goes on: they begin when all is put back
        self._beginning = False
        self._given: Any = {}  # the logs of the moment, to which callbacks may add
        self._on = False
        self.over: Callable[[], None] | None = None
        """Called when all have had `on_run_end`. None: nobody is."""
        self._look()

    def _look(self) -> None:
        """Look at what callbacks may change besides the state, before one of them is called."""
        self._flags, self._asked, self._placed = _flags(self._run), self._run.evaluation_asked, self._averages()
        self._logs, self._own = dict(self._given), dict(getattr(self._given, "batch", ()))

    def begin(self) -> None:
        """From here on it is written down; what was before, a process that goes on does again."""
        self._on = True
        self._look()
        self._timeline.told = self._wrote

    def begin_late(self, dispatch: Dispatch, *, within: bool) -> None:
        """All is put back: let those who have waited begin.

        Args:
            dispatch: The door.
            within: Whether an epoch is under way.
        """
        if not self.late:
            return
        self._beginning = True
        dispatch.fire("on_train_begin", {})
        if within:
            dispatch.fire("on_epoch_begin", self._run.clock.epoch, {})
        self._beginning, self.late = False, []

    def end(self) -> None:
        """The run is over."""
        self._timeline.told, self._on = None, False

    def validated(self) -> None:
        """A validation is due, and a clock on the wall has decided so."""
        self._entries.append(Validated(self._run.clock.step))

    def boundary(self, *, begun: bool, seconds: float) -> None:
        """All callbacks have had their hooks, of a batch, or of an epoch."""
        clock = self._run.clock
        self.moments.boundary(begun=begun)
        if self._on and not begun:
            self._entries.append(EpochEnded(clock.epoch, clock.step, seconds))

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
        self._look()

    def hears(self, seat: Seat) -> bool:
        """Everybody is called, in time."""
        return not self.late or any(seat is each for each in self.late) == self._beginning

    def heard(self, seat: Seat) -> None:
        """A callback has had the hook: take what it wrote into the module, and look at what it asked for."""
        if not self._on:
            return
        self._timeline.push()
        flags, asked, placed = _flags(self._run), self._run.evaluation_asked, self._averages()
        own = getattr(self._given, "batch", {})
        alike = _alike(self._logs, self._given) and _alike(self._own, own)
        if alike and flags == self._flags and asked == self._asked and placed == self._placed:
            return
        what = self._what[seat.name]
        if flags != self._flags:
            what["@stop"] = [self._run.reason if flags[0] else "", *flags]
        if asked != self._asked:
            what["@evaluate"] = sorted(asked or ())
        if placed != self._placed:
            what["@averages"] = placed
        self._changed(what, "@logs", "@taken", _changes(self._logs, self._given))
        self._changed(what, "@own", "@gone", _changes(self._own, own))
        self._look()

    def _changed(
        self, what: dict[str, Any], put: str, away: str, changes: tuple[dict[str, Any], list[str]]
    ) -> None:  # fmt: skip
        added, taken = changes
        if added:
            what.setdefault(put, {}).update((name, self._logged(value)) for name, value in added.items())
        if taken:
            what[away] = taken

    def closes(self, hook: str, args: tuple[Any, ...]) -> None:  # noqa: ARG002 - the door says which
        """All have had it: what each of them did is one entry."""
        if self._moment is not None and self._what:
            self._entries += [Wrote(self._moment, by, what) for by, what in self._what.items() if what]
        self._what.clear()
        if hook == OUTCOME_HOOK and self.over is not None:
            self.over()

    def _logged(self, value: Any) -> Any:
        """A value that a callback has put into the logs, as it is written down; its arrays, if there is room."""
        place, held = place_of(self._moment, self._run.asking), dict[str, np.ndarray]()
        logged = as_logged(value, f"@logs/{len(self._arrays)}", held)
        if held:
            self._room += sum(map(_bytes, held.values()))
            whole = sum(map(_bytes, jax.tree.leaves(self._timeline.behind)))
            if self._room > ROOM * max(whole, SMALL):
                return Untold("more arrays were written than are kept")
            self._arrays |= {f"{place}/{name}": each for name, each in held.items()}
        return logged

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
            what["@moved"] = self._trainable()
            return
        before, after = named(old), named(new)
        if before.keys() != after.keys():
            what["@odd"] = f"put {', '.join(sorted(after.keys() ^ before.keys())[:3])} in or took it out"
            return
        changed = {name: value for name, value in after.items() if _differ(before[name], value)}
        self._take(what, changed, sum(_bytes(value) for value in after.values()))

    def measured(self, accumulators: list[Any]) -> None:
        """A callback has put other numbers in place of what an evaluation has measured so far."""
        if self._on and (by := self._run.asking):
            self._take(self._what[by], measures(accumulators), SMALL)

    def _take(self, what: dict[str, Any], changed: dict[str, Any], whole: int) -> None:
        arrays = {name: value for name, value in changed.items() if not _is_number(value)}
        what |= {name: _number(value) for name, value in changed.items() if name not in arrays}
        if arrays:
            self._keep(what, arrays, whole)

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


def measures(accumulators: list[Any]) -> dict[str, Any]:
    """What an evaluation has measured so far, by names as `named` gives them."""
    return {f"measured/{index}/{place}": value for index, each in enumerate(accumulators)
            for place, value in enumerate(each)}  # fmt: skip


def _flags(run: Run) -> tuple[bool, bool, bool]:
    return run.stop_requested, run.stop_now, run.stop_evaluating


def _alike(before: Mapping[str, Any], now: Mapping[str, Any]) -> bool:
    """Whether the same stands there under the same names, in the same order."""
    return before.keys() == now.keys() and all(map(is_, before.values(), now.values()))


def _changes(before: Mapping[str, Any], now: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """What a callback has put into the logs of a hook, or set to something else; and what it took from them."""
    new = [name for name in now if name not in before]
    if [*(name for name in before if name in now), *new] != list(now):  # in another order: put there anew
        return {str(name): value for name, value in now.items()}, [str(name) for name in before]
    added = {str(name): value for name, value in now.items() if name not in before or before[name] is not value}
    return added, [str(name) for name in before if name not in now]


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
