"""Means and sums over samples: what most metrics are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

import jax
import jax.numpy as jnp

from kibitz.errors import ShapeMismatch, WrongType, code
from kibitz.losses.align import squeeze_or_expand_to_same_rank
from kibitz.losses.mask import mask_of, masks_left
from kibitz.losses.reduction import apply_mask
from kibitz.metrics.base import Metric
from kibitz.metrics.direction import direction_of


def divide_no_nan(x1: Any, x2: Any) -> jax.Array:
    """Divide, and give 0 where the divisor is 0: a metric that has seen nothing is 0.

    Args:
        x1: The dividend, an array.
        x2: The divisor, an array that broadcasts against it.

    Example:
        >>> from kibitz.metrics.reduction import divide_no_nan
        >>> divide_no_nan([1.0, 1.0], [2.0, 0.0]).tolist()
        [0.5, 0.0]
    """
    x1, x2 = jnp.asarray(x1), jnp.asarray(x2)
    return jnp.where(x2 == 0, 0, jnp.divide(x1, jnp.where(x2 == 0, 1, x2)))


def samplewise(
    values: Any, sample_weight: Any, reduce: Callable[..., jax.Array], dtype: str
) -> tuple[jax.Array, jax.Array | None]:
    """Bring values to one number a sample, weighted, and the weights with them.

    Args:
        values: One value or more a sample: `(batch, ...)`, or a single number.
        sample_weight: Weights for each sample, or for each of its first dimensions. None weighs all the same.
        reduce: `jnp.mean` or `jnp.sum`, for the dimensions beyond the first.
        dtype: The dtype to compute in.

    Raises:
        ShapeMismatch: If the weights do not broadcast against the values.

    Example:
        >>> import jax.numpy as jnp
        >>> from kibitz.metrics.reduction import samplewise
        >>> values, weights = samplewise([[1.0, 3.0], [5.0, 7.0]], [1.0, 0.5], jnp.mean, "float32")
        >>> values.tolist(), weights.tolist()
        ([2.0, 3.0], [1.0, 0.5])
    """
    values = jnp.asarray(values).astype(dtype)
    if sample_weight is not None:
        sample_weight = jnp.asarray(sample_weight).astype(dtype)
        values, sample_weight = squeeze_or_expand_to_same_rank(values, sample_weight)
        if values.ndim > sample_weight.ndim:
            values = reduce(values, axis=tuple(range(sample_weight.ndim, values.ndim)))
        sample_weight = _spread(sample_weight, values)
        values = values * sample_weight
        if sample_weight.ndim > 1:
            sample_weight = reduce(sample_weight, axis=tuple(range(1, sample_weight.ndim)))
    if values.ndim > 1:
        values = reduce(values, axis=tuple(range(1, values.ndim)))
    return values, sample_weight


class Sum(Metric):
    """Add up the (weighted) values of all batches.

    Args:
        name: Its key in the logs.
        dtype: The dtype of the sum. None means "float32".

    Example:
        >>> from kibitz.metrics.reduction import Sum
        >>> metric = Sum()
        >>> metric.update_state([1, 3, 5, 7], sample_weight=[1, 1, 0, 0])
        >>> float(metric.result())
        4.0

    Source: https://keras.io/api/metrics/reduction_metrics/
    """

    def __init__(self, name: str | None = "sum", dtype: Any = None):
        super().__init__(name=name, dtype=dtype)
        self.total = self.add_variable((), "zeros", dtype=self.dtype, name="total")

    def update_state(self, values: Any, sample_weight: Any = None) -> None:
        """Add one batch of values, `(batch, ...)` or a number."""
        values, _ = samplewise(values, sample_weight, jnp.sum, self.dtype)
        self.total.assign_add(jnp.sum(values))

    def result(self) -> jax.Array:
        """The sum so far."""
        return self.total.value


class Mean(Metric):
    """Average the (weighted) values of all batches, each sample alike however the batches were cut.

    Args:
        name: Its key in the logs.
        dtype: The dtype of the sums. None means "float32".

    Example:
        >>> from kibitz.metrics.reduction import Mean
        >>> metric = Mean()
        >>> metric.update_state([1, 3, 5])
        >>> metric.update_state([7])
        >>> float(metric.result())
        4.0

    Source: https://keras.io/api/metrics/reduction_metrics/
    """

    def __init__(self, name: str | None = "mean", dtype: Any = None):
        super().__init__(name=name, dtype=dtype)
        self.total = self.add_variable((), "zeros", dtype=self.dtype, name="total")
        self.count = self.add_variable((), "zeros", dtype=self.dtype, name="count")

    def update_state(self, values: Any, sample_weight: Any = None) -> None:
        """Add one batch of values, `(batch, ...)`, or a number, which counts as one sample."""
        values, weights = samplewise(values, sample_weight, jnp.mean, self.dtype)
        self.total.assign_add(jnp.sum(values))
        if weights is not None:
            self.count.assign_add(jnp.sum(weights))
        else:
            self.count.assign_add(values.shape[0] if values.ndim else 1)

    def result(self) -> jax.Array:
        """The mean so far; 0 before the first batch."""
        return divide_no_nan(self.total.value, self.count.value)


class MeanMetricWrapper(Mean):
    """Make a metric of a plain function `(y_true, y_pred)`: its mean over all samples.

    `compile(metrics=[my_function])` does it by itself; use it to give the function more arguments.

    Args:
        fn: A function of `(y_true, y_pred)`, and of `kwargs`, that gives one value or more a sample. A single number
            counts as one sample, so that short batches weigh as much as full ones.
        name: Its key in the logs. None means "mean_metric_wrapper", made unique.
        dtype: The dtype of the sums. None means "float32".
        kwargs: Handed on to `fn` at every batch.

    Raises:
        WrongType: If `fn` cannot be called.

    Unlike Keras: functions of `kibitz.metrics` have the direction "up", and a function may carry one as `_direction`.

    Example:
        >>> import jax.numpy as jnp
        >>> from kibitz.metrics.reduction import MeanMetricWrapper
        >>> def gap(y_true, y_pred):
        ...     return jnp.abs(y_true - y_pred)
        >>> metric = MeanMetricWrapper(gap, name="gap")
        >>> metric.update_state(jnp.array([0.0, 0.0]), jnp.array([1.0, 3.0]))
        >>> float(metric.result())
        2.0

    Source: https://keras.io/api/metrics/reduction_metrics/
    """

    def __init__(self, fn: Callable[..., Any], name: str | None = None, dtype: Any = None, **kwargs: Any):
        if not callable(fn):
            raise WrongType("A metric wraps a function.", given=fn, wanted="fn(y_true, y_pred)", cure="fn=my_function")
        super().__init__(name=name, dtype=dtype)
        self._fn = fn
        self._fn_kwargs = kwargs
        self._direction = type(self)._direction or direction_of(fn)  # noqa: SLF001 - our own class's

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take in one batch.

        Args:
            y_true: Labels, of the shape that the function compares with `y_pred`.
            y_pred: Predictions, `(batch, ...)`.
            sample_weight: Weights that broadcast against what the function gives. None weighs all the same.
        """
        with masks_left() as notes:
            values = self._fn(y_true, y_pred, **self._fn_kwargs)
        if values is None:
            raise WrongType(
                f'The function of the metric "{self.name}" returned None.',
                given=self._fn,
                wanted="one value for each sample",
                cure="return jnp.abs(y_true - y_pred)",
            )
        mask = mask_of(values, notes)
        if sample_weight is not None and mask is not None:
            # Without weights Keras counts masked values, as zeros; so it is here.
            sample_weight = apply_mask(sample_weight, mask, self.dtype, "sum")
        super().update_state(values, sample_weight=sample_weight)

    def get_config(self) -> dict[str, Any]:
        """The arguments that would make it again, the function by its name."""
        from kibitz.metrics.registry import serialize_function

        return {**super().get_config(), "fn": serialize_function(self._fn), **self._fn_kwargs}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """Make it again; a function of your own may stand in the place of its name."""
        from kibitz.metrics.registry import deserialize_function

        return cls(**{**config, "fn": deserialize_function(config["fn"])})


class ShippedMetric(MeanMetricWrapper):
    """A mean of one fixed function: the base of the shipped metrics whose class stands for a function.

    The function is no part of the configuration; its arguments are.
    """

    def get_config(self) -> dict[str, Any]:
        """The arguments that would make it again."""
        return {**Metric.get_config(self), **self._fn_kwargs}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """Make a metric from what `get_config` gave."""
        return cls(**config)


def _spread(weights: jax.Array, values: jax.Array) -> jax.Array:
    try:
        return jnp.broadcast_to(weights, values.shape)
    except ValueError:
        raise ShapeMismatch(
            "The sample weights do not fit the metric's values, one or more for each sample.",
            given=code(f"sample_weight of shape {tuple(weights.shape)}, values of shape {tuple(values.shape)}"),
            wanted=f"a shape that broadcasts to {tuple(values.shape)}",
            cure="one weight for each sample, and a metric that gives one value for each sample",
        ) from None
