"""The best of one share where another is held: sensitivity at a specificity, precision at a recall, and the reverse."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from kibitz.losses.function_loss import require_unit_interval
from kibitz.metrics.base import Metric
from kibitz.metrics.counts import count, even_thresholds
from kibitz.metrics.reduction import divide_no_nan
from kibitz.metrics.require import require_count


class _Tradeoff(Metric):
    # The share that is held, and the one that is made best: each a right count, and the wrong one beside it.
    _held, _best = ("", ""), ("", "")
    _argument = ""
    _direction = "up"

    def _prepare(self, value: float, num_thresholds: int, class_id: int | None) -> None:
        require_unit_interval(self._argument, value)
        require_count("num_thresholds", num_thresholds, "the number of thresholds that are tried", such_as=200)
        if class_id is not None:
            require_count("class_id", class_id, "the number of a class", least=None, such_as=0)
        self.value = value
        self.num_thresholds = num_thresholds
        self.class_id = class_id
        self.thresholds = even_thresholds(num_thresholds)
        size = (num_thresholds,)
        self.true_positives = self.add_variable(size, "zeros", name="true_positives")
        self.false_positives = self.add_variable(size, "zeros", name="false_positives")
        self.true_negatives = self.add_variable(size, "zeros", name="true_negatives")
        self.false_negatives = self.add_variable(size, "zeros", name="false_negatives")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take in one batch of labels, 0 or 1, and of predictions of the same shape."""
        counts = count(y_true, y_pred, self.thresholds, class_id=self.class_id, sample_weight=sample_weight)
        self.true_positives.assign_add(counts.true_positives)
        self.false_positives.assign_add(counts.false_positives)
        self.true_negatives.assign_add(counts.true_negatives)
        self.false_negatives.assign_add(counts.false_negatives)

    def result(self) -> jax.Array:
        """The best so far over all thresholds that hold; 0 if none does."""
        held, best = self._share(*self._held), self._share(*self._best)
        return jnp.max(jnp.where(held >= self.value, best, 0), initial=0)

    def get_config(self) -> dict[str, Any]:
        """The arguments that would make it again."""
        own = {self._argument: self.value, "num_thresholds": self.num_thresholds, "class_id": self.class_id}
        return {**super().get_config(), **own}

    def _share(self, right: str, wrong: str) -> jax.Array:
        hits = getattr(self, right)
        return divide_no_nan(hits, hits + getattr(self, wrong))


_SENSITIVITY = ("true_positives", "false_negatives")
_SPECIFICITY = ("true_negatives", "false_positives")
_PRECISION = ("true_positives", "false_positives")


class SensitivityAtSpecificity(_Tradeoff):
    """The greatest share of yeses found where the share of noes left alone is at least so much.

    Sensitivity is recall: the yeses found of all yeses. Specificity is the noes left alone of all noes.

    Args:
        specificity: The specificity that must be reached, 0 to 1.
        num_thresholds: How many thresholds, in even steps from 0 to 1, are tried.
        class_id: Only this class is looked at. None looks at all.
        name: Its key in the logs. None means "sensitivity_at_specificity", made unique.
        dtype: The dtype of the arithmetic. None means "float32".

    Raises:
        InvalidArgument: If `specificity` or `num_thresholds` is no such number.

    Example:
        >>> from kibitz.metrics.tradeoff import SensitivityAtSpecificity
        >>> float(SensitivityAtSpecificity(0.5, num_thresholds=11)([0, 0, 0, 1, 1], [0.0, 0.35, 0.85, 0.25, 0.95]))
        0.5

    Source: https://keras.io/api/metrics/classification_metrics/
    """

    _argument, _held, _best = "specificity", _SPECIFICITY, _SENSITIVITY

    def __init__(
        self,
        specificity: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ):
        super().__init__(name=name, dtype=dtype)
        self.specificity = specificity
        self._prepare(specificity, num_thresholds, class_id)


class SpecificityAtSensitivity(_Tradeoff):
    """The greatest share of noes left alone where the share of yeses found is at least so much.

    Sensitivity is recall: the yeses found of all yeses. Specificity is the noes left alone of all noes.

    Args:
        sensitivity: The sensitivity that must be reached, 0 to 1.
        num_thresholds: How many thresholds, in even steps from 0 to 1, are tried.
        class_id: Only this class is looked at. None looks at all.
        name: Its key in the logs. None means "specificity_at_sensitivity", made unique.
        dtype: The dtype of the arithmetic. None means "float32".

    Raises:
        InvalidArgument: If `sensitivity` or `num_thresholds` is no such number.

    Example:
        >>> from kibitz.metrics.tradeoff import SpecificityAtSensitivity
        >>> float(SpecificityAtSensitivity(0.5, num_thresholds=11)([0, 0, 0, 1, 1], [0.0, 0.35, 0.85, 0.25, 0.95]))
        1.0

    Source: https://keras.io/api/metrics/classification_metrics/
    """

    _argument, _held, _best = "sensitivity", _SENSITIVITY, _SPECIFICITY

    def __init__(
        self,
        sensitivity: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ):
        super().__init__(name=name, dtype=dtype)
        self.sensitivity = sensitivity
        self._prepare(sensitivity, num_thresholds, class_id)


class PrecisionAtRecall(_Tradeoff):
    """The greatest share of right yeses where the share of yeses found is at least so much.

    Use it where so many must be found, and every false alarm costs.

    Args:
        recall: The recall that must be reached, 0 to 1.
        num_thresholds: How many thresholds, in even steps from 0 to 1, are tried.
        class_id: Only this class is looked at. None looks at all.
        name: Its key in the logs. None means "precision_at_recall", made unique.
        dtype: The dtype of the arithmetic. None means "float32".

    Raises:
        InvalidArgument: If `recall` or `num_thresholds` is no such number.

    Example:
        >>> from kibitz.metrics.tradeoff import PrecisionAtRecall
        >>> float(PrecisionAtRecall(0.5, num_thresholds=11)([0, 0, 0, 1, 1], [0.0, 0.35, 0.85, 0.25, 0.95]))
        1.0

    Source: https://keras.io/api/metrics/classification_metrics/
    """

    _argument, _held, _best = "recall", _SENSITIVITY, _PRECISION

    def __init__(
        self,
        recall: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ):
        super().__init__(name=name, dtype=dtype)
        self.recall = recall
        self._prepare(recall, num_thresholds, class_id)


class RecallAtPrecision(_Tradeoff):
    """The greatest share of yeses found where the share of right yeses is at least so much.

    Use it where so few false alarms are allowed, and every one missed costs.

    Args:
        precision: The precision that must be reached, 0 to 1.
        num_thresholds: How many thresholds, in even steps from 0 to 1, are tried.
        class_id: Only this class is looked at. None looks at all.
        name: Its key in the logs. None means "recall_at_precision", made unique.
        dtype: The dtype of the arithmetic. None means "float32".

    Raises:
        InvalidArgument: If `precision` or `num_thresholds` is no such number.

    Example:
        >>> from kibitz.metrics.tradeoff import RecallAtPrecision
        >>> float(RecallAtPrecision(0.5, num_thresholds=11)([0, 0, 0, 1, 1], [0.0, 0.35, 0.85, 0.25, 0.95]))
        1.0

    Source: https://keras.io/api/metrics/classification_metrics/
    """

    _argument, _held, _best = "precision", _PRECISION, _SENSITIVITY

    def __init__(
        self,
        precision: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ):
        super().__init__(name=name, dtype=dtype)
        self.precision = precision
        self._prepare(precision, num_thresholds, class_id)
