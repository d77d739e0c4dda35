"""How much memory this process has to itself, and whether it grows.

The resident set is no measure where files are mapped: pages of a file count in it. `RssAnon` is what was allocated.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

STATUS = Path("/proc/self/status")

SAMPLES = [40]
"""How many samples a soak takes; each collects all garbage first, so in the short form they are fewer."""


def gap(count: int) -> int:
    """How many of so many things are done between two samples."""
    return max(1, count // SAMPLES[0])


def told(field: str) -> int:
    """Bytes, by the name that the system has for them: RssAnon now, VmHWM at the most, VmData all that is asked for."""
    rows = dict(line.split(":", 1) for line in STATUS.read_text(encoding="ascii", errors="replace").splitlines())
    return 1024 * int(rows[field].split()[0])


def allocated() -> int:
    """Bytes that were allocated and are still held, with what is garbage and what the allocator holds back let go."""
    gc.collect()
    with contextlib.suppress(AttributeError, OSError):
        ctypes.CDLL(None).malloc_trim(0)
    return told("RssAnon")


class Growth:
    """Samples of memory over a soak, each at a count of what is done; the first fifth is warming up, and left out.

    Attributes: `samples`; `spent`, the CPU time that the looking itself took.
    """

    def __init__(self) -> None:
        self.samples: list[tuple[float, int]] = []
        self.spent = 0.0

    def sample(self, done: float) -> None:
        began = time.process_time()
        self.samples.append((done, allocated()))
        self.spent += time.process_time() - began

    @property
    def _warm(self) -> Sequence[tuple[float, int]]:
        return self.samples[len(self.samples) // 5 :]

    @property
    def slope(self) -> float:
        """Bytes for each thing that is done, by least squares."""
        done, held = np.array(self._warm, float).T
        return float(np.polyfit(done - done.mean(), held, 1)[0])

    @property
    def rise(self) -> int:
        """From the first to the last of them; bytes."""
        return self._warm[-1][1] - self._warm[0][1]
