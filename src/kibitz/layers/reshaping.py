"""Layers that change a shape and no number."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

from kibitz.errors import InvalidArgument, ShapeMismatch
from kibitz.layers.arguments import data_format_of, whole
from kibitz.layers.base import Layer
from kibitz.layers.input_spec import InputSpec


class Flatten(Layer):
    """Make one long axis of all but the batch.

    Args:
        data_format: "channels_last", or "channels_first" to move the channels to the end first. None means the former.
        kwargs: See `Layer`.

    Raises:
        InvalidArgument: If there is no such data format.

    Example:
        >>> import numpy as np
        >>> from kibitz.layers import Flatten
        >>> Flatten()(np.zeros((2, 28, 28))).shape
        (2, 784)

    Source: https://keras.io/api/layers/reshaping_layers/flatten/
    """

    config_names = ("data_format",)

    def __init__(self, data_format: str | None = None, **kwargs: Any):
        super().__init__(**kwargs)
        self.data_format = data_format_of(data_format)
        self.input_spec = InputSpec(min_ndim=1)

    def call(self, inputs: jax.Array) -> jax.Array:
        """Give the inputs as rows."""
        if self.data_format == "channels_first" and inputs.ndim > 1:
            inputs = jnp.moveaxis(inputs, 1, -1)
        return inputs.reshape(inputs.shape[0], math.prod(inputs.shape[1:]))

    def compute_output_shape(self, input_shape: Any) -> Any:
        """The batch, and the product of all other sizes."""
        batch, *sizes = tuple(input_shape)
        return batch, None if None in sizes else math.prod(sizes)


class Reshape(Layer):
    """Give each sample another shape.

    Args:
        target_shape: The shape of one sample; one size may be -1: what remains.
        kwargs: See `Layer`.

    Raises:
        InvalidArgument: If the shape has a size below -1, or more than one -1.

    Example:
        >>> import numpy as np
        >>> from kibitz.layers import Reshape
        >>> Reshape((28, -1))(np.zeros((2, 784))).shape
        (2, 28, 28)

    Source: https://keras.io/api/layers/reshaping_layers/reshape/
    """

    config_names = ("target_shape",)

    def __init__(self, target_shape: Sequence[int], **kwargs: Any):
        super().__init__(**kwargs)
        try:
            self.target_shape = tuple(
                whole(size, "target_shape", "Reshape((28, 28))", least=-1) for size in target_shape
            )
        except TypeError:
            self.target_shape = ()
            single = True
        else:
            single = self.target_shape.count(-1) > 1
        if single:
            raise InvalidArgument(
                "`target_shape` is the shape of one sample.",
                given=target_shape,
                wanted="a tuple of sizes, at most one of them -1",
                cure="Reshape((28, 28))",
            )

    def call(self, inputs: jax.Array) -> jax.Array:
        """Give the inputs, reshaped."""
        return inputs.reshape(self.compute_output_shape(inputs.shape))

    def compute_output_shape(self, input_shape: Any) -> Any:
        """The batch, and `target_shape` with -1 worked out.

        Raises:
            ShapeMismatch: If a sample has not as many numbers as the target.
        """
        batch, *sizes = tuple(input_shape)
        known = math.prod(size for size in self.target_shape if size != -1)
        if None in sizes:
            return (batch, *(None if size == -1 else size for size in self.target_shape))
        count = math.prod(sizes)
        if (count % known if known else count) if -1 in self.target_shape else count != known:
            raise ShapeMismatch(
                f'Layer "{self.name}" cannot give a sample this shape.',
                given=tuple(sizes),
                wanted=f"{known} numbers"
                + (", or a multiple" if -1 in self.target_shape else f", for {self.target_shape}"),
                cure="Reshape((-1,)) for one long axis",
            )
        return (batch, *(count // known if size == -1 else size for size in self.target_shape))
