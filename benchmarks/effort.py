"""How much of everything is run: all of it, less, or next to nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Effort:
    """What the command line asked for.

    Args:
        kind: "full"; "quick", for an impression; "check", which says only that everything still runs.
        rounds: How often each contestant is measured.
    """

    kind: str
    rounds: int

    def of(self, full: T, quick: T, check: T) -> T:
        """The size of something at this effort."""
        return {"full": full, "quick": quick, "check": check}[self.kind]


FULL, QUICK, CHECK = Effort("full", 5), Effort("quick", 3), Effort("check", 1)
