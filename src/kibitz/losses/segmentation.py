"""Losses of overlap, for masks in images: Dice and Tversky."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from kibitz.losses.align import EPSILON, as_floats
from kibitz.losses.function_loss import ShippedLoss


def dice(y_true: Any, y_pred: Any, axis: Any = None) -> jax.Array:
    """1 minus the Dice coefficient, twice the overlap over the sum of both areas.

    Use it where the object is a small part of the picture, so that a mean over pixels would see background only.

    Args:
        y_true: Masks of 0 and 1, `(batch, height, width, classes)`.
        y_pred: Predicted masks from 0 to 1, of the same shape.
        axis: The dimensions to sum over. None sums over the whole batch, and gives one number.

    Returns:
        One value for each place in the dimensions that are left.

    Example:
        >>> from kibitz.losses.segmentation import dice
        >>> round(float(dice([1, 1, 0, 0], [1.0, 0.0, 1.0, 0.0])), 4)
        0.5

    Source: https://keras.io/api/losses/
    """
    y_true, y_pred = as_floats(y_true, y_pred)
    overlap = jnp.sum(y_true * y_pred, axis=axis)
    return 1 - 2.0 * overlap / (jnp.sum(y_true, axis=axis) + jnp.sum(y_pred, axis=axis) + EPSILON)


def tversky(y_true: Any, y_pred: Any, alpha: float = 0.5, beta: float = 0.5, axis: Any = None) -> jax.Array:
    """1 minus the Tversky index: Dice, with a price of its own for each kind of mistake.

    Args:
        y_true: Masks of 0 and 1, `(batch, height, width, classes)`.
        y_pred: Predicted masks from 0 to 1, of the same shape.
        alpha: The price of what is in the label and was not predicted.
        beta: The price of what was predicted and is not in the label.
        axis: The dimensions to sum over. None sums over the whole batch, and gives one number.

    Returns:
        One value for each place in the dimensions that are left.

    Example:
        >>> from kibitz.losses.segmentation import tversky
        >>> round(float(tversky([1, 1, 0, 0], [1.0, 0.0, 0.0, 0.0], alpha=1.0, beta=0.0)), 4)
        0.5

    Source: Salehi et al., https://arxiv.org/abs/1706.05721
    """
    y_true, y_pred = as_floats(y_true, y_pred)
    overlap = jnp.sum(y_true * y_pred, axis=axis)
    missed = jnp.sum((1 - y_pred) * y_true, axis=axis)
    invented = jnp.sum(y_pred * (1 - y_true), axis=axis)
    return 1 - overlap / (overlap + missed * alpha + invented * beta + EPSILON)


class Dice(ShippedLoss):
    """1 minus the Dice coefficient, twice the overlap over the sum of both areas.

    Use it where the object is a small part of the picture, so that a mean over pixels would see background only.

    Args:
        reduction: How values become one number; see `Loss`.
        name: Its name in messages.
        axis: The dimensions to sum over, such as `(1, 2, 3)` for one value per image. None sums over the whole batch:
            one number, which no sample weight can be told apart in.
        dtype: The dtype to compute in. None means "float32".

    Raises:
        UnknownName: If there is no such reduction or dtype.

    Example:
        >>> from kibitz.losses.segmentation import Dice
        >>> round(float(Dice(axis=-1)([[1, 1], [1, 0]], [[1.0, 1.0], [0.0, 1.0]])), 4)
        0.5

    Source: https://keras.io/api/losses/
    """

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str = "dice",
        axis: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(dice, name=name, reduction=reduction, dtype=dtype, axis=axis)
        self.axis = axis


class Tversky(ShippedLoss):
    """1 minus the Tversky index: Dice, with a price of its own for each kind of mistake.

    Args:
        alpha: The price of what is in the label and was not predicted. 0.5 for both is Dice.
        beta: The price of what was predicted and is not in the label.
        reduction: How values become one number; see `Loss`.
        name: Its name in messages.
        axis: The dimensions to sum over, such as `(1, 2, 3)` for one value per image. None sums over the whole batch.
        dtype: The dtype to compute in. None means "float32".

    Raises:
        UnknownName: If there is no such reduction or dtype.

    Example:
        >>> from kibitz.losses.segmentation import Tversky
        >>> round(float(Tversky(alpha=1.0, beta=0.0)([1, 1, 0, 0], [1.0, 0.0, 0.0, 0.0])), 4)
        0.5

    Source: Salehi et al., https://arxiv.org/abs/1706.05721
    """

    def __init__(
        self,
        alpha: float = 0.5,
        beta: float = 0.5,
        reduction: str | None = "sum_over_batch_size",
        name: str = "tversky",
        axis: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(tversky, name=name, reduction=reduction, dtype=dtype, alpha=alpha, beta=beta, axis=axis)
        self.alpha, self.beta, self.axis = alpha, beta, axis
