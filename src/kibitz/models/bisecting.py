"""The first step of a run after which something holds: commits are asked, then the steps between two of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from kibitz.callbacks.base import Callback
from kibitz.checkpoint.packed import unpack
from kibitz.checkpoint.run_folder import Commit, RunFolder
from kibitz.errors import UnusableFile
from kibitz.logs import Logs
from kibitz.models.borrowed import Loan
from kibitz.models.core import Core
from kibitz.models.putting import build_from, put_in
from kibitz.models.replaying import LookBack, Replay
from kibitz.models.running import FitArguments, as_list, run_replay
from kibitz.replay.bisection import Onset, bisect
from kibitz.replay.past import kept_commits, past_and_newest
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


class LogsOfACommit(Logs):
    """The numbers as they stood at a commit; it is noticed when one is asked for that only other moments have.

    Then the commit cannot say whether something holds: that a number is not there is no answer.

    Args:
        values: The numbers.

    Attributes: `missed`, whether that was so; `asked_for_a_batch`, whether it was a batch's own, which no commit has.
    """

    def __init__(self, values: Any):
        super().__init__(values)
        self.missed = self.asked_for_a_batch = False

    def __getattribute__(self, name: str) -> Any:
        if name == "batch":
            self.missed = self.asked_for_a_batch = True
        return super().__getattribute__(name)

    def get(self, key: Any, default: Any = None) -> Any:
        """A number, or something in its place."""
        return super().get(key, default) if key in self else default

    def __contains__(self, key: object) -> bool:
        there = super().__contains__(key)
        self.missed = self.missed or not there
        return there

    def __missing__(self, key: Any) -> Any:
        self.missed = True
        return super().__missing__(key)


class Search:
    """A search in a run.

    Args:
        core: The parts of the model, which is afterwards as it was.
        asked: The run, and how it is looked back at.
        when: What is looked for.
        x: The inputs that fit was given.
        given: All that it was given, for a replay.
        callbacks: Those among it: what they have traced into the step may have to be there from before the stretch.

    Raises:
        UnknownMonitor: If a text asks for a number that was not known in the run; nothing has been run then.
    """

    def __init__(
        self, core: Core, asked: LookBack, when: Any, x: Any, given: Callable[[Replay], FitArguments], callbacks: Any
    ):
        self._core, self._asked, self._x, self._given, self._callbacks = core, asked, x, given, callbacks
        self._when = When(when)
        self._folder = RunFolder(asked.run, writes=False)
        self._past, newest = past_and_newest(self._folder)
        self._settle(newest)
        self._commits = kept_commits(self._folder, self._past)
        self._answers: dict[int, bool | None] = {}  # of the commits; None: it cannot say
        self._half_done: set[int] = set()  # commits that were made before the end of their epoch was told
        self._by_batch = any(key.startswith("batch.") for key in self._when.keys)

    def _settle(self, newest: Commit) -> None:
        """Check before anything is run that the numbers of a text were known in the run."""
        if not newest.document["logs"] or newest.document.get("hooked"):
            return  # nobody has said anything yet; or graph hooks may have, at steps of their own
        logs, made_of = (unpack(newest.document[name], newest.arrays) for name in ("logs", "made_of"))
        validated = [f"val_{name}_" if name else "val_" for name in made_of["validation"]]
        named = [f"{each}{key}" for each in validated for key in made_of["metrics"]]
        added = [key for writes in self._past.writes.values() for each in writes for key in each.what.get("@logs", ())]
        self._when.settle(list(dict.fromkeys([*logs, *named, *added])))

    def through(self) -> Onset:
        """Ask after every step of the stretch that was asked for, in order; of the whole run, if that is none."""
        stretch = Stretch.read(self._asked.steps, first=self._past.first, last=self._past.last)
        return self._run_again(stretch.start, stretch.stop)

    def halving(self) -> Onset:
        """Ask at commits, then after the steps between two of them; for what goes on to hold once it does."""
        if not self._by_batch:
            self._said(self._commits[-1])
        if self._by_batch:
            return self.through()  # no commit knows what a single batch gave
        return bisect(self._commits, self._holds_at, self._scan, when=self._when.written)

    # -- at commits --------------------------------------------------------------------------------------------------

    def _holds_at(self, step: int) -> bool:
        """What the commit says; where it cannot say it, what the one before it does."""
        return bool(self._said(self._that_can_say(step)))

    def _that_can_say(self, step: int) -> int:
        """The newest commit up to a step that can say it, or else the first one."""
        before = [each for each in self._commits if each <= step]
        return next((each for each in reversed(before) if self._said(each) is not None), before[0])

    def _said(self, step: int) -> bool | None:
        if step not in self._answers:
            self._answers[step] = False if step == 0 else self._asked_at(step)  # it is after steps that it is to hold
        return self._answers[step]

    def _asked_at(self, step: int) -> bool | None:
        try:
            commit = self._folder.read(step)
        except UnusableFile:
            return None
        if commit.document["begun"] and step in self._past.ends.values():
            self._half_done.add(step)
        logs = LogsOfACommit(unpack(commit.document["logs"], commit.arrays))
        try:
            said = self._holds(commit, logs)
        except Exception:
            if not logs.missed:
                raise
            said = False
        self._by_batch = self._by_batch or logs.asked_for_a_batch
        return None if logs.missed else said

    def _holds(self, commit: Commit, logs: LogsOfACommit) -> bool:
        if self._when.logs_alone:
            return self._when(None, logs)
        build_from(self._core, self._x)
        loan = Loan(self._core.owner)
        try:
            put_in(self._core, commit)
            return self._when(self._core.owner, logs)
        finally:
            loan.give_back()

    # -- between commits ---------------------------------------------------------------------------------------------

    def _scan(self, start: int, stop: int) -> Onset:
        start = self._that_can_say(start)
        # What was done at the end of an epoch belongs to its last step, and this commit was made before.
        return self._run_again(start - (start in self._half_done), stop)

    def _run_again(self, start: int, stop: int) -> Onset:
        finds = Finds(self._when)
        asked = replace(self._asked, steps=(start, stop))
        replay = Replay(self._core, asked, self._past, callbacks=self._callbacks)
        given = self._given(replay)
        run_replay(self._core, replace(given, callbacks=[*as_list(given.callbacks), finds]), replay)
        return replace(finds.found or Onset(self._when.written, None), steps_run=replay.done.steps_run)


def bisect_fit(
    core: Core, asked: LookBack, when: Any, x: Any, given: Callable[[Replay], FitArguments], callbacks: Any
) -> Onset:
    """Find the first step of a run after which something holds; `Model.bisect` documents it.

    Args:
        core: The parts of the model, which is afterwards as it was.
        asked: The run, and how it is looked back at; its steps are the stretch in which every step is asked.
        when: What is looked for.
        x: The inputs that fit was given.
        given: All that it was given, for a replay.
        callbacks: Those among it.
    """
    core.check_compiled("bisect")
    search = Search(core, asked, when, x, given, callbacks)
    return search.halving() if asked.steps is None else search.through()
