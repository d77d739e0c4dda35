"""The activations by name: what `activation="relu"` means."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp

from kibitz.layers.lookup import Table
from kibitz.layers.rectifying import (
    celu,
    elu,
    gelu,
    glu,
    hard_silu,
    leaky_relu,
    mish,
    relu,
    relu6,
    selu,
    silu,
    softplus,
    sparse_plus,
    squareplus,
)
from kibitz.layers.shrinking import hard_shrink, soft_shrink, tanh_shrink, threshold
from kibitz.layers.squashing import (
    hard_sigmoid,
    hard_tanh,
    log_sigmoid,
    log_softmax,
    sigmoid,
    softmax,
    softsign,
    sparse_sigmoid,
    sparsemax,
    tanh,
)

swish = silu
hard_swish = hard_silu


def linear(x: Any) -> Any:
    """`x` itself.

    Args:
        x: Anything.

    Example:
        >>> from kibitz.layers.activations import linear
        >>> linear(3)
        3
    """
    return x


def exponential(x: Any) -> jax.Array:
    """`exp(x)`.

    Args:
        x: Any array.

    Example:
        >>> from kibitz.layers.activations import exponential
        >>> exponential([0.0]).tolist()
        [1.0]
    """
    return jnp.exp(jnp.asarray(x))


FUNCTIONS = (
    *(celu, elu, gelu, glu, hard_silu, leaky_relu, mish, relu, relu6, selu, silu, softplus, sparse_plus, squareplus),
    *(hard_sigmoid, hard_tanh, log_sigmoid, log_softmax, sigmoid, softmax, softsign, sparse_sigmoid, sparsemax, tanh),
    *(hard_shrink, soft_shrink, tanh_shrink, threshold, exponential, linear),
)
TABLE = Table(
    "activation",
    "keras.activations",
    FUNCTIONS,
    aliases={"swish": silu, "hard_swish": hard_silu},
    cure='activation="relu"',
)


def get(identifier: Any) -> Callable[..., Any]:
    """Find an activation: by name, config, or itself; None is `linear`.

    Args:
        identifier: A name, a function of one array (one of your own too), a layer, or what `serialize` gave.

    Raises:
        UnknownName: If there is no activation of this name.

    Example:
        >>> from kibitz.layers import activations
        >>> activations.get("relu") is activations.relu
        True

    Source: https://keras.io/api/layers/activations/
    """
    if isinstance(identifier, dict):
        return deserialize(identifier)
    return linear if identifier is None else TABLE.get(identifier)


def serialize(activation: Any) -> Any:
    """Write an activation down: ours by name, one of your own as Keras does, without its code.

    Args:
        activation: What `get` gave.

    Example:
        >>> from kibitz.layers import activations
        >>> activations.serialize(activations.relu)
        'relu'
    """
    name = getattr(activation, "__name__", None)
    return name if name and TABLE.by_name.get(name) is activation else TABLE.serialize(activation)


def deserialize(config: Any, custom_objects: Mapping[str, Any] | None = None) -> Callable[..., Any]:
    """Find the activation that `serialize` wrote down.

    Args:
        config: A name or a dict.
        custom_objects: Your own functions and classes by name. None means there are none.

    Raises:
        UnknownName: If the name is neither in the table nor in `custom_objects`.

    Example:
        >>> from kibitz.layers import activations
        >>> activations.deserialize("tanh") is activations.tanh
        True
    """
    return TABLE.find(config, custom_objects) if isinstance(config, str) else TABLE.deserialize(config, custom_objects)


__all__ = [
    "celu",
    "deserialize",
    "elu",
    "exponential",
    "gelu",
    "get",
    "glu",
    "hard_shrink",
    "hard_sigmoid",
    "hard_silu",
    "hard_swish",
    "hard_tanh",
    "leaky_relu",
    "linear",
    "log_sigmoid",
    "log_softmax",
    "mish",
    "relu",
    "relu6",
    "selu",
    "serialize",
    "sigmoid",
    "silu",
    "soft_shrink",
    "softmax",
    "softplus",
    "softsign",
    "sparse_plus",
    "sparse_sigmoid",
    "sparsemax",
    "squareplus",
    "swish",
    "tanh",
    "tanh_shrink",
    "threshold",
]
