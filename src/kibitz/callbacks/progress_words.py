"""The words of a progress bar: numbers and durations as Keras writes them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np


def count(current: int, target: int | None) -> str:
    """How far: "3/5", or "      3/Unknown".

    Example:
        >>> from kibitz.callbacks.progress_words import count
        >>> count(3, 10), count(3, None).strip()
        (' 3/10', '3/Unknown')
    """
    if not target:
        return f"{current:7d}/Unknown"
    return f"{current:{int(math.log10(target)) + 1}d}/{target}"


def remaining(seconds: float) -> str:
    """A time to come, in seconds, minutes or hours.

    Example:
        >>> from kibitz.callbacks.progress_words import remaining
        >>> remaining(42.9), remaining(62), remaining(3665)
        ('42s', '1:02', '1:01:05')
    """
    whole = int(seconds)
    if seconds > 3600:
        return f"{whole // 3600}:{whole % 3600 // 60:02d}:{whole % 60:02d}"
    return f"{whole // 60}:{whole % 60:02d}" if seconds > 60 else f"{whole}s"


def pace(seconds: float, unit: str) -> str:
    """The time that one step takes, in the unit that suits it.

    Args:
        seconds: The time.
        unit: What is counted, such as "step".

    Example:
        >>> from kibitz.callbacks.progress_words import pace
        >>> pace(0.098, "step"), pace(0.00005, "step"), pace(2.0, "step")
        ('98ms/step', '50us/step', '2s/step')
    """
    if seconds >= 1 or seconds == 0:
        return f"{seconds:.0f}s/{unit}"
    if seconds >= 1e-3:
        return f"{seconds * 1e3:.0f}ms/{unit}"
    return f"{seconds * 1e6:.0f}us/{unit}"


def spelled(text: str) -> str:
    r"""A name or a text for one line of a terminal: what would steer the terminal is shown as an escape.

    Example:
        >>> from kibitz.callbacks.progress_words import spelled
        >>> print(spelled("loss"), spelled("\x1b[2J"))
        loss \x1b[2J
    """
    return text if text.isprintable() else repr(text)[1:-1]


def shown(value: Any, *, signed: bool = True) -> str:
    """A value of the logs: four decimals, or four digits and a power of ten if it is small; arrays by their mean.

    Args:
        value: A number, an array, or anything else, which is shown as it prints.
        signed: Whether less than zero is large; Keras's `verbose=2` takes it to be small.

    Example:
        >>> from kibitz.callbacks.progress_words import shown
        >>> shown(0.25), shown(0.0001), shown([1, 2]), shown("warming up"), shown(-2.0, signed=False)
        ('0.2500', '1.0000e-04', '1.5000', 'warming up', '-2.0000e+00')
    """
    try:
        number = value if isinstance(value, float) else float(np.mean(value))
    except (TypeError, ValueError):
        return spelled(str(value))
    size = abs(number) if signed else number
    return f"{number:.4f}" if size > 1e-3 else f"{number:.4e}"
