"""Layers that compute `a * x + b`: Dense, Rescaling, and Identity, which does nothing."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from kibitz.errors import InvalidArgument
from kibitz.layers import activations, constraints, initializers, regularizers
from kibitz.layers.arguments import absent, whole
from kibitz.layers.base import Layer
from kibitz.layers.input_spec import InputSpec
from kibitz.layers.weight import WeightAttribute


class Dense(Layer):
    """Every output is a weighted sum of all inputs: `activation(inputs @ kernel + bias)`.

    Inputs of more than two dimensions are multiplied along the last.

    Args:
        units: The number of outputs, 1 or more.
        activation: A name or function of the outputs. None means none.
        use_bias: Whether something is added to each output.
        kernel_initializer: The kernel's first values.
        bias_initializer: The bias's first values.
        kernel_regularizer, bias_regularizer: A penalty on the weight, added to the loss. None means none.
        activity_regularizer: A penalty on the outputs, divided by the batch size. None means none.
        kernel_constraint, bias_constraint: What the weight must keep to after each step. None means nothing.
        lora_rank, lora_alpha, quantization_config: Not here: anything but None is refused.
        kwargs: See `Layer`.

    Raises:
        InvalidArgument: If `units` is no whole number of at least 1.
        Unsupported: For LoRA and quantization.

    Example:
        >>> import numpy as np
        >>> from kibitz.layers import Dense
        >>> layer = Dense(2, kernel_initializer="ones", activation="relu")
        >>> layer(np.array([[1.0, 2.0], [-1.0, -2.0]])).tolist()
        [[3.0, 3.0], [0.0, 0.0]]

    Source: https://keras.io/api/layers/core_layers/dense/
    """

    kernel = WeightAttribute()
    bias = WeightAttribute()
    config_names = (
        *("units", "activation", "use_bias", "kernel_initializer", "bias_initializer", "kernel_regularizer"),
        *("bias_regularizer", "kernel_constraint", "bias_constraint", "quantization_config"),
    )

    def __init__(
        self,
        units: int,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        lora_rank: int | None = None,
        lora_alpha: float | None = None,
        quantization_config: Any = None,
        **kwargs: Any,
    ):
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        absent(
            "Dense",
            "leave it out: the whole kernel is trained",
            lora_rank=lora_rank,
            lora_alpha=lora_alpha,
            quantization_config=quantization_config,
        )
        self.units = whole(units, "units", "Dense(10)")
        self.activation = activations.get(activation)
        self.use_bias = use_bias
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.bias_constraint = constraints.get(bias_constraint)
        self.quantization_config = None
        self.input_spec = InputSpec(min_ndim=2)

    def build(self, input_shape: Any) -> None:
        """Make kernel and bias.

        Raises:
            InvalidArgument: If the size of the last axis is not known.
        """
        self.input_spec.check(input_shape, self.name)
        size = input_shape[-1]
        if size is None:
            raise InvalidArgument(
                f'Layer "{self.name}" must know how many numbers it gets.',
                given=input_shape,
                wanted="a last axis of known size",
                cure="keras.Input(shape=(784,))",
            )
        self.kernel = self.add_weight(
            name="kernel",
            shape=(size, self.units),
            initializer=self.kernel_initializer,
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
        )
        self.bias = (
            self.add_weight(
                name="bias",
                shape=(self.units,),
                initializer=self.bias_initializer,
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
            )
            if self.use_bias
            else None
        )
        self.input_spec = InputSpec(min_ndim=2, axes={-1: size})

    def call(self, inputs: jax.Array, training: bool | None = None) -> jax.Array:  # noqa: ARG002 - Keras's signature
        """Give `activation(inputs @ kernel + bias)`."""
        kernel, bias = self.now("kernel"), self.now("bias")
        if not jnp.issubdtype(inputs.dtype, jnp.floating):
            inputs = inputs.astype(kernel.dtype)
        outputs = jnp.matmul(inputs, kernel)
        if bias is not None:
            outputs = outputs + bias.reshape((1,) * (outputs.ndim - 1) + (-1,))
        return self.activation(outputs)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """The inputs' shape with `units` in place of the last size."""
        return (*tuple(input_shape)[:-1], self.units)


class Rescaling(Layer):
    """`inputs * scale + offset`, with numbers that are not trained.

    `Rescaling(1 / 255)` brings an image's bytes between 0 and 1.

    Args:
        scale: A number, or one for each channel.
        offset: A number, or one for each channel.
        kwargs: See `Layer`.

    Example:
        >>> import numpy as np
        >>> from kibitz.layers import Rescaling
        >>> Rescaling(0.5, offset=-1.0)(np.array([[0, 2, 4]], "uint8")).tolist()
        [[-1.0, 0.0, 1.0]]

    Source: https://keras.io/api/layers/preprocessing_layers/image_preprocessing/rescaling/
    """

    config_names = ("scale", "offset")

    def __init__(self, scale: Any, offset: Any = 0.0, **kwargs: Any):
        super().__init__(**kwargs)
        self.scale, self.offset = _plain(scale), _plain(offset)

    def call(self, inputs: jax.Array) -> jax.Array:
        """Give the inputs, scaled, in the compute dtype."""
        scale, offset = (jnp.asarray(each, self.compute_dtype) for each in (self.scale, self.offset))
        return inputs.astype(self.compute_dtype) * _lifted(scale, inputs.ndim) + _lifted(offset, inputs.ndim)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """The inputs' shape."""
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        """The arguments."""
        lists = {name: _listed(getattr(self, name)) for name in self.config_names}
        return {**super().get_config(), **lists}


class Identity(Layer):
    """Give the inputs as they are.

    Args:
        activity_regularizer, trainable, dtype, autocast, name, kwargs: See `Layer`.

    Example:
        >>> import numpy as np
        >>> from kibitz.layers import Identity
        >>> Identity()(np.array([1, 2])).tolist()
        [1, 2]

    Source: https://keras.io/api/layers/core_layers/identity/
    """

    def call(self, inputs: Any) -> Any:
        """Give the inputs."""
        return inputs

    def compute_output_shape(self, input_shape: Any) -> Any:
        """The inputs' shape."""
        return input_shape


def _plain(value: Any) -> Any:
    """A number, or a tuple in place of an array: NNX takes an array on a module for state."""
    return tuple(map(_plain, value)) if np.ndim(value) else (value.item() if hasattr(value, "item") else value)


def _listed(value: Any) -> Any:
    return [_listed(each) for each in value] if isinstance(value, tuple) else value


def _lifted(value: jax.Array, ndim: int) -> jax.Array:
    """The same with as many dimensions as the inputs, so that no rank is promoted."""
    return value.reshape((1,) * (ndim - value.ndim) + value.shape) if 0 < value.ndim < ndim else value
