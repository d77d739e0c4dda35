"""The moving average of the weights, as Keras's `use_ema` keeps it."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp


def moving_average(average: Any, params: Any, momentum: float, updates: jax.Array) -> Any:
    """Move the average on to the present weights; before the first update it becomes them.

    Args:
        average: The tree of averages.
        params: The tree of weights, after the step.
        momentum: How much of the old average stays.
        updates: How many updates there had been before this step.

    Example:
        >>> import jax.numpy as jnp
        >>> from kibitz.optimizers.ema import moving_average
        >>> zero, four = {"w": jnp.zeros(1)}, {"w": 4 * jnp.ones(1)}
        >>> moving_average(zero, four, 0.75, 0)["w"].tolist(), moving_average(zero, four, 0.75, 1)["w"].tolist()
        ([4.0], [1.0])
    """

    def move(old: jax.Array, new: jax.Array) -> jax.Array:
        stays = jnp.asarray(jnp.not_equal(updates, 0), new.dtype) * momentum
        return stays * old + (1 - stays) * new

    return jax.tree.map(move, average, params)


def overwritten(params: Any, average: Any, every: int | None, updates: jax.Array) -> Any:
    """Put the average in place of the weights where it is due.

    Args:
        params: The tree of weights, after the step.
        average: The tree of averages, after the step.
        every: After how many updates. None means never.
        updates: How many updates there had been before this step.

    Example:
        >>> from kibitz.optimizers.ema import overwritten
        >>> [float(overwritten(5.0, 1.0, 2, updates)) for updates in (0, 1, 2)]
        [5.0, 1.0, 5.0]
    """
    if every is None:
        return params
    due = (updates + 1) % every == 0
    return jax.tree.map(lambda new, old: jnp.where(due, old, new), params, average)
