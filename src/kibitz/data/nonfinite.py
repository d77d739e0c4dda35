"""When a loss is first not finite: were the data? A finite run pays nothing for the question."""

from __future__ import annotations

import warnings
from typing import Any

import jax
import numpy as np

from kibitz.data.source import Batch

SHOWN = 10


class Watch:
    """Looks once, at the batch with which a loss was first not finite, for values that are not numbers.

    Example:
        >>> import numpy as np
        >>> from kibitz.data.nonfinite import Watch
        >>> watch = Watch()
        >>> watch.first(np.array([0.5, 0.25])), watch.first(np.array([0.5, np.nan])), watch.first(np.array([np.nan]))
        (None, 1, None)
    """

    def __init__(self) -> None:
        self._looked = False

    def first(self, losses: np.ndarray) -> int | None:
        """The position of the first loss that is not finite; None if there is none, or one was found before."""
        if self._looked or np.isfinite(losses).all():
            return None
        self._looked = True
        return int(np.argmin(np.isfinite(losses)))

    @staticmethod
    def look(batch: Batch) -> None:
        """Warn of the rows of a batch that hold NaN or infinity; say nothing if there is none."""
        for part, name in ((batch.x, "x"), (batch.y, "y"), (batch.weight, "sample_weight")):
            for path, leaf in jax.tree_util.tree_flatten_with_path(part)[0]:
                bad = bad_rows(leaf)
                if not bad.size:
                    continue
                rows = bad if batch.rows is None else np.asarray(batch.rows)[bad]
                listed = ", ".join(map(str, sorted(rows.tolist())[:SHOWN])) + (", ..." if len(rows) > SHOWN else "")
                where = "row" if len(rows) == 1 else "rows"
                where += " of the batch" if batch.rows is None else ""
                label = name + "".join(str(key) for key in path)
                warnings.warn(
                    f"The loss is not finite, and {label} holds NaN or infinity in {len(rows)} {where}: {listed}. "
                    f"Leave these rows out, or numpy.nan_to_num({label}).",
                    stacklevel=2,
                )


def bad_rows(leaf: Any) -> np.ndarray:
    """The positions of rows in which not every value is finite."""
    host = np.asarray(leaf)
    if host.dtype.kind not in "fc" and "float" not in str(host.dtype):
        return np.zeros(0, int)
    return np.flatnonzero(~np.isfinite(host.astype("float32")).reshape(len(host), -1).all(axis=1))
