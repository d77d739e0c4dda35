"""The digest of an array piece by piece, as it is cut over devices: no piece leaves its device for another one.

An array that is cut evenly is a grid of pieces, which are numbered as their places in the grid are, the last axis
first. So whoever has the whole array, wherever it was put together, can cut it likewise and compare.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from kibitz.errors import Unsupported
from kibitz.layers.spread import spread


def grid(value: Any) -> tuple[int, ...]:
    """In how many pieces an array is cut along each axis; 1 for each where it lies in one place.

    Args:
        value: An array on the host or on devices.

    Example:
        >>> import numpy as np
        >>> from kibitz.checkpoint.pieces import grid
        >>> grid(np.zeros((4, 2)))
        (1, 1)
    """
    sharding = spread(value)
    if sharding is None:
        return (1,) * value.ndim
    piece = sharding.shard_shape(value.shape)
    return tuple(whole // each if each else 1 for whole, each in zip(value.shape, piece, strict=True))


def digests(value: Any, cut: Sequence[int]) -> list[str]:
    """The digest of each piece of an array.

    Args:
        value: An array on the host, or on devices, where it is cut so.
        cut: In how many pieces, along each axis.

    Raises:
        Unsupported: If other processes hold pieces of it.

    Example:
        >>> import numpy as np
        >>> from kibitz.checkpoint.pieces import digests
        >>> whole = np.arange(8.0).reshape(4, 2)
        >>> digests(whole, (2, 1)) == [*digests(whole[:2], (1, 1)), *digests(whole[2:], (1, 1))]
        True
    """
    if spread(value) is None:
        return [_digest(np.asarray(value)[place]) for place in _places(value.shape, cut)]
    if not value.is_fully_addressable:
        raise Unsupported(
            "A part of the state lies in another process, and a run is kept by one.",
            given=value.sharding,
            wanted="devices of this process",
            cure="leave run= away, and save with a tool for several processes",
        )
    # Keyed by where they begin: copies of a piece are read once.
    held = {tuple(part.start or 0 for part in shard.index): shard.data for shard in value.addressable_shards}
    begins = [tuple(part.start for part in place) for place in _places(value.shape, cut)]
    if set(begins) == set(held):
        return [_digest(np.asarray(held[begin])) for begin in begins]
    return [_digest(np.asarray(value)[place]) for place in _places(value.shape, cut)]


def _places(shape: Sequence[int], cut: Sequence[int]) -> Iterator[tuple[slice, ...]]:
    sizes = [whole // parts for whole, parts in zip(shape, cut, strict=True)]
    for place in np.ndindex(*cut):
        yield tuple(slice(at * size, (at + 1) * size) for at, size in zip(place, sizes, strict=True))


def pieces_of(cut: Sequence[int]) -> int:
    """How many pieces a grid has."""
    return math.prod(cut)


def _digest(array: np.ndarray) -> str:
    return hashlib.sha256(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data).hexdigest()
