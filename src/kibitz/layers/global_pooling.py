"""Pooling of whole channels: one number for each, whatever the size of the image or the sequence."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from kibitz.errors import Unsupported
from kibitz.layers.arguments import data_format_of
from kibitz.layers.base import Layer
from kibitz.layers.input_spec import InputSpec


class GlobalPooling(Layer):
    """What all global pooling shares; `rank` is the number of axes that are pooled away."""

    config_names = ("data_format", "keepdims")
    rank = 0

    def __init__(self, data_format: str | None = None, keepdims: bool = False, **kwargs: Any):
        super().__init__(**kwargs)
        self.data_format = data_format_of(data_format)
        self.keepdims = bool(keepdims)
        self.input_spec = InputSpec(ndim=self.rank + 2)

    @property
    def axes(self) -> tuple[int, ...]:
        """The axes that are pooled."""
        first = 1 if self.data_format == "channels_last" else 2
        return tuple(range(first, first + self.rank))

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Batch and channels; with `keepdims` 1 for the rest."""
        shape = tuple(input_shape)
        self.input_spec.check(shape, self.name)
        kept = [1 if axis in self.axes else size for axis, size in enumerate(shape)]
        return tuple(kept if self.keepdims else [size for axis, size in enumerate(shape) if axis not in self.axes])


class GlobalAveragePooling(GlobalPooling):
    """The mean of each channel."""

    def call(self, inputs: jax.Array) -> jax.Array:
        """Give the means."""
        return jnp.mean(inputs, axis=self.axes, keepdims=self.keepdims)


class GlobalMaxPooling(GlobalPooling):
    """The largest number of each channel."""

    def call(self, inputs: jax.Array) -> jax.Array:
        """Give the largest numbers."""
        return jnp.max(inputs, axis=self.axes, keepdims=self.keepdims)


class GlobalAveragePooling1D(GlobalAveragePooling):
    """The mean of each channel of a sequence of shape (batch, steps, channels).

    Args:
        data_format: "channels_last", or "channels_first". None means the former.
        keepdims: Whether the pooled axis stays, with a size of 1.
        kwargs: See `Layer`.

    Raises:
        InvalidArgument: If there is no such data format.

    Example:
        >>> import numpy as np
        >>> from kibitz.layers import GlobalAveragePooling1D
        >>> GlobalAveragePooling1D()(np.array([[[1.0, 2.0], [3.0, 6.0]]])).tolist()
        [[2.0, 4.0]]

    Source: https://keras.io/api/layers/pooling_layers/global_average_pooling1d/
    """

    rank = 1

    def call(self, inputs: jax.Array, mask: Any = None) -> jax.Array:
        """Give the means.

        Raises:
            Unsupported: If there is a mask.
        """
        if mask is not None:
            raise Unsupported(
                "Kibitz has no masks.", given=mask, wanted="mask=None", cure="cut the sequences to one length"
            )
        return super().call(inputs)


class GlobalAveragePooling2D(GlobalAveragePooling):
    """The mean of each channel of images of shape (batch, height, width, channels).

    Args:
        data_format: "channels_last", or "channels_first". None means the former.
        keepdims: Whether the pooled axes stay, with a size of 1.
        kwargs: See `Layer`.

    Raises:
        InvalidArgument: If there is no such data format.

    Example:
        >>> import numpy as np
        >>> from kibitz.layers import GlobalAveragePooling2D
        >>> GlobalAveragePooling2D()(np.arange(4.0).reshape(1, 2, 2, 1)).tolist()
        [[1.5]]

    Source: https://keras.io/api/layers/pooling_layers/global_average_pooling2d/
    """

    rank = 2


class GlobalMaxPooling1D(GlobalMaxPooling):
    """The largest number of each channel of a sequence of shape (batch, steps, channels).

    Args:
        data_format: "channels_last", or "channels_first". None means the former.
        keepdims: Whether the pooled axis stays, with a size of 1.
        kwargs: See `Layer`.

    Raises:
        InvalidArgument: If there is no such data format.

    Example:
        >>> import numpy as np
        >>> from kibitz.layers import GlobalMaxPooling1D
        >>> GlobalMaxPooling1D()(np.array([[[1.0, 6.0], [3.0, 2.0]]])).tolist()
        [[3.0, 6.0]]

    Source: https://keras.io/api/layers/pooling_layers/global_max_pooling1d/
    """

    rank = 1


class GlobalMaxPooling2D(GlobalMaxPooling):
    """The largest number of each channel of images of shape (batch, height, width, channels).

    Args:
        data_format: "channels_last", or "channels_first". None means the former.
        keepdims: Whether the pooled axes stay, with a size of 1.
        kwargs: See `Layer`.

    Raises:
        InvalidArgument: If there is no such data format.

    Example:
        >>> import numpy as np
        >>> from kibitz.layers import GlobalMaxPooling2D
        >>> GlobalMaxPooling2D()(np.arange(4.0).reshape(1, 2, 2, 1)).tolist()
        [[3.0]]

    Source: https://keras.io/api/layers/pooling_layers/global_max_pooling2d/
    """

    rank = 2
