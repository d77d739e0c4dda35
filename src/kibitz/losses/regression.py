"""Losses for numbers: squared, absolute, relative and logarithmic differences."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import optax

from kibitz.losses.align import EPSILON, align
from kibitz.losses.function_loss import ShippedLoss


def mean_squared_error(y_true: Any, y_pred: Any) -> jax.Array:
    """The mean of the squared differences over the last dimension; the usual loss for numbers.

    Args:
        y_true: Targets, `(batch, ..., n)`.
        y_pred: Predictions, `(batch, ..., n)`.

    Returns:
        One value per sample, `(batch, ...)`.

    Example:
        >>> from kibitz.losses.regression import mean_squared_error
        >>> mean_squared_error([[0, 0], [1, 1]], [[1.0, 3.0], [1.0, 1.0]]).tolist()
        [5.0, 0.0]

    Source: https://keras.io/api/losses/regression_losses/
    """
    y_true, y_pred = align(y_true, y_pred)
    return jnp.mean(optax.losses.squared_error(y_true - y_pred), axis=-1)


def mean_absolute_error(y_true: Any, y_pred: Any) -> jax.Array:
    """The mean of the absolute differences over the last dimension; a few wild targets weigh less than squared.

    Args:
        y_true: Targets, `(batch, ..., n)`.
        y_pred: Predictions, `(batch, ..., n)`.

    Returns:
        One value per sample, `(batch, ...)`.

    Example:
        >>> from kibitz.losses.regression import mean_absolute_error
        >>> mean_absolute_error([[0, 0], [1, 1]], [[1.0, 3.0], [1.0, 1.0]]).tolist()
        [2.0, 0.0]

    Source: https://keras.io/api/losses/regression_losses/
    """
    y_true, y_pred = align(y_true, y_pred)
    return jnp.mean(jnp.abs(y_true - y_pred), axis=-1)


def mean_absolute_percentage_error(y_true: Any, y_pred: Any) -> jax.Array:
    """The mean absolute difference in per cent of the target; for targets of very different sizes, none of them 0.

    A target nearer to 0 than 1e-7 is divided by 1e-7 instead.

    Args:
        y_true: Targets, `(batch, ..., n)`.
        y_pred: Predictions, `(batch, ..., n)`.

    Returns:
        One value per sample, in per cent, `(batch, ...)`.

    Example:
        >>> from kibitz.losses.regression import mean_absolute_percentage_error
        >>> mean_absolute_percentage_error([[2.0, 4.0]], [[1.0, 4.0]]).tolist()
        [25.0]

    Source: https://keras.io/api/losses/regression_losses/
    """
    y_true, y_pred = align(y_true, y_pred)
    shares = jnp.abs((y_true - y_pred) / jnp.maximum(jnp.abs(y_true), EPSILON))
    return 100.0 * jnp.mean(shares, axis=-1)


def mean_squared_logarithmic_error(y_true: Any, y_pred: Any) -> jax.Array:
    """The mean squared difference of `log(1 + x)`; for targets of 0 and more that span orders of magnitude.

    Below 1e-7 targets and predictions count as 1e-7, and a prediction there has no gradient.

    Args:
        y_true: Targets of 0 and more, `(batch, ..., n)`.
        y_pred: Predictions, `(batch, ..., n)`.

    Returns:
        One value per sample, `(batch, ...)`.

    Example:
        >>> from kibitz.losses.regression import mean_squared_logarithmic_error
        >>> round(float(mean_squared_logarithmic_error([[1.0]], [[3.0]])[0]), 4)  # log(2) squared
        0.4805

    Source: https://keras.io/api/losses/regression_losses/
    """
    y_true, y_pred = align(y_true, y_pred)
    logs = jnp.log(jnp.maximum(y_pred, EPSILON) + 1.0) - jnp.log(jnp.maximum(y_true, EPSILON) + 1.0)
    return jnp.mean(optax.losses.squared_error(logs), axis=-1)


class MeanSquaredError(ShippedLoss):
    """The mean of squared differences; the usual loss for numbers.

    Args:
        reduction: How values become one number; see `Loss`.
        name: Its name in messages.
        dtype: The dtype to compute in. None means "float32".

    Raises:
        UnknownName: If there is no such reduction or dtype.

    Example:
        >>> from kibitz.losses.regression import MeanSquaredError
        >>> float(MeanSquaredError()([[0, 0], [1, 1]], [[1.0, 3.0], [1.0, 1.0]]))
        2.5

    Source: https://keras.io/api/losses/regression_losses/
    """

    def __init__(
        self, reduction: str | None = "sum_over_batch_size", name: str = "mean_squared_error", dtype: Any = None
    ) -> None:
        super().__init__(mean_squared_error, name=name, reduction=reduction, dtype=dtype)


class MeanAbsoluteError(ShippedLoss):
    """The mean of absolute differences; a few wild targets weigh less than squared.

    Args:
        reduction: How values become one number; see `Loss`.
        name: Its name in messages.
        dtype: The dtype to compute in. None means "float32".

    Raises:
        UnknownName: If there is no such reduction or dtype.

    Example:
        >>> from kibitz.losses.regression import MeanAbsoluteError
        >>> float(MeanAbsoluteError()([[0, 0], [1, 1]], [[1.0, 3.0], [1.0, 1.0]]))
        1.0

    Source: https://keras.io/api/losses/regression_losses/
    """

    def __init__(
        self, reduction: str | None = "sum_over_batch_size", name: str = "mean_absolute_error", dtype: Any = None
    ) -> None:
        super().__init__(mean_absolute_error, name=name, reduction=reduction, dtype=dtype)


class MeanAbsolutePercentageError(ShippedLoss):
    """The mean absolute difference in per cent of the target; for targets of very different sizes, none of them 0.

    Args:
        reduction: How values become one number; see `Loss`.
        name: Its name in messages.
        dtype: The dtype to compute in. None means "float32".

    Raises:
        UnknownName: If there is no such reduction or dtype.

    Example:
        >>> from kibitz.losses.regression import MeanAbsolutePercentageError
        >>> float(MeanAbsolutePercentageError()([[2.0, 4.0]], [[1.0, 4.0]]))
        25.0

    Source: https://keras.io/api/losses/regression_losses/
    """

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str = "mean_absolute_percentage_error",
        dtype: Any = None,
    ) -> None:
        super().__init__(mean_absolute_percentage_error, name=name, reduction=reduction, dtype=dtype)


class MeanSquaredLogarithmicError(ShippedLoss):
    """The mean squared difference of `log(1 + x)`; for targets of 0 and more that span orders of magnitude.

    Args:
        reduction: How values become one number; see `Loss`.
        name: Its name in messages.
        dtype: The dtype to compute in. None means "float32".

    Raises:
        UnknownName: If there is no such reduction or dtype.

    Example:
        >>> from kibitz.losses.regression import MeanSquaredLogarithmicError
        >>> round(float(MeanSquaredLogarithmicError()([[1.0]], [[3.0]])), 4)  # log(2) squared
        0.4805

    Source: https://keras.io/api/losses/regression_losses/
    """

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str = "mean_squared_logarithmic_error",
        dtype: Any = None,
    ) -> None:
        super().__init__(mean_squared_logarithmic_error, name=name, reduction=reduction, dtype=dtype)
