"""How often a prediction is right: equal, over a threshold, or the greatest of all classes."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from kibitz.losses.align import squeeze_or_expand_to_same_rank
from kibitz.metrics.reduction import ShippedMetric
from kibitz.metrics.require import require_same_shape


def accuracy(y_true: Any, y_pred: Any) -> jax.Array:
    """1 where a prediction equals its label, 0 elsewhere.

    Args:
        y_true: Labels, of the shape of `y_pred`.
        y_pred: Predicted labels (not probabilities).

    Raises:
        ShapeMismatch: If there is not one label for each prediction.

    Example:
        >>> from kibitz.metrics.accuracy import accuracy
        >>> accuracy([1, 2, 3], [1, 2, 0]).tolist()
        [1.0, 1.0, 0.0]
    """
    y_pred = jnp.asarray(y_pred)
    y_true, y_pred = squeeze_or_expand_to_same_rank(jnp.asarray(y_true).astype(y_pred.dtype), y_pred)
    require_same_shape("accuracy", y_true, y_pred, "predicted labels of the shape of y_true")
    return (y_true == y_pred).astype(jnp.float32)


def binary_accuracy(y_true: Any, y_pred: Any, threshold: float = 0.5) -> jax.Array:
    """1 where a prediction lies on its label's side of the threshold, 0 elsewhere.

    Args:
        y_true: Labels, 0 or 1, of the shape of `y_pred`.
        y_pred: Predictions; those above `threshold` say 1.
        threshold: Where 0 ends and 1 begins.

    Raises:
        ShapeMismatch: If there is not one label for each prediction.

    Example:
        >>> from kibitz.metrics.accuracy import binary_accuracy
        >>> binary_accuracy([1, 1, 0], [0.9, 0.5, 0.1]).tolist()
        [1.0, 0.0, 1.0]

    Source: https://keras.io/api/metrics/accuracy_metrics/
    """
    y_true, y_pred = squeeze_or_expand_to_same_rank(jnp.asarray(y_true), jnp.asarray(y_pred))
    require_same_shape("binary_accuracy", y_true, y_pred, "labels with one value for each output of the model")
    return ((y_pred > threshold).astype(y_true.dtype) == y_true).astype(jnp.float32)


def categorical_accuracy(y_true: Any, y_pred: Any) -> jax.Array:
    """1 where the greatest prediction stands at the greatest label, 0 elsewhere.

    Args:
        y_true: Labels, one-hot: `(batch, ..., classes)`.
        y_pred: Scores or probabilities, of the same shape.

    Raises:
        ShapeMismatch: If there is not one label for each prediction.

    Example:
        >>> from kibitz.metrics.accuracy import categorical_accuracy
        >>> categorical_accuracy([[0, 1], [1, 0]], [[0.2, 0.8], [0.4, 0.6]]).tolist()
        [1.0, 0.0]

    Source: https://keras.io/api/metrics/accuracy_metrics/
    """
    labels, found = jnp.argmax(jnp.asarray(y_true), axis=-1), jnp.argmax(jnp.asarray(y_pred), axis=-1)
    if labels.ndim == found.ndim + 1 and labels.shape[-1] == 1:
        labels = labels[..., 0]
    require_same_shape("categorical_accuracy", labels, found, "one-hot labels, or the sparse_ form for class numbers")
    return (labels == found).astype(jnp.float32)


def sparse_categorical_accuracy(y_true: Any, y_pred: Any) -> jax.Array:
    """1 where the greatest prediction stands at the label's place, 0 elsewhere.

    Args:
        y_true: Labels, the number of the class: `(batch, ...)` or `(batch, ..., 1)`.
        y_pred: Scores or probabilities, `(batch, ..., classes)`.

    Raises:
        ShapeMismatch: If there is not one label for each prediction.

    Unlike Keras: labels are not cast to the dtype of the predictions, where bfloat16 would merge classes above 256.

    Example:
        >>> from kibitz.metrics.accuracy import sparse_categorical_accuracy
        >>> sparse_categorical_accuracy([1, 0], [[0.2, 0.8], [0.4, 0.6]]).tolist()
        [1.0, 0.0]

    Source: https://keras.io/api/metrics/accuracy_metrics/
    """
    y_true, y_pred = jnp.asarray(y_true), jnp.asarray(y_pred)
    if y_true.ndim == y_pred.ndim and y_true.shape[-1] == 1:
        y_true = y_true[..., 0]
    found = jnp.argmax(y_pred, axis=-1)
    require_same_shape(
        "sparse_categorical_accuracy", y_true, found, "class numbers, or CategoricalAccuracy for one-hot"
    )
    labels = y_true if jnp.issubdtype(y_true.dtype, jnp.floating) else y_true.astype(jnp.int32)
    matches = (labels == found.astype(labels.dtype)).astype(jnp.float32)
    return matches[..., 0] if matches.ndim > 1 and matches.shape[-1] == 1 else matches


class Accuracy(ShippedMetric):
    """How often predictions equal labels.

    Use it for predictions that are labels already; `metrics=["accuracy"]` picks the accuracy that fits the shapes.

    Args:
        name: Its key in the logs.
        dtype: The dtype of the sums. None means "float32".

    Example:
        >>> from kibitz.metrics.accuracy import Accuracy
        >>> float(Accuracy()([1, 2, 3, 4], [0, 2, 3, 4]))
        0.75

    Source: https://keras.io/api/metrics/accuracy_metrics/
    """

    _direction = "up"

    def __init__(self, name: str | None = "accuracy", dtype: Any = None):
        super().__init__(accuracy, name=name, dtype=dtype)


class BinaryAccuracy(ShippedMetric):
    """How often predictions are on the right side of a threshold.

    Args:
        name: Its key in the logs.
        dtype: The dtype of the sums. None means "float32".
        threshold: Predictions above it say 1.

    Example:
        >>> from kibitz.metrics.accuracy import BinaryAccuracy
        >>> float(BinaryAccuracy()([1, 1, 0, 0], [0.98, 1, 0, 0.6]))
        0.75

    Source: https://keras.io/api/metrics/accuracy_metrics/
    """

    _direction = "up"

    def __init__(self, name: str | None = "binary_accuracy", dtype: Any = None, threshold: float = 0.5):
        super().__init__(binary_accuracy, name=name, dtype=dtype, threshold=threshold)
        self.threshold = threshold


class CategoricalAccuracy(ShippedMetric):
    """How often the greatest prediction is at the one-hot label's place.

    Args:
        name: Its key in the logs.
        dtype: The dtype of the sums. None means "float32".

    Example:
        >>> from kibitz.metrics.accuracy import CategoricalAccuracy
        >>> float(CategoricalAccuracy()([[0, 1], [1, 0]], [[0.2, 0.8], [0.4, 0.6]]))
        0.5

    Source: https://keras.io/api/metrics/accuracy_metrics/
    """

    _direction = "up"

    def __init__(self, name: str | None = "categorical_accuracy", dtype: Any = None):
        super().__init__(categorical_accuracy, name=name, dtype=dtype)


class SparseCategoricalAccuracy(ShippedMetric):
    """How often the greatest prediction is at the place that the label numbers.

    Args:
        name: Its key in the logs.
        dtype: The dtype of the sums. None means "float32".

    Example:
        >>> from kibitz.metrics.accuracy import SparseCategoricalAccuracy
        >>> float(SparseCategoricalAccuracy()([1, 0], [[0.2, 0.8], [0.4, 0.6]]))
        0.5

    Source: https://keras.io/api/metrics/accuracy_metrics/
    """

    _direction = "up"

    def __init__(self, name: str | None = "sparse_categorical_accuracy", dtype: Any = None):
        super().__init__(sparse_categorical_accuracy, name=name, dtype=dtype)
