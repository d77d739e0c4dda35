"""H. The span: n steps in one compiled program, n an argument, so that one executable serves every length."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from kibitz.engine.state import in_the_dtype_of


def looped(step: Callable[..., Any], pick: Callable[..., Any], length: int) -> Callable[..., Any]:
    """Build `(constants, carry, data, start, n) -> (carry, rows)`: n steps, and the row that each gave.

    Args:
        step: `(*constants, carry, batch) -> (carry, row)`.
        pick: `(data, index) -> batch`.
        length: The most steps, and so the rows of the buffer.
    """

    def span(
        constants: tuple[Any, ...], carry: Any, data: Any, start: jax.Array, n: jax.Array
    ) -> tuple[Any, jax.Array]:
        def body(index: Any, both: tuple[Any, Any]) -> tuple[Any, Any]:
            before, rows = both
            after, row = step(*constants, before, pick(data, start + index))
            # What is carried has its final dtypes from the start, or the loop would not be one.
            after = jax.tree.map(in_the_dtype_of, after, before)
            put = jax.lax.dynamic_update_index_in_dim
            return after, jax.tree.map(lambda all_rows, one: put(all_rows, one, index, 0), rows, row)

        _, like = jax.eval_shape(step, *constants, carry, jax.eval_shape(pick, data, start))
        rows = jax.tree.map(lambda leaf: jnp.zeros((length, *leaf.shape), leaf.dtype), like)
        return jax.lax.fori_loop(0, n, body, (carry, rows))

    return span


def single(step: Callable[..., Any], pick: Callable[..., Any]) -> Callable[..., Any]:
    """Build the same for programs that must not stand in a loop: one step, whatever n says."""

    def span(
        constants: tuple[Any, ...], carry: Any, data: Any, start: jax.Array, n: jax.Array
    ) -> tuple[Any, jax.Array]:
        del n
        after, row = step(*constants, carry, pick(data, start))
        return jax.tree.map(in_the_dtype_of, after, carry), jax.tree.map(lambda leaf: leaf[None], row)

    return span


def number(value: int) -> jax.Array:
    """A whole number on the device; a NumPy integer would be moved there in silence, and jnp.int32 compiles."""
    return jax.device_put(np.int32(value))
