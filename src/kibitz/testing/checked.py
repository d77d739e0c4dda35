"""One call that asks of a callback, your own or another's, all that a run will ask of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from kibitz.errors import BrokenCallback, WrongType, code
from kibitz.testing.bench import Bench
from kibitz.testing.checks import AS_IT_IS, FAILED, IN_RUNS, NEEDED, SKIPPED, Answer, Trial
from kibitz.testing.subject import Subject


@dataclass(frozen=True)
class Check:
    """What one check found.

    Args:
        name: What was asked.
        result: "ok", "failed" or "skipped".
        why: What is wrong, or why it was skipped, in one sentence; "" where there is nothing to say.
        cure: What to do; "" unless it failed.

    Example:
        >>> from kibitz.testing import Check
        >>> print(Check("fit with validation", "ok"))
        ok       fit with validation
    """

    name: str
    result: str
    why: str = ""
    cure: str = ""

    def __str__(self) -> str:
        return f"{self.result:<8} {self.name:<26}{self.why}".rstrip()


@dataclass(frozen=True)
class Checked:
    """The report of `check_callback`, a line a check when it is printed.

    Args:
        name: The callback's name.
        checks: What each check found, in the order in which they were made.

    Example:
        >>> from kibitz.testing import Check, Checked
        >>> checked = Checked("Mine", (Check("fit", "ok"), Check("the same bits", "failed", "they are others", "...")))
        >>> checked.ok, [check.name for check in checked.failed]
        (False, ['the same bits'])
    """

    name: str
    checks: tuple[Check, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing failed."""
        return not self.failed

    @property
    def failed(self) -> tuple[Check, ...]:
        """The checks that failed."""
        return tuple(check for check in self.checks if check.result == FAILED)

    @property
    def skipped(self) -> tuple[Check, ...]:
        """The checks that were not made."""
        return tuple(check for check in self.checks if check.result == SKIPPED)

    def __str__(self) -> str:
        lines = [self.name]
        for check in self.checks:
            lines.append(f"  {check}")
            if check.cure:
                lines.append(f"  {'':<9}{'':<26}cure: {check.cure}")
        return "\n".join(lines)


def check_callback(callback: Any, /, *given: Any, changes: bool = False, raises: bool = True, **named: Any) -> Checked:
    """Ask of a callback all that a run will ask of it, in a few seconds, with a tiny model.

    Use it in a test of your own callback. It is run in fit with and without validation, in evaluate and predict, over
    several fits, in runs that are stopped, interrupted and failing; it must leave no file and no thread behind, change
    no bit of the training, put only numbers into the logs, and go on where it was cut off. The report says it check by
    check.

    Args:
        callback: A class or a function that makes the callback, so that each run has one of its own; or an instance,
            which is copied for each run. If it cannot be copied, the same one is used all along.
        *given: Arguments for the class or function.
        changes: Whether the callback is there to take a hand: to change weights, the learning rate or the numbers in
            the logs, or to stop the run. That bits stay the same is then not asked.
        raises: Whether to raise if a check failed. False leaves it to you to look at the report.
        **named: Arguments for the class or function, by keyword.

    Returns:
        The report.

    Raises:
        BrokenCallback: If a check failed; it is an AssertionError, so that a test shows it as a failure.
        WrongType: If arguments are given and `callback` is an instance.

    Example:
        >>> import kibitz
        >>> class Mean(kibitz.callbacks.Callback):
        ...     def on_epoch_end(self, epoch, logs=None):
        ...         logs["mean"] = f"{logs['loss']:.2f}"
        >>> checked = kibitz.testing.check_callback(Mean, raises=False)
        >>> print(checked.failed[0])
        failed   only numbers in logs      it puts "mean" into the logs of on_epoch_end, which is no number: '1.11'
        >>> print(checked.failed[0].cure)
        logs["mean"] = float(...), or an attribute of its own
    """
    subject = Subject(callback, given, named)
    if (given or named) and not subject.takes_arguments:
        raise WrongType(
            "An instance takes no arguments any more.",
            given=code(f"check_callback({type(callback).__name__}(...), ...)"),
            wanted="a class or a function with its arguments, or an instance alone",
            cure=f"check_callback({type(callback).__name__}, ...)",
        )
    checked = Checked(_name(subject, callback), tuple(_checks(subject, changes)))
    if raises and checked.failed:
        raise _broken(checked)
    return checked


def _checks(subject: Subject, changes: bool) -> Iterator[Check]:
    unable = ""
    for name, ask in AS_IT_IS.items():
        answer = Answer(SKIPPED, unable) if unable else ask(subject)
        if answer.result == FAILED and name in NEEDED:
            unable = f"it fails at: {name}"
        yield Check(name, *answer)
    trial = None if unable else Trial(subject, Bench(), changes)
    for name, ask in IN_RUNS.items():
        yield Check(name, *(Answer(SKIPPED, unable) if trial is None else ask(trial)))


def _name(subject: Subject, callback: Any) -> str:
    try:
        return subject.name
    except Exception:  # noqa: BLE001 - the first check tells why it cannot be made
        return getattr(callback, "__name__", type(callback).__name__)


def _broken(checked: Checked) -> BrokenCallback:
    failed = checked.failed
    lines = [f"\n  {check.name}: {check.why}\n           cure: {check.cure}" for check in failed]
    return BrokenCallback(
        f"{checked.name} fails {len(failed)} of {len(checked.checks)} checks.{''.join(lines)}",
        given=code(f"check_callback({checked.name}, ...)"),
        cure=failed[0].cure,
    )
