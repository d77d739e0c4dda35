"""How many batches are done in a second."""

from __future__ import annotations

import time
from collections import deque

LATEST = 100


class Pace:
    """Counts batches against the clock, over the latest hundred of an epoch.

    Steps are done many at a time, ahead of the hooks: one batch's own time, from hook to hook, would tell of nothing.

    Example:
        >>> from kibitz.callbacks.board.pace import Pace
        >>> pace = Pace()
        >>> pace.begin(); pace.tick(); pace.tick()
        >>> pace.batches, pace.rate() > 0
        (2, True)
    """

    def __init__(self) -> None:
        self._times: deque[float] = deque([time.perf_counter()], maxlen=LATEST + 1)

    def begin(self) -> None:
        """An epoch begins."""
        self._times.clear()
        self.tick()

    def tick(self) -> None:
        """A batch is done."""
        self._times.append(time.perf_counter())

    @property
    def batches(self) -> int:
        """How many batches the rate is taken from."""
        return len(self._times) - 1

    def rate(self) -> float:
        """Batches in a second."""
        return self.batches / max(self._times[-1] - self._times[0], 1e-9)
