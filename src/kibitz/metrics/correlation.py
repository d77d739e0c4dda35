"""Whether predictions rise and fall with the targets."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from kibitz.losses.align import EPSILON, align
from kibitz.metrics.reduction import ShippedMetric


def pearson_correlation(y_true: Any, y_pred: Any, axis: int = -1) -> jax.Array:
    """Pearson's correlation of each sample's targets and predictions; NaN where one of them is constant.

    Args:
        y_true: Targets, `(batch, ..., n)`.
        y_pred: Predictions, of the same shape.
        axis: The dimension along which to correlate.

    Example:
        >>> from kibitz.metrics.correlation import pearson_correlation
        >>> pearson_correlation([[0.0, 2.0]], [[7.0, 5.0]]).tolist()
        [-1.0]

    Source: https://keras.io/api/metrics/correlation_metrics/
    """
    y_true, y_pred = (_standardized(each, axis) for each in align(y_true, y_pred))
    return jnp.mean(y_true * y_pred, axis=axis)


def concordance_correlation(y_true: Any, y_pred: Any, axis: int = -1) -> jax.Array:
    """Lin's concordance of each sample's targets and predictions.

    Args:
        y_true: Targets, `(batch, ..., n)`.
        y_pred: Predictions, of the same shape.
        axis: The dimension along which to correlate.

    Example:
        >>> from kibitz.metrics.correlation import concordance_correlation
        >>> round(float(concordance_correlation([[0.0, 2.0]], [[0.0, 2.0]])[0]), 3)
        1.0

    Source: https://keras.io/api/metrics/correlation_metrics/
    """
    y_true, y_pred = align(y_true, y_pred)
    true_mean, pred_mean = (jnp.mean(each, axis=axis, keepdims=True) for each in (y_true, y_pred))
    spread = sum(jnp.var(each, axis=axis, keepdims=True) for each in (y_true, y_pred))
    # Shifting the targets by the predictions' mean changes nothing, since the other factor adds up to 0.
    covariance = (y_true - pred_mean) * (y_pred - pred_mean)
    return jnp.mean(2 * covariance / (spread + jnp.square(true_mean - pred_mean) + EPSILON), axis=axis)


def _standardized(values: jax.Array, axis: int) -> jax.Array:
    centred = values - jnp.mean(values, axis=axis, keepdims=True)
    return centred / jnp.std(centred, axis=axis, keepdims=True)


class PearsonCorrelation(ShippedMetric):
    """The mean of each sample's Pearson correlation of targets and predictions, -1 to 1.

    1 where one is a rising straight line of the other.

    Args:
        name: Its key in the logs.
        dtype: The dtype of the sums. None means "float32".
        axis: The dimension along which to correlate.

    Example:
        >>> from kibitz.metrics.correlation import PearsonCorrelation
        >>> round(float(PearsonCorrelation()([[0.0, 1.0, 2.0]], [[3.0, 5.0, 7.0]])), 3)
        1.0

    Source: https://keras.io/api/metrics/correlation_metrics/
    """

    _direction = "up"

    def __init__(self, name: str | None = "pearson_correlation", dtype: Any = None, axis: int = -1):
        super().__init__(pearson_correlation, name=name, dtype=dtype, axis=axis)
        self.axis = axis


class ConcordanceCorrelation(ShippedMetric):
    """The mean of each sample's concordance correlation of targets and predictions, -1 to 1.

    As Pearson's, but 1 only where the two are equal: shift and scale count too.

    Args:
        name: Its key in the logs.
        dtype: The dtype of the sums. None means "float32".
        axis: The dimension along which to correlate.

    Example:
        >>> from kibitz.metrics.correlation import ConcordanceCorrelation
        >>> round(float(ConcordanceCorrelation()([[0.0, 1.0, 2.0]], [[0.0, 1.0, 2.0]])), 3)
        1.0

    Source: https://keras.io/api/metrics/correlation_metrics/
    """

    _direction = "up"

    def __init__(self, name: str | None = "concordance_correlation", dtype: Any = None, axis: int = -1):
        super().__init__(concordance_correlation, name=name, dtype=dtype, axis=axis)
        self.axis = axis
