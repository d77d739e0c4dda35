"""From one loss value per sample to one number: weights, masks, sums and means, as in Keras."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from kibitz.errors import InvalidArgument, ShapeMismatch, UnknownName, code
from kibitz.losses.align import squeeze_or_expand_to_same_rank

REDUCTIONS = ("sum_over_batch_size", "sum", "mean", "mean_with_sample_weight", "none")


def standardize_reduction(reduction: Any) -> str | None:
    """Check the name of a reduction, and give it back.

    Args:
        reduction: "sum_over_batch_size" and "mean" (the sum over the number of values), "sum",
            "mean_with_sample_weight" (the sum over the sum of the weights), "none" or None (no reduction).

    Raises:
        UnknownName: If it is another string.
        InvalidArgument: If it is not a string.

    Example:
        >>> from kibitz.losses.reduction import standardize_reduction
        >>> standardize_reduction("sum")
        'sum'
    """
    if reduction is None or (isinstance(reduction, str) and reduction in REDUCTIONS):
        return reduction
    parts = {"given": reduction, "there_is": (*REDUCTIONS, "None"), "cure": 'reduction="sum_over_batch_size"'}
    if isinstance(reduction, str):
        raise UnknownName("There is no reduction of this name.", **parts)
    raise InvalidArgument("A reduction is named by a string.", **parts)


def reduce_values(values: Any, sample_weight: Any = None, reduction: str | None = "sum_over_batch_size") -> jax.Array:
    """Reduce values that are weighted already.

    Args:
        values: One value per sample, or more (`(batch, ...)`). A single number is given back as it is.
        sample_weight: The weights that `values` were multiplied with; only "mean_with_sample_weight" asks for them.
        reduction: See `standardize_reduction`.

    Example:
        >>> import jax.numpy as jnp
        >>> from kibitz.losses.reduction import reduce_values
        >>> float(reduce_values(jnp.array([1.0, 3.0])))
        2.0
    """
    if reduction in (None, "none") or tuple(values.shape) in ((), (0,)):
        return values
    total = jnp.sum(values)
    if reduction == "sum":
        return total
    if reduction == "mean_with_sample_weight" and sample_weight is not None:
        count = jnp.sum(sample_weight)
    else:
        count = jnp.asarray(values.size)
    return _divide_no_nan(total, count.astype(total.dtype))


def reduce_weighted_values(
    values: Any,
    sample_weight: Any = None,
    mask: Any = None,
    reduction: str | None = "sum_over_batch_size",
    dtype: Any = None,
) -> jax.Array:
    """Weight, mask and reduce the values of a loss.

    Masked values count for nothing, and a mean divides by the number of those that are left.

    Args:
        values: One value per sample, or more (`(batch, ...)`).
        sample_weight: Weights that broadcast against `values`; `(batch,)` and `(batch, 1)` mean the same. None is 1.
        mask: True where a value counts. None is everywhere.
        reduction: See `standardize_reduction`.
        dtype: The dtype to compute in. None keeps that of `values`.

    Raises:
        ShapeMismatch: If the weights do not broadcast against the values.

    Example:
        >>> from kibitz.losses.reduction import reduce_weighted_values
        >>> float(reduce_weighted_values([1.0, 3.0], sample_weight=[1.0, 0.0]))
        0.5
        >>> float(reduce_weighted_values([1.0, 3.0], mask=[True, False]))
        1.0
    """
    reduction = standardize_reduction(reduction)
    values = jnp.asarray(values, dtype=dtype)
    weight = None if sample_weight is None else jnp.asarray(sample_weight, dtype=values.dtype)
    if mask is not None:
        weight = apply_mask(weight, mask, values.dtype, reduction)
    if weight is not None:
        values, weight = squeeze_or_expand_to_same_rank(values, weight)
        _require_broadcast("sample_weight", weight, values)
        values = values * weight
    return reduce_values(values, weight, reduction)


def apply_mask(sample_weight: Any, mask: Any, dtype: Any, reduction: str | None) -> jax.Array:
    """Merge a mask into the weights, so that a mean divides by the number of values that count.

    Args:
        sample_weight: Weights, or None for 1.
        mask: True where a value counts.
        dtype: The dtype of the result.
        reduction: Under a mean over all values the mask carries `total / valid`, else 1.

    Example:
        >>> from kibitz.losses.reduction import apply_mask
        >>> apply_mask(None, [True, False], "float32", "mean").tolist()
        [2.0, 0.0]
    """
    kept = jnp.asarray(mask).astype(dtype)
    if reduction in ("mean", "sum_over_batch_size"):
        share = _divide_no_nan(jnp.asarray(kept.size, dtype=kept.dtype), jnp.sum(kept))
        kept = jnp.where(kept.astype(bool), share, jnp.zeros_like(kept))
    if sample_weight is None:
        return kept
    kept, weight = squeeze_or_expand_to_same_rank(kept, jnp.asarray(sample_weight, dtype=dtype))
    _require_broadcast("sample_weight", weight, kept)
    return weight * kept


def _divide_no_nan(total: jax.Array, count: jax.Array) -> jax.Array:
    return jnp.where(count == 0, jnp.zeros_like(total), total / jnp.where(count == 0, jnp.ones_like(count), count))


def _require_broadcast(name: str, weight: Any, values: Any) -> None:
    try:
        jnp.broadcast_shapes(weight.shape, values.shape)
    except ValueError:
        raise ShapeMismatch(
            f"`{name}` does not fit the values of the loss, one for each sample or for each step of a sequence.",
            given=code(f"{name} of shape {tuple(weight.shape)}, loss values of shape {tuple(values.shape)}"),
            wanted=f"a shape that broadcasts to {tuple(values.shape)}",
            cure=f"{name}.reshape({', '.join(['-1', *['1'] * (values.ndim - 1)])}) for one weight a sample"
            if weight.size == values.shape[0]
            else f"one weight for each sample: {name} of shape {values.shape[:1]}",
        ) from None
