"""Where a run is, how often something is done in it, and for how long: counted and read here, and nowhere else."""

from __future__ import annotations

import datetime as dt
import math
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from numbers import Real

from kibitz.errors import InvalidArgument, code, nearest_name

SECONDS = {
    "s": 1, "sec": 1, "second": 1, "seconds": 1,
    "min": 60, "minute": 60, "minutes": 60,
    "h": 3600, "hour": 3600, "hours": 3600,
    "d": 86400, "day": 86400, "days": 86400,
}  # fmt: skip
"""The units of time, and how many seconds they are. A lone "m" could be a month, so it is none."""

UNITS = {
    "step": ("step", 1), "steps": ("step", 1), "batch": ("step", 1), "batches": ("step", 1),
    "epoch": ("epoch", 1), "epochs": ("epoch", 1),
    **{name: ("second", each) for name, each in SECONDS.items()},
    "%": ("run", 0.01), "% of the run": ("run", 0.01), "run": ("run", 1),
}  # fmt: skip
"""What may stand behind the number in a cadence: the unit that it is counted in, and how many of these one is."""

EXAMPLES = '"100 steps", "1 epoch", "10 min" or "5% of the run"'
DURATIONS = '"90 min", "1 h 30 min", "HH:MM:SS", "DD:HH:MM:SS", a timedelta or a number of seconds, more than none'
_NUMBER = r"(\d+(?:\.\d*)?|\.\d+)"
_WRITTEN = re.compile(rf"\s*{_NUMBER}?\s*([^\d\s].*?)?\s*")
_PART = re.compile(rf"\s*{_NUMBER}\s*([a-z]+)\s*")
_COLONS = re.compile(r"(?:(\d+):)?(\d{1,2}):(\d{1,2}):(\d{1,2})")


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
            written: Such as "100 steps", "1 epoch", "10 min", "5% of the run"; "epoch" alone is "1 epoch". A time may
                be written in any way in which `seconds_of` reads text.
            owner: Whose cadence it is, for the error.
            name: The argument's name.

        Raises:
            InvalidArgument: If it cannot be read, or is not more than 0.
        """
        if isinstance(written, str) and math.isfinite(seconds := _in_seconds(written) or math.inf):
            return cls(int(seconds) if seconds == int(seconds) else seconds, "second")
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


def seconds_of(owner: str, name: str, value: object) -> float:
    """The seconds that a duration means.

    Args:
        owner: The callback's name.
        name: The argument's name.
        value: Numbers with units, largest first or not ("1 h 30 min"); hours, minutes and seconds between colons, with
            days before them or without; a `datetime.timedelta`; or seconds.

    Raises:
        InvalidArgument: If it is none of these, or not longer than nothing.

    Example:
        >>> from kibitz.clock import seconds_of
        >>> [seconds_of("Timer", "duration", each) for each in ("2 h", "1h 30min", "00:12:00:00", "00:00:45", 2.5)]
        [7200.0, 5400.0, 43200.0, 45.0, 2.5]
    """
    seconds = None
    if isinstance(value, dt.timedelta):
        seconds = value.total_seconds()
    elif isinstance(value, str):
        seconds = _in_seconds(value)
    elif isinstance(value, Real) and not isinstance(value, bool):
        seconds = float(value)
    if seconds is None or not 0 < seconds < math.inf:
        raise InvalidArgument(
            f"{owner} cannot read this {name}.",
            given=value,
            wanted=DURATIONS,
            cure=f'{owner}({name}="90 min")',
        )
    return seconds


def _in_seconds(written: str) -> float | None:
    """A span of time as people write it, such as "1 h 30 min" or "00:12:00:00"; None if it is none."""
    text = written.strip().lower()
    if colons := _COLONS.fullmatch(text):
        days, hours, minutes, seconds = (int(part or 0) for part in colons.groups())
        # Hours beyond 23 are plain without days ("36:00:00"); a minute of 75 seconds is a slip.
        slip = minutes > 59 or seconds > 59 or (colons[1] is not None and hours > 23)
        return None if slip else float(86400 * days + 3600 * hours + 60 * minutes + seconds)
    parts = _PART.findall(text)
    units = [SECONDS[unit] for _, unit in parts if unit in SECONDS]
    # "1 h 2 h" is a slip too.
    if not parts or _PART.sub("", text) or len(set(units)) < len(parts):
        return None
    return float(sum(float(number) * unit for (number, _), unit in zip(parts, units, strict=True)))


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
