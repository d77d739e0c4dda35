"""How much of the targets' variance the predictions explain."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from kibitz.errors import UnknownName
from kibitz.losses.align import squeeze_or_expand_to_same_rank
from kibitz.metrics.base import Metric
from kibitz.metrics.require import require_built, require_count, require_table
from kibitz.metrics.weights import spread

AGGREGATIONS = (None, "uniform_average", "variance_weighted_average")


class R2Score(Metric):
    """The share of the targets' variance that the predictions explain: the coefficient of determination.

    1 is perfect, 0 is no better than always saying the mean, and it may be below.

    Args:
        class_aggregation: How the scores of several outputs become one: "uniform_average", or
            "variance_weighted_average" by the targets' variance. None gives one score an output.
        num_regressors: The number of inputs that the model explains with, for the adjusted score. 0 is the plain score.
        name: Its key in the logs.
        dtype: The dtype of the arithmetic. None means "float32".

    Raises:
        UnknownName: If there is no such aggregation.
        InvalidArgument: If `num_regressors` is not a whole number of at least 0.

    Unlike Keras: where there are too few samples for the adjusted score the plain score is given without a warning,
    since it is read inside the compiled step.

    Example:
        >>> from kibitz.metrics.r2 import R2Score
        >>> float(R2Score()([[1.0], [4.0], [3.0]], [[2.0], [4.0], [4.0]]))  # 1 - 2 / 4.667
        0.5714285373687744

    Source: https://keras.io/api/metrics/regression_metrics/
    """

    _direction = "up"

    def __init__(
        self,
        class_aggregation: str | None = "uniform_average",
        num_regressors: int = 0,
        name: str | None = "r2_score",
        dtype: Any = None,
    ):
        super().__init__(name=name, dtype=dtype)
        if class_aggregation not in AGGREGATIONS:
            raise UnknownName(
                "There is no such way to make one score of several.",
                given=class_aggregation,
                there_is=["uniform_average", "variance_weighted_average", "None"],
                cure='class_aggregation="uniform_average"',
            )
        require_count("num_regressors", num_regressors, "the number of the model's inputs", least=0, such_as=0)
        self.class_aggregation = class_aggregation
        self.num_regressors = num_regressors
        self.num_samples = self.add_variable((), "zeros", name="num_samples")
        self._built = False

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take in one batch.

        Args:
            y_true: Targets, `(batch, outputs)`.
            y_pred: Predictions, of the same shape.
            sample_weight: Weights, `(batch,)` or `(batch, outputs)`. None weighs all the same.

        Raises:
            ShapeMismatch: If targets or predictions are no tables of the same shape.
        """
        y_true, y_pred = (jnp.asarray(each).astype(self.dtype) for each in (y_true, y_pred))
        y_true, y_pred = squeeze_or_expand_to_same_rank(y_true, y_pred)
        require_table(self.name, y_true, y_pred)
        if not self._built:
            self._build(y_pred.shape[-1])
        weight = spread(sample_weight, y_true, self.dtype)
        self.sum.assign_add(jnp.sum(y_true * weight, axis=0))
        self.squared_sum.assign_add(jnp.sum(y_true * (y_true * weight), axis=0))
        self.total_mse.assign_add(jnp.sum((y_true - y_pred) ** 2 * weight, axis=0))
        self.count.assign_add(jnp.sum(weight, axis=0))
        self.num_samples.assign_add(y_true.size)

    def result(self) -> jax.Array:
        """The score so far."""
        require_built(self.name, built=self._built)
        summed = self.sum.value
        total = self.squared_sum.value - summed * (summed / self.count.value)
        scores = 1 - self.total_mse.value / total
        scores = jnp.where(jnp.isinf(scores), 0.0, scores)
        if self.class_aggregation == "uniform_average":
            scores = jnp.mean(scores)
        elif self.class_aggregation == "variance_weighted_average":
            scores = jnp.sum(total * scores) / jnp.sum(total)
        return self._adjusted(scores) if self.num_regressors else scores

    def get_config(self) -> dict[str, Any]:
        """The arguments that would make it again."""
        own = {"class_aggregation": self.class_aggregation, "num_regressors": self.num_regressors}
        return {**super().get_config(), **own}

    def _build(self, outputs: int) -> None:
        self.squared_sum = self.add_variable((outputs,), "zeros", name="squared_sum")
        self.sum = self.add_variable((outputs,), "zeros", name="sum")
        self.total_mse = self.add_variable((outputs,), "zeros", name="residual")
        self.count = self.add_variable((outputs,), "zeros", name="count")
        self._built = True

    def _adjusted(self, scores: jax.Array) -> jax.Array:
        samples = self.num_samples.value
        left = samples - self.num_regressors - 1
        adjusted = 1 - (1 - scores) * (samples - 1) / jnp.where(left > 0, left, 1)
        return jnp.where(left > 0, adjusted, scores)
