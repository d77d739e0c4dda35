"""Where a layer's randomness comes from: seeds and keys exactly as Keras makes them.

A seed that nobody gave is drawn from Python's `random` when the layer or the initializer is made, so
`random.seed(7)` (which `set_random_seed(7)` calls) makes the same weights and the same dropout masks as Keras 3 on JAX.
"""

from __future__ import annotations

import random
from typing import Any

import jax
import numpy as np
from flax import nnx

from kibitz.errors import InvalidArgument


def drawn_seed() -> int:
    """Draw the seed that nobody gave, from Python's `random`, between 1 and a billion."""
    return random.randint(1, int(1e9))  # noqa: S311 - no secret is made of it, and Keras draws it so


def checked_seed(seed: Any) -> int | None:
    """Return the seed as it was given, None included.

    Raises:
        InvalidArgument: If it is not a whole number or None.
    """
    if seed is not None and (isinstance(seed, bool) or not hasattr(seed, "__index__")):
        raise InvalidArgument(
            "A seed is a whole number.", given=seed, wanted="a whole number, or None for a random one", cure="seed=42"
        )
    return None if seed is None else int(seed)


def key_of(seed: int) -> jax.Array:
    """Make the JAX key that Keras makes of a seed: its lower 32 bits and a zero.

    Example:
        >>> import jax
        >>> from kibitz.layers.seeds import key_of
        >>> jax.random.key_data(key_of(7)).tolist()
        [7, 0]
    """
    return jax.random.wrap_key_data(jax.device_put(words_of(seed)), impl="threefry2x32")


def words_of(seed: int) -> np.ndarray:
    """The two words of that key."""
    return np.array([seed & 0xFFFFFFFF, 0], np.uint32)


class SeedStream(nnx.RngStream):
    """A stream of keys that counts in the key's second word, as Keras's SeedGenerator does.

    It is an `nnx.RngStream` with other keys: NNX's filters find its state as `nnx.RngState`.

    Args:
        key: The first key.
        tag: What the stream is for; NNX groups streams by it.

    Example:
        >>> import jax
        >>> from kibitz.layers.seeds import SeedStream, key_of
        >>> stream = SeedStream(key_of(7), tag="dropout")
        >>> [jax.random.key_data(stream()).tolist() for _ in range(2)]
        [[7, 0], [7, 1]]
    """

    def __init__(self, key: jax.Array, *, tag: str):
        # RngStream's own would compile a program that makes one zero.
        self.tag, self.key = tag, nnx.RngKey(key, tag=tag)
        self.count = nnx.RngCount(jax.device_put(np.zeros(key.shape, np.uint32)), tag=tag)

    def __call__(self) -> jax.Array:
        """Give the next key."""
        first = self.key[...]
        data = jax.random.key_data(first).at[..., -1].add(self.count[...])
        self.count[...] += 1
        return jax.random.wrap_key_data(data, impl=jax.random.key_impl(first))
