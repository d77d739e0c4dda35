"""M. A stretch of a run that has been, run again: from a commit before it, with what its hooks wrote, to the bit."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import jax
import numpy as np

from kibitz.callbacks.dispatch import Dispatch
from kibitz.callbacks.say import say
from kibitz.callbacks.state import Kept
from kibitz.checkpoint.document import check_document
from kibitz.checkpoint.fingerprint import differences
from kibitz.checkpoint.packed import unpack
from kibitz.checkpoint.run_folder import Commit, RunFolder
from kibitz.checkpoint.state_file import shortened
from kibitz.data.feed import OnePass
from kibitz.data.source import Source
from kibitz.engine.refitting import refitted
from kibitz.engine.state import TrainState, canonical
from kibitz.engine.timeline import exported
from kibitz.errors import InvalidArgument, NotExact, UnusableFile, code
from kibitz.logs import Logs
from kibitz.loops.place import Place
from kibitz.loops.validation import Validation
from kibitz.models.borrowed import Loan
from kibitz.models.core import Core
from kibitz.models.made_of import made_of
from kibitz.models.refreezing import take
from kibitz.models.restoring import begin_as, place_in, put_back, remind, state_digest
from kibitz.replay.entry import Wrote
from kibitz.replay.looking import Looking
from kibitz.replay.past import Past, commit_before, past_of, refuse_writes
from kibitz.replay.recorder import named, place_of
from kibitz.replay.stretch import Stretch

OVER = "the stretch is over"


@dataclass(frozen=True)
class LookBack:
    """What a replay was asked for; `Model.replay` documents it."""

    run: Any
    steps: Any = None
    epochs: Any = None
    with_original: bool = False
    tolerance: float | None = None
    says: bool = True


@dataclass
class Replayed:
    """What a replay has done.

    Args:
        run: The folder of the run.
        steps: The steps that were looked at, over the whole run from 0.
        began: The step of the commit that it began at.
        steps_run: How many steps were run again.
        exact: The steps of the commits that came out to the bit.
        apart: How far others were apart, as a share, by their steps; infinity where it cannot be told.
    """

    run: str
    steps: range
    began: int
    steps_run: int = 0
    exact: list[int] = field(default_factory=list)
    apart: dict[int, float] = field(default_factory=dict)

    def __str__(self) -> str:
        looked = f"{self.run}: looked at steps {self.steps.start} to {self.steps.stop - 1}, from the commit after "
        looked += f"{self.began} steps; {self.steps_run} steps were run again"
        if self.apart:
            return looked + f", up to {max(self.apart.values()):.2g} apart from what the run was."
        if self.exact:
            return looked + f", exact at {len(set(self.exact))} commit{'s' * (len(set(self.exact)) != 1)}."
        return looked + ", and met no commit that could show whether they are exact."


class Replay:
    """Keeps a fit that is a run of the past: begins at its commit, writes what its hooks wrote, and compares.

    Args:
        core: The parts of the model, which is afterwards as it was.
        asked: What is to be looked at.
        past: What is known of the run. None reads it.
    """

    def __init__(self, core: Core, asked: LookBack, past: Past | None = None):
        self._core, self._asked = core, asked
        self._folder = RunFolder(asked.run, writes=False)
        self.past = past or past_of(self._folder)
        self.stretch = Stretch.read(asked.steps, asked.epochs, ends=self.past.epochs, last=self.past.last)
        self.commit: Commit = commit_before(self._folder, self.past, self.stretch.start)
        check_document(self.commit.document, self.commit.arrays, self.commit.path)
        self.done = Replayed(str(self._folder.path), range(self.stretch.start, self.stretch.stop), self._step)
        self._seeds = core.fits, vars(core).get("row_seed")
        self._loan: Loan | None = None
        self._live: set[str] = set()
        self._otherwise: list[str] = []
        self._writing = False
        self.place: Place | None = place_in(self.commit)

    @property
    def _step(self) -> int:
        return self.commit.document["step"]

    @property
    def finishes(self) -> bool:
        """Whether it goes on to the run's own end."""
        return self.past.over and self.stretch.stop >= self.past.last

    def kept_commits(self) -> list[int]:
        """The steps of the commits that are kept, and that the journal knows of."""
        known = {step for step, _ in self.past.commits}
        return [step for step in self._folder.steps() if step in known]

    def said(self) -> dict[str, Any]:
        """The means of what graph hooks have logged, as they stand."""
        return self._said.get_state()

    # -- before the first step ---------------------------------------------------------------------------------------

    def look(self, epochs: int) -> None:  # noqa: ARG002 - the record says how many there were
        """Take the seeds that the run was begun with."""
        begin_as(self._core, self.commit)

    def ready(self) -> None:
        """The model has its weights: it is lent."""
        self._loan = Loan(self._core.owner)

    def agree(self, given: Any, source: Source, sets: Mapping[str, OnePass]) -> None:
        """Refuse to look back with another program than the run's.

        Raises:
            InvalidArgument: It says what is otherwise, line by line.
        """
        document = self.commit.document
        was, now = unpack(document["made_of"], self.commit.arrays), made_of(self._core, given, source, sets)
        was, now = ({**each, "seed": None} for each in (was, now))  # that which the run had is taken
        self._otherwise = differences(was, now)
        lines = differences({**was, "machine": None}, {**now, "machine": None})
        there = {hook.name for hook in self._core.hooks.hooks}
        lines += [f"{name} is not among the callbacks, and was traced into every step"
                  for name in document.get("hooked", ()) if name not in there]  # fmt: skip
        if lines and self._asked.tolerance is None:
            raise InvalidArgument(
                f"The run was made of something else: {shortened(lines, 8)}.",
                given=code(f"replay(..., run={self.done.run!r})"),
                wanted="the model, the data and the settings that it was made of",
                cure="give these; or tolerance=1e-3, to look at something that is near it",
            )
        if lines:
            warnings.warn(f"The run was made of something else: {shortened(lines, 8)}.", stacklevel=2)

    def attach(self, dispatch: Dispatch, validation: Validation | None, said: Any, planned: range, steps: Any) -> None:  # noqa: ARG002 - fit says it
        """Take part in the fit that is about to begin."""
        self._dispatch, self._validation, self._said = dispatch, validation, said
        if self._asked.with_original:
            recorded = {name for name, *_ in unpack(self.commit.document["callbacks"], self.commit.arrays)}
            self._live = {seat.name for seat in dispatch.seats} & recorded
        self._kept = [Kept(callback) for callback in dispatch.callbacks]
        dispatch.run.keep = self._at_boundary
        timeline = self._core.timeline
        self._looking = Looking(dispatch, self.stretch, self.past, self._write, self._live, timeline.push)
        dispatch.watch, timeline.told = self._looking, self._told
        if self._asked.says:
            say(f"{self.done.run}: looking back at {self.stretch}; {self.stretch.stop - self._step} steps are run "
                f"again, from the commit after {self._step} steps.")  # fmt: skip

    # -- while it is run again ---------------------------------------------------------------------------------------

    def restore(self) -> None:
        """Put back what the commit says."""
        for kept in self._kept:
            kept.begun()
        document, arrays, run, place = self.commit.document, self.commit.arrays, self._dispatch.run, self.place
        if place is None:
            return
        with self._allowed():
            self._move([name[9:-2] for name in arrays if name.startswith(".params['")])
            put_back(self._core, self.commit)
        run.clock.epoch, run.clock.batch, run.clock.step = place.epoch, place.batch, place.step
        remind(self._dispatch, self._kept, self.commit, self._live)
        self._said.set_state(unpack(document["said"], arrays))
        if self._validation is not None:
            self._validation.set_state(unpack(document["latest"], arrays))
        self._looking.moments.boundary(begun=place.begun)

    def leaves_out(self) -> bool:
        """Whether a validation that is due may be left out."""
        return self._looking.leaves_out()

    def _at_boundary(self, logs: Logs, begun: bool) -> None:  # noqa: ARG002 - what is compared is the state
        run = self._dispatch.run
        self._looking.moments.boundary(begun=begun)
        self._compare(run.clock.step, begun=begun)
        if self._looking.over(begun=begun):
            run.asking = ""
            run.stop(OVER, now=True)

    def _write(self, entry: Wrote, args: tuple[Any, ...]) -> None:
        """Do what a hook did."""
        what, run = entry.what, self._dispatch.run
        if "@odd" in what or what.get("@arrays") is True:
            raise UnusableFile(
                f"{entry.by} {what.get('@odd', 'wrote more arrays than are kept')} at step {entry.step}, in "
                f"{entry.hook}, and that cannot be written again.",
                given=self.done.run,
                wanted="what was written there",
                cure=f"{entry.by} among the callbacks, and with_original=True; or a stretch behind a later commit",
            )
        with self._allowed():
            if "@moved" in what:
                self._move(what["@moved"])
            arrays = self._arrays(entry)
            numbers = {name: value for name, value in what.items() if not name.startswith("@")}
            if arrays or numbers:
                self._core.timeline.base = _with(self._core.timeline.read(), {**numbers, **arrays})
        if "@stop" in what:
            run.asking = entry.by
            reason, wanted, now, evaluating = what["@stop"]
            run.stop(reason, now=now) if wanted else run.flag(False)
            run.stop_evaluating = evaluating
            run.asking = ""
        if "@evaluate" in what:
            run.evaluate(what["@evaluate"])
        if "@logs" in what and args and isinstance(args[-1], dict):
            args[-1].update(what["@logs"])

    def _arrays(self, entry: Wrote) -> dict[str, np.ndarray]:
        names = entry.what.get("@arrays", ())
        if not names:
            return {}
        found = self._folder.read_written(entry.step, f"{place_of(entry.moment, entry.by)}/")
        if not set(names) <= found.keys():
            raise UnusableFile(
                f"What {entry.by} wrote at step {entry.step} is not kept any more.",
                given=self.done.run,
                wanted="the arrays that it wrote",
                cure=f"{entry.by} among the callbacks, and with_original=True; or a stretch behind a later commit; "
                "a run with more room, such as keep=100, keeps more",
            )
        return {name: found[name] for name in names}

    def _move(self, params: list[str]) -> None:
        """Let these parameters be moved from now on."""
        core = self._core
        if set(params) != set(core.timeline.behind.params):
            take(core, refitted(core.timeline, core.optimizer, core.hooks, set(params)), None)

    @contextmanager
    def _allowed(self) -> Iterator[None]:
        """While this lasts, it is the replay that writes."""
        self._writing = True
        try:
            yield
        finally:
            self._writing = False

    def _told(self, old: TrainState, new: TrainState) -> None:  # noqa: ARG002 - that it is written is enough
        by = self._dispatch.run.asking
        if by and by not in self._live and not self._writing:
            raise refuse_writes(by, "writes to the model", self.done.run)

    # -- comparing ---------------------------------------------------------------------------------------------------

    def _compare(self, step: int, *, begun: bool) -> None:
        commit = self.past.commits.get((step, begun))
        if commit is None:
            return
        arrays = exported(self._core.timeline.kept)
        if state_digest(arrays) == commit.digest:
            self.done.exact.append(step)
            return
        apart = self._apart(step, arrays, begun=begun)
        tolerance = self._asked.tolerance
        if tolerance is None or (apart is not None and apart > tolerance):
            far = "" if apart is None else f", and is up to {apart:.2g} of itself apart"
            why = shortened(self._otherwise, 8) if self._otherwise else "neither data, settings nor versions: then the "
            why += "" if self._otherwise else "program, such as a callback that draws numbers, or a new graph hook"
            raise NotExact(
                f"The state after {step} steps is not that of the run{far}.",
                given=code(f"otherwise than then: {why}"),
                wanted=f"the state of the commit at step {step}, to the bit",
                cure="what the run was made of; or tolerance=1e-3, to go on knowingly",
            )
        self.done.apart[step] = math.inf if apart is None else apart

    def _apart(self, step: int, arrays: dict[str, np.ndarray], *, begun: bool) -> float | None:
        """How far the state is from that of a commit, as a share; None if the commit is not kept any more."""
        try:
            other = self._folder.read(step)
        except UnusableFile:
            return None
        if other.document["begun"] != begun:
            return None
        shares = [_share(array, other.arrays[name]) for name, array in arrays.items()
                  if name.startswith((".params", ".others")) and name in other.arrays]  # fmt: skip
        return max(shares, default=0.0)

    # -- the end -----------------------------------------------------------------------------------------------------

    def end(self, logs: Logs) -> None:
        """Nothing is written."""

    def close(self) -> None:
        """Give the model back as it was."""
        if hasattr(self, "_dispatch"):
            self.done.steps_run = max(0, self._dispatch.run.clock.step - self._step)
        if self._loan is not None:
            self._core.timeline.told = None
            self._loan.give_back()
        self._core.fits, seed = self._seeds
        if seed is None:
            vars(self._core).pop("row_seed", None)
        else:
            vars(self._core)["row_seed"] = seed


def _with(state: TrainState, values: Mapping[str, Any]) -> TrainState:
    """A state with some of its leaves replaced, by their names."""
    now = named(state)
    if unknown := values.keys() - now.keys():
        raise UnusableFile(
            f"The journal tells of {', '.join(sorted(unknown)[:3])}, which this model has not.",
            given=min(unknown),
            wanted="what the state of this model has",
            cure="the model that the run was of",
        )
    bare = state.with_(graph={})
    leaves, structure = jax.tree.flatten(bare)
    new = [canonical(values[name], leaf, name) if name in values else leaf
           for name, leaf in zip(now, leaves, strict=True)]  # fmt: skip
    return jax.tree.unflatten(structure, new).with_(graph=state.graph)


def _share(one: np.ndarray, other: np.ndarray) -> float:
    if one.tobytes() == other.tobytes():
        return 0.0
    if one.shape != other.shape or not np.issubdtype(one.dtype, np.floating):
        return math.inf
    gap = float(np.linalg.norm((one - other).astype(np.float64).ravel()))
    size = float(np.linalg.norm(other.astype(np.float64).ravel()))
    return gap / size if size else math.inf
