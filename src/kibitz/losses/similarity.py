"""Losses for directions: how far two vectors point the same way."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from kibitz.losses.align import EPSILON, align
from kibitz.losses.function_loss import ShippedLoss


def cosine_similarity(y_true: Any, y_pred: Any, axis: int = -1) -> jax.Array:
    """Minus the cosine of the angle: -1 for the same direction, 0 for a right angle, 1 for the opposite.

    Use it where only the direction counts, as with embeddings. A vector of zeros has the value 0.

    Args:
        y_true: Targets, `(batch, ..., n)`.
        y_pred: Predictions, `(batch, ..., n)`.
        axis: The dimension along which the vectors lie.

    Returns:
        One value per vector, `(batch, ...)`.

    Unlike Keras: the gradient at a vector of zeros is 0, not NaN.

    Example:
        >>> from kibitz.losses.similarity import cosine_similarity
        >>> cosine_similarity([[1.0, 0.0], [1.0, 0.0]], [[4.0, 0.0], [0.0, 4.0]]).tolist()
        [-1.0, -0.0]

    Source: https://keras.io/api/losses/regression_losses/
    """
    y_true, y_pred = align(y_true, y_pred)
    return -jnp.sum(_of_length_one(y_true, axis) * _of_length_one(y_pred, axis), axis=axis)


def _of_length_one(x: jax.Array, axis: int) -> jax.Array:
    squares = jnp.sum(jnp.square(x), axis=axis, keepdims=True)
    # The inner `where` keeps the slope of rsqrt at 0, which is infinite, out of the gradient.
    inverse = jnp.where(squares > 0, jax.lax.rsqrt(jnp.where(squares > 0, squares, jnp.ones_like(squares))), 0)
    return x * jnp.minimum(inverse, 1.0 / EPSILON)


class CosineSimilarity(ShippedLoss):
    """Minus the cosine of the angle: -1 for the same direction, 0 for a right angle, 1 for the opposite.

    Use it where only the direction counts, as with embeddings.

    Args:
        axis: The dimension along which the vectors lie.
        reduction: How values become one number; see `Loss`.
        name: Its name in messages.
        dtype: The dtype to compute in. None means "float32".

    Raises:
        UnknownName: If there is no such reduction or dtype.

    Unlike Keras: `axis` is in the configuration, so a saved loss comes back as it was.

    Example:
        >>> from kibitz.losses.similarity import CosineSimilarity
        >>> float(CosineSimilarity()([[1.0, 0.0], [1.0, 0.0]], [[4.0, 0.0], [0.0, 4.0]]))
        -0.5

    Source: https://keras.io/api/losses/regression_losses/
    """

    def __init__(
        self,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str = "cosine_similarity",
        dtype: Any = None,
    ) -> None:
        super().__init__(cosine_similarity, name=name, reduction=reduction, dtype=dtype, axis=axis)
