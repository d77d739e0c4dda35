"""The initializers by name: what `kernel_initializer="glorot_uniform"` means."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast

import jax
import numpy as np

from kibitz.layers.constant_initializers import Constant, Identity, Ones, Zeros
from kibitz.layers.initializer import FromJax, Given, Initializer, takes_a_key
from kibitz.layers.lookup import Table
from kibitz.layers.random_initializers import (
    GlorotNormal,
    GlorotUniform,
    HeNormal,
    HeUniform,
    LecunNormal,
    LecunUniform,
    Orthogonal,
    RandomNormal,
    RandomUniform,
    TruncatedNormal,
    VarianceScaling,
)

TABLE = Table(
    "initializer",
    "keras.initializers",
    (
        *(Constant, Identity, Ones, Zeros, RandomNormal, RandomUniform, TruncatedNormal, VarianceScaling, Orthogonal),
        *(GlorotNormal, GlorotUniform, HeNormal, HeUniform, LecunNormal, LecunUniform),
    ),
    aliases={
        "IdentityInitializer": Identity,
        "OrthogonalInitializer": Orthogonal,
        "normal": RandomNormal,
        "one": Ones,
        "uniform": RandomUniform,
        "zero": Zeros,
        "Given": Given,
    },
    cure='kernel_initializer="glorot_uniform"',
)


def get(identifier: Any) -> Any:
    """Find an initializer: by name, class, config, or itself; None stays None.

    Args:
        identifier: A name, a class, an instance, a function `(shape, dtype)` or JAX's `(key, shape, dtype)`, an array
            with the very values, or what `serialize` gave.

    Raises:
        UnknownName: If there is no initializer of this name.
        InvalidArgument: If it can be none.

    Example:
        >>> from kibitz.layers import initializers
        >>> initializers.get("zeros")((2,)).tolist()
        [0.0, 0.0]

    Source: https://keras.io/api/layers/initializers/
    """
    if isinstance(identifier, (np.ndarray, np.generic, jax.Array)):
        return Given(identifier)
    if callable(identifier) and not isinstance(identifier, (type, Initializer)) and takes_a_key(identifier):
        return FromJax(cast("Callable[..., jax.Array]", identifier))
    return TABLE.get(identifier)


def serialize(initializer: Any) -> Any:
    """Write an initializer down as Keras does.

    Args:
        initializer: What `get` gave.

    Example:
        >>> from kibitz.layers import initializers
        >>> initializers.serialize(initializers.Constant(2.0))["config"]
        {'value': 2.0}
    """
    return TABLE.serialize(initializer)


def deserialize(config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None) -> Any:
    """Make the initializer that `serialize` wrote down.

    Args:
        config: What `serialize` gave.
        custom_objects: Your own classes and functions by name. None means there are none.

    Raises:
        UnknownName: If the class is neither in the table nor in `custom_objects`.

    Example:
        >>> from kibitz.layers import initializers
        >>> initializers.deserialize({"class_name": "Constant", "config": {"value": 2.0}})
        Constant(value=2.0)
    """
    return TABLE.deserialize(config, custom_objects)


__all__ = [
    "Constant",
    "GlorotNormal",
    "GlorotUniform",
    "HeNormal",
    "HeUniform",
    "Identity",
    "Initializer",
    "LecunNormal",
    "LecunUniform",
    "Ones",
    "Orthogonal",
    "RandomNormal",
    "RandomUniform",
    "TruncatedNormal",
    "VarianceScaling",
    "Zeros",
    "deserialize",
    "get",
    "serialize",
]
