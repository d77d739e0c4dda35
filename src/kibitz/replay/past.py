"""What is known of a run that has been: the writes of its hooks by their moments, its commits, its epochs."""

from __future__ import annotations

import math
import warnings
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from kibitz.checkpoint.document import check_document
from kibitz.checkpoint.run_folder import Commit, RunFolder
from kibitz.errors import NotReady, UnusableFile, code
from kibitz.replay.entry import Committed, Entry, EpochEnded, Lost, Validated, Wrote
from kibitz.replay.journal import read
from kibitz.replay.moment import Moment


@dataclass
class Past:
    """A run as its journal tells it.

    Args:
        writes: What hooks wrote, by moments, in order.
        commits: The commits that were made, by step and whether the epoch had begun; those that were let go too.
        ends: The step behind each epoch that came to its end, by its number.
        validated: The steps at which a clock on the wall had it validated, in order.
        gaps: Between which steps nobody knows what hooks wrote, since lines of the journal are damaged or gone.
        last: How many steps the run did, as far as is known.
        over: Whether it came to its own end there.
        planned: The end that was planned last, in epochs. None if nobody said.
    """

    writes: dict[Moment, list[Wrote]] = field(default_factory=lambda: defaultdict(list))
    commits: dict[tuple[int, bool], Committed] = field(default_factory=dict)
    ends: dict[int, int] = field(default_factory=dict)
    validated: list[int] = field(default_factory=list)
    gaps: list[tuple[int, int]] = field(default_factory=list)
    last: int = 0
    over: bool = False
    planned: int | None = None

    @classmethod
    def told(
        cls, entries: Iterable[Entry], *, last: int = 0, over: bool = False, planned: int | None = None
    ) -> Past:  # fmt: skip
        """What entries tell.

        Args:
            entries: The lines of a journal.
            last: How many steps the run did at least.
            over: Whether the run has ended.
            planned: The end that was planned last, in epochs.

        Example:
            >>> from kibitz.replay.entry import Committed, EpochEnded
            >>> from kibitz.replay.past import Past
            >>> Past.told([EpochEnded(0, 469, 1.0), Committed(500, 1, True, 1.5, "...")]).last
            500
        """
        past = cls(last=last, over=over, planned=planned)
        for entry in entries:
            if isinstance(entry, Wrote):
                past.writes[entry.moment].append(entry)
            elif isinstance(entry, Committed):
                past.commits[entry.step, entry.begun] = entry
            elif isinstance(entry, EpochEnded):
                past.ends[entry.epoch] = entry.step
            elif isinstance(entry, Validated):
                past.validated.append(entry.step)
            elif isinstance(entry, Lost):
                past.gaps.append((max((step for step, _ in past.commits), default=-1), entry.step))
            past.last = max(past.last, entry.step)
        return past

    @property
    def first(self) -> int:
        """How many steps were done when it began: none, but in a run that branched off from another."""
        return 0 if self.gaps else min((step for step, _ in self.commits), default=0)

    @property
    def epochs(self) -> dict[int, tuple[int, int]]:
        """The first step of each epoch, and the one behind its last; the epoch that was left in its midst too."""
        begun = {each.epoch: step for (step, within), each in sorted(self.commits.items()) if not within}
        ends = dict(self.ends)
        if self.last > max(ends.values(), default=self.first):
            ends[max([*ends, *(each.epoch - 1 for each in self.commits.values())], default=-1) + 1] = self.last
        found, first = {}, self.first
        for epoch, end in sorted(ends.items()):
            found[epoch], first = (begun.get(epoch, first), end), end
        return found

    @cached_property
    def _written_in(self) -> dict[int, set[str]]:
        found: dict[int, set[str]] = defaultdict(set)
        for moment in self.writes:
            found[moment.step].add(moment.hook)
        return dict(found)

    def writes_at(self, step: int, beginning: str) -> bool:
        """Whether something was written at a step, in a hook whose name begins so."""
        return any(hook.startswith(beginning) for hook in self._written_in.get(step, ()))

    def goes_on(self, step: int, *, begun: bool, now: bool) -> bool:
        """Whether the run went on from a boundary at which somebody had asked it to stop: with more epochs, later.

        Args:
            step: How many steps were done there.
            begun: Whether it was within an epoch.
            now: Whether it was to stop at once.
        """
        return self.last > step and (not begun or now or step not in self.ends.values())

    def check_known(self, begin: int, stop: int, journal: Any) -> None:
        """Refuse to run through steps of which nobody knows what hooks wrote in them.

        Args:
            begin: The step of the commit to begin at.
            stop: The step behind the last.
            journal: Where the journal lies, for the error.

        Raises:
            UnusableFile: If they are among them.
        """
        for before, behind in self.gaps:
            if begin < behind and stop > before:
                first = "" if before < 0 else f"{before} to "
                raise UnusableFile(
                    f"What hooks wrote {'up to' if before < 0 else 'from'} step {first}{behind} is not known: the "
                    "journal was damaged there, or gone.",
                    given=str(journal),
                    wanted="steps of which the journal tells",
                    cure=f'steps="{behind}:"' if behind < self.last else "the journal that the run wrote",
                )


def past_of(folder: RunFolder) -> Past:
    """What the journal of a run tells.

    Raises:
        NotReady: If there is no such run.
        UnusableFile: If its journal is damaged.
    """
    return past_and_newest(folder)[0]


def past_and_newest(folder: RunFolder) -> tuple[Past, Commit]:
    """What the journal of a run tells, and how the run ended, or its newest commit: how far the journal is to be read.

    Whoever needs that commit takes it from here: another process may let it go before it is read again.

    Raises:
        NotReady: If there is no such run.
        UnusableFile: If its journal is damaged, or all commits are.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what is damaged is told of where it is needed
        final = folder.final() if folder.steps() else None
        newest = final or folder.newest()
    if newest is None:
        raise NotReady(
            "There is no run in this folder to look back at.",
            given=str(folder.path),
            wanted="the folder of a durable run",
            cure=f'fit(..., run="{folder.path}") first',
        )
    document = newest.document
    check_document(document, newest.arrays, newest.path)
    past = Past.told(
        read(folder.journal, document.get("journal", 0)),
        last=document.get("step", 0), over=final is not None, planned=document.get("epochs"),
    )  # fmt: skip
    if not past.commits:
        raise UnusableFile(
            "Nothing is known of what hooks wrote to this run: its journal is gone.",
            given=str(folder.journal),
            wanted="the journal that the run wrote",
            cure="put it back; without it nothing can be run again as it was",
        )
    return past, newest


def kept_commits(folder: RunFolder, past: Past) -> list[int]:
    """The steps of the commits that are kept, and of which the journal knows, in order."""
    known = {step for step, _ in past.commits}
    return [step for step in folder.steps() if step in known]


def commit_before(folder: RunFolder, past: Past, step: int) -> Commit:
    """The newest whole commit from which a step can be reached, and of which the journal knows.

    Args:
        folder: The run.
        past: What is known of it.
        step: How many steps are to be done there, or more.

    Raises:
        UnusableFile: If there is none.
    """
    steps = kept_commits(folder, past)
    damaged: UnusableFile | None = None
    for at in reversed(steps[: bisect_right(steps, step)]):
        try:
            commit = folder.read(at)
            check_document(commit.document, commit.arrays, commit.path)
        except UnusableFile as error:
            damaged = damaged or error
        else:
            return commit
    past.check_known(-1, step + 1, folder.journal)
    raise damaged or UnusableFile(
        f"No commit of this run lies before step {step}.",
        given=str(folder.path),
        wanted="a commit to begin at",
        cure=f'steps="{steps[0]}:"' if steps and steps[0] < past.last else "another run",
    )


def next_above(values: list[int], value: int) -> float:
    """The least of sorted values that is above another; infinity if none is."""
    at = bisect_right(values, value)
    return values[at] if at < len(values) else math.inf


def refuse_writes(name: str, what: str, of: Any, cure: str = "") -> NotReady:
    """Looking back is looking: the error for one who would write."""
    return NotReady(
        f"{name} {what}, and looking back is looking: the run is what it was.",
        given=code(f"replay(..., run={str(of)!r})"),
        wanted="a callback that reads",
        cure=cure or 'replay(..., branch="runs/other"), which begins another run there',
    )
