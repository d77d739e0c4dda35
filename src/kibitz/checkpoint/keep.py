"""Which of many saved files to keep: a policy that knows no file, only names and numbers."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any


class KeepBest:
    """Keep so many files: the best by a number, or the latest where there is none.

    A file may go only when the one in its place is safe: ask `wants` before writing, and `took` after it; `took` says
    what may be removed then.

    Args:
        most: How many files to keep.
        better: Tells whether the first number is better than the second. None: the later one is.

    Attributes: `kept`, pairs of a number (None without `better`) and a path, the oldest first.

    Example:
        >>> from kibitz.checkpoint.keep import KeepBest
        >>> keep = KeepBest(2, better=lambda new, old: new < old)
        >>> [(keep.wants(loss), keep.took(loss, f"{loss}.keras")) for loss in (3.0, 2.0, 1.0)]
        [(True, []), (True, []), (True, ['3.0.keras'])]
        >>> keep.wants(2.5), [path for _, path in keep.kept]
        (False, ['2.0.keras', '1.0.keras'])
    """

    def __init__(self, most: int, better: Callable[[Any, Any], bool] | None = None):
        self.most, self._better = most, better
        self.kept: list[tuple[float | None, str]] = []

    def wants(self, value: float | None) -> bool:
        """Whether a file with this number would be kept."""
        if self._better is None or len(self.kept) < self.most:
            return True
        return self._better(value, self.kept[self._worst(len(self.kept))][0])

    def took(self, value: float | None, path: str) -> list[str]:
        """A file with this number is safe: the paths of those that may now be removed."""
        if value is not None and not math.isfinite(value):
            value = math.nan  # which every number is better than
        self.kept = [each for each in self.kept if each[1] != path]  # it has taken that one's place already
        self.kept.append((value, path))
        gone = []
        while len(self.kept) > self.most:
            # Never the new one, even if it is no better than the others: it was wanted.
            gone.append(self.kept.pop(self._worst(len(self.kept) - 1))[1])
        return gone

    def get_state(self) -> dict[str, Any]:
        """What is kept."""
        return {"kept": [list(each) for each in self.kept]}

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on with what `get_state` gave."""
        self.kept = [(value, path) for value, path in state["kept"]]

    def _worst(self, among: int) -> int:
        """The place of the worst of the oldest so many; of several alike the oldest."""
        if self._better is None:
            return 0
        worst = 0
        for place in range(1, among):
            if self._better(self.kept[worst][0], self.kept[place][0]):
                worst = place
        return worst
