"""Initializers that draw nothing: zeros, ones, a constant, the identity matrix."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from kibitz.errors import ShapeMismatch
from kibitz.layers.initializer import Initializer


class Zeros(Initializer):
    """All zeros: what a bias begins with.

    Example:
        >>> from kibitz.layers.initializers import Zeros
        >>> Zeros()((2,)).tolist()
        [0.0, 0.0]

    Source: https://keras.io/api/layers/initializers/#zeros-class
    """

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> jax.Array:
        """Give zeros."""
        return jax.device_put(np.zeros(shape, jnp.dtype(dtype or "float32")))  # jnp.zeros would compile a program


class Ones(Initializer):
    """All ones: what a scale begins with.

    Example:
        >>> from kibitz.layers.initializers import Ones
        >>> Ones()((2,)).tolist()
        [1.0, 1.0]

    Source: https://keras.io/api/layers/initializers/#ones-class
    """

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> jax.Array:
        """Give ones."""
        return jax.device_put(np.ones(shape, jnp.dtype(dtype or "float32")))


class Constant(Initializer):
    """One value everywhere, or an array of the weight's shape.

    Args:
        value: The value.

    Example:
        >>> from kibitz.layers.initializers import Constant
        >>> Constant(3)((2,)).tolist()
        [3.0, 3.0]

    Source: https://keras.io/api/layers/initializers/#constant-class
    """

    def __init__(self, value: Any = 0.0):
        self.value = value

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> jax.Array:
        """Give the value, broadcast to the shape."""
        values = np.broadcast_to(np.asarray(self.value, jnp.dtype(dtype or "float32")), tuple(shape))
        return jax.device_put(np.array(values))

    def get_config(self) -> dict[str, Any]:
        """The value; an array as a list."""
        return {"value": self.value.tolist() if hasattr(self.value, "tolist") else self.value}


class Identity(Initializer):
    """The identity matrix, times `gain`. Only for weights of two dimensions.

    Args:
        gain: The factor.

    Raises:
        ShapeMismatch: When called for a weight that is no matrix.

    Example:
        >>> from kibitz.layers.initializers import Identity
        >>> Identity(2.0)((2, 2)).tolist()
        [[2.0, 0.0], [0.0, 2.0]]

    Source: https://keras.io/api/layers/initializers/#identity-class
    """

    def __init__(self, gain: float = 1.0):
        self.gain = gain

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> jax.Array:
        """Give the matrix."""
        if len(shape) != 2:
            raise ShapeMismatch(
                "Only a matrix can be the identity.",
                given=tuple(shape),
                wanted="a shape of two dimensions",
                cure='kernel_initializer="glorot_uniform"',
            )
        return self.gain * jnp.eye(*shape, dtype=dtype or "float32")

    def get_config(self) -> dict[str, Any]:
        """The gain."""
        return {"gain": self.gain}
