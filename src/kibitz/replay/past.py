"""What is known of a run that has been: the writes of its hooks by their moments, its commits, its epochs."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from kibitz.checkpoint.run_folder import Commit, RunFolder
from kibitz.errors import NotReady, UnusableFile, code
from kibitz.replay.entry import Committed, Entry, Wrote
from kibitz.replay.journal import read
from kibitz.replay.moment import Moment


@dataclass
class Past:
    """A run as its journal tells it.

    Args:
        writes: What hooks wrote, by moments, in order.
        commits: The commits that were made, by step and whether the epoch had begun; those that were let go too.
        ends: The step behind each epoch that came to its end, by its number.
        last: How many steps the run did, as far as is known.
        over: Whether it came to its own end there.
    """

    writes: dict[Moment, list[Wrote]] = field(default_factory=lambda: defaultdict(list))
    commits: dict[tuple[int, bool], Committed] = field(default_factory=dict)
    ends: dict[int, int] = field(default_factory=dict)
    last: int = 0
    over: bool = False

    @classmethod
    def told(cls, entries: Iterable[Entry], *, over: bool = False) -> Past:
        """What entries tell.

        Args:
            entries: The lines of a journal.
            over: Whether the run has ended.

        Example:
            >>> from kibitz.replay.entry import Committed, EpochEnded
            >>> from kibitz.replay.past import Past
            >>> Past.told([EpochEnded(0, 469, 1.0), Committed(500, 1, True, 1.5, "...")]).last
            500
        """
        past = cls(over=over)
        for entry in entries:
            if isinstance(entry, Wrote):
                past.writes[entry.moment].append(entry)
            elif isinstance(entry, Committed):
                past.commits[entry.step, entry.begun] = entry
            else:
                past.ends[entry.epoch] = entry.step
            past.last = max(past.last, entry.step)
        return past

    @property
    def first(self) -> int:
        """How many steps were done when it began: none, but in a run that branched off from another."""
        return min((step for step, _ in self.commits), default=0)

    @property
    def epochs(self) -> dict[int, tuple[int, int]]:
        """The first step of each epoch, and the one behind its last; the epoch that was left in its midst too."""
        found, first = {}, self.first
        for epoch, end in sorted(self.ends.items()):
            found[epoch], first = (first, end), end
        if first < self.last:
            found[max(self.ends, default=-1) + 1] = (first, self.last)
        return found

    def writes_at(self, step: int, beginning: str) -> bool:
        """Whether something was written at a step, in a hook whose name begins so."""
        return any(moment.step == step and moment.hook.startswith(beginning) for moment in self.writes)


def past_of(folder: RunFolder) -> Past:
    """What the journal of a run tells.

    Raises:
        NotReady: If there is no such run.
        UnusableFile: If its journal is damaged.
    """
    steps = folder.steps()
    if not steps:
        raise NotReady(
            "There is no run in this folder to look back at.",
            given=str(folder.path),
            wanted="the folder of a durable run",
            cure=f'fit(..., run="{folder.path}") first',
        )
    final = folder.final()
    newest = final or folder.newest()
    length = 0 if newest is None else newest.document.get("journal", 0)
    past = Past.told(read(folder.journal, length), over=final is not None)
    if not past.commits:
        raise UnusableFile(
            "Nothing is known of what hooks wrote to this run: its journal is gone.",
            given=str(folder.journal),
            wanted="the journal that the run wrote",
            cure="put it back; without it nothing can be run again as it was",
        )
    return past


def commit_before(folder: RunFolder, past: Past, step: int) -> Commit:
    """The newest whole commit from which a step can be reached, and of which the journal knows.

    Args:
        folder: The run.
        past: What is known of it.
        step: How many steps are to be done there, or more.

    Raises:
        UnusableFile: If there is none.
    """
    known = sorted({at for at, _ in past.commits})
    steps = [each for each in folder.steps() if each in known]
    damaged: UnusableFile | None = None
    for at in reversed(steps[: bisect_right(steps, step)]):
        try:
            return folder.read(at)
        except UnusableFile as error:
            damaged = error
    raise damaged or UnusableFile(
        f"No commit of this run lies before step {step}.",
        given=str(folder.path),
        wanted="a commit to begin at",
        cure="a later stretch; `kibitz runs show` says which commits there are",
    )


def next_above(values: list[int], value: int) -> float:
    """The least of sorted values that is above another; infinity if none is."""
    at = bisect_right(values, value)
    return values[at] if at < len(values) else math.inf


def refuse_writes(name: str, what: str, of: Any) -> NotReady:
    """Looking back is looking: the error for one who would write."""
    return NotReady(
        f"{name} {what}, and looking back is looking: the run is what it was.",
        given=code(f"replay(..., run={str(of)!r})"),
        wanted="a callback that reads",
        cure='replay(..., branch="runs/other"), which begins another run there',
    )
