"""Large arrays that several of our own processes read: in a file without a name, which nobody has to take away."""

from __future__ import annotations

import mmap
import os
import tempfile
from typing import Any, NamedTuple, Self

import numpy as np

from kibitz.engine.state import plain

ALIGNED = 64
"""Each array begins at a multiple of so many bytes."""

BLOCK = 2**24
"""Bytes that are copied at a time where an array does not lie in one piece."""


class Place(NamedTuple):
    """Where an array lies, for a process that was given the file.

    Args:
        file: The descriptor, the same in all these processes.
        offset: Its first byte.
        dtype: Its dtype.
        shape: Its shape.
    """

    file: int
    offset: int
    dtype: np.dtype
    shape: tuple[int, ...]

    def array(self) -> np.ndarray:
        """The array, as it lies in the file: its bytes are read when they are looked at."""
        held = mmap.mmap(self.file, 0, access=mmap.ACCESS_READ)
        return np.ndarray(self.shape, self.dtype, buffer=held, offset=self.offset)


class SharedArrays:
    """The file, until this is closed; processes that were given it have it for as long as they live.

    It has no name, so that the system takes it away with the last of them, however they end.

    Example:
        >>> import numpy as np
        >>> from kibitz.replay.shared_arrays import SharedArrays
        >>> with SharedArrays() as shared:
        ...     place = shared.put(np.arange(3.0))
        ...     None if place is None else place.array().sum()
        np.float64(3.0)
    """

    def __init__(self) -> None:
        # Windows hands a process no file that has no name: there arrays go through the pipe, once for each process.
        self._file: Any = None if os.name == "nt" else tempfile.TemporaryFile()  # noqa: SIM115 - it is closed below
        self._places: dict[int, tuple[Any, Place]] = {}  # with what lies there, so that no other takes its identity

    @property
    def descriptors(self) -> tuple[int, ...]:
        """What a process is to be given."""
        return () if self._file is None else (self._file.fileno(),)

    def put(self, thing: Any) -> Place | None:
        """Put an array there, once; None if it goes another way.

        Args:
            thing: An array of NumPy or JAX.

        Raises:
            OSError: If the disk refuses.
        """
        if self._file is None:
            return None
        if id(thing) not in self._places:
            array = thing if isinstance(thing, np.ndarray) else plain(thing)
            self._places[id(thing)] = thing, Place(self._file.fileno(), self._write(array), array.dtype, array.shape)
        return self._places[id(thing)][1]

    def _write(self, array: np.ndarray) -> int:
        start = self._file.seek(-(-self._file.tell() // ALIGNED) * ALIGNED)
        rows = max(1, BLOCK * len(array) // array.nbytes)
        for first in range(0, len(array), rows):
            block = np.ascontiguousarray(array[first : first + rows])
            self._file.write(block.reshape(-1).view(np.uint8).data)
        self._file.flush()
        return start

    def close(self) -> None:
        """Let go of it."""
        if self._file is not None:
            self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
