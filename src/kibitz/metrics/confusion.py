"""Counts of right and wrong at a threshold, and their two oldest ratios: precision and recall."""

from __future__ import annotations

from typing import Any

import jax

from kibitz.metrics.base import Metric
from kibitz.metrics.counts import LOWEST, count, parsed_thresholds
from kibitz.metrics.reduction import divide_no_nan
from kibitz.metrics.require import require_count


class _Count(Metric):
    _counted = ""

    def __init__(self, thresholds: Any = None, name: str | None = None, dtype: Any = None):
        super().__init__(name=name, dtype=dtype)
        self.init_thresholds = thresholds
        self.thresholds = parsed_thresholds(thresholds, 0.5)
        self.accumulator = self.add_variable((len(self.thresholds),), "zeros", name="accumulator")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take in one batch of labels, 0 or 1, and of predictions of the same shape."""
        counts = count(y_true, y_pred, self.thresholds, sample_weight=sample_weight)
        self.accumulator.assign_add(getattr(counts, self._counted))

    def result(self) -> jax.Array:
        """The count so far: a number, or one for each of several thresholds."""
        return self.accumulator[0] if len(self.thresholds) == 1 else self.accumulator.value

    def get_config(self) -> dict[str, Any]:
        """The arguments that would make it again."""
        return {**super().get_config(), "thresholds": self.init_thresholds}


class TruePositives(_Count):
    """The (weighted) number of yeses that were predicted as yes.

    Args:
        thresholds: Predictions above it say yes: a number from 0 to 1, or several. None means 0.5.
        name: Its key in the logs. None means "true_positives", made unique.
        dtype: The dtype of the arithmetic. None means "float32".

    Raises:
        InvalidArgument: If a threshold is not a number from 0 to 1.

    Unlike Keras: says that more is better.

    Example:
        >>> from kibitz.metrics.confusion import TruePositives
        >>> float(TruePositives()([0, 1, 1, 1], [1, 0, 1, 1]))
        2.0

    Source: https://keras.io/api/metrics/classification_metrics/
    """

    _counted, _direction = "true_positives", "up"


class TrueNegatives(_Count):
    """The (weighted) number of noes that were predicted as no.

    Args:
        thresholds: Predictions above it say yes: a number from 0 to 1, or several. None means 0.5.
        name: Its key in the logs. None means "true_negatives", made unique.
        dtype: The dtype of the arithmetic. None means "float32".

    Raises:
        InvalidArgument: If a threshold is not a number from 0 to 1.

    Unlike Keras: says that more is better.

    Example:
        >>> from kibitz.metrics.confusion import TrueNegatives
        >>> float(TrueNegatives()([0, 1, 0, 0], [1, 1, 0, 0]))
        2.0

    Source: https://keras.io/api/metrics/classification_metrics/
    """

    _counted, _direction = "true_negatives", "up"


class FalsePositives(_Count):
    """The (weighted) number of noes that were predicted as yes.

    Args:
        thresholds: Predictions above it say yes: a number from 0 to 1, or several. None means 0.5.
        name: Its key in the logs. None means "false_positives", made unique.
        dtype: The dtype of the arithmetic. None means "float32".

    Raises:
        InvalidArgument: If a threshold is not a number from 0 to 1.

    Unlike Keras: says that less is better.

    Example:
        >>> from kibitz.metrics.confusion import FalsePositives
        >>> float(FalsePositives()([0, 1, 0, 0], [0, 0, 1, 1]))
        2.0

    Source: https://keras.io/api/metrics/classification_metrics/
    """

    _counted, _direction = "false_positives", "down"


class FalseNegatives(_Count):
    """The (weighted) number of yeses that were predicted as no.

    Args:
        thresholds: Predictions above it say yes: a number from 0 to 1, or several. None means 0.5.
        name: Its key in the logs. None means "false_negatives", made unique.
        dtype: The dtype of the arithmetic. None means "float32".

    Raises:
        InvalidArgument: If a threshold is not a number from 0 to 1.

    Unlike Keras: says that less is better.

    Example:
        >>> from kibitz.metrics.confusion import FalseNegatives
        >>> float(FalseNegatives()([0, 1, 1, 1], [0, 1, 0, 0]))
        2.0

    Source: https://keras.io/api/metrics/classification_metrics/
    """

    _counted, _direction = "false_negatives", "down"


class _Share(Metric):
    _missed = ""
    _direction = "up"

    def __init__(
        self,
        thresholds: Any = None,
        top_k: int | None = None,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ):
        super().__init__(name=name, dtype=dtype)
        if top_k is not None:
            require_count("top_k", top_k, "the number of predictions of a sample that may say yes")
        if class_id is not None:
            require_count("class_id", class_id, "the number of a class", least=None, such_as=0)
        self.init_thresholds = thresholds
        self.top_k = top_k
        self.class_id = class_id
        self.thresholds = parsed_thresholds(thresholds, 0.5 if top_k is None else LOWEST)
        size = (len(self.thresholds),)
        self.true_positives = self.add_variable(size, "zeros", name="true_positives")
        setattr(self, self._missed, self.add_variable(size, "zeros", name=self._missed))

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take in one batch of labels, 0 or 1, and of predictions of the same shape."""
        counts = count(
            y_true, y_pred, self.thresholds, top_k=self.top_k, class_id=self.class_id, sample_weight=sample_weight
        )
        self.true_positives.assign_add(counts.true_positives)
        getattr(self, self._missed).assign_add(getattr(counts, self._missed))

    def result(self) -> jax.Array:
        """The share so far: a number, or one for each of several thresholds; 0 where there was nothing to count."""
        share = divide_no_nan(self.true_positives, self.true_positives + getattr(self, self._missed))
        return share[0] if len(self.thresholds) == 1 else share

    def get_config(self) -> dict[str, Any]:
        """The arguments that would make it again."""
        own = {"thresholds": self.init_thresholds, "top_k": self.top_k, "class_id": self.class_id}
        return {**super().get_config(), **own}


class Precision(_Share):
    """How many of the predicted yeses are right.

    Args:
        thresholds: Predictions above it say yes: a number from 0 to 1, or several. None means 0.5, with `top_k` none.
        top_k: Only the k greatest predictions of each sample may say yes. None lets all.
        class_id: Only this class is looked at. None looks at all.
        name: Its key in the logs. None means "precision", made unique.
        dtype: The dtype of the arithmetic. None means "float32".

    Raises:
        InvalidArgument: If a threshold is not a number from 0 to 1, or `top_k` or `class_id` is no whole number.

    Example:
        >>> from kibitz.metrics.confusion import Precision
        >>> float(Precision()([0, 1, 0, 1], [0.9, 0.8, 0.1, 0.2]))
        0.5

    Source: https://keras.io/api/metrics/classification_metrics/
    """

    _missed = "false_positives"


class Recall(_Share):
    """How many of the yeses are found.

    Args:
        thresholds: Predictions above it say yes: a number from 0 to 1, or several. None means 0.5, with `top_k` none.
        top_k: Only the k greatest predictions of each sample may say yes. None lets all.
        class_id: Only this class is looked at. None looks at all.
        name: Its key in the logs. None means "recall", made unique.
        dtype: The dtype of the arithmetic. None means "float32".

    Raises:
        InvalidArgument: If a threshold is not a number from 0 to 1, or `top_k` or `class_id` is no whole number.

    Example:
        >>> from kibitz.metrics.confusion import Recall
        >>> float(Recall()([1, 1, 1, 1], [0.9, 0.8, 0.7, 0.2]))
        0.75

    Source: https://keras.io/api/metrics/classification_metrics/
    """

    _missed = "false_negatives"
