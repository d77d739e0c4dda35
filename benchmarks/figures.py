"""From what was measured, round by round, to what is reported: medians, and rows with an aim and whether it was met."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

Figures = dict[str, Any]
"""What a part reports: {"contestants": {name: ...}, "rows": [...]}."""


def contestants(measured: Mapping[str, Sequence[float]], unit: str) -> dict[str, Any]:
    """Median, least and most of each contestant."""
    return {
        name: {"unit": unit, "median": median(values), "min": min(values), "max": max(values), "n": len(values)}
        for name, values in measured.items()
    }


def row(
    what: str, measured: float, aim: float | None, between: Sequence[float] = (), unit: str = "ratio", note: str = ""
) -> Figures:
    """What was measured, what was aimed at, and whether that was met; without an aim it is shown for comparison."""
    measured, between = float(measured), [float(each) for each in between]
    met = None if aim is None else measured <= aim
    return {
        "what": what, "measured": measured, "unit": unit, "between": between, "aim": aim, "met": met, "note": note
    }  # fmt: skip


def ratio(
    what: str, measured: Mapping[str, Sequence[float]], one: str, other: str, aim: float | None = None
) -> Figures:
    """A ratio of two medians of one run; what it came to within single rounds shows the noise."""
    rounds = [ours / theirs for ours, theirs in zip(measured[one], measured[other], strict=True)]
    return row(what, median(measured[one]) / median(measured[other]), aim, (min(rounds), max(rounds)))
