"""Losses of the maximum margin: right by enough costs nothing."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import optax

from kibitz.losses.align import as_floats
from kibitz.losses.function_loss import ShippedLoss


def hinge(y_true: Any, y_pred: Any) -> jax.Array:
    """`max(1 - y_true * y_pred, 0)`, the mean over the last dimension; for two classes, -1 and 1.

    Args:
        y_true: Labels of -1 and 1, `(batch, ..., n)`. If all are 0 or 1, 0 is taken for -1.
        y_pred: Scores, below 0 for one class and above for the other, `(batch, ..., n)`.

    Returns:
        One value per sample, `(batch, ...)`.

    Example:
        >>> from kibitz.losses.hinge import hinge
        >>> hinge([[1.0], [-1.0]], [[0.5], [0.5]]).tolist()
        [0.5, 1.5]

    Source: https://keras.io/api/losses/hinge_losses/
    """
    return jnp.mean(_margins(y_true, y_pred), axis=-1)


def squared_hinge(y_true: Any, y_pred: Any) -> jax.Array:
    """`max(1 - y_true * y_pred, 0)` squared, the mean over the last dimension; large mistakes cost more.

    Args:
        y_true: Labels of -1 and 1, `(batch, ..., n)`. If all are 0 or 1, 0 is taken for -1.
        y_pred: Scores, below 0 for one class and above for the other, `(batch, ..., n)`.

    Returns:
        One value per sample, `(batch, ...)`.

    Example:
        >>> from kibitz.losses.hinge import squared_hinge
        >>> squared_hinge([[1.0], [-1.0]], [[0.5], [0.5]]).tolist()
        [0.25, 2.25]

    Source: https://keras.io/api/losses/hinge_losses/
    """
    return jnp.mean(jnp.square(_margins(y_true, y_pred)), axis=-1)


def categorical_hinge(y_true: Any, y_pred: Any) -> jax.Array:
    """How far the best wrong class comes within 1 of the right one; for several classes.

    Args:
        y_true: One-hot labels, `(batch, ..., classes)`.
        y_pred: Scores, `(batch, ..., classes)`.

    Returns:
        One value per sample, `(batch, ...)`.

    Example:
        >>> from kibitz.losses.hinge import categorical_hinge
        >>> categorical_hinge([[1, 0, 0]], [[2.0, 1.5, 0.0]]).tolist()
        [0.5]

    Source: https://keras.io/api/losses/hinge_losses/
    """
    y_true, y_pred = as_floats(y_true, y_pred)
    right = jnp.sum(y_true * y_pred, axis=-1)
    wrong = jnp.max((1.0 - y_true) * y_pred, axis=-1)
    return jnp.maximum(wrong - right + 1.0, jnp.zeros_like(right))


def _margins(y_true: Any, y_pred: Any) -> jax.Array:
    y_true, y_pred = as_floats(y_true, y_pred)
    return optax.losses.hinge_loss(y_pred, signs(y_true))


def signs(y_true: jax.Array) -> jax.Array:
    """Labels of 0 and 1 as -1 and 1; any others as they are.

    Args:
        y_true: Labels in a floating dtype. One other than 0 and 1 leaves all as they are.

    Example:
        >>> import jax.numpy as jnp
        >>> from kibitz.losses.hinge import signs
        >>> signs(jnp.array([0.0, 1.0])).tolist()
        [-1.0, 1.0]
    """
    return jnp.where(jnp.all((y_true == 0) | (y_true == 1)), 2.0 * y_true - 1.0, y_true)


class Hinge(ShippedLoss):
    """`max(1 - y_true * y_pred, 0)`; for two classes, -1 and 1, or 0 and 1.

    Args:
        reduction: How values become one number; see `Loss`.
        name: Its name in messages.
        dtype: The dtype to compute in. None means "float32".

    Raises:
        UnknownName: If there is no such reduction or dtype.

    Example:
        >>> from kibitz.losses.hinge import Hinge
        >>> float(Hinge()([[1], [-1]], [[0.5], [0.5]]))
        1.0

    Source: https://keras.io/api/losses/hinge_losses/
    """

    def __init__(self, reduction: str | None = "sum_over_batch_size", name: str = "hinge", dtype: Any = None) -> None:
        super().__init__(hinge, name=name, reduction=reduction, dtype=dtype)


class SquaredHinge(ShippedLoss):
    """`max(1 - y_true * y_pred, 0)` squared; large mistakes cost more.

    Args:
        reduction: How values become one number; see `Loss`.
        name: Its name in messages.
        dtype: The dtype to compute in. None means "float32".

    Raises:
        UnknownName: If there is no such reduction or dtype.

    Example:
        >>> from kibitz.losses.hinge import SquaredHinge
        >>> float(SquaredHinge()([[1], [-1]], [[0.5], [0.5]]))
        1.25

    Source: https://keras.io/api/losses/hinge_losses/
    """

    def __init__(
        self, reduction: str | None = "sum_over_batch_size", name: str = "squared_hinge", dtype: Any = None
    ) -> None:
        super().__init__(squared_hinge, name=name, reduction=reduction, dtype=dtype)


class CategoricalHinge(ShippedLoss):
    """How far the best wrong class comes within 1 of the right one; for several classes.

    Args:
        reduction: How values become one number; see `Loss`.
        name: Its name in messages.
        dtype: The dtype to compute in. None means "float32".

    Raises:
        UnknownName: If there is no such reduction or dtype.

    Example:
        >>> from kibitz.losses.hinge import CategoricalHinge
        >>> float(CategoricalHinge()([[1, 0, 0]], [[2.0, 1.5, 0.0]]))
        0.5

    Source: https://keras.io/api/losses/hinge_losses/
    """

    def __init__(
        self, reduction: str | None = "sum_over_batch_size", name: str = "categorical_hinge", dtype: Any = None
    ) -> None:
        super().__init__(categorical_hinge, name=name, reduction=reduction, dtype=dtype)
