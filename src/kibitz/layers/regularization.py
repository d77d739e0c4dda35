"""Layers that make training harder, so that what is learned holds: Dropout."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

from kibitz.errors import InvalidArgument, ShapeMismatch
from kibitz.layers.activation import Elementwise
from kibitz.layers.arguments import number
from kibitz.layers.seeds import SeedStream, checked_seed, drawn_seed, key_of
from kibitz.layers.weighted import RNGS


class Dropout(Elementwise):
    """Put 0 in place of some inputs while training, and scale up the rest so that the sum stays.

    Args:
        rate: The share of the inputs that is dropped, between 0 and 1.
        noise_shape: A shape for the mask, 1 where an axis shares it and None for the inputs' size. None means the
            inputs' shape.
        seed: A whole number; the masks are then Keras's. None draws one from Python's `random`.
        kwargs: See `Layer`.

    Raises:
        InvalidArgument: For a rate outside 0 to 1, or a noise shape or seed that is none.

    Example:
        >>> import numpy as np
        >>> from kibitz.layers import Dropout
        >>> layer = Dropout(0.5, seed=1)
        >>> layer(np.ones(4)).tolist()
        [1.0, 1.0, 1.0, 1.0]
        >>> sorted(set(layer(np.ones(100), training=True).tolist()))
        [0.0, 2.0]

    Source: https://keras.io/api/layers/regularization_layers/dropout/
    """

    config_names = ("rate", "seed", "noise_shape")

    def __init__(
        self, rate: float, noise_shape: Sequence[int | None] | None = None, seed: int | None = None, **kwargs: Any
    ):
        super().__init__(**kwargs)
        self.rate = number(rate, "rate", "Dropout(0.5)", least=0, most=1)
        self.noise_shape = _noise_shape(noise_shape)
        self.seed = checked_seed(seed)
        if self.rate > 0:
            self.stream = SeedStream(key_of(drawn_seed() if self.seed is None else self.seed), tag="dropout")

    def build(self, input_shape: Any) -> None:  # noqa: ARG002 - a mask has the shape of the inputs that come
        """Take the random stream from the build's `rngs`, if there are any and no seed was given."""
        rngs = RNGS.get()
        if rngs is not None and hasattr(rngs, "dropout") and self.seed is None and self.rate > 0:
            self.stream = SeedStream(rngs.dropout(), tag="dropout")

    def call(self, inputs: jax.Array, training: bool = False) -> jax.Array:
        """Give the inputs; while training, with some of them dropped."""
        if not training or self.rate == 0:
            return inputs
        if self.rate == 1:
            return jnp.zeros_like(inputs)
        kept = jax.random.bernoulli(self.stream(), 1.0 - self.rate, self._mask_shape(inputs.shape))
        return jnp.where(jnp.broadcast_to(kept, inputs.shape), inputs / (1.0 - self.rate), jnp.zeros_like(inputs))

    def _mask_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        if self.noise_shape is None:
            return shape
        sizes = zip(self.noise_shape, shape[-len(self.noise_shape) :], strict=False)
        mask = tuple(given if size is None else size for size, given in sizes)
        if len(self.noise_shape) > len(shape) or any(
            size not in (1, given) for size, given in zip(mask[::-1], shape[::-1], strict=False)
        ):
            raise ShapeMismatch(
                f'Layer "{self.name}" cannot share its mask over inputs of this shape.',
                given=shape,
                wanted=f"a shape that noise_shape={self.noise_shape} can be broadcast to",
                cure="noise_shape=(None, 1, None), with 1 where an axis shares the mask",
            )
        return mask


def _is_size(size: Any) -> bool:
    return hasattr(size, "__index__") and not isinstance(size, bool) and size > 0


def _noise_shape(shape: Any) -> tuple[int | None, ...] | None:
    if shape is None:
        return None
    sizes = None if isinstance(shape, str) or not hasattr(shape, "__iter__") else tuple(shape)
    if sizes is None or not all(size is None or _is_size(size) for size in sizes):
        raise InvalidArgument(
            "This is no shape for a mask.",
            given=shape,
            wanted="a tuple of sizes of at least 1, and None for the inputs' own",
            cure="noise_shape=(None, 1, 64)",
        )
    return tuple(None if size is None else int(size) for size in sizes)
