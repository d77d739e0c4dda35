"""A span of time as people write it, in seconds: "2 h", "1 h 30 min", "00:12:00:00"."""

from __future__ import annotations

import datetime as dt
import math
import re
from typing import Any

import numpy as np

from kibitz.errors import InvalidArgument

UNITS = {
    "s": 1, "sec": 1, "second": 1, "seconds": 1,
    "min": 60, "minute": 60, "minutes": 60,
    "h": 3600, "hour": 3600, "hours": 3600,
    "d": 86400, "day": 86400, "days": 86400,
}  # fmt: skip
"""What follows a number, and how many seconds it is. A lone "m" could be a month, so it is none."""

PART = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([a-z]+)\s*")
COLONS = re.compile(r"(?:(\d+):)?(\d{1,2}):(\d{1,2}):(\d{1,2})")
WANTED = '"90 min", "1 h 30 min", "HH:MM:SS", "DD:HH:MM:SS", a timedelta or a number of seconds, more than none'


def seconds_of(owner: str, name: str, value: Any) -> float:
    """The seconds that a duration means.

    Args:
        owner: The callback's name.
        name: The argument's name.
        value: Numbers with units, largest first or not ("1 h 30 min"); hours, minutes and seconds between colons, with
            days before them or without; a `datetime.timedelta`; or seconds.

    Raises:
        InvalidArgument: If it is none of these, or not longer than nothing.

    Example:
        >>> from kibitz.callbacks.duration import seconds_of
        >>> [seconds_of("Timer", "duration", each) for each in ("2 h", "1h 30min", "00:12:00:00", "00:00:45", 2.5)]
        [7200.0, 5400.0, 43200.0, 45.0, 2.5]
    """
    seconds = _read(value)
    if seconds is None or not 0 < seconds < math.inf:
        raise InvalidArgument(
            f"{owner} cannot read this {name}.", given=value, wanted=WANTED, cure=f'{owner}({name}="90 min")'
        )
    return seconds


def _read(value: Any) -> float | None:
    if isinstance(value, dt.timedelta):
        return value.total_seconds()
    if isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, str):
        return None
    text = value.strip().lower()
    if colons := COLONS.fullmatch(text):
        days, hours, minutes, seconds = (int(part or 0) for part in colons.groups())
        # Hours beyond 23 are plain without days ("36:00:00"); a minute of 75 seconds is a slip.
        if minutes > 59 or seconds > 59 or (colons[1] and hours > 23):
            return None
        return float(86400 * days + 3600 * hours + 60 * minutes + seconds)
    return _with_units(text)


def _with_units(text: str) -> float | None:
    parts = PART.findall(text)
    units = [UNITS.get(unit) for _, unit in parts]
    known = [unit for unit in units if unit is not None]
    # "1 h 2 h" is a slip too.
    if not parts or PART.sub("", text) or len(set(known)) < len(units):
        return None
    return float(sum(float(number) * unit for (number, _), unit in zip(parts, known, strict=True)))
