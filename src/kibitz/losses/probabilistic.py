"""Losses between distributions, counts, and labels that lie: Kullback-Leibler, Poisson, generalized crossentropy."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from kibitz.losses.align import EPSILON, as_floats
from kibitz.losses.crossentropy import as_labels, one_hot
from kibitz.losses.function_loss import ShippedLoss, require_unit_interval


def kl_divergence(y_true: Any, y_pred: Any) -> jax.Array:
    """`sum(y_true * log(y_true / y_pred))`: how far the predicted distribution is from the true one.

    Args:
        y_true: Probabilities, `(batch, ..., classes)`. Clipped to 1e-7 and 1.
        y_pred: Probabilities of the same shape, clipped likewise.

    Returns:
        One value per sample, `(batch, ...)`.

    Example:
        >>> from kibitz.losses.probabilistic import kl_divergence
        >>> [round(value, 4) for value in kl_divergence([[0.5, 0.5], [1, 0]], [[0.5, 0.5], [0.5, 0.5]]).tolist()]
        [0.0, 0.6931]

    Source: https://keras.io/api/losses/probabilistic_losses/
    """
    y_true, y_pred = (jnp.clip(array, EPSILON, 1) for array in as_floats(y_true, y_pred))
    return jnp.sum(y_true * jnp.log(y_true / y_pred), axis=-1)


def poisson(y_true: Any, y_pred: Any) -> jax.Array:
    """`y_pred - y_true * log(y_pred)`, the mean over the last dimension; for counts.

    Args:
        y_true: Counts of 0 and more, `(batch, ..., n)`.
        y_pred: Expected counts above 0, `(batch, ..., n)`: the last layer wants an activation such as softplus.

    Returns:
        One value per sample, `(batch, ...)`.

    Example:
        >>> from kibitz.losses.probabilistic import poisson
        >>> round(float(poisson([[2.0]], [[2.0]])[0]), 4)  # 2 - 2 log(2)
        0.6137

    Source: https://keras.io/api/losses/probabilistic_losses/
    """
    y_true, y_pred = as_floats(y_true, y_pred)
    return jnp.mean(y_pred - y_true * jnp.log(y_pred + EPSILON), axis=-1)


def categorical_generalized_cross_entropy(y_true: Any, y_pred: Any, q: float) -> jax.Array:
    """`(1 - p**q) / q`, p the probability of the right class; for labels of which some are wrong.

    Args:
        y_true: Class numbers from 0, `(batch, ...)` or `(batch, ..., 1)`.
        y_pred: Probabilities, `(batch, ..., classes)`.
        q: Above 0, where it nears crossentropy, and below 1, where it nears the absolute error.

    Returns:
        One value per label, `(batch, ...)`.

    Raises:
        ShapeMismatch: If there is not one label for each row of classes.

    Unlike Keras: labels of shape `(batch, 1)` give one value each, not a `(batch, batch)` table.

    Example:
        >>> from kibitz.losses.probabilistic import categorical_generalized_cross_entropy
        >>> categorical_generalized_cross_entropy([0, 1], [[0.25, 0.75], [0.0, 1.0]], q=0.5).tolist()
        [1.0, 0.0]

    Source: Zhang and Sabuncu, https://arxiv.org/abs/1805.07836
    """
    y_true, y_pred = as_labels(y_true, y_pred)
    target = one_hot(y_true, y_pred.shape[-1]).astype(y_pred.dtype)
    # The slope at p = 0 is infinite; chosen, and not multiplied with 0, it stays with the right class.
    p = jnp.sum(jnp.where(target == 0, jnp.zeros_like(y_pred), y_pred * target), axis=-1)
    return (1 - jnp.power(p, q)) / q


class KLDivergence(ShippedLoss):
    """`sum(y_true * log(y_true / y_pred))`: how far the predicted distribution is from the true one.

    Args:
        reduction: How values become one number; see `Loss`.
        name: Its name in messages.
        dtype: The dtype to compute in. None means "float32".

    Raises:
        UnknownName: If there is no such reduction or dtype.

    Example:
        >>> from kibitz.losses.probabilistic import KLDivergence
        >>> round(float(KLDivergence()([[1, 0]], [[0.5, 0.5]])), 4)  # log(2)
        0.6931

    Source: https://keras.io/api/losses/probabilistic_losses/
    """

    def __init__(
        self, reduction: str | None = "sum_over_batch_size", name: str = "kl_divergence", dtype: Any = None
    ) -> None:
        super().__init__(kl_divergence, name=name, reduction=reduction, dtype=dtype)


class Poisson(ShippedLoss):
    """`y_pred - y_true * log(y_pred)`; for counts.

    Args:
        reduction: How values become one number; see `Loss`.
        name: Its name in messages.
        dtype: The dtype to compute in. None means "float32".

    Raises:
        UnknownName: If there is no such reduction or dtype.

    Example:
        >>> from kibitz.losses.probabilistic import Poisson
        >>> round(float(Poisson()([2], [[2.0]])), 4)  # 2 - 2 log(2)
        0.6137

    Source: https://keras.io/api/losses/probabilistic_losses/
    """

    def __init__(self, reduction: str | None = "sum_over_batch_size", name: str = "poisson", dtype: Any = None) -> None:
        super().__init__(poisson, name=name, reduction=reduction, dtype=dtype)


class CategoricalGeneralizedCrossEntropy(ShippedLoss):
    """`(1 - p**q) / q`, p the probability of the right class; for labels of which some are wrong.

    Args:
        q: Above 0, where it nears crossentropy, and below 1, where it nears the absolute error.
        reduction: How values become one number; see `Loss`.
        name: Its name in messages.
        dtype: The dtype to compute in. None means "float32".

    Raises:
        InvalidArgument: If `q` is not above 0 and below 1.
        UnknownName: If there is no such reduction or dtype.

    Example:
        >>> from kibitz.losses.probabilistic import CategoricalGeneralizedCrossEntropy
        >>> float(CategoricalGeneralizedCrossEntropy(q=0.5)([0, 1], [[0.25, 0.75], [0.0, 1.0]]))
        0.5

    Source: Zhang and Sabuncu, https://arxiv.org/abs/1805.07836
    """

    def __init__(
        self,
        q: float = 0.5,
        reduction: str | None = "sum_over_batch_size",
        name: str = "categorical_generalized_cross_entropy",
        dtype: Any = None,
    ) -> None:
        require_unit_interval("q", q, open_ends=True)
        super().__init__(categorical_generalized_cross_entropy, name=name, reduction=reduction, dtype=dtype, q=q)
        self.q = q
