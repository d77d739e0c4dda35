"""Numbers as a small picture: in one line, or in several."""

from __future__ import annotations

import math
from collections.abc import Sequence

BLOCKS = "".join(chr(0x2581 + level) for level in range(8))
"""From the lowest eighth of a character to the whole of it."""

PLAIN = "_.-:=+*#"
"""The same where nothing but ASCII can be shown."""

BROKEN = "!"
"""Stands for NaN and infinities, which have no height."""


def sparkline(values: Sequence[float], width: int = 32, levels: str = BLOCKS) -> str:
    """Draw numbers, the lowest of them at the bottom and the highest at the top.

    Args:
        values: The numbers in order. Where there are more than `width`, several share a character: the middle one is
            drawn, and if one of them is NaN or infinite, that is.
        width: The most characters.
        levels: What is drawn, from low to high.

    Example:
        >>> from kibitz.runs.sparkline import PLAIN, sparkline
        >>> sparkline([8, 4, 2, 1, float("nan"), 1], levels=PLAIN)
        '#:._!_'
    """
    count = min(width, len(values))
    shares = [values[at * len(values) // count : (at + 1) * len(values) // count] for at in range(count)]
    return tall([middle(share) for share in shares], 1, levels)[0]


def middle(share: Sequence[float]) -> float:
    """The number that stands for several: the middle one, or NaN if one of them is NaN or infinite."""
    return sorted(share)[len(share) // 2] if all(map(math.isfinite, share)) else math.nan


def tall(
    heights: Sequence[float | None], rows: int, levels: str = BLOCKS, bounds: tuple[float, float] | None = None
) -> list[str]:
    """Draw numbers as columns that are several lines high; the lines from the uppermost to the lowest.

    Args:
        heights: One number a column; None leaves it empty.
        rows: How many lines.
        levels: What is drawn, from low to high.
        bounds: What stands at the bottom and at the top. None takes the lowest and the highest number.

    Example:
        >>> from kibitz.runs.sparkline import PLAIN, tall
        >>> for line in tall([8, 4, None, 1, float("nan")], 2, PLAIN):
        ...     print(line)
        #
        #* _!
    """
    finite = [height for height in heights if height is not None and math.isfinite(height)]
    low, high = bounds or (min(finite, default=0.0), max(finite, default=0.0))
    steps = len(levels)
    lines = []
    for below in range((rows - 1) * steps, -1, -steps):  # how much of a column lies below this line
        line = ""
        for height in heights:
            if height is None or not math.isfinite(height):
                line += BROKEN if height is not None and not below else " "
                continue
            within = _level(height, low, high, rows * steps) - below
            line += levels[min(within, steps - 1)] if within >= 0 else " "
        lines.append(line)
    return lines


def _level(height: float, low: float, high: float, count: int) -> int:
    span = high / 2 - low / 2  # halves, since the whole may be more than a float holds
    share = 0.5 if span <= 0 else (height / 2 - low / 2) / span
    return min(int(share * count), count - 1)
