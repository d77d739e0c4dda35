"""How far predictions are from targets that are numbers."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from kibitz.losses.align import squeeze_or_expand_to_same_rank
from kibitz.losses.regression import (
    mean_absolute_error,
    mean_absolute_percentage_error,
    mean_squared_error,
    mean_squared_logarithmic_error,
)
from kibitz.losses.robust import log_cosh
from kibitz.losses.similarity import cosine_similarity as minus_cosine
from kibitz.metrics.reduction import Mean, ShippedMetric
from kibitz.metrics.require import require_same_shape


def cosine_similarity(y_true: Any, y_pred: Any, axis: int = -1) -> jax.Array:
    """The cosine of the angle between targets and predictions: the loss of this name with the other sign.

    Args:
        y_true: Targets, `(batch, ..., n)`.
        y_pred: Predictions, of the same shape.
        axis: The dimension along which the vectors lie.

    Example:
        >>> from kibitz.metrics.regression import cosine_similarity
        >>> cosine_similarity([[0.0, 1.0]], [[0.0, 2.0]]).tolist()
        [1.0]
    """
    return -minus_cosine(y_true, y_pred, axis=axis)


class MeanSquaredError(ShippedMetric):
    """The mean of the squared errors.

    Large errors count for much more than small ones; the unit is the target's, squared.

    Args:
        name: Its key in the logs.
        dtype: The dtype of the sums. None means "float32".

    Example:
        >>> from kibitz.metrics.regression import MeanSquaredError
        >>> float(MeanSquaredError()([[0.0, 0.0], [0.0, 0.0]], [[1.0, 1.0], [3.0, 1.0]]))
        3.0

    Source: https://keras.io/api/metrics/regression_metrics/
    """

    _direction = "down"

    def __init__(self, name: str | None = "mean_squared_error", dtype: Any = None):
        super().__init__(mean_squared_error, name=name, dtype=dtype)


class RootMeanSquaredError(Mean):
    """The root of the mean of the squared errors of all batches, in the target's own unit.

    The root is taken of the whole mean, not batch by batch.

    Args:
        name: Its key in the logs.
        dtype: The dtype of the sums. None means "float32".

    Example:
        >>> from kibitz.metrics.regression import RootMeanSquaredError
        >>> float(RootMeanSquaredError()([[0.0], [0.0]], [[1.0], [7.0]]))
        5.0

    Source: https://keras.io/api/metrics/regression_metrics/
    """

    _direction = "down"

    def __init__(self, name: str | None = "root_mean_squared_error", dtype: Any = None):
        super().__init__(name=name, dtype=dtype)

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take in one batch of targets and predictions of the same shape."""
        y_true, y_pred = (jnp.asarray(each).astype(self.dtype) for each in (y_true, y_pred))
        y_true, y_pred = squeeze_or_expand_to_same_rank(y_true, y_pred)
        require_same_shape(self.name, y_true, y_pred, "targets with one value for each output of the model")
        super().update_state(jnp.square(y_pred - y_true), sample_weight=sample_weight)

    def result(self) -> jax.Array:
        """The root of the mean so far."""
        return jnp.sqrt(super().result())


class MeanAbsoluteError(ShippedMetric):
    """The mean of the absolute errors, in the target's own unit.

    Use it where an error of two is twice as bad as an error of one.

    Args:
        name: Its key in the logs.
        dtype: The dtype of the sums. None means "float32".

    Example:
        >>> from kibitz.metrics.regression import MeanAbsoluteError
        >>> float(MeanAbsoluteError()([[0.0, 0.0], [0.0, 0.0]], [[1.0, 1.0], [3.0, 1.0]]))
        1.5

    Source: https://keras.io/api/metrics/regression_metrics/
    """

    _direction = "down"

    def __init__(self, name: str | None = "mean_absolute_error", dtype: Any = None):
        super().__init__(mean_absolute_error, name=name, dtype=dtype)


class MeanAbsolutePercentageError(ShippedMetric):
    """The mean error in per cent of the target.

    Use it where targets differ in size; near 0 it explodes.

    Args:
        name: Its key in the logs.
        dtype: The dtype of the sums. None means "float32".

    Example:
        >>> from kibitz.metrics.regression import MeanAbsolutePercentageError
        >>> float(MeanAbsolutePercentageError()([[1.0], [4.0]], [[2.0], [4.0]]))
        50.0

    Source: https://keras.io/api/metrics/regression_metrics/
    """

    _direction = "down"

    def __init__(self, name: str | None = "mean_absolute_percentage_error", dtype: Any = None):
        super().__init__(mean_absolute_percentage_error, name=name, dtype=dtype)


class MeanSquaredLogarithmicError(ShippedMetric):
    """The mean squared error of the logarithms of one plus the values.

    Use it where the ratio counts and not the difference; values below 0 count as 0.

    Args:
        name: Its key in the logs.
        dtype: The dtype of the sums. None means "float32".

    Example:
        >>> from kibitz.metrics.regression import MeanSquaredLogarithmicError
        >>> round(float(MeanSquaredLogarithmicError()([[0.0]], [[1.0]])), 3)  # log(2) squared
        0.48

    Source: https://keras.io/api/metrics/regression_metrics/
    """

    _direction = "down"

    def __init__(self, name: str | None = "mean_squared_logarithmic_error", dtype: Any = None):
        super().__init__(mean_squared_logarithmic_error, name=name, dtype=dtype)


class LogCoshError(ShippedMetric):
    """The mean of the logarithm of the error's hyperbolic cosine.

    As the squared error for small errors, as the absolute one for large.

    Args:
        name: Its key in the logs.
        dtype: The dtype of the sums. None means "float32".

    Example:
        >>> from kibitz.metrics.regression import LogCoshError
        >>> float(LogCoshError()([[2.0], [3.0]], [[2.0], [3.0]]))
        0.0

    Source: https://keras.io/api/metrics/regression_metrics/
    """

    _direction = "down"

    def __init__(self, name: str | None = "logcosh", dtype: Any = None):
        super().__init__(log_cosh, name=name, dtype=dtype)


class CosineSimilarity(ShippedMetric):
    """The mean cosine of the angle between targets and predictions: 1 for the same direction.

    Use it where only the direction counts, as with embeddings.

    Args:
        name: Its key in the logs.
        dtype: The dtype of the sums. None means "float32".
        axis: The dimension along which the vectors lie.

    Unlike Keras: `axis` is part of the configuration.

    Example:
        >>> from kibitz.metrics.regression import CosineSimilarity
        >>> float(CosineSimilarity()([[0.0, 1.0], [1.0, 0.0]], [[0.0, 2.0], [0.0, 2.0]]))
        0.5

    Source: https://keras.io/api/metrics/regression_metrics/
    """

    _direction = "up"

    def __init__(self, name: str | None = "cosine_similarity", dtype: Any = None, axis: int = -1):
        super().__init__(cosine_similarity, name=name, dtype=dtype, axis=axis)
        self.axis = axis
