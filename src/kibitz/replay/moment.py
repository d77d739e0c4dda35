"""When a hook was fired: a name for it that is the same in every run of the same program, whoever looks on."""

from __future__ import annotations

from typing import Any, NamedTuple

from kibitz.clock import Clock

BEFORE, WITHIN, BETWEEN = 0, 1, 2
"""Parts of a step's time: up to its boundary, after it, and after the epoch's boundary if an epoch ends with it."""

EVALUATED = ("on_test_batch_begin", "on_test_batch_end")
"""Hooks of which there may be several in one part of a step's time."""


class Moment(NamedTuple):
    """One firing of one hook.

    Args:
        step: How many steps of the run were done.
        part: Which part of the time between this step and the next one it was.
        test: How many evaluations had begun in this part.
        hook: The hook.
        index: The batch of an evaluation; 0 for others, which are told apart by their step.
    """

    step: int
    part: int
    test: int
    hook: str
    index: int


class Moments:
    """Follows a run, and names its moments.

    Between two steps hooks may be fired that only the boundaries tell apart, such as those of two validations. Which
    hooks are fired at all depends on who looks on, so nothing is counted that another run might leave out.

    Args:
        clock: The clock of the run.

    Example:
        >>> from kibitz.clock import Clock
        >>> from kibitz.replay.moment import Moments
        >>> clock = Clock(); moments = Moments(clock)
        >>> clock.tick()
        >>> moments.fired("on_train_batch_end", (0, {}))
        Moment(step=1, part=0, test=0, hook='on_train_batch_end', index=0)
        >>> moments.boundary(begun=True)
        >>> moments.fired("on_epoch_end", (0, {})).part
        1
    """

    def __init__(self, clock: Clock):
        self._clock = clock
        self._step, self._part, self._test = clock.step, BEFORE, 0

    def boundary(self, *, begun: bool) -> None:
        """All callbacks have had their hooks, of a batch, or of an epoch."""
        self._step, self._part, self._test = self._clock.step, WITHIN if begun else BETWEEN, 0

    def evaluated(self) -> None:
        """An evaluation was left out that the other run had."""
        self._now()
        self._test += 1

    def fired(self, hook: str, args: tuple[Any, ...]) -> Moment:
        """The moment of a hook that is fired now."""
        self._now()
        if hook == "on_test_begin":
            self._test += 1
        index = int(args[0]) if hook in EVALUATED else 0
        return Moment(self._step, self._part, self._test, hook, index)

    def _now(self) -> None:
        if self._clock.step != self._step:
            self._step, self._part, self._test = self._clock.step, BEFORE, 0
