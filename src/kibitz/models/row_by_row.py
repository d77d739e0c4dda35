"""Whether a short batch can be filled up: only where no row has a say in what comes out of another.

Outside training all layers of Kibitz work row by row, and all its losses and metrics can leave rows out. What is not
ours may do otherwise, and is given its short batch as it is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
from flax import nnx

OURS = ("kibitz.", "jax.")
"""Where functions come from that are known to work on each row alone."""


def row_by_row(module: nnx.Module) -> bool:
    """Whether no row of the outputs depends on another row of the inputs, outside training.

    Args:
        module: A module whose variables exist.

    Example:
        >>> import kibitz
        >>> from kibitz.models.row_by_row import row_by_row
        >>> model = kibitz.Sequential([kibitz.Input((2,)), kibitz.layers.Dense(1)])
        >>> row_by_row(model.module)
        True
    """
    parts = [part for _, part in nnx.iter_graph(module) if isinstance(part, nnx.Module)]
    return all(_keeps_rows_apart(part) for part in parts)


def _keeps_rows_apart(part: nnx.Module) -> bool:
    if isinstance(part, nnx.List):
        return True
    if not type(part).__module__.startswith("kibitz."):
        return False
    # A penalty on outputs is a sum over all rows, and nobody could take the filled ones out of it again.
    if getattr(part, "activity_regularizer", None) is not None or not _ours(getattr(part, "activation", None)):
        return False
    axis = getattr(part, "axis", -1)
    return 0 not in (axis if isinstance(axis, list | tuple) else (axis,))


def can_be_masked(part: Any) -> bool:
    """Whether a loss or a metric gives the same number when rows are left out as when they never were there.

    Args:
        part: A loss or a metric.
    """
    if not type(part).__module__.startswith("kibitz.") or getattr(part, "counts_rows", False):
        return False
    function = getattr(part, "fn", getattr(part, "_fn", None))
    arguments = getattr(part, "_fn_kwargs", {})
    return _ours(function) and (hasattr(part, "reduction") or arguments.get("ignore_class") is None)


def real_rows(predicted: Any, count: Any) -> Any:
    """A mask of the first `count` rows, in a shape that goes with one value for each row, or for each of its steps.

    Args:
        predicted: The outputs that the values are of, `(batch, ...)`.
        count: How many rows are real; it may be traced.
    """
    real = jnp.arange(predicted.shape[0]) < count
    return real.reshape(-1, *[1] * max(predicted.ndim - 2, 0))


def _ours(function: Callable[..., Any] | None) -> bool:
    return function is None or str(getattr(function, "__module__", "")).startswith(OURS)
