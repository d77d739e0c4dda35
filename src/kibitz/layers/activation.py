"""Activations as layers of their own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

from kibitz.errors import ShapeMismatch
from kibitz.layers import activations
from kibitz.layers.arguments import number
from kibitz.layers.base import Layer


class Elementwise(Layer):
    """A layer whose outputs have the inputs' shape.

    Example:
        >>> from kibitz.layers.activation import ReLU
        >>> ReLU().compute_output_shape((None, 3))
        (None, 3)
    """

    def compute_output_shape(self, input_shape: Any) -> Any:
        """The inputs' shape."""
        return tuple(input_shape)


class Activation(Elementwise):
    """Any activation by name or function.

    Args:
        activation: A name, or a function of one array.
        kwargs: See `Layer`.

    Example:
        >>> import numpy as np
        >>> from kibitz.layers import Activation
        >>> Activation("relu")(np.array([-1.0, 1.0])).tolist()
        [0.0, 1.0]

    Source: https://keras.io/api/layers/core_layers/activation/
    """

    config_names = ("activation",)

    def __init__(self, activation: Any, **kwargs: Any):
        super().__init__(**kwargs)
        self.activation = activations.get(activation)

    def call(self, inputs: jax.Array) -> jax.Array:
        """Give what the activation gives."""
        return self.activation(inputs)


class ReLU(Elementwise):
    """`max(x, 0)`, with a ceiling, a slope below, or another threshold if they are given.

    Args:
        max_value: The largest value that comes out, 0 or more. None means no ceiling.
        negative_slope: The slope below the threshold, 0 or more.
        threshold: Where the rise begins, 0 or more.
        kwargs: See `Layer`.

    Raises:
        InvalidArgument: If a number is negative.

    Example:
        >>> import numpy as np
        >>> from kibitz.layers import ReLU
        >>> ReLU(max_value=6.0)(np.array([-1.0, 3.0, 9.0])).tolist()
        [0.0, 3.0, 6.0]

    Source: https://keras.io/api/layers/activation_layers/relu/
    """

    config_names = ("max_value", "negative_slope", "threshold")

    def __init__(
        self, max_value: float | None = None, negative_slope: float = 0.0, threshold: float = 0.0, **kwargs: Any
    ):
        super().__init__(**kwargs)
        self.max_value = None if max_value is None else number(max_value, "max_value", "ReLU(max_value=6.0)", least=0)
        self.negative_slope = number(negative_slope, "negative_slope", "negative_slope=0.1", least=0)
        self.threshold = number(threshold, "threshold", "threshold=0.0", least=0)

    def call(self, inputs: jax.Array) -> jax.Array:
        """Give what `activations.relu` gives."""
        return activations.relu(inputs, self.negative_slope, self.max_value, self.threshold)


class LeakyReLU(Elementwise):
    """`x` above 0, `negative_slope * x` below.

    Args:
        negative_slope: The slope below 0, 0 or more.
        kwargs: See `Layer`.

    Raises:
        InvalidArgument: If the slope is negative.

    Example:
        >>> import numpy as np
        >>> from kibitz.layers import LeakyReLU
        >>> LeakyReLU(0.5)(np.array([-4.0, 4.0])).tolist()
        [-2.0, 4.0]

    Source: https://keras.io/api/layers/activation_layers/leaky_relu/
    """

    config_names = ("negative_slope",)

    def __init__(self, negative_slope: float = 0.3, **kwargs: Any):
        negative_slope = kwargs.pop("alpha", negative_slope)  # its name in Keras 2, which Keras 3 still takes
        super().__init__(**kwargs)
        self.negative_slope = number(negative_slope, "negative_slope", "LeakyReLU(0.3)", least=0)

    def call(self, inputs: jax.Array) -> jax.Array:
        """Give what `activations.leaky_relu` gives."""
        return activations.leaky_relu(inputs, self.negative_slope)


class ELU(Elementwise):
    """`x` above 0, `alpha * (exp(x) - 1)` below.

    Args:
        alpha: Minus the value that very negative inputs come to.
        kwargs: See `Layer`.

    Example:
        >>> import numpy as np
        >>> from kibitz.layers import ELU
        >>> ELU(3.0)(np.array([-100.0, 2.0])).tolist()
        [-3.0, 2.0]

    Source: https://keras.io/api/layers/activation_layers/elu/
    """

    config_names = ("alpha",)

    def __init__(self, alpha: float = 1.0, **kwargs: Any):
        super().__init__(**kwargs)
        self.alpha = number(alpha, "alpha", "ELU(1.0)")

    def call(self, inputs: jax.Array) -> jax.Array:
        """Give what `activations.elu` gives."""
        return activations.elu(inputs, self.alpha)


class Softmax(Elementwise):
    """Positive numbers that sum to 1 along an axis.

    Args:
        axis: The axis of the classes, or several.
        kwargs: See `Layer`.

    Example:
        >>> import numpy as np
        >>> from kibitz.layers import Softmax
        >>> Softmax()(np.array([[7.0, 7.0], [0.0, 200.0]])).tolist()
        [[0.5, 0.5], [0.0, 1.0]]

    Source: https://keras.io/api/layers/activation_layers/softmax/
    """

    def __init__(self, axis: int | Sequence[int] = -1, **kwargs: Any):
        super().__init__(**kwargs)
        self.axis = axis if isinstance(axis, int) else tuple(axis)

    def call(self, inputs: jax.Array, mask: Any = None) -> jax.Array:
        """Give the softmax; where `mask` is False, 0.

        Raises:
            ShapeMismatch: If the mask cannot be broadcast to the inputs.
        """
        if mask is None:
            return jax.nn.softmax(inputs, axis=self.axis)
        mask = jnp.asarray(mask)
        if jnp.broadcast_shapes(*_compatible(mask, inputs)) != inputs.shape:
            raise _no_mask(mask, inputs)
        kept = mask if mask.dtype == bool else mask > 0.5
        lowest = -3e4 if inputs.dtype == jnp.float16 else -1e9
        return jnp.where(kept, jax.nn.softmax(jnp.where(kept, inputs, lowest), axis=self.axis), 0.0)

    def get_config(self) -> dict[str, Any]:
        """The arguments."""
        return {**super().get_config(), "axis": self.axis if isinstance(self.axis, int) else list(self.axis)}


def _compatible(mask: jax.Array, inputs: jax.Array) -> tuple[tuple[int, ...], tuple[int, ...]]:
    try:
        jnp.broadcast_shapes(mask.shape, inputs.shape)
    except ValueError:
        raise _no_mask(mask, inputs) from None
    return mask.shape, inputs.shape


def _no_mask(mask: jax.Array, inputs: jax.Array) -> ShapeMismatch:
    return ShapeMismatch(
        "This mask does not fit the inputs.",
        given=mask,
        wanted=f"a shape that can be broadcast to {inputs.shape}",
        cure="a mask of the inputs' shape",
    )
