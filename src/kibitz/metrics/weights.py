"""One weight a sample, for all that the sample holds."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from kibitz.errors import ShapeMismatch, code
from kibitz.losses.align import squeeze_or_expand_to_same_rank


def spread(sample_weight: Any, values: Any, dtype: Any = "float32") -> jax.Array:
    """Give each value the weight of its sample.

    Args:
        sample_weight: One weight for all, a sample (`(batch,)`), or each place of a sample. None is 1.
        values: The array that is to be weighted, `(batch, ...)`.
        dtype: The dtype of the weights that are given back.

    Raises:
        ShapeMismatch: If there are too few weights, or too many.

    Example:
        >>> import numpy as np
        >>> from kibitz.metrics.weights import spread
        >>> spread([1.0, 2.0], np.zeros((2, 3))).tolist()
        [[1.0, 1.0, 1.0], [2.0, 2.0, 2.0]]
    """
    given = jnp.asarray(1 if sample_weight is None else sample_weight).astype(dtype)
    _, weight = squeeze_or_expand_to_same_rank(values, given, expand_rank_1=False)
    # Its dimensions are the first of the values', not the last as in NumPy.
    weight = weight.reshape(*weight.shape, *[1] * (values.ndim - weight.ndim))
    try:
        return jnp.broadcast_to(weight, values.shape)
    except ValueError:
        raise ShapeMismatch(
            "The sample weights do not fit the labels.",
            given=code(f"sample_weight of shape {given.shape}, labels of shape {tuple(values.shape)}"),
            wanted="one weight for each sample",
            cure="sample_weight.reshape(-1)",
        ) from None
