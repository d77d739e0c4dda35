"""The first step of a run after which something holds: commits are asked, then the steps between two of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from kibitz.callbacks.base import Callback
from kibitz.checkpoint.packed import unpack
from kibitz.checkpoint.run_folder import RunFolder
from kibitz.models.borrowed import Loan
from kibitz.models.core import Core
from kibitz.models.putting import build_from, put_in
from kibitz.models.replaying import LookBack, Replay
from kibitz.models.running import FitArguments, run_replay
from kibitz.replay.bisection import Onset, bisect
from kibitz.replay.past import past_of
from kibitz.replay.stretch import Stretch
from kibitz.replay.when import When

SEEN = "it was found"


class Finds(Callback):
    """Looks for the first step after which something holds, and ends the replay there."""

    adds = ()

    def __init__(self, when: When):
        super().__init__()
        self._when = when
        self.found: Onset | None = None

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Ask after a step."""
        self._ask(batch, logs)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:  # noqa: ARG002 - the clock says which
        """Ask after what was done at an epoch's end, which belongs to its last step."""
        self._ask(None, logs)

    def _ask(self, batch: int | None, logs: Any) -> None:
        run = self.run
        if run is None or self.found is not None or not self._when(self.model, logs):
            return
        batch = run.clock.batch - 1 if batch is None else batch
        trained = run.batch
        rows = None if trained is None or trained.rows is None else tuple(int(row) for row in trained.rows)
        self.found = Onset(self._when.written, run.clock.step - 1, run.clock.epoch, batch, rows)
        run.stop(SEEN, now=True)


class Search:
    """A search in a run.

    Args:
        core: The parts of the model, which is afterwards as it was.
        given: What fit was given.
        run: The folder of the run.
        when: What is looked for.
        tolerance: As in a replay.
        says: Whether to say which steps are run again.
    """

    def __init__(
        self,
        core: Core,
        given: FitArguments,
        run: Any,
        when: Any,
        tolerance: float | None = None,
        *,
        says: bool = False,
    ):
        self._core, self._given, self._run, self._tolerance, self._says = core, given, run, tolerance, says
        self._when = When(when)
        self._folder = RunFolder(run, writes=False)
        self._past = past_of(self._folder)
        self._found: Onset | None = None

    def through(self, steps: Any) -> Onset:
        """Ask after every step of a stretch, in order.

        Args:
            steps: The stretch. None means the whole run.
        """
        stretch = Stretch.read(steps, last=self._past.last)
        begun = self._scan(stretch.start, stretch.stop)
        found = self._found or Onset(self._when.written, None)
        return replace(found, steps_run=(stretch.stop if begun is None else begun + 1) - stretch.start)

    def halving(self) -> Onset:
        """Ask at commits, then after the steps between two of them; for what goes on to hold once it does."""
        if any(key.startswith("batch.") for key in self._when.keys):
            return self.through(None)  # no commit knows what a single batch's number was
        known = {step for step, _ in self._past.commits}
        commits = [step for step in self._folder.steps() if step in known]
        onset = bisect(commits, self._holds_at, self._scan, when=self._when.written)
        if self._found is None:
            return onset
        return replace(onset, epoch=self._found.epoch, batch=self._found.batch, rows=self._found.rows)

    def _holds_at(self, step: int) -> bool:
        if step == 0:
            return False  # what is looked for is a step after which it holds
        commit = self._folder.read(step)
        logs = unpack(commit.document["logs"], commit.arrays)
        if self._when.logs_alone:
            return self._when(None, logs)
        build_from(self._core, self._given.x)
        loan = Loan(self._core.owner)
        try:
            put_in(self._core, commit)
            return self._when(self._core.owner, logs)
        finally:
            loan.give_back()

    def _scan(self, start: int, stop: int) -> int | None:
        finds = Finds(self._when)
        asked = LookBack(self._run, (start, stop), tolerance=self._tolerance, says=self._says)
        run_replay(self._core, replace(self._given, callbacks=[finds]), Replay(self._core, asked, self._past))
        self._found = finds.found
        return None if finds.found is None else finds.found.step


def bisect_fit(
    core: Core,
    given: FitArguments,
    run: Any,
    when: Any,
    steps: Any = None,
    tolerance: float | None = None,
    *,
    says: bool = False,
) -> Onset:
    """Find the first step of a run after which something holds; `Model.bisect` documents it."""
    core.check_compiled("bisect")
    search = Search(core, given, run, when, tolerance, says=says)
    return search.halving() if steps is None else search.through(steps)
