"""Numbers as a small picture in one line."""

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
    heights = [sorted(share)[len(share) // 2] if all(map(math.isfinite, share)) else math.nan for share in shares]
    finite = [height for height in heights if not math.isnan(height)]
    low, high = min(finite, default=0.0), max(finite, default=0.0)
    return "".join(BROKEN if math.isnan(height) else levels[_level(height, low, high, levels)] for height in heights)


def _level(height: float, low: float, high: float, levels: str) -> int:
    span = high / 2 - low / 2  # halves, since the whole may be more than a float holds
    share = 0.5 if span <= 0 else (height / 2 - low / 2) / span
    return min(int(share * len(levels)), len(levels) - 1)
