"""How far a state is from another one of the same model: as a share of its size, the largest of all arrays."""

from __future__ import annotations

import math
from collections.abc import Mapping

import jax
import numpy as np

from kibitz.models.restoring import STATE


def apart(arrays: Mapping[str, np.ndarray], others: Mapping[str, np.ndarray]) -> float:
    """The largest share of all arrays that both have; infinity where it cannot be told.

    Args:
        arrays: A state, by the names that it has in a commit.
        others: Another one.

    Example:
        >>> import numpy as np
        >>> from kibitz.models.apart import apart
        >>> apart({".params['kernel']": np.array([3.0, 4.5])}, {".params['kernel']": np.array([3.0, 4.0])})
        0.1
    """
    both = (name for name in arrays if name.startswith(STATE) and name in others)
    return max((_share(arrays[name], others[name]) for name in both), default=0.0)


def _share(one: np.ndarray, other: np.ndarray) -> float:
    """How far an array is from another one, as a share of that one's size; infinity where it cannot be told."""
    if one.dtype == other.dtype and one.tobytes() == other.tobytes():
        return 0.0
    if one.shape != other.shape or not jax.numpy.issubdtype(one.dtype, np.floating):
        return math.inf
    with np.errstate(all="ignore"):
        gap = float(np.linalg.norm((one.astype(np.float64) - other.astype(np.float64)).ravel()))
        size = float(np.linalg.norm(other.astype(np.float64).ravel()))
    share = gap / size if size else math.inf
    return share if math.isfinite(share) else math.inf
