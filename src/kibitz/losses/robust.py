"""Losses for numbers with outliers: squared near 0, straight far from it."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from kibitz.losses.align import align
from kibitz.losses.function_loss import ShippedLoss


def huber(y_true: Any, y_pred: Any, delta: float = 1.0) -> jax.Array:
    """Half the squared difference up to `delta`, straight beyond; squared error that outliers do not rule.

    Args:
        y_true: Targets, `(batch, ..., n)`.
        y_pred: Predictions, `(batch, ..., n)`.
        delta: The difference at which the square turns into a line, in the unit of the targets.

    Returns:
        One value per sample, `(batch, ...)`.

    Example:
        >>> from kibitz.losses.robust import huber
        >>> huber([[0.0], [0.0]], [[1.0], [3.0]]).tolist()
        [0.5, 2.5]

    Source: Huber, Robust Estimation of a Location Parameter, 1964; https://keras.io/api/losses/regression_losses/
    """
    y_true, y_pred = align(y_true, y_pred)
    bend = jnp.asarray(delta, dtype=y_pred.dtype)
    error = y_pred - y_true
    # Optax adds a square and a line instead; the line's slope, added and taken away, rounds a small gradient to 0.
    line = bend * jnp.abs(error) - 0.5 * jnp.square(bend)
    return jnp.mean(jnp.where(jnp.abs(error) <= bend, 0.5 * jnp.square(error), line), axis=-1)


def log_cosh(y_true: Any, y_pred: Any) -> jax.Array:
    """The logarithm of the hyperbolic cosine of the difference: Huber's shape, smooth everywhere.

    Args:
        y_true: Targets, `(batch, ..., n)`.
        y_pred: Predictions, `(batch, ..., n)`.

    Returns:
        One value per sample, `(batch, ...)`.

    Example:
        >>> from kibitz.losses.robust import log_cosh
        >>> round(float(log_cosh([[0.0]], [[100.0]])[0]), 4)  # 100 - log(2)
        99.3069

    Source: https://keras.io/api/losses/regression_losses/
    """
    y_true, y_pred = align(y_true, y_pred)
    error = y_pred - y_true
    # Optax adds two exponentials instead; it rounds apart from Keras near 0, where all digits cancel.
    return jnp.mean(error + jax.nn.softplus(error * -2.0) - jnp.log(2.0).astype(error.dtype), axis=-1)


class Huber(ShippedLoss):
    """Half the squared difference up to `delta`, straight beyond; squared error that outliers do not rule.

    Args:
        delta: The difference at which the square turns into a line, in the unit of the targets. Above 0.
        reduction: How values become one number; see `Loss`.
        name: Its name in messages.
        dtype: The dtype to compute in. None means "float32".

    Raises:
        UnknownName: If there is no such reduction or dtype.

    Unlike Keras: `delta` is in the configuration, so a saved loss comes back as it was.

    Example:
        >>> from kibitz.losses.robust import Huber
        >>> float(Huber(delta=2.0)([[0.0], [0.0]], [[1.0], [3.0]]))
        2.25

    Source: Huber, Robust Estimation of a Location Parameter, 1964; https://keras.io/api/losses/regression_losses/
    """

    def __init__(
        self,
        delta: float = 1.0,
        reduction: str | None = "sum_over_batch_size",
        name: str = "huber_loss",
        dtype: Any = None,
    ) -> None:
        super().__init__(huber, name=name, reduction=reduction, dtype=dtype, delta=delta)


class LogCosh(ShippedLoss):
    """The logarithm of the hyperbolic cosine of the difference: Huber's shape, smooth everywhere.

    Args:
        reduction: How values become one number; see `Loss`.
        name: Its name in messages.
        dtype: The dtype to compute in. None means "float32".

    Raises:
        UnknownName: If there is no such reduction or dtype.

    Example:
        >>> from kibitz.losses.robust import LogCosh
        >>> round(float(LogCosh()([[0.0]], [[100.0]])), 4)  # 100 - log(2)
        99.3069

    Source: https://keras.io/api/losses/regression_losses/
    """

    def __init__(
        self, reduction: str | None = "sum_over_batch_size", name: str = "log_cosh", dtype: Any = None
    ) -> None:
        super().__init__(log_cosh, name=name, reduction=reduction, dtype=dtype)
