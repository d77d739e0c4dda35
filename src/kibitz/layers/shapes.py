"""Shapes with sizes that are not known yet: checked, and carried through a module without computing anything."""

from __future__ import annotations

import operator
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

from kibitz.errors import InvalidArgument

# Two sizes that no constant of a module is likely to be: where the outputs differ, the size is that of the batch.
PROBES = (37, 41)


def known_shape(shape: Any, owner: str) -> Any:
    """Return a shape as a tuple of whole numbers and None; lists and dicts of shapes keep their form.

    Raises:
        InvalidArgument: If a size is no whole number, or less than 0.

    Example:
        >>> from kibitz.layers.shapes import known_shape
        >>> known_shape([None, 28, 28], "conv2d")
        (None, 28, 28)
    """
    if isinstance(shape, dict):
        return {key: known_shape(each, owner) for key, each in shape.items()}
    if isinstance(shape, list | tuple) and any(isinstance(each, list | tuple | dict) for each in shape):
        return tuple(known_shape(each, owner) for each in shape)
    if shape is None:
        return None
    try:
        return tuple(None if size is None else _size(size) for size in shape)
    except (TypeError, ValueError):
        raise InvalidArgument(
            f"This is no shape for {owner}.",
            given=shape,
            wanted="whole numbers, and None for a size that is not known",
            cure="(None, 784)",
        ) from None


def output_shape(module: Any, input_shape: Any, dtype: Any = "float32") -> Any:
    """The shape that any NNX module makes of inputs of a shape, without computing.

    Args:
        module: A module that is called with one argument; a layer must be built.
        input_shape: A shape with None where a size is not known, or a tuple or dict of shapes.
        dtype: The inputs' dtype.

    Example:
        >>> from flax import nnx
        >>> from kibitz.layers.shapes import output_shape
        >>> output_shape(nnx.Linear(3, 2, rngs=nnx.Rngs(0)), (None, 3))
        (None, 2)
    """
    graphdef, state = nnx.split(module)

    def outputs(size: int) -> Any:
        def given(shape: Any) -> jax.ShapeDtypeStruct:
            return jax.ShapeDtypeStruct(tuple(size if each is None else each for each in shape), jnp.dtype(dtype))

        structs = jax.tree.map(given, input_shape, is_leaf=_is_shape)

        def run(inputs: Any) -> Any:
            # Copied within the trace, so that random counts may move there, and do not move here.
            return nnx.merge(graphdef, state, copy=True)(inputs)

        return jax.eval_shape(run, structs)

    one, other = (outputs(size) for size in PROBES)
    return jax.tree.map(_agreed, one, other)


def _agreed(one: Any, other: Any) -> tuple[int | None, ...]:
    return tuple(a if a == b else None for a, b in zip(one.shape, other.shape, strict=True))


def _is_shape(value: Any) -> bool:
    return isinstance(value, tuple) and all(size is None or isinstance(size, int) for size in value)


def _size(value: Any) -> int:
    size = operator.index(value)
    if isinstance(value, bool) or size < 0:
        raise InvalidArgument(
            "This is no size.", given=value, wanted="0 or more", cure="None, if the size is not known"
        )
    return size
