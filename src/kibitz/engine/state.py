"""All device state of a model, as one pytree, and the one way in which a value gets into it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from kibitz.errors import ShapeMismatch
from kibitz.layers.spread import spread

Arrays = dict[str, Any]
"""Arrays by name, such as {"dense/linear/kernel": ...}."""


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class TrainState:
    """What a step takes and gives back.

    Args:
        params: What the optimizer moves, by name.
        others: All other variables by name: frozen parameters, moving statistics, random state.
        optimizer: The optimizer's state; an empty dict before compile.
        metrics: The accumulators of the epoch's running means; an empty list before compile.
        graph: What the graph hooks of a run carry along; empty where there are none.
    """

    params: Arrays
    others: Arrays
    optimizer: dict[str, Any]
    metrics: list[Any]
    graph: dict[str, Any] = field(default_factory=dict)

    def with_(self, **parts: Any) -> TrainState:
        """The same state with some parts put in place of the old ones."""
        return replace(self, **parts)

    def variables(self) -> Arrays:
        """Parameters and other variables together."""
        return {**self.params, **self.others}


def canonical(value: Any, like: Any, name: str) -> jax.Array:
    """A copy of a value on the device, with the dtype, the shape and the strong type of the one it replaces.

    Every write goes through here: anything else that looks the same (a Python float, a weakly typed array) would
    compile the step again. It lies where that one lay, on several devices too, unless the value itself is spread over
    several.

    Raises:
        ShapeMismatch: If the shapes differ.
    """
    where = spread(value) or spread(like)
    if jnp.issubdtype(like.dtype, jax.dtypes.prng_key):
        if not (isinstance(value, jax.Array) and jnp.issubdtype(value.dtype, jax.dtypes.prng_key)):
            value = jax.random.wrap_key_data(jax.device_put(np.array(value)), impl=jax.random.key_impl(like))
        return value if spread(value) == where else jax.device_put(value, where)
    parts = spread(value) is not None  # which are copied where they are
    host = value if parts else np.asarray(value)
    if host.shape != like.shape:
        raise ShapeMismatch(
            f"{name} has another shape.",
            given=host,
            wanted=f"{like.dtype}[{', '.join(map(str, like.shape))}]",
            cure="give an array of the shape that is there",
        )
    return jax.device_put(jnp.array(host, like.dtype) if parts else np.array(host, like.dtype), where)


def in_the_dtype_of(new: Any, old: Any) -> Any:
    """A value as it is carried on, with the dtype and the strong type of the one before it; random keys as they are."""
    if new is old or jnp.issubdtype(old.dtype, jax.dtypes.prng_key):
        return new
    return jnp.asarray(new).astype(old.dtype)


def copied(value: Any) -> jax.Array:
    """A copy on the device, which nobody else holds; of random keys too."""
    if jnp.issubdtype(value.dtype, jax.dtypes.prng_key):
        return jax.random.wrap_key_data(jnp.array(jax.random.key_data(value)), impl=jax.random.key_impl(value))
    return jnp.array(value)


def bare(value: Any) -> Any:
    """A value where it lies; random keys as their numbers."""
    return jax.random.key_data(value) if jnp.issubdtype(value.dtype, jax.dtypes.prng_key) else value


def plain(value: Any) -> np.ndarray:
    """A host copy of a device value; random keys as their numbers."""
    return np.array(bare(value))
