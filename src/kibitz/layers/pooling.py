"""Pooling: one number for each window, or for each whole channel."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

from kibitz.layers.arguments import data_format_of
from kibitz.layers.base import Layer
from kibitz.layers.input_spec import InputSpec
from kibitz.layers.windows import padding_of, sizes, windowed_shape

SMALL = 16
"""Up to how many points a window is taken apart: beyond that one program for each point costs more than it saves."""


class Pooling(Layer):
    """What all pooling over windows shares; `rank` is the number of axes that a window moves along."""

    config_names = ("pool_size", "padding", "strides", "data_format")
    rank = 0

    def __init__(
        self,
        pool_size: int | Sequence[int],
        strides: int | Sequence[int] | None = None,
        padding: str = "valid",
        data_format: str | None = None,
        name: str | None = None,
        **kwargs: Any,
    ):
        super().__init__(name=name, **kwargs)
        self.pool_size = sizes(pool_size, self.rank, "pool_size")
        self.strides = self.pool_size if strides is None else sizes(strides, self.rank, "strides")
        self.padding = padding_of(padding)
        self.data_format = data_format_of(data_format)
        self.input_spec = InputSpec(ndim=self.rank + 2)

    def build(self, input_shape: Any) -> None:
        """Check the shape; there are no weights."""
        self.compute_output_shape(input_shape)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """The shape of what comes out, None where a size is not known."""
        return windowed_shape(
            input_shape,
            size=self.pool_size,
            strides=self.strides,
            padding=self.padding,
            data_format=self.data_format,
            owner=self.name,
        )

    def whole(self, sizes: tuple[int, ...]) -> tuple[int, ...]:
        """A number for each axis of the inputs: 1 for batch and channels."""
        return (1, *sizes, 1) if self.data_format == "channels_last" else (1, 1, *sizes)


class MaxPooling(Pooling):
    """The largest number of each window."""

    def call(self, inputs: jax.Array) -> jax.Array:
        """Give the largest numbers."""
        self.compute_output_shape(inputs.shape)
        size, strides = self.whole(self.pool_size), self.whole(self.strides)
        if math.prod(size) <= SMALL:
            return _largest(inputs, size, strides, self.padding.upper())
        return jax.lax.reduce_window(inputs, -jnp.inf, jax.lax.max, size, strides, self.padding.upper())


class AveragePooling(Pooling):
    """The mean of each window; what was padded does not count."""

    def call(self, inputs: jax.Array) -> jax.Array:
        """Give the means."""
        self.compute_output_shape(inputs.shape)
        size, strides = self.whole(self.pool_size), self.whole(self.strides)

        def summed(x: jax.Array) -> jax.Array:
            return jax.lax.reduce_window(x, 0.0, jax.lax.add, size, strides, self.padding.upper())

        if self.padding == "valid":
            return summed(inputs) / math.prod(size)
        ones = [given if each != 1 else 1 for given, each in zip(inputs.shape, size, strict=True)]
        return summed(inputs) / summed(jnp.ones(ones, inputs.dtype))


class MaxPooling1D(MaxPooling):
    """The largest number of each window of a sequence of shape (batch, steps, channels).

    Args:
        pool_size: The window's length.
        strides: How far it moves. None means its length.
        padding: "valid" (only whole windows) or "same".
        data_format: "channels_last", or "channels_first". None means the former.
        name: The layer's name. None makes one.
        kwargs: See `Layer`.

    Raises:
        InvalidArgument: For a size or padding that cannot be.

    Example:
        >>> import numpy as np
        >>> from kibitz.layers import MaxPooling1D
        >>> MaxPooling1D(2)(np.array([[[1.0], [2.0], [4.0], [3.0]]])).tolist()
        [[[2.0], [4.0]]]

    Source: https://keras.io/api/layers/pooling_layers/max_pooling1d/
    """

    rank = 1

    def __init__(
        self,
        pool_size: int | Sequence[int] = 2,
        strides: int | Sequence[int] | None = None,
        padding: str = "valid",
        data_format: str | None = None,
        name: str | None = None,
        **kwargs: Any,
    ):
        super().__init__(pool_size, strides, padding, data_format, name, **kwargs)


class MaxPooling2D(MaxPooling):
    """The largest number of each window of images of shape (batch, height, width, channels).

    Args:
        pool_size: The window's height and width; one number stands for both.
        strides: How far it moves. None means its size.
        padding: "valid" (only whole windows) or "same".
        data_format: "channels_last", or "channels_first". None means the former.
        name: The layer's name. None makes one.
        kwargs: See `Layer`.

    Raises:
        InvalidArgument: For a size or padding that cannot be.

    Example:
        >>> import numpy as np
        >>> from kibitz.layers import MaxPooling2D
        >>> MaxPooling2D()(np.arange(16.0).reshape(1, 4, 4, 1)).reshape(-1).tolist()
        [5.0, 7.0, 13.0, 15.0]

    Source: https://keras.io/api/layers/pooling_layers/max_pooling2d/
    """

    rank = 2

    def __init__(
        self,
        pool_size: int | Sequence[int] = (2, 2),
        strides: int | Sequence[int] | None = None,
        padding: str = "valid",
        data_format: str | None = None,
        name: str | None = None,
        **kwargs: Any,
    ):
        super().__init__(pool_size, strides, padding, data_format, name, **kwargs)


class AveragePooling1D(AveragePooling):
    """The mean of each window of a sequence of shape (batch, steps, channels).

    Args:
        pool_size: The window's length.
        strides: How far it moves. None means its length.
        padding: "valid" (only whole windows) or "same".
        data_format: "channels_last", or "channels_first". None means the former.
        name: The layer's name. None makes one.
        kwargs: See `Layer`.

    Raises:
        InvalidArgument: For a size or padding that cannot be.

    Example:
        >>> import numpy as np
        >>> from kibitz.layers import AveragePooling1D
        >>> AveragePooling1D(2)(np.array([[[1.0], [2.0], [4.0], [3.0]]])).tolist()
        [[[1.5], [3.5]]]

    Source: https://keras.io/api/layers/pooling_layers/average_pooling1d/
    """

    rank = 1


class AveragePooling2D(AveragePooling):
    """The mean of each window of images of shape (batch, height, width, channels).

    Args:
        pool_size: The window's height and width; one number stands for both.
        strides: How far it moves. None means its size.
        padding: "valid" (only whole windows) or "same".
        data_format: "channels_last", or "channels_first". None means the former.
        name: The layer's name. None makes one.
        kwargs: See `Layer`.

    Raises:
        InvalidArgument: For a size or padding that cannot be.

    Example:
        >>> import numpy as np
        >>> from kibitz.layers import AveragePooling2D
        >>> AveragePooling2D(2)(np.arange(16.0).reshape(1, 4, 4, 1)).reshape(-1).tolist()
        [2.5, 4.5, 10.5, 12.5]

    Source: https://keras.io/api/layers/pooling_layers/average_pooling2d/
    """

    rank = 2


def _largest(x: jax.Array, size: tuple[int, ...], strides: tuple[int, ...], padding: str) -> jax.Array:
    """The largest of each window of `x`, the first where several are.

    The gradient of this is a handful of selects; that of reduce_window took 4 to 30 times as long on a CPU, with the
    same numbers, ties included.
    """
    pads = jax.lax.padtype_to_pads(x.shape, size, strides, padding)
    if any(map(any, pads)):
        x = jnp.pad(x, pads, constant_values=-jnp.inf)
    reach = [(given - each) // step * step + 1 for given, each, step in zip(x.shape, size, strides, strict=True)]
    largest: jax.Array | None = None
    for place in itertools.product(*map(range, size)):
        ends = [at + far for at, far in zip(place, reach, strict=True)]
        point = jax.lax.slice(x, place, ends, strides)
        largest = point if largest is None else jnp.where((largest >= point) | jnp.isnan(largest), largest, point)
    return x if largest is None else largest
