"""Rows of an array that lies in a file: the disk is told of all of them before the first is read.

Rows that are touched one after the other are waited for one after the other, and with each the system reads on as if
the next ones were wanted too. Where the whole array has room in memory that is how it gets there soonest: after some
sixty batches in any order it has all been read. For the first batch it is waiting for nothing, and where the array has
no room it is reading everything again and again. Measured with 8 GB on a disk, rows of 4 kB: the first batch after 4.3
seconds as they are touched, after 1.2 when they are asked for first; 64 MB of such rows take 2.7 seconds or 0.3.
"""

from __future__ import annotations

import math
import mmap
import os
from contextlib import suppress
from functools import cache
from pathlib import Path

import numpy as np

WORTH = mmap.PAGESIZE
"""Bytes of a row that is worth asking for: to ask takes a microsecond, whether it is in memory already or not."""

FEW = 2048
"""Rows that are asked for in any case: nobody shall wait for more than them."""

LIMIT = Path("/sys/fs/cgroup/memory.max")
"""Where Linux says how much memory a container may have."""


def expect(array: np.ndarray, rows: np.ndarray) -> None:
    """Tell the system which rows of an array are read next, if it is one that is mapped into memory.

    Args:
        array: The array. Nothing is done with one that is in memory anyway, and of one that has room there only a few
            rows are asked for at a time.
        rows: The numbers of the rows.

    Example:
        >>> import pathlib, tempfile
        >>> import numpy as np
        >>> from kibitz.data.mapped import expect
        >>> with tempfile.TemporaryDirectory() as place:
        ...     path = pathlib.Path(place) / "x.npy"
        ...     np.save(path, np.arange(4096, dtype="float32").reshape(4, 1024))
        ...     x = np.load(path, mmap_mode="r")
        ...     expect(x, np.array([3, 1]))
        ...     x[[3, 1], 0].tolist()
        [3072.0, 1024.0]
    """
    mapping = _mapping(array)
    if mapping is None or not len(rows) or not array.ndim or array.strides[0] < WORTH:
        return
    if len(rows) > FEW and array.nbytes < memory() / 2:
        return
    with suppress(OSError):  # then they are read as they are touched
        for start, length in _ranges(_address(array) - _address(np.frombuffer(mapping, np.uint8)), array, rows):
            mapping.madvise(mmap.MADV_WILLNEED, start, length)


@cache
def memory() -> float:
    """Bytes of memory that this process may have, files that are read included; infinity if nobody knows."""
    found = [math.inf]
    with suppress(AttributeError, OSError, ValueError):
        found.append(os.sysconf("SC_PHYS_PAGES") * mmap.PAGESIZE)
    with suppress(OSError, ValueError):  # "max" is no number
        found.append(int(LIMIT.read_text(encoding="ascii")))
    return min(found)


def _mapping(array: np.ndarray) -> mmap.mmap | None:
    """What an array's memory is a mapping of; None if it is none, or the system cannot be asked."""
    owner = array
    while isinstance(owner, np.ndarray):
        owner = owner.base
    if isinstance(owner, memoryview):
        owner = owner.obj
    return owner if isinstance(owner, mmap.mmap) and hasattr(owner, "madvise") else None


def _address(array: np.ndarray) -> int:
    return array.__array_interface__["data"][0]


def _ranges(begin: int, array: np.ndarray, rows: np.ndarray) -> list[tuple[int, int]]:
    """Where in the mapping these rows lie: starts of pages, and lengths; rows that follow one another are one."""
    size, rows = array.strides[0], np.unique(rows).astype(np.int64)
    gaps = np.flatnonzero(np.diff(rows) > 1)
    first, last = rows[np.append(0, gaps + 1)], rows[np.append(gaps, len(rows) - 1)]
    start = (begin + first * size) // mmap.PAGESIZE * mmap.PAGESIZE
    return list(zip(start.tolist(), (begin + (last + 1) * size - start).tolist(), strict=True))
