"""What an initializer is: a shape and a dtype in, the first values of a weight out."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any, Self

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from kibitz.errors import InvalidArgument, ShapeMismatch, Unsupported, code
from kibitz.layers.lookup import Configured
from kibitz.layers.seeds import checked_seed, drawn_seed, key_of


class Initializer(Configured):
    """Make the first values of a weight; subclass it, or write a function `(shape, dtype)`.

    Example:
        >>> import jax.numpy as jnp
        >>> from kibitz.layers.initializers import Initializer
        >>> class Twos(Initializer):
        ...     def __call__(self, shape, dtype=None):
        ...         return jnp.full(shape, 2, dtype)
        >>> Twos()((2,), "float32").tolist()
        [2.0, 2.0]

    Source: https://keras.io/api/layers/initializers/
    """

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> jax.Array:  # noqa: ARG002 - a subclass uses them
        """Give the values.

        Args:
            shape: The weight's shape.
            dtype: The weight's dtype. None means float32.
        """
        raise Unsupported(
            f"{type(self).__name__} does not say what values it gives.",
            given=code(f"class {type(self).__name__}(Initializer)"),
            wanted="a method that gives an array",
            cure="def __call__(self, shape, dtype=None): ...",
        )

    def clone(self) -> Self:
        """Make another with the same arguments; without a seed it draws other values."""
        return type(self).from_config(self.get_config())


class RandomInitializer(Initializer):
    """An initializer that draws: the same values at every call, and other values in every instance.

    Args:
        seed: A whole number. None draws one from Python's `random`.

    Raises:
        InvalidArgument: If the seed is no whole number.

    Example:
        >>> from kibitz.layers.initializers import RandomUniform
        >>> one, other = RandomUniform(seed=1), RandomUniform(seed=1)
        >>> bool((one((3,)) == other((3,))).all())
        True
    """

    alone = False
    """Whether it has to be drawn by itself to give the numbers that it gives by itself."""

    def __init__(self, seed: int | None = None):
        self.given_seed = checked_seed(seed)
        self.seed = drawn_seed() if seed is None else int(seed)

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> jax.Array:
        """Give the values that the seed means."""
        return self.draw(key_of(self.seed), tuple(shape), jnp.dtype(dtype or "float32"))

    def draw(self, key: jax.Array, shape: tuple[int, ...], dtype: Any) -> jax.Array:  # noqa: ARG002 - as above
        """Give the values that a JAX key means."""
        raise Unsupported(
            f"{type(self).__name__} does not say how it draws.",
            given=code(f"class {type(self).__name__}(RandomInitializer)"),
            wanted="a method that gives an array",
            cure="def draw(self, key, shape, dtype): ...",
        )

    def get_config(self) -> dict[str, Any]:
        """The arguments; `seed` as it was given."""
        return {"seed": self.given_seed}


class FromJax(RandomInitializer):
    """An initializer of JAX's own form, `(key, shape, dtype)`, with a seed.

    Args:
        function: Such as `jax.nn.initializers.orthogonal()`.

    Example:
        >>> import jax
        >>> from kibitz.layers import initializers
        >>> initializers.get(jax.nn.initializers.constant(2.0))((1, 2)).tolist()
        [[2.0, 2.0]]
    """

    def __init__(self, function: Callable[..., jax.Array]):
        super().__init__()
        self.function = function

    def draw(self, key: jax.Array, shape: tuple[int, ...], dtype: Any) -> jax.Array:
        """Give what the function gives for the key."""
        return self.function(key, shape, dtype)

    def get_config(self) -> dict[str, Any]:
        """Refused: a function cannot be written down.

        Raises:
            Unsupported: Always.
        """
        raise Unsupported(
            "A JAX initializer has no name that a file could give back.",
            given=code(repr(self.function)[:60]),
            cure='kernel_initializer="glorot_uniform", or a class of your own with get_config',
        )


class Given(Initializer):
    """The values themselves: what an array means as an initializer.

    Args:
        value: The array. Its shape must be the weight's.

    Example:
        >>> import numpy as np
        >>> from kibitz.layers import initializers
        >>> initializers.get(np.array([1.0, 2.0]))((2,)).tolist()
        [1.0, 2.0]
    """

    def __init__(self, value: Any):
        self.value = value

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> jax.Array:
        """Give the array.

        Raises:
            ShapeMismatch: If the weight has another shape.
        """
        if tuple(shape) != tuple(np.shape(self.value)):
            raise ShapeMismatch(
                "The initial values have another shape than the weight.",
                given=self.value,
                wanted=f"shape {tuple(shape)}",
                cure='give an array of that shape, or a name such as "glorot_uniform"',
            )
        return jax.device_put(np.array(self.value, jnp.dtype(dtype or "float32")))

    def get_config(self) -> dict[str, Any]:
        """The values as a list."""
        return {"value": jnp.asarray(self.value).tolist()}


def takes_a_key(function: Any) -> bool:
    """Whether a callable is an initializer of JAX's form: its first parameter is the key."""
    try:
        names = list(inspect.signature(function).parameters)
    except (TypeError, ValueError):
        return False
    return bool(names) and names[0] in {"key", "rng"}


def first_values(initializer: Any, shape: tuple[int, ...], dtype: Any, rngs: nnx.Rngs | None) -> jax.Array:
    """Make a weight's first values.

    Args:
        initializer: What `initializers.get` gave.
        shape: The weight's shape.
        dtype: The weight's dtype.
        rngs: Where an initializer without a seed of its own draws from. None draws as Keras does.

    Raises:
        InvalidArgument: If the initializer gives another shape.
    """
    unseeded = isinstance(initializer, RandomInitializer) and initializer.given_seed is None
    if unseeded and rngs is not None and hasattr(rngs, "params"):
        value = initializer.draw(rngs.params(), shape, jnp.dtype(dtype))
    else:
        value = initializer(shape, dtype=dtype)
    if tuple(np.shape(value)) != shape:
        raise InvalidArgument(
            "An initializer gave values of another shape than the weight's.",
            given=value,
            wanted=f"shape {shape}",
            cure="def initializer(shape, dtype=None): return an array of this shape",
        )
    if isinstance(value, jax.Array):
        return value if value.dtype == dtype else value.astype(dtype)
    return jax.device_put(np.array(value, dtype))
