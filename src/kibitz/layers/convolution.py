"""Convolutions: the same small kernel at every place of a sequence or an image."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax

from kibitz.errors import InvalidArgument
from kibitz.layers import activations, constraints, initializers, regularizers
from kibitz.layers.arguments import absent, data_format_of, whole
from kibitz.layers.base import Layer
from kibitz.layers.convolve import convolve
from kibitz.layers.input_spec import InputSpec
from kibitz.layers.weight import WeightAttribute
from kibitz.layers.windows import padding_of, sizes, windowed_shape


class Convolution(Layer):
    """What Conv1D and Conv2D share; `rank` is the number of axes that the kernel moves along."""

    kernel = WeightAttribute()
    bias = WeightAttribute()
    config_names = (
        *("filters", "kernel_size", "strides", "padding", "data_format", "dilation_rate", "groups", "activation"),
        *("use_bias", "kernel_initializer", "bias_initializer", "kernel_regularizer", "bias_regularizer"),
        *("activity_regularizer", "kernel_constraint", "bias_constraint"),
    )
    rank = 0

    def __init__(
        self,
        filters: int,
        kernel_size: int | Sequence[int],
        strides: int | Sequence[int] = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: int | Sequence[int] = 1,
        groups: int = 1,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ):
        lora = {name: kwargs.pop(name, None) for name in ("lora_rank", "lora_alpha")}
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        absent(type(self).__name__, "leave it out: the whole kernel is trained", **lora)
        self.filters = whole(filters, "filters", f"{type(self).__name__}(32, 3)")
        self.kernel_size = sizes(kernel_size, self.rank, "kernel_size")
        self.strides = sizes(strides, self.rank, "strides")
        self.padding = padding_of(padding, causal=self.rank == 1)
        self.data_format = data_format_of(data_format)
        self.dilation_rate = sizes(dilation_rate, self.rank, "dilation_rate")
        self.groups = whole(groups, "groups", "groups=1")
        self.activation = activations.get(activation)
        self.use_bias = use_bias
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.bias_constraint = constraints.get(bias_constraint)
        self.input_spec = InputSpec(ndim=self.rank + 2)
        self._refuse_what_does_not_go_together()

    def _refuse_what_does_not_go_together(self) -> None:
        if self.filters % self.groups:
            raise InvalidArgument(
                "Each group makes the same number of channels.",
                given={"filters": self.filters, "groups": self.groups},
                wanted="filters that can be divided by groups",
                cure=f"filters={self.groups * (self.filters // self.groups + 1)}",
            )
        if max(self.strides) > 1 and max(self.dilation_rate) > 1:
            raise InvalidArgument(
                "A kernel either strides or is dilated.",
                given={"strides": self.strides, "dilation_rate": self.dilation_rate},
                wanted="one of them 1",
                cure="strides=1",
            )

    def build(self, input_shape: Any) -> None:
        """Make kernel and bias.

        Raises:
            InvalidArgument: If the number of channels is not known, or cannot be divided by `groups`.
        """
        self.compute_output_shape(input_shape)
        axis = -1 if self.data_format == "channels_last" else 1
        channels = input_shape[axis]
        if channels is None or channels % self.groups:
            raise InvalidArgument(
                f'Layer "{self.name}" cannot take this number of channels.',
                given=input_shape,
                wanted=f"a known number along axis {axis}, that can be divided by groups={self.groups}",
                cure="keras.Input(shape=(28, 28, 1))" if self.rank == 2 else "keras.Input(shape=(100, 8))",
            )
        self.kernel = self.add_weight(
            name="kernel",
            shape=(*self.kernel_size, channels // self.groups, self.filters),
            initializer=self.kernel_initializer,
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
        )
        self.bias = (
            self.add_weight(
                name="bias",
                shape=(self.filters,),
                initializer=self.bias_initializer,
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
            )
            if self.use_bias
            else None
        )
        self.input_spec = InputSpec(ndim=self.rank + 2, axes={axis: channels})

    def call(self, inputs: jax.Array) -> jax.Array:
        """Give `activation(convolution + bias)`."""
        self.compute_output_shape(inputs.shape)
        kernel, bias = self.now("kernel"), self.now("bias")
        last = self.data_format == "channels_last"
        outputs = convolve(
            inputs.astype(kernel.dtype),
            kernel,
            strides=self.strides,
            padding=self.padding,
            dilation=self.dilation_rate,
            groups=self.groups,
            channels_last=last,
        )
        if bias is not None:
            outputs = outputs + bias.reshape((1,) * (self.rank + 1) + (-1,) if last else (1, -1) + (1,) * self.rank)
        return self.activation(outputs)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """The shape of what comes out, None where a size is not known."""
        return windowed_shape(
            input_shape,
            size=self.kernel_size,
            strides=self.strides,
            padding=self.padding,
            data_format=self.data_format,
            owner=self.name,
            dilation=self.dilation_rate,
            channels=self.filters,
        )


class Conv1D(Convolution):
    """Move a kernel along a sequence of shape (batch, steps, channels).

    Args:
        filters: The number of channels that come out, 1 or more.
        kernel_size: The kernel's length.
        strides: How far it moves.
        padding: "valid" (no padding), "same" (as long as the inputs, if strides are 1), or "causal" (no step sees a
            later one).
        data_format: "channels_last", or "channels_first". None means the former.
        dilation_rate: How far apart the kernel's points are.
        groups: Into how many groups the channels are split, each with a kernel of its own.
        activation: A name or function of the outputs. None means none.
        use_bias: Whether something is added to each channel.
        kernel_initializer: The kernel's first values.
        bias_initializer: The bias's first values.
        kernel_regularizer, bias_regularizer: A penalty on the weight, added to the loss. None means none.
        activity_regularizer: A penalty on the outputs, divided by the batch size. None means none.
        kernel_constraint, bias_constraint: What the weight must keep to after each step. None means nothing.
        kwargs: See `Layer`.

    Raises:
        InvalidArgument: For a number, size or padding that cannot be.

    Example:
        >>> import numpy as np
        >>> from kibitz.layers import Conv1D
        >>> Conv1D(1, 2, kernel_initializer="ones")(np.array([[[1.0], [2.0], [4.0]]])).tolist()
        [[[3.0], [6.0]]]

    Source: https://keras.io/api/layers/convolution_layers/convolution1d/
    """

    rank = 1


class Conv2D(Convolution):
    """Move a kernel over images of shape (batch, height, width, channels).

    Args:
        filters: The number of channels that come out, 1 or more.
        kernel_size: The kernel's height and width; one number stands for both.
        strides: How far it moves down and right.
        padding: "valid" (no padding), or "same" (as large as the inputs, if strides are 1).
        data_format: "channels_last", or "channels_first". None means the former.
        dilation_rate: How far apart the kernel's points are.
        groups: Into how many groups the channels are split, each with a kernel of its own.
        activation: A name or function of the outputs. None means none.
        use_bias: Whether something is added to each channel.
        kernel_initializer: The kernel's first values.
        bias_initializer: The bias's first values.
        kernel_regularizer, bias_regularizer: A penalty on the weight, added to the loss. None means none.
        activity_regularizer: A penalty on the outputs, divided by the batch size. None means none.
        kernel_constraint, bias_constraint: What the weight must keep to after each step. None means nothing.
        kwargs: See `Layer`.

    Raises:
        InvalidArgument: For a number, size or padding that cannot be.

    Example:
        >>> import numpy as np
        >>> from kibitz.layers import Conv2D
        >>> Conv2D(1, 2, kernel_initializer="ones")(np.ones((1, 3, 3, 1))).tolist()
        [[[[4.0], [4.0]], [[4.0], [4.0]]]]

    Source: https://keras.io/api/layers/convolution_layers/convolution2d/
    """

    rank = 2

    def __init__(
        self,
        filters: int,
        kernel_size: int | Sequence[int],
        strides: int | Sequence[int] = (1, 1),
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: int | Sequence[int] = (1, 1),
        groups: int = 1,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ):
        super().__init__(
            *(filters, kernel_size, strides, padding, data_format, dilation_rate, groups, activation, use_bias),
            *(kernel_initializer, bias_initializer, kernel_regularizer, bias_regularizer, activity_regularizer),
            *(kernel_constraint, bias_constraint),
            **kwargs,
        )
