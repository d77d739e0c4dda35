"""A stretch of a run that has been, run again: from a commit before it, with what its hooks wrote, to the bit."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from numbers import Real
from typing import Any
from uuid import uuid4

import numpy as np

from kibitz.callbacks.dispatch import Dispatch
from kibitz.callbacks.say import say
from kibitz.callbacks.state import Kept
from kibitz.checkpoint.fingerprint import differences
from kibitz.checkpoint.packed import unpack
from kibitz.checkpoint.run_folder import Commit, RunFolder
from kibitz.checkpoint.state_file import shortened
from kibitz.data.feed import Feed, OnePass
from kibitz.data.source import Source
from kibitz.engine.state import TrainState
from kibitz.engine.timeline import exported
from kibitz.errors import InvalidArgument, NotExact, UnusableFile, code
from kibitz.logs import Logs
from kibitz.loops.place import Place
from kibitz.loops.validation import Validation
from kibitz.models.apart import apart
from kibitz.models.borrowed import Loan
from kibitz.models.core import Core
from kibitz.models.document import document_of, packed_commit
from kibitz.models.made_of import made_of
from kibitz.models.reaching_back import reach_back
from kibitz.models.restoring import (
    begin_as,
    count_on,
    enter_source,
    fits_of,
    go_on_at,
    numbered,
    place_in,
    put_back,
    source_at,
    state_digest,
    stop_as,
)
from kibitz.models.trainability import Trainability
from kibitz.models.written_again import WrittenAgain
from kibitz.replay.looking import Looking
from kibitz.replay.past import Past, commit_before, kept_commits, past_of, refuse_writes
from kibitz.replay.replayed import Replayed
from kibitz.replay.stretch import Stretch

OVER = "the stretch is over"


@dataclass(frozen=True)
class LookBack:
    """What a replay was asked for; `Model.replay` documents it.

    Besides: `stays`, whether the model is left as it is behind the stretch; `forks`, who is given the commit there;
    `at_once`, whether it is over where it begins; `since`, the step at which it begins at the latest, if that is before
    the stretch.
    """

    run: Any
    steps: Any = None
    epochs: Any = None
    with_original: bool = False
    tolerance: float | None = None
    says: bool = True
    stays: bool = False
    forks: Callable[[dict[str, Any], dict[str, Any]], None] | None = None
    at_once: bool = False
    since: int | None = None


class Replay:
    """Keeps a fit that is a run of the past: begins at its commit, writes what its hooks wrote, and compares.

    Args:
        core: The parts of the model, which is afterwards as it was.
        asked: What is to be looked at.
        past: What is known of the run. None reads it.
        nobody: Whether nobody looks on: it is run to get to the end of the stretch.
        callbacks: Who looks on, for what they have traced into the step.
    """

    def __init__(
        self, core: Core, asked: LookBack, past: Past | None = None, *, nobody: bool = False, callbacks: Any = None
    ):
        self._core, self._asked, self._nobody = core, asked, nobody
        _check(asked)
        self._folder = RunFolder(asked.run, writes=False)
        self.past = past or past_of(self._folder)
        self.stretch = Stretch.read(asked.steps, asked.epochs, ends=self.past.epochs, first=self.past.first,
                                    last=self.past.last)  # fmt: skip
        start = self.stretch.start if asked.since is None else min(asked.since, self.stretch.start)
        self.commit: Commit = commit_before(self._folder, self.past, start)
        since = reach_back(core, self.commit, self.past, start, callbacks)
        if since < self._step:
            self.commit = commit_before(self._folder, self.past, since)
        self.past.check_known(self._step, self.stretch.stop, self._folder.journal)
        self.done = Replayed(str(self._folder.path), range(self.stretch.start, self.stretch.stop), self._step)
        self._seeds = core.fits, vars(core).get("row_seed")
        self._loan: Loan | None = None
        self._numbered: set[tuple[str, int]] = set()  # who is run as it was
        self._otherwise: list[str] = []
        self._ended = False
        self.place: Place | None = place_in(self.commit)

    @property
    def _step(self) -> int:
        return self.commit.document["step"]

    @property
    def epochs(self) -> int:
        """The end that was planned last."""
        return self.past.planned or self.commit.document["epochs"]

    @property
    def finishes(self) -> bool:
        """Whether it goes on to the run's own end."""
        return self.past.over and self.stretch.stop >= self.past.last

    def kept_commits(self) -> list[int]:
        """The steps of the commits that are kept, and that the journal knows of."""
        return kept_commits(self._folder, self.past)

    def said(self) -> dict[str, Any]:
        """The means of what graph hooks have logged, as they stand."""
        return self._said.get_state()

    # -- before the first step ---------------------------------------------------------------------------------------

    def look(self, epochs: int) -> None:  # noqa: ARG002 - the record says how many there were
        """Take the seeds that the run was begun with."""
        begin_as(self._core, self.commit)

    def enter(self, feed: Feed) -> None:
        """Put a source that knows its place where it was."""
        self._source = feed.source
        enter_source(feed, self.commit, self.place, self._steps_done)

    def _steps_done(self) -> int:
        return self._dispatch.run.clock.step if hasattr(self, "_dispatch") else 0

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
        self._made_of = now
        # The seed that the run had is taken, and what was trainable then.
        was, now = ({**each, "seed": None, "layers": _unfrozen(each["layers"])} for each in (was, now))
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
        _refuse_timed(dispatch)
        if validation is not None and validation.timed:
            validation.go_by(self.past.validated)
        self._kept = [Kept(callback) for callback in dispatch.callbacks]
        dispatch.run.keep = self._at_boundary
        timeline = self._core.timeline
        heard = Stretch(self.stretch.stop, self.stretch.stop) if self._nobody else self.stretch
        self._hooks = WrittenAgain(self._core, self._folder, dispatch.run, lambda: self._looking.hearing)
        live, order = self._as_they_were(dispatch) if self._asked.with_original else ({}, {})
        self._looking = Looking(dispatch, heard, self.past, self._hooks, live, order, timeline.push, self.done.run)
        dispatch.watch, timeline.told = self._looking, self._told
        if self._asked.says and not self._asked.at_once:
            say(f"{self.done.run}: looking back at {self.stretch}; {self.stretch.stop - self._step} steps are run "
                f"again, from the commit after {self._step} steps.")  # fmt: skip

    def _as_they_were(self, dispatch: Dispatch) -> tuple[dict[int, int], dict[str, int]]:
        """Who is run as it was, and the places of all in the order of the run.

        Raises:
            InvalidArgument: If of several of one name not all are there: what each wrote cannot be told apart.
        """
        recorded = numbered(name for name, *_ in unpack(self.commit.document["callbacks"], self.commit.arrays))
        given = numbered(seat.name for seat in dispatch.seats)
        names = {name for name, _ in given}
        for name, number in recorded:
            if name in names and (name, number) not in given:
                raise InvalidArgument(
                    f"Several callbacks of the run were called {name}, and what each of them did cannot be told apart.",
                    given=code(f"{sum(each == name for each, _ in given)} of {name}, with_original=True"),
                    wanted="all of them, or none",
                    cure=f"as many of {name} as fit was given",
                )
        self._numbered = set(recorded) & set(given)
        live = {place: recorded.index(each) for place, each in enumerate(given) if each in self._numbered}
        return live, {name: place for place, (name, number) in enumerate(recorded) if number == 0}

    # -- while it is run again ---------------------------------------------------------------------------------------

    def restore(self) -> None:
        """Put back what the commit says."""
        for kept in self._kept:
            kept.begun()
        place = self.place
        if place is None:
            return
        with self._hooks.writing():
            self._hooks.move(self.commit.document["trainable"])
            put_back(self._core, self.commit)
        count_on(self._core, self.commit)
        go_on_at(place, self.commit, self._dispatch, self._kept, self._said, self._validation, self._numbered)
        stop = self.commit.document["stop"]
        if stop is not None and not self.past.goes_on(place.step, begun=place.begun, now=stop[2]):
            stop_as(self._dispatch.run, stop)
        self._looking.boundary(begun=place.begun)
        if self._asked.at_once:
            self._end(place.logs, place.epoch, begun=place.begun)

    def leaves_out(self) -> bool:
        """Whether a validation that is due may be left out."""
        again = math.inf if self._validation is None else self._validation.due_next(self.past.ends)
        return self._looking.leaves_out(again)

    def _at_boundary(self, logs: Logs, begun: bool) -> None:
        run = self._dispatch.run
        self._compare(run.clock.step, begun=begun)
        self._looking.boundary(begun=begun)
        stopped = run.stop_requested and not self._looking.ended
        if stopped and self.past.goes_on(run.clock.step, begun=begun, now=run.stop_now):
            run.stop_now = False  # it was gone on with, for more epochs
            run.flag(False)
        if self._looking.over(begun=begun):
            self._end(logs, run.clock.epoch if begun else run.clock.epoch + 1, begun=begun)

    def _end(self, logs: Logs, epoch: int, *, begun: bool) -> None:
        """The stretch is over, and the next step would be in this epoch."""
        run = self._dispatch.run
        if self._asked.forks is not None:
            self._asked.forks(*self._forked(logs, epoch, begun=begun))
        run.asking, run.validate = "", None  # what is still asked for was done at a step behind the stretch
        run.stop(OVER, now=True)

    def _forked(self, logs: Logs, epoch: int, *, begun: bool) -> tuple[dict[str, Any], dict[str, Any]]:
        """What a commit has that is made here; callbacks that the record does not tell of have yet to begin."""
        told = document_of(self._core, Trainability(self._core.owner).written, self._dispatch, self._kept, self._said,
                           self._validation, logs, epoch, begun=begun)  # fmt: skip
        was = self.commit.document
        told |= {"epochs": was["epochs"], "seconds": was["seconds"], "made_of": self._made_of,
                 "id": uuid4().hex, "source": source_at(self._source, told["step"]),
                 **fits_of(self._core, was["fits"])}  # fmt: skip
        live = {name for name, _ in self._numbered}
        told["callbacks"] = [each for each in told["callbacks"] if each[0] in live]
        return packed_commit(self._core.timeline.kept, told)

    def _told(self, old: TrainState, new: TrainState) -> None:  # noqa: ARG002 - that it is written is enough
        self._refuse("writes to the model")

    def measured(self, accumulators: list[Any]) -> None:  # noqa: ARG002 - that it is written is enough
        """A hook has put other numbers in place of what an evaluation has measured so far."""
        self._refuse("writes to what is measured")

    def _refuse(self, what: str) -> None:
        by = self._dispatch.run.asking
        if by and not self._hooks.at_work and not self._looking.may_write:
            raise refuse_writes(by, what, self.done.run)

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
        return apart(arrays, other.arrays)

    # -- the end -----------------------------------------------------------------------------------------------------

    def end(self, logs: Logs) -> None:  # noqa: ARG002 - nothing is written
        """Training has ended: as far on as it was to come, or by one who had seen enough.

        Raises:
            NotExact: If it has come to its end sooner than the run did.
        """
        step = self._dispatch.run.clock.step
        if step < self.stretch.stop and not self._looking.ended and not self._asked.at_once:
            raise NotExact(
                f"The replay has come to its end after {step} steps, and the run did {self.past.last}.",
                given=code(f"replay(..., run={self.done.run!r})"),
                wanted=f"{self.stretch}",
                cure="the data of the run, and all of them",
            )
        self._ended = True

    def close(self) -> None:
        """Give the model back as it was."""
        if hasattr(self, "_dispatch"):
            self.done.steps_run = max(0, self._dispatch.run.clock.step - self._step)
        if self._loan is not None:
            self._core.timeline.told = None
            if not (self._asked.stays and self._ended):
                self._loan.give_back()
            else:
                self._loan.trainable.put_back()
        self._core.fits, seed = self._seeds
        if seed is None:
            vars(self._core).pop("row_seed", None)
        else:
            vars(self._core)["row_seed"] = seed


def _unfrozen(config: Any) -> Any:
    """Configurations of layers without what they say of being trainable."""
    if isinstance(config, Mapping):
        return {name: _unfrozen(each) for name, each in config.items() if name != "trainable"}
    return [_unfrozen(each) for each in config] if isinstance(config, list) else config


def _check(asked: LookBack) -> None:
    tolerance = asked.tolerance
    right = isinstance(tolerance, Real) and not isinstance(tolerance, bool) and 0 <= tolerance < math.inf
    if tolerance is not None and not right:
        raise InvalidArgument(
            "How far a replay may be from its run is a share of the state's size.",
            given=tolerance,
            wanted="a number of 0 or more; or None: it is the run, to the bit",
            cure="tolerance=1e-3",
        )


def _refuse_timed(dispatch: Dispatch) -> None:
    """A clock on the wall goes otherwise than it did then."""
    for seat in dispatch.seats:
        if seat.beat is not None and seat.beat.cadence.timed:
            raise InvalidArgument(
                f"{seat.name} acts by a clock on the wall, and that went otherwise when the run was made.",
                given=code(f'every="{seat.beat.cadence}"'),
                wanted="a callback that acts by steps or epochs in a replay",
                cure='every="100 steps"',
            )
