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

MEANS = ("sum_over_batch_size", "mean")
"""Reductions that divide by the number of rows, whatever these weigh."""

TOGETHER = ("Dice", "Tversky", "R2Score")
"""Those of ours that look at all rows at once, or count them whatever they weigh."""


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
    """Whether a loss or a metric gives the same number when rows weigh nothing as when they never were there.

    Args:
        part: A loss or a metric.
    """
    if not type(part).__module__.startswith("kibitz.") or type(part).__name__ in TOGETHER:
        return False
    if str(getattr(part, "dtype", "")).startswith("int"):
        return False  # it warns of weights that might be fractions, and a mask is such
    function = getattr(part, "fn", getattr(part, "_fn", None))
    return _ours(function) and getattr(part, "_fn_kwargs", {}).get("ignore_class") is None


def masked_weight(weight: Any, predicted: Any, count: Any) -> Any:
    """The weights of a batch, of which all but the first rows weigh nothing.

    Args:
        weight: The weights as they were given, `(batch, ...)`; None is 1.
        predicted: The outputs that they are for, `(batch, ...)`.
        count: How many rows are real; it may be traced.

    Example:
        >>> import jax.numpy as jnp
        >>> from kibitz.models.row_by_row import masked_weight
        >>> masked_weight(jnp.array([0.5, 2.0, 2.0]), jnp.zeros((3, 4)), 2).tolist()
        [0.5, 2.0, 0.0]
    """
    real = (jnp.arange(predicted.shape[0]) < count).astype(jnp.float32)
    if weight is None:  # as many as there are values: a mean over the weights counts them
        return jnp.broadcast_to(real.reshape(-1, *[1] * max(predicted.ndim - 2, 0)), predicted.shape[:-1] or real.shape)
    return weight * real.reshape(-1, *[1] * (weight.ndim - 1))


def _ours(function: Callable[..., Any] | None) -> bool:
    return function is None or str(getattr(function, "__module__", "")).startswith(OURS)
