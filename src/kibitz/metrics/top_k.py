"""How often the right class is among the k best."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from kibitz.metrics.reduction import ShippedMetric
from kibitz.metrics.require import require_count, require_same_shape


def top_k_categorical_accuracy(y_true: Any, y_pred: Any, k: int = 5) -> jax.Array:
    """1 where fewer than k classes score above the one-hot label's class, 0 elsewhere.

    Args:
        y_true: Labels, one-hot: `(batch, ..., classes)`.
        y_pred: Scores or probabilities, of the same shape.
        k: How many guesses are allowed, at least 1.

    Raises:
        InvalidArgument: If `k` is not a whole number of at least 1.
        ShapeMismatch: If there is not one label for each row of scores.

    Example:
        >>> from kibitz.metrics.top_k import top_k_categorical_accuracy
        >>> top_k_categorical_accuracy([[0, 0, 1], [0, 1, 0]], [[0.1, 0.9, 0.8], [0.5, 0.1, 0.2]], k=2).tolist()
        [1.0, 0.0]

    Source: https://keras.io/api/metrics/accuracy_metrics/
    """
    return sparse_top_k_categorical_accuracy(jnp.argmax(jnp.asarray(y_true), axis=-1), y_pred, k=k)


def sparse_top_k_categorical_accuracy(y_true: Any, y_pred: Any, k: int = 5, from_sorted_ids: bool = False) -> jax.Array:
    """1 where fewer than k classes score above the label's class, 0 elsewhere.

    Args:
        y_true: Labels, the number of the class: `(batch, ...)`.
        y_pred: Scores, `(batch, ..., classes)`; or with `from_sorted_ids` class numbers, the best first.
        k: How many guesses are allowed, at least 1.
        from_sorted_ids: Whether `y_pred` holds class numbers and not scores.

    Raises:
        InvalidArgument: If `k` is not a whole number of at least 1.
        ShapeMismatch: If there is not one label for each row of scores.

    Example:
        >>> from kibitz.metrics.top_k import sparse_top_k_categorical_accuracy
        >>> sparse_top_k_categorical_accuracy([2, 1], [[0.1, 0.9, 0.8], [0.5, 0.1, 0.2]], k=2).tolist()
        [1.0, 0.0]
        >>> sparse_top_k_categorical_accuracy([2, 1], [[1, 2, 0], [0, 2, 1]], k=2, from_sorted_ids=True).tolist()
        [1.0, 0.0]

    Source: https://keras.io/api/metrics/accuracy_metrics/
    """
    _require_guesses(k)
    y_true, y_pred = jnp.asarray(y_true), jnp.asarray(y_pred)
    labels, scores = y_true.reshape(-1), y_pred.reshape(-1, y_pred.shape[-1])
    require_same_shape("top_k accuracy", labels, scores[:, 0], "the number of one class for each row of scores")
    if from_sorted_ids:
        hits = jnp.any(labels.astype(scores.dtype)[:, None] == scores[:, :k], axis=1)
    else:
        of_label = jnp.take_along_axis(scores, labels.astype(jnp.int32)[:, None], axis=-1)
        # A score that is no number beats nothing, and all others beat it.
        of_label = jnp.where(jnp.isnan(of_label), -jnp.inf, of_label)
        hits = jnp.sum(scores > of_label, axis=-1) < k
    return hits.astype(jnp.float32).reshape(y_true.shape)


class TopKCategoricalAccuracy(ShippedMetric):
    """How often the one-hot label's class is among the k best.

    Args:
        k: How many guesses are allowed, at least 1.
        name: Its key in the logs.
        dtype: The dtype of the sums. None means "float32".

    Raises:
        InvalidArgument: If `k` is not a whole number of at least 1.

    Example:
        >>> from kibitz.metrics.top_k import TopKCategoricalAccuracy
        >>> float(TopKCategoricalAccuracy(k=1)([[0, 0, 1], [0, 1, 0]], [[0.1, 0.9, 0.8], [0.05, 0.95, 0]]))
        0.5

    Source: https://keras.io/api/metrics/accuracy_metrics/
    """

    _direction = "up"

    def __init__(self, k: int = 5, name: str | None = "top_k_categorical_accuracy", dtype: Any = None):
        _require_guesses(k)
        super().__init__(top_k_categorical_accuracy, name=name, dtype=dtype, k=k)
        self.k = k


class SparseTopKCategoricalAccuracy(ShippedMetric):
    """How often the class that the label numbers is among the k best.

    Args:
        k: How many guesses are allowed, at least 1.
        name: Its key in the logs.
        dtype: The dtype of the sums. None means "float32".
        from_sorted_ids: Whether predictions are class numbers, the best first, and not scores.

    Raises:
        InvalidArgument: If `k` is not a whole number of at least 1.

    Example:
        >>> from kibitz.metrics.top_k import SparseTopKCategoricalAccuracy
        >>> float(SparseTopKCategoricalAccuracy(k=1)([2, 1], [[0.1, 0.9, 0.8], [0.05, 0.95, 0]]))
        0.5

    Source: https://keras.io/api/metrics/accuracy_metrics/
    """

    _direction = "up"

    def __init__(
        self,
        k: int = 5,
        name: str | None = "sparse_top_k_categorical_accuracy",
        dtype: Any = None,
        from_sorted_ids: bool = False,
    ):
        _require_guesses(k)
        super().__init__(
            sparse_top_k_categorical_accuracy, name=name, dtype=dtype, k=k, from_sorted_ids=from_sorted_ids
        )
        self.k = k
        self.from_sorted_ids = from_sorted_ids


def _require_guesses(k: Any) -> None:
    require_count("k", k, "the number of guesses that are allowed")
