"""The first step after which something holds: halves between commits, then the steps between two of them."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from kibitz.errors import InvalidArgument, code

ROWS_SHOWN = 6


@dataclass(frozen=True)
class Onset:
    """When something began to hold, and what it took to find out.

    Args:
        when: What was looked for, in words.
        step: The first step after which it holds, counted over the run from 0. None if it was not found to hold at all.
        epoch: The step's epoch, from 0. None if there is no step, or nobody said.
        batch: The step's batch within the epoch, from 0. None as for `epoch`.
        rows: The numbers of that batch's rows in the source. None if the source does not number its rows.
        steps_run: Steps that were run again for it.
        evaluations: How many commits were looked at.
        monotone: Whether it held from then on, as far as was seen.
        at_start: Whether it held at the first commit already, so that `step` is where the search begins.

    Example:
        >>> from kibitz.replay.bisection import Onset
        >>> print(Onset("loss > 10", 8312, epoch=8, batch=312, rows=(40, 41), steps_run=313, evaluations=9))
        loss > 10 holds for the first time after step 8,312, which is batch 312 of epoch 8, of the rows 40, 41 (all
        counted from 0); found with 313 steps run again and 9 commits looked at.
    """

    when: str
    step: int | None
    epoch: int | None = None
    batch: int | None = None
    rows: tuple[int, ...] | None = None
    steps_run: int = 0
    evaluations: int = 0
    monotone: bool = True
    at_start: bool = False

    def __str__(self) -> str:
        steps = f"{self.steps_run:,} step{'' if self.steps_run == 1 else 's'} run again"
        looked = f"{self.evaluations:,} commit{'' if self.evaluations == 1 else 's'}"
        if self.step is None and not self.evaluations:
            return f"{self.when} holds after none of the steps that were looked at; {steps}."
        if self.step is None:
            return f"{self.when} holds at none of the {looked} that there are; between them nobody has looked."
        if self.at_start:
            where = "before the first step" if self.step == 0 else f"at the first commit, before step {self.step:,}"
            return f"{self.when} holds already {where}."
        place = "" if self.epoch is None else f", which is batch {self.batch:,} of epoch {self.epoch:,}"
        looked = f" and {looked} looked at" if self.evaluations else ""
        fades = "" if self.monotone else "; it does not hold at the end, so it may have come and gone before"
        return (f"{self.when} holds for the first time after step {self.step:,}{place}{self._rows()} (all counted from "
                f"0); found with {steps}{looked}{fades}.")  # fmt: skip

    def _rows(self) -> str:
        if not self.rows:
            return ""
        shown = ", ".join(map(str, self.rows[:ROWS_SHOWN]))
        return f", of the rows {shown}" + (f", ... {len(self.rows):,} in all" if len(self.rows) > ROWS_SHOWN else "")


def bisect(
    commits: Sequence[int],
    holds_at: Callable[[int], bool],
    scan: Callable[[int, int], Onset],
    *,
    when: str = "the condition",
) -> Onset:
    """Find the first step after which something holds, if it then holds on.

    At most ceil(log2(commits)) + 2 commits are looked at, and the steps between two of them are run again once. Where
    it does not hold at the end, commits are looked at in order, up to the first at which it does.

    Args:
        commits: How many steps were done at each commit, in order. The first is commonly 0.
        holds_at: Whether it holds at a commit, which is given by these steps.
        scan: Run the steps from the first number up to the second again, which is not run, and say after which of them
            it holds first, and what that took. It need not go on behind that step.
        when: What is looked for, in words.

    Returns:
        What `scan` said, and how many commits were looked at.

    Raises:
        InvalidArgument: If there is no commit, or a commit says otherwise than the steps that lead to it.

    Example:
        >>> from kibitz.replay.bisection import Onset, bisect
        >>> loss = [1, 1, 1, 2, 12, 13, 14, 15]
        >>> first = lambda start, stop: next((step for step in range(start, stop) if loss[step] > 10), None)
        >>> scan = lambda start, stop: Onset("loss > 10", first(start, stop))
        >>> bisect([0, 2, 4, 6, 8], lambda commit: commit > 0 and loss[commit - 1] > 10, scan).step
        4
    """
    if not commits:
        raise InvalidArgument("There is no commit to begin at.", given=code("commits=[]"), wanted="one or more",
                              cure="the folder of a run that has begun")  # fmt: skip
    return _Search(commits, holds_at, scan, when).found()


class _Search:
    """Counts what it costs."""

    def __init__(
        self, commits: Sequence[int], holds_at: Callable[[int], bool], scan: Callable[[int, int], Onset], when: str
    ):
        self.commits, self._holds_at, self._scan, self.when = commits, holds_at, scan, when
        self.evaluations = 0

    def found(self) -> Onset:
        last = len(self.commits) - 1
        if self.holds(0):
            return Onset(self.when, self.commits[0], evaluations=self.evaluations, at_start=True)
        if last and self.holds(last):
            return self.within(*self.halved(0, last), monotone=True)
        first = next((index for index in range(1, last) if self.holds(index)), None)
        if first is None:
            return Onset(self.when, None, evaluations=self.evaluations)
        warnings.warn(
            f"{self.when} holds at the commit after {self.commits[first]:,} steps, and not at the last one, after "
            f"{self.commits[last]:,}: it comes and goes. The first commit at which it holds is taken; between earlier "
            "ones it may have held too.",
            stacklevel=4,
        )
        return self.within(first - 1, first, monotone=False)

    def holds(self, index: int) -> bool:
        self.evaluations += 1
        return bool(self._holds_at(self.commits[index]))

    def halved(self, without: int, with_it: int) -> tuple[int, int]:
        """Two commits side by side, of which only the second has it."""
        while with_it - without > 1:
            middle = (without + with_it) // 2
            if self.holds(middle):
                with_it = middle
            else:
                without = middle
        return without, with_it

    def within(self, without: int, with_it: int, *, monotone: bool) -> Onset:
        start, stop = self.commits[without], self.commits[with_it]
        onset = self._scan(start, stop)
        if onset.step is None:
            raise InvalidArgument(
                f"{self.when} holds at the commit after {stop:,} steps, and after none of the steps that lead to it.",
                given=code(f"steps {start:,} to {stop - 1:,}"),
                wanted="a condition that says the same of the same model and the same logs each time",
                cure="a condition on what a batch's end knows, without chance and without a memory of its own",
            )
        return replace(onset, evaluations=self.evaluations, monotone=monotone)
