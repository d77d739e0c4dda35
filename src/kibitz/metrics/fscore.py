"""Precision and recall in one number: their harmonic mean, weighted by beta."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from kibitz.errors import InvalidArgument, UnknownName
from kibitz.losses.align import EPSILON
from kibitz.metrics.base import Metric
from kibitz.metrics.require import require_built, require_table
from kibitz.metrics.weights import spread

AVERAGES = (None, "micro", "macro", "weighted")


class FBetaScore(Metric):
    """The harmonic mean of precision and recall, where recall counts `beta` times as much.

    Args:
        average: How the scores of several classes become one: "micro" (over all predictions), "macro" (the plain mean)
            or "weighted" (by how often a class is there). None gives one score a class.
        beta: How much recall counts; a float above 0. 1.0 is the F1 score.
        threshold: Predictions above it say yes; a float above 0, at most 1. None lets only the greatest of each sample.
        name: Its key in the logs.
        dtype: The dtype of the arithmetic. None means "float32".

    Raises:
        UnknownName: If there is no such average.
        InvalidArgument: If `beta` or `threshold` is not a float in its range.

    Example:
        >>> from kibitz.metrics.fscore import FBetaScore
        >>> metric = FBetaScore(average="micro", beta=2.0, threshold=0.5)
        >>> round(float(metric([[1, 1, 1], [1, 0, 0]], [[0.2, 0.6, 0.7], [0.2, 0.6, 0.6]])), 3)
        0.5

    Source: https://keras.io/api/metrics/classification_metrics/
    """

    _direction = "up"

    def __init__(
        self,
        average: str | None = None,
        beta: float = 1.0,
        threshold: float | None = None,
        name: str | None = "fbeta_score",
        dtype: Any = None,
    ):
        super().__init__(name=name, dtype=dtype)
        if average not in AVERAGES:
            raise UnknownName(
                "There is no such way to make one score of several.",
                given=average,
                there_is=["micro", "macro", "weighted", "None"],
                cure='average="macro"',
            )
        if not isinstance(beta, float) or not beta > 0:
            raise InvalidArgument(
                "`beta` says how much recall counts.", given=beta, wanted="a float above 0", cure="beta=1.0"
            )
        if threshold is not None and not (isinstance(threshold, float) and 0 < threshold <= 1):
            raise InvalidArgument(
                "`threshold` is a share.", given=threshold, wanted="a float above 0, at most 1", cure="threshold=0.5"
            )
        self.average = average
        self.beta = beta
        self.threshold = threshold
        self._built = False

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take in one batch.

        Args:
            y_true: Labels, 0 or 1: `(batch, classes)`.
            y_pred: Predictions, of the same shape.
            sample_weight: One weight a sample, `(batch,)`. None weighs all the same.

        Raises:
            ShapeMismatch: If labels or predictions are no tables of the same shape.
        """
        y_true, y_pred = (jnp.asarray(each).astype(self.dtype) for each in (y_true, y_pred))
        require_table(self.name, y_true, y_pred)
        if not self._built:
            self._build(y_pred.shape[-1])
        if self.threshold is None:
            best = jnp.max(y_pred, axis=-1, keepdims=True)
            says_yes = jnp.logical_and(y_pred >= best, jnp.abs(y_pred) > 1e-9)
        else:
            says_yes = y_pred > self.threshold
        y_pred = says_yes.astype(self.dtype)
        weight = spread(sample_weight, y_true, self.dtype)
        axis = None if self.average == "micro" else 0
        self.true_positives.assign_add(jnp.sum(y_pred * y_true * weight, axis=axis))
        self.false_positives.assign_add(jnp.sum(y_pred * (1 - y_true) * weight, axis=axis))
        self.false_negatives.assign_add(jnp.sum((1 - y_pred) * y_true * weight, axis=axis))
        self.intermediate_weights.assign_add(jnp.sum(y_true * weight, axis=axis))

    def result(self) -> jax.Array:
        """The score so far: a number, or one for each class if `average` is None."""
        require_built(self.name, built=self._built)
        tp = self.true_positives.value
        precision = tp / (tp + self.false_positives.value + EPSILON)
        recall = tp / (tp + self.false_negatives.value + EPSILON)
        mean = precision * recall / (self.beta**2 * precision + recall + EPSILON)
        scores = mean * (1 + self.beta**2)
        if self.average == "weighted":
            weights = self.intermediate_weights.value
            return jnp.sum(scores * (weights / (jnp.sum(weights) + EPSILON)))
        return scores if self.average is None else jnp.mean(scores)

    def get_config(self) -> dict[str, Any]:
        """The arguments that would make it again."""
        own = {"average": self.average, "beta": self.beta, "threshold": self.threshold}
        return {**super().get_config(), **own}

    def _build(self, classes: int) -> None:
        shape = () if self.average == "micro" else (classes,)
        self.true_positives = self.add_variable(shape, "zeros", dtype=self.dtype, name="true_positives")
        self.false_positives = self.add_variable(shape, "zeros", dtype=self.dtype, name="false_positives")
        self.false_negatives = self.add_variable(shape, "zeros", dtype=self.dtype, name="false_negatives")
        self.intermediate_weights = self.add_variable(shape, "zeros", dtype=self.dtype, name="intermediate_weights")
        self._built = True


class F1Score(FBetaScore):
    """The harmonic mean of precision and recall.

    Args:
        average: How the scores of several classes become one: "micro" (over all predictions), "macro" (the plain mean)
            or "weighted" (by how often a class is there). None gives one score a class.
        threshold: Predictions above it say yes; a float above 0, at most 1. None lets only the greatest of each sample.
        name: Its key in the logs.
        dtype: The dtype of the arithmetic. None means "float32".

    Raises:
        UnknownName: If there is no such average.
        InvalidArgument: If `threshold` is not a float in its range.

    Example:
        >>> from kibitz.metrics.fscore import F1Score
        >>> metric = F1Score(threshold=0.5)
        >>> [round(float(each), 3) for each in metric([[1, 1, 1], [1, 0, 0], [1, 1, 0]], [[0.2, 0.6, 0.7]] * 3)]
        [0.0, 0.8, 0.5]

    Source: https://keras.io/api/metrics/classification_metrics/
    """

    def __init__(
        self,
        average: str | None = None,
        threshold: float | None = None,
        name: str | None = "f1_score",
        dtype: Any = None,
    ):
        super().__init__(average=average, beta=1.0, threshold=threshold, name=name, dtype=dtype)

    def get_config(self) -> dict[str, Any]:
        """The arguments that would make it again."""
        config = super().get_config()
        del config["beta"]
        return config
