"""H. The span: n steps in one compiled program, n an argument, so that one executable serves every length."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp


def looped(step: Callable[..., Any], pick: Callable[..., Any], width: int, length: int) -> Callable[..., Any]:
    """Build `(constants, carry, data, start, n) -> (carry, rows)`: n steps, and the row of numbers that each gave.

    Args:
        step: `(*constants, carry, batch) -> (carry, row)`.
        pick: `(data, index) -> batch`.
        width: Numbers in a row.
        length: The most steps, and so the rows of the buffer.
    """

    def span(
        constants: tuple[Any, ...], carry: Any, data: Any, start: jax.Array, n: jax.Array
    ) -> tuple[Any, jax.Array]:
        def body(index: Any, both: tuple[Any, jax.Array]) -> tuple[Any, jax.Array]:
            before, rows = both
            after, row = step(*constants, before, pick(data, start + index))
            # What is carried has its final dtypes from the start, or the loop would not be one.
            after = jax.tree.map(_as_it_was, before, after)
            return after, jax.lax.dynamic_update_index_in_dim(rows, row, index, 0)

        return jax.lax.fori_loop(0, n, body, (carry, jnp.zeros((length, width), jnp.float32)))

    return span


def single(step: Callable[..., Any], pick: Callable[..., Any]) -> Callable[..., Any]:
    """Build the same for programs that must not stand in a loop: one step, whatever n says."""

    def span(
        constants: tuple[Any, ...], carry: Any, data: Any, start: jax.Array, n: jax.Array
    ) -> tuple[Any, jax.Array]:
        del n
        after, row = step(*constants, carry, pick(data, start))
        return jax.tree.map(_as_it_was, carry, after), row[None]

    return span


def _as_it_was(before: Any, after: Any) -> Any:
    if jnp.issubdtype(before.dtype, jax.dtypes.prng_key):
        return after
    return jnp.asarray(after).astype(before.dtype)


def number(value: int) -> jax.Array:
    """A whole number on the device; a NumPy integer would be moved there in silence."""
    return jax.device_put(jnp.int32(value))


def may_loop(jaxpr: Any, state_bytes: int, platform: str) -> bool:
    """Whether a step may stand in a device loop: a rule that looks at the program and the platform, never at a clock.

    Args:
        jaxpr: The step, traced.
        state_bytes: The size of what is carried.
        platform: "cpu", "gpu" or "tpu".

    Within a loop on CPU a convolution is fast only if its axes stand in XLA's order (`layers/convolve.py` says more); a
    state that is too large for three copies leaves no room to run ahead; and a step of more than 2e9 floating-point
    operations gains nothing on CPU.
    """
    if state_bytes > LARGE:
        return False
    if platform != "cpu":
        return True
    flops, slow = _counted(jaxpr)
    return not slow and flops <= HEAVY


LARGE = 2**28
HEAVY = 2e9


def _counted(jaxpr: Any) -> tuple[float, bool]:
    """Floating-point operations of matrix products and convolutions, and whether one of these is slow in a loop."""
    flops, slow = 0.0, False
    for equation in jaxpr.eqns:
        name = equation.primitive.name
        if name == "conv_general_dilated":
            kernel, axes = equation.invars[1].aval, equation.params["dimension_numbers"]
            flops += 2.0 * kernel.size / kernel.shape[axes.rhs_spec[0]] * equation.outvars[0].aval.size
            slow = slow or not _in_order(equation)
        elif name == "dot_general":
            (contracted, _), _ = equation.params["dimension_numbers"]
            left = equation.invars[0].aval.shape
            depth = 1
            for axis in contracted:
                depth *= left[axis]
            flops += 2.0 * depth * equation.outvars[0].aval.size
        for inner in jax.tree.leaves(list(equation.params.values()), is_leaf=_is_jaxpr):
            if _is_jaxpr(inner):
                more, also = _counted(getattr(inner, "jaxpr", inner))
                times = equation.params["length"] if name == "scan" else 1
                flops, slow = flops + times * more, slow or also
    return flops, slow


def _in_order(convolution: Any) -> bool:
    """Whether the batch is first and the channels last, in a kernel those that come out; and there are no groups."""
    axes, last = convolution.params["dimension_numbers"], convolution.outvars[0].aval.ndim - 1
    images, kernel = (0, last, *range(1, last)), (last, last - 1, *range(last - 1))
    groups = convolution.params["feature_group_count"] * convolution.params["batch_group_count"]
    return axes.lhs_spec == axes.out_spec == images and axes.rhs_spec == kernel and groups == 1


def _is_jaxpr(value: Any) -> bool:
    return hasattr(value, "eqns") or hasattr(value, "jaxpr")
