"""How surprised a predicted distribution is by the labels: the probabilistic losses as metrics."""

from __future__ import annotations

from typing import Any

from kibitz.losses.crossentropy import (
    binary_crossentropy,
    categorical_crossentropy,
    sparse_categorical_crossentropy,
)
from kibitz.losses.probabilistic import kl_divergence, poisson
from kibitz.metrics.reduction import ShippedMetric


class BinaryCrossentropy(ShippedMetric):
    """The mean surprise, in nats, at labels of 0 and 1.

    The loss of the same name as a metric, so that it is seen weighted by samples beside other losses.

    Args:
        name: Its key in the logs.
        dtype: The dtype of the sums. None means "float32".
        from_logits: Whether predictions are any numbers and not probabilities.
        label_smoothing: How far labels are drawn to the middle, 0 to 1.

    Example:
        >>> from kibitz.metrics.probabilistic import BinaryCrossentropy
        >>> round(float(BinaryCrossentropy()([[0.0], [1.0]], [[0.5], [0.5]])), 3)  # log(2)
        0.693

    Source: https://keras.io/api/metrics/probabilistic_metrics/
    """

    _direction = "down"

    def __init__(
        self,
        name: str | None = "binary_crossentropy",
        dtype: Any = None,
        from_logits: bool = False,
        label_smoothing: float = 0,
    ):
        super().__init__(
            binary_crossentropy, name=name, dtype=dtype, from_logits=from_logits, label_smoothing=label_smoothing
        )
        self.from_logits = from_logits
        self.label_smoothing = label_smoothing


class CategoricalCrossentropy(ShippedMetric):
    """The mean surprise, in nats, at one-hot labels.

    The loss of the same name as a metric.

    Args:
        name: Its key in the logs.
        dtype: The dtype of the sums. None means "float32".
        from_logits: Whether predictions are any numbers and not probabilities.
        label_smoothing: How far labels are drawn to the middle, 0 to 1.
        axis: The dimension of the classes.

    Example:
        >>> from kibitz.metrics.probabilistic import CategoricalCrossentropy
        >>> round(float(CategoricalCrossentropy()([[0, 1], [1, 0]], [[0.5, 0.5], [0.5, 0.5]])), 3)  # log(2)
        0.693

    Source: https://keras.io/api/metrics/probabilistic_metrics/
    """

    _direction = "down"

    def __init__(
        self,
        name: str | None = "categorical_crossentropy",
        dtype: Any = None,
        from_logits: bool = False,
        label_smoothing: float = 0,
        axis: int = -1,
    ):
        super().__init__(
            categorical_crossentropy,
            name=name,
            dtype=dtype,
            from_logits=from_logits,
            label_smoothing=label_smoothing,
            axis=axis,
        )
        self.from_logits = from_logits
        self.label_smoothing = label_smoothing
        self.axis = axis


class SparseCategoricalCrossentropy(ShippedMetric):
    """The mean surprise, in nats, at labels that number the class.

    The loss of the same name as a metric.

    Args:
        name: Its key in the logs.
        dtype: The dtype of the sums. None means "float32".
        from_logits: Whether predictions are any numbers and not probabilities.
        ignore_class: A class that counts for 0; with sample weights it does not count at all. None ignores none.
        axis: The dimension of the classes.

    Example:
        >>> from kibitz.metrics.probabilistic import SparseCategoricalCrossentropy
        >>> round(float(SparseCategoricalCrossentropy()([1, 0], [[0.5, 0.5], [0.5, 0.5]])), 3)  # log(2)
        0.693

    Source: https://keras.io/api/metrics/probabilistic_metrics/
    """

    _direction = "down"

    def __init__(
        self,
        name: str | None = "sparse_categorical_crossentropy",
        dtype: Any = None,
        from_logits: bool = False,
        ignore_class: int | None = None,
        axis: int = -1,
    ):
        super().__init__(
            sparse_categorical_crossentropy,
            name=name,
            dtype=dtype,
            from_logits=from_logits,
            ignore_class=ignore_class,
            axis=axis,
        )
        self.from_logits = from_logits
        self.ignore_class = ignore_class
        self.axis = axis


class KLDivergence(ShippedMetric):
    """The mean divergence, in nats, of predicted from true distributions.

    0 where the two are the same.

    Args:
        name: Its key in the logs.
        dtype: The dtype of the sums. None means "float32".

    Unlike Keras: says that less is better.

    Example:
        >>> from kibitz.metrics.probabilistic import KLDivergence
        >>> float(KLDivergence()([[0.5, 0.5]], [[0.5, 0.5]]))
        0.0

    Source: https://keras.io/api/metrics/probabilistic_metrics/
    """

    _direction = "down"

    def __init__(self, name: str | None = "kl_divergence", dtype: Any = None):
        super().__init__(kl_divergence, name=name, dtype=dtype)


class Poisson(ShippedMetric):
    """The mean Poisson loss of predicted rates for counts.

    Less is better; it may be below 0.

    Args:
        name: Its key in the logs.
        dtype: The dtype of the sums. None means "float32".

    Unlike Keras: says that less is better.

    Example:
        >>> from kibitz.metrics.probabilistic import Poisson
        >>> round(float(Poisson()([[0.0], [0.0]], [[1.0], [3.0]])), 3)
        2.0

    Source: https://keras.io/api/metrics/probabilistic_metrics/
    """

    _direction = "down"

    def __init__(self, name: str | None = "poisson", dtype: Any = None):
        super().__init__(poisson, name=name, dtype=dtype)
