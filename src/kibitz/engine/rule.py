"""H. How a program is to be run: a rule that looks at the program and the platform, never at a clock."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax

LARGE = 2**28  # bytes of state of which there may not be three copies
ROOMY = 2**25  # bytes of state that take so long to update on CPU that dispatch is nothing; no second copy of more
HEAVY = 2e9  # floating-point operations of a step that is not worth a loop on CPU
BUFFER = 2**24  # bytes that the rows of a span may take


class Manner(NamedTuple):
    """How the steps of one kind are run.

    Args:
        loops: Whether they may stand in a device loop.
        donates: Whether a step may destroy the state that it is given, so that there is never a second one.
        most: The most steps of a span.
        ahead: Whether a span may be sent to the device before the hooks have come to it.
    """

    loops: bool = False
    donates: bool = False
    most: int = 1
    ahead: bool = True


def manner(jaxpr: Any, carry: Any, row: Any, longest: int, platform: str) -> Manner:
    """Choose how a step is run.

    Args:
        jaxpr: The step, traced.
        carry: What goes from step to step.
        row: What each step gives besides, or its shapes.
        longest: The most steps that anybody wants in a span.
        platform: "cpu", "gpu" or "tpu".

    Within a loop on CPU a convolution is fast only if its axes stand in XLA's order (`layers/convolve.py` says more); a
    step of more than 2e9 floating-point operations, or with more than 32 MB to update, gains nothing there, nor from
    being sent ahead, so it may as well be given the state to keep; and a state that is too large for three copies
    leaves no room to run ahead anywhere.
    """
    size = _bytes(carry)
    flops, slow = counted(jaxpr)
    heavy = size > ROOMY or flops > HEAVY if platform == "cpu" else size > LARGE
    loops = not heavy and not (slow and platform == "cpu")
    most = max(1, min(longest, BUFFER // max(_bytes(row), 1))) if loops else 1
    return Manner(loops, heavy, most)


def _bytes(tree: Any) -> int:
    return sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(tree))


def counted(jaxpr: Any) -> tuple[float, bool]:
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
                more, also = counted(getattr(inner, "jaxpr", inner))
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
