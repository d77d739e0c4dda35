"""Where a run is, and how often something is done in it: epoch, batch and step counted, cadences read, in one place."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable
from dataclasses import dataclass

from kibitz.errors import InvalidArgument, code, nearest_name

UNITS = {
    "step": ("step", 1), "steps": ("step", 1), "batch": ("step", 1), "batches": ("step", 1),
    "epoch": ("epoch", 1), "epochs": ("epoch", 1),
    "s": ("second", 1), "sec": ("second", 1), "second": ("second", 1), "seconds": ("second", 1),
    "min": ("second", 60), "minute": ("second", 60), "minutes": ("second", 60),
    "h": ("second", 3600), "hour": ("second", 3600), "hours": ("second", 3600),
    "%": ("run", 0.01), "% of the run": ("run", 0.01), "run": ("run", 1),
}  # fmt: skip
"""What may stand behind the number in a cadence: the unit that it is counted in, and how many of these one is."""

EXAMPLES = '"100 steps", "1 epoch", "10 min" or "5% of the run"'
_WRITTEN = re.compile(r"\s*(\d+(?:\.\d*)?|\.\d+)?\s*([^\d\s].*?)?\s*")


@dataclass
class Clock:
    """The counters of a run.

    Args:
        epoch: The epoch that is running, from 0; the first epoch's number before any has begun.
        batch: The batch within the epoch that hooks have reached, from 0.
        step: Steps done in this run (a step is one update of the weights).
        in_epoch: Whether an epoch is under way, and its last batch not behind the hooks.

    Example:
        >>> from kibitz.clock import Clock
        >>> clock = Clock()
        >>> clock.tick(); clock.tick()
        >>> clock.step, clock.batch
        (2, 2)
    """

    epoch: int = 0
    batch: int = 0
    step: int = 0
    in_epoch: bool = False

    def start_epoch(self, epoch: int) -> None:
        """Begin an epoch: its batches are counted from 0."""
        self.epoch, self.batch, self.in_epoch = epoch, 0, True

    def end_epoch(self) -> None:
        """All its batches are done."""
        self.in_epoch = False

    def tick(self, steps: int = 1) -> None:
        """So many steps are done."""
        self.batch += steps
        self.step += steps


@dataclass(frozen=True)
class Cadence:
    """How often something is done: every so many steps, epochs, seconds, or shares of a run.

    Args:
        amount: How many of the unit.
        unit: "step", "epoch", "second" or "run".

    Example:
        >>> from kibitz.clock import Cadence
        >>> Cadence.read("10 min", "Timer")
        Cadence(amount=600, unit='second')
        >>> str(Cadence.read("5% of the run", "Timer"))
        '5% of the run'
    """

    amount: float
    unit: str

    @classmethod
    def read(cls, written: object, owner: str, name: str = "every") -> Cadence:
        """Read a cadence as a user writes it.

        Args:
            written: Such as "100 steps", "1 epoch", "10 min", "5% of the run"; "epoch" alone is "1 epoch".
            owner: Whose cadence it is, for the error.
            name: The argument's name.

        Raises:
            InvalidArgument: If it cannot be read, or is not more than 0.
        """
        found = _WRITTEN.fullmatch(written) if isinstance(written, str) else None
        number, unit = (found[1], " ".join((found[2] or "").lower().split())) if found else (None, "")
        if found is None or unit not in UNITS or (number is None and unit.startswith("%")):
            raise _unreadable(written, owner, name, number, unit)
        kind, each = UNITS[unit]
        amount = (1.0 if number is None else float(number)) * each
        broken = kind == "step" and amount % 1 != 0
        if not 0 < amount < math.inf or broken or (kind == "run" and amount > 1):
            raise _unreadable(written, owner, name)
        return cls(int(amount) if amount % 1 == 0 and kind != "run" else amount, kind)

    def __str__(self) -> str:
        if self.unit == "run":
            return f"{_digits(100 * self.amount)}% of the run"
        if self.unit == "second":
            size, unit = next((each for each in ((3600, "h"), (60, "min")) if self.amount % each[0] == 0), (1, "s"))
            return f"{_digits(self.amount / size)} {unit}"
        return f"{_digits(self.amount)} {self.unit}{'' if self.amount == 1 else 's'}"

    @property
    def in_epochs(self) -> bool:
        """Whether it falls on the ends of epochs."""
        return self.unit == "epoch" and self.amount == int(self.amount)

    @property
    def timed(self) -> bool:
        """Whether a clock on the wall decides."""
        return self.unit == "second"


def _digits(number: float) -> str:
    """A number as it is read: no exponent, and no digits that only rounding has brought."""
    return f"{number:.12f}".rstrip("0").rstrip(".")


def _unreadable(
    written: object, owner: str, name: str, number: str | None = None, unit: str = ""
) -> InvalidArgument:  # fmt: skip
    counted = isinstance(written, int) and not isinstance(written, bool) and written >= 1
    amount = str(written) if counted else number if number and number.isdigit() else "100"
    near = nearest_name(unit, UNITS) if unit and unit not in UNITS else None
    return InvalidArgument(
        f"{owner} cannot read how often.",
        given=written,
        wanted=EXAMPLES,
        nearest=near,
        cure=f'{name}="{amount} {near or "steps"}"',
    )


class Beat:
    """A cadence within a run: tells when it is due, and how far off that is.

    Args:
        cadence: How often.
        owner: Whose it is, for errors.
        now: Seconds of a clock that only goes forward.
        name: What the argument is called, for errors.

    Attributes: `elapsed`, for a cadence by time: seconds that had passed since it was last due when a run before this
        one was left.

    Example:
        >>> from kibitz.clock import Beat, Cadence, Clock
        >>> beat = Beat(Cadence.read("3 steps", "Timer"), "Timer")
        >>> clock = Clock(step=2)
        >>> beat.until(clock.step), beat.due(clock), beat.due(Clock(step=3))
        (1, False, True)
    """

    def __init__(self, cadence: Cadence, owner: str, now: Callable[[], float] = time.monotonic, *, name: str = "every"):
        self.cadence, self._owner, self._now, self._name = cadence, owner, now, name
        self.elapsed = 0.0
        self._last: float | None = None
        self._period: float = cadence.amount if cadence.unit == "step" else math.inf

    def settle(self, steps: int | None, epochs: int) -> None:
        """Learn how long the run will be.

        Args:
            steps: Batches in an epoch; None if nobody knows.
            epochs: How many epochs.

        Raises:
            InvalidArgument: If the cadence is a share of something whose length is not known.
        """
        self._last = self._now()
        cadence = self.cadence
        if cadence.unit not in {"run", "epoch"} or cadence.in_epochs:
            return
        if steps is None:
            what = "the run" if cadence.unit == "run" else "an epoch"
            raise InvalidArgument(
                f"{self._owner} acts at shares of {what}, and nobody knows how many steps that has.",
                given=code(f'"{cadence}", data of unknown length'),
                wanted="a number of steps, or steps_per_epoch",
                cure=f'{self._name}="100 steps", or fit(..., steps_per_epoch=...)',
            )
        # Never below one: what is to be done more often than at every step is done at every step.
        self._period = max(1.0, cadence.amount * steps * (epochs if cadence.unit == "run" else 1))

    def until(self, step: int) -> float:
        """Steps from `step` to the next one at which it is due; infinity if steps do not decide."""
        if self._period == math.inf:
            return math.inf
        times = math.floor(step / self._period + 1e-9) + 1
        return math.ceil(times * self._period - 1e-9) - step

    def every_epoch(self, steps: int | None) -> bool:
        """Whether it is due at least once in every epoch of so many steps."""
        if self.cadence.in_epochs:
            return self.cadence.amount == 1
        return steps is not None and self._period <= steps

    def due(self, clock: Clock) -> bool:
        """Whether it is due at the end of this batch, or of this epoch; one that goes by time begins to wait anew."""
        if self.cadence.timed:
            return self._time_has_come()
        if self.cadence.in_epochs:
            return (clock.epoch + 1) % int(self.cadence.amount) == 0
        return clock.step > 0 and self.until(clock.step - 1) == 1

    def waited(self) -> float:
        """Seconds since a cadence by time was last due: for those who keep it."""
        return self.elapsed + (0.0 if self._last is None else self._now() - self._last)

    def _time_has_come(self) -> bool:
        if self._last is None:
            self._last = self._now()
        if self.waited() < self.cadence.amount:
            return False
        self.elapsed, self._last = 0.0, self._now()
        return True
