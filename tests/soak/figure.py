"""What a soak has measured, beside what it should be."""

from __future__ import annotations

from typing import NamedTuple


class Figure(NamedTuple):
    """One number.

    Args:
        what: What was measured.
        value: How much it was.
        most: How much it may be.
        unit: Its unit. Nothing for a count, which comes out the same on every machine.
    """

    what: str
    value: float
    most: float
    unit: str = ""

    @property
    def met(self) -> bool:
        return self.value <= self.most

    def __str__(self) -> str:
        value, most = (f"{each:,.4g}" if each % 1 else f"{each:,.0f}" for each in (self.value, self.most))
        unit = f" {self.unit}" if self.unit else ""
        return f"    {self.what:<64}{value:>12}{unit}  (at most {most}{unit}){'' if self.met else '  NOT MET'}"
