"""The area under a curve that all thresholds draw: ROC, precision over recall, or the gains of both."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from kibitz.errors import InvalidArgument, ShapeMismatch, UnknownName, code
from kibitz.losses.align import EPSILON
from kibitz.metrics.base import Metric
from kibitz.metrics.counts import count, parsed_thresholds
from kibitz.metrics.reduction import divide_no_nan
from kibitz.metrics.require import require_built, require_count
from kibitz.registered import take

CURVES = ("ROC", "PR", "PRGAIN")
SUMMATIONS = ("interpolation", "minoring", "majoring")


class AUC(Metric):
    """The area under the ROC curve: how likely a yes is ranked above a no. Or under another curve.

    It needs no threshold of yours: it tries many, and adds up what lies below. More thresholds are nearer to the truth.

    Args:
        num_thresholds: How many thresholds, in even steps from 0 to 1, are tried; at least 2.
        curve: "ROC" (recall over false positives), "PR" (precision over recall) or "PRGAIN" (their gains).
        summation_method: "interpolation" (trapezoids; for "PR" as Davis and Goadrich), "minoring" (the lower height of
            each step) or "majoring" (the higher).
        name: Its key in the logs. None means "auc", made unique.
        dtype: The dtype of the arithmetic. None means "float32".
        thresholds: Thresholds of your own, to which 0 and 1 are added. None means `num_thresholds` even steps.
        multi_label: Whether each label (column) has an area of its own, which are averaged; else all are one.
        num_labels: How many labels there are, if `multi_label`. None learns it from the first batch.
        label_weights: One weight a label: of its area if `multi_label`, else of its predictions. None weighs all alike.
        from_logits: Whether predictions are any numbers and not probabilities.

    Raises:
        UnknownName: If there is no such curve or summation.
        InvalidArgument: If `num_thresholds` is below 2, or `num_labels` is given without `multi_label`.

    Example:
        >>> from kibitz.metrics.auc import AUC
        >>> float(AUC(num_thresholds=3)([0, 0, 1, 1], [0.0, 0.5, 0.3, 0.9]))
        0.75

    Source: https://keras.io/api/metrics/classification_metrics/ and Davis and Goadrich, "The Relationship Between
    Precision-Recall and ROC Curves" (2006).
    """

    _direction = "up"

    def __init__(
        self,
        num_thresholds: int = 200,
        curve: str = "ROC",
        summation_method: str = "interpolation",
        name: str | None = None,
        dtype: Any = None,
        thresholds: Any = None,
        multi_label: bool = False,
        num_labels: int | None = None,
        label_weights: Any = None,
        from_logits: bool = False,
    ):
        super().__init__(name=name, dtype=dtype)
        self.curve = _one_of("curve", curve, CURVES)
        self.summation_method = _one_of("summation_method", summation_method, SUMMATIONS)
        self._of_user = thresholds is not None
        between = sorted(parsed_thresholds(thresholds, 0.5)) if self._of_user else _between(num_thresholds)
        # The ends lie a little outside, so that predictions of exactly 0 and 1 are counted.
        self.thresholds = [0.0 - EPSILON, *map(float, between), 1.0 + EPSILON]
        self.num_thresholds = len(self.thresholds)
        self.multi_label = multi_label
        self.num_labels = num_labels
        self.label_weights = None if label_weights is None else np.asarray(label_weights, np.float32).tolist()
        self.from_logits = from_logits
        self._built = False
        if num_labels is not None and not multi_label:
            raise InvalidArgument(
                "`num_labels` is the number of areas, and without `multi_label` there is one.",
                given=num_labels,
                wanted="None, or multi_label=True",
                cure=f"AUC(multi_label=True, num_labels={num_labels})",
            )
        if not multi_label or num_labels is not None:
            self._build(num_labels)

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take in one batch.

        Args:
            y_true: Labels, 0 or 1, of the shape of `y_pred`.
            y_pred: Predictions, 0 to 1; with `multi_label` a table `(batch, labels)`.
            sample_weight: One weight a sample, or a prediction. None weighs all the same.

        Raises:
            ShapeMismatch: If labels and predictions are not alike, or are not what was built for.
        """
        y_pred = jnp.asarray(y_pred)
        if self.multi_label:
            self._require_labels(y_pred)
        if not self._built:
            self._build(y_pred.shape[1])
        counts = count(
            y_true,
            jax.nn.sigmoid(y_pred) if self.from_logits else y_pred,
            self.thresholds,
            sample_weight=sample_weight,
            by_label=self.multi_label,
            label_weights=None if self.multi_label else self.label_weights,
        )
        self.true_positives.assign_add(counts.true_positives)
        self.false_positives.assign_add(counts.false_positives)
        self.true_negatives.assign_add(counts.true_negatives)
        self.false_negatives.assign_add(counts.false_negatives)

    def result(self) -> jax.Array:
        """The area so far."""
        require_built(self.name, built=self._built)
        if self.curve == "PR" and self.summation_method == "interpolation":
            return self._summed(self._pr_steps())
        x, y = {"ROC": self._roc, "PR": self._pr, "PRGAIN": self._pr_gain}[self.curve]()
        if self.summation_method == "interpolation":
            heights = (y[:-1] + y[1:]) / 2.0
        else:
            heights = (jnp.minimum if self.summation_method == "minoring" else jnp.maximum)(y[:-1], y[1:])
        return self._summed((x[:-1] - x[1:]) * heights)

    def get_config(self) -> dict[str, Any]:
        """The arguments that would make it again."""
        own = {
            "num_thresholds": self.num_thresholds,
            "curve": self.curve,
            "summation_method": self.summation_method,
            "multi_label": self.multi_label,
            "num_labels": self.num_labels,
            "label_weights": self.label_weights,
            "from_logits": self.from_logits,
        }
        return {**super().get_config(), **own, **({"thresholds": self.thresholds[1:-1]} if self._of_user else {})}

    def _build(self, labels: int | None) -> None:
        shape = (self.num_thresholds,) if labels is None else (self.num_thresholds, labels)
        self.true_positives = self.add_variable(shape, "zeros", name="true_positives")
        self.false_positives = self.add_variable(shape, "zeros", name="false_positives")
        self.true_negatives = self.add_variable(shape, "zeros", name="true_negatives")
        self.false_negatives = self.add_variable(shape, "zeros", name="false_negatives")
        self._built = True

    def _require_labels(self, y_pred: jax.Array) -> None:
        known = self.true_positives.shape[1] if self._built else None
        labels = known if self.label_weights is None else len(self.label_weights)
        if y_pred.ndim != 2 or any(each not in (None, y_pred.shape[1]) for each in (known, labels)):
            raise ShapeMismatch(
                f"{self.name} with multi_label=True looks at a table, one column a label.",
                given=code(f"y_pred of shape {y_pred.shape}"),
                wanted=f"(batch, {labels or 'labels'})",
                cure="multi_label=False for one area over all predictions",
            )

    def _roc(self) -> tuple[jax.Array, jax.Array]:
        fp = self.false_positives.value
        return divide_no_nan(fp, fp + self.true_negatives.value), self._recall()

    def _pr(self) -> tuple[jax.Array, jax.Array]:
        tp = self.true_positives.value
        return self._recall(), divide_no_nan(tp, tp + self.false_positives.value)

    def _pr_gain(self) -> tuple[jax.Array, jax.Array]:
        tp, fp, fn = self.true_positives.value, self.false_positives.value, self.false_negatives.value
        odds = divide_no_nan(tp + fn, self.true_negatives.value + fp)
        recall = jnp.where(tp == 0, 0.0, 1.0 - odds * divide_no_nan(fn, tp))
        return jnp.maximum(recall, 0.0), jnp.where(tp == 0, 1.0, 1.0 - odds * divide_no_nan(fp, tp))

    def _recall(self) -> jax.Array:
        tp = self.true_positives.value
        return divide_no_nan(tp, tp + self.false_negatives.value)

    def _pr_steps(self) -> jax.Array:
        # Between two thresholds true positives rise in a line with positives, precision does not: the integral of
        # (intercept + slope * p) / p.
        tp = self.true_positives.value
        yeses, p = tp + self.false_negatives.value, tp + self.false_positives.value
        rise = tp[:-1] - tp[1:]
        slope = divide_no_nan(rise, jnp.maximum(p[:-1] - p[1:], 0))
        intercept = tp[1:] - slope * p[1:]
        ratio = jnp.where((p[:-1] > 0) & (p[1:] > 0), divide_no_nan(p[:-1], jnp.maximum(p[1:], 0)), 1.0)
        return divide_no_nan(slope * (rise + intercept * jnp.log(ratio)), jnp.maximum(yeses[1:], 0))

    def _summed(self, steps: jax.Array) -> jax.Array:
        if not self.multi_label:
            return jnp.sum(steps)
        areas = jnp.sum(steps, axis=0)
        if self.label_weights is None:
            return jnp.mean(areas)
        weights = jnp.asarray(self.label_weights, areas.dtype)
        return divide_no_nan(jnp.sum(areas * weights), jnp.sum(weights))


def _between(num_thresholds: Any) -> list[float]:
    require_count("num_thresholds", num_thresholds, "the number of thresholds that are tried", least=2, such_as=200)
    take([num_thresholds], 32, "thresholds")
    # By NumPy, which knows at once that it has no room for so many.
    return (np.ones(num_thresholds - 2).cumsum() / (num_thresholds - 1)).tolist()


def _one_of(argument: str, given: Any, names: tuple[str, ...]) -> str:
    # Keras takes its own enumerations too, whose value is the name.
    spelled = getattr(given, "value", given)
    for name in names:
        if spelled in (name, name.lower(), name.capitalize()):
            return name
    raise UnknownName(f"There is no such `{argument}`.", given=given, there_is=names, cure=f'{argument}="{names[0]}"')
