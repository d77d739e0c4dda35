"""Layers that bring numbers to mean 0 and variance 1: over the batch, or within each sample."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

from kibitz.errors import InvalidArgument, Unsupported
from kibitz.layers import constraints, initializers, regularizers
from kibitz.layers.arguments import absent, number
from kibitz.layers.base import Layer
from kibitz.layers.input_spec import InputSpec
from kibitz.layers.weight import WeightAttribute


class BatchNormalization(Layer):
    """Normalize each channel by the batch's mean and variance while training, by their moving averages otherwise.

    With `trainable = False` it always takes the moving averages, and leaves them as they are.

    Args:
        axis: The axis of the channels.
        momentum: How much of the moving average stays at each step.
        epsilon: Added to the variance, so that nothing is divided by 0.
        center: Whether `beta` is added.
        scale: Whether there is a factor `gamma`.
        beta_initializer, gamma_initializer: The weight's first values.
        moving_mean_initializer, moving_variance_initializer: The average's first values.
        beta_regularizer, gamma_regularizer: A penalty on the weight, added to the loss. None means none.
        beta_constraint, gamma_constraint: What the weight must keep to after each step. None means nothing.
        renorm, renorm_clipping, renorm_momentum: Not here: `renorm=True` is refused.
        synchronized: Not here, nor in Keras on JAX: True is refused.
        kwargs: See `Layer`.

    Raises:
        InvalidArgument: If the axis is no whole number, or another number cannot be.
        Unsupported: For renorm and synchronized.

    Example:
        >>> import numpy as np
        >>> from kibitz.layers import BatchNormalization
        >>> layer = BatchNormalization(momentum=0.5)
        >>> outputs = layer(np.array([[1.0], [3.0]]), training=True)
        >>> layer.moving_mean.numpy().tolist(), layer.moving_variance.numpy().tolist()
        ([1.0], [1.0])

    Source: https://arxiv.org/abs/1502.03167
    """

    gamma = WeightAttribute()
    beta = WeightAttribute()
    moving_mean = WeightAttribute()
    moving_variance = WeightAttribute()
    config_names = (
        *("axis", "momentum", "epsilon", "center", "scale", "beta_initializer", "gamma_initializer"),
        *("moving_mean_initializer", "moving_variance_initializer", "beta_regularizer", "gamma_regularizer"),
        *("beta_constraint", "gamma_constraint", "renorm", "renorm_clipping", "renorm_momentum", "synchronized"),
    )

    def __init__(
        self,
        axis: int = -1,
        momentum: float = 0.99,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        moving_mean_initializer: Any = "zeros",
        moving_variance_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        renorm: bool = False,
        renorm_clipping: dict[str, float] | None = None,
        renorm_momentum: float = 0.99,
        synchronized: bool = False,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        absent(
            "BatchNormalization",
            "leave it out",
            renorm=renorm,
            renorm_clipping=renorm_clipping,
            synchronized=synchronized,
        )
        self.axis = _axis(axis)
        self.momentum = float(number(momentum, "momentum", "momentum=0.99"))
        self.epsilon = float(number(epsilon, "epsilon", "epsilon=1e-3", least=0))
        self.center, self.scale = center, scale
        self.beta_initializer = initializers.get(beta_initializer)
        self.gamma_initializer = initializers.get(gamma_initializer)
        self.moving_mean_initializer = initializers.get(moving_mean_initializer)
        self.moving_variance_initializer = initializers.get(moving_variance_initializer)
        self.beta_regularizer = regularizers.get(beta_regularizer)
        self.gamma_regularizer = regularizers.get(gamma_regularizer)
        self.beta_constraint = constraints.get(beta_constraint)
        self.gamma_constraint = constraints.get(gamma_constraint)
        self.renorm, self.renorm_clipping, self.renorm_momentum = False, None, renorm_momentum
        self.synchronized = False

    def build(self, input_shape: Any) -> None:
        """Make gamma, beta and the moving averages."""
        size = _known(input_shape, [self.axis], self.name)[0]
        self.gamma = _scaled(self, (size,)) if self.scale else None
        self.beta = _centered(self, (size,)) if self.center else None
        for name in ("moving_mean", "moving_variance"):
            initializer = getattr(self, f"{name}_initializer")
            average = self.add_weight(
                name=name, shape=(size,), initializer=initializer, trainable=False, autocast=False
            )
            setattr(self, name, average)
        self.input_spec = InputSpec(ndim=len(input_shape), axes={self.axis: size})

    def call(self, inputs: jax.Array, training: bool | None = None, mask: Any = None) -> jax.Array:
        """Give the normalized inputs; while training, move the averages.

        Raises:
            Unsupported: If there is a mask.
        """
        if mask is not None:
            raise Unsupported(
                "Kibitz has no masks.", given=mask, wanted="mask=None", cure="cut the sequences to one length"
            )
        x = _wide(inputs)
        mean, variance = self.now("moving_mean"), self.now("moving_variance")
        if training and self.trainable:
            axes = tuple(axis for axis in range(x.ndim) if axis != self.axis % x.ndim)
            mean, variance = jnp.mean(x, axes), jnp.var(x, axes)
            self._move("moving_mean", mean)
            self._move("moving_variance", variance)
        shape = [-1 if axis == self.axis % x.ndim else 1 for axis in range(x.ndim)]
        mean, variance, gamma, beta = (
            None if each is None else each.astype(x.dtype).reshape(shape)
            for each in (mean, variance, self.now("gamma"), self.now("beta"))
        )
        return _normalized(x, mean, variance, self.epsilon, gamma, beta).astype(self.compute_dtype)

    def _move(self, name: str, value: jax.Array) -> None:
        variable = vars(self)[name]
        held = variable.get_value()
        moved = held.astype(value.dtype) * self.momentum + value * (1.0 - self.momentum)
        variable.set_value(moved.astype(held.dtype))

    def compute_output_shape(self, input_shape: Any) -> Any:
        """The inputs' shape."""
        _known(input_shape, [self.axis], self.name, unknown=True)
        return tuple(input_shape)


class LayerNormalization(Layer):
    """Normalize each sample by its own mean and variance, along one axis or several.

    Args:
        axis: The axis, or axes, over which mean and variance are taken; their sizes must be known.
        epsilon: Added to the variance, so that nothing is divided by 0.
        center: Whether `beta` is added.
        scale: Whether there is a factor `gamma`.
        beta_initializer, gamma_initializer: The weight's first values.
        beta_regularizer, gamma_regularizer: A penalty on the weight, added to the loss. None means none.
        beta_constraint, gamma_constraint: What the weight must keep to after each step. None means nothing.
        kwargs: See `Layer`; `rms_scaling=True` is refused.

    Raises:
        InvalidArgument: If an axis is no whole number, or epsilon is negative.
        Unsupported: For `rms_scaling=True`, which Keras itself calls wrong.

    Example:
        >>> import numpy as np
        >>> from kibitz.layers import LayerNormalization
        >>> LayerNormalization(epsilon=0.0)(np.array([[1.0, 3.0], [0.0, 8.0]])).tolist()
        [[-1.0, 1.0], [-1.0, 1.0]]

    Source: https://arxiv.org/abs/1607.06450
    """

    gamma = WeightAttribute()
    beta = WeightAttribute()
    config_names = (
        *("epsilon", "center", "scale", "rms_scaling", "beta_initializer", "gamma_initializer", "beta_regularizer"),
        *("gamma_regularizer", "beta_constraint", "gamma_constraint"),
    )

    def __init__(
        self,
        axis: int | Sequence[int] = -1,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        **kwargs: Any,
    ):
        rms_scaling = kwargs.pop("rms_scaling", False)
        super().__init__(**{"autocast": False, **kwargs})
        absent("LayerNormalization", "nnx.RMSNorm in a module of your own", rms_scaling=rms_scaling)
        self.axis = tuple(map(_axis, axis)) if isinstance(axis, list | tuple) else _axis(axis)
        self.epsilon = number(epsilon, "epsilon", "epsilon=1e-3", least=0)
        self.center, self.scale, self.rms_scaling = center, scale, False
        self.beta_initializer = initializers.get(beta_initializer)
        self.gamma_initializer = initializers.get(gamma_initializer)
        self.beta_regularizer = regularizers.get(beta_regularizer)
        self.gamma_regularizer = regularizers.get(gamma_regularizer)
        self.beta_constraint = constraints.get(beta_constraint)
        self.gamma_constraint = constraints.get(gamma_constraint)

    @property
    def axes(self) -> list[int]:
        """The axes over which mean and variance are taken."""
        return sorted(self.axis) if isinstance(self.axis, tuple) else [self.axis]

    def build(self, input_shape: Any) -> None:
        """Make gamma and beta."""
        sizes = _known(input_shape, self.axes, self.name)
        self.gamma = _scaled(self, sizes) if self.scale else None
        self.beta = _centered(self, sizes) if self.center else None

    def call(self, inputs: jax.Array) -> jax.Array:
        """Give the normalized inputs."""
        x = _wide(inputs)
        axes = tuple(axis % x.ndim for axis in self.axes)
        mean, variance = jnp.mean(x, axes, keepdims=True), jnp.var(x, axes, keepdims=True)
        shape = [size if axis in axes else 1 for axis, size in enumerate(x.shape)]
        gamma, beta = (
            None if each is None else each.astype(x.dtype).reshape(shape)
            for each in (self.now("gamma"), self.now("beta"))
        )
        return _normalized(x, mean, variance, self.epsilon, gamma, beta).astype(self.compute_dtype)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """The inputs' shape."""
        _known(input_shape, self.axes, self.name, unknown=True)
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        """The arguments."""
        return {**super().get_config(), "axis": list(self.axis) if isinstance(self.axis, tuple) else self.axis}


def _wide(x: jax.Array) -> jax.Array:
    """In float32 at least: half precision would overflow in the squares."""
    return x if x.dtype == jnp.float64 else x.astype(jnp.float32)


def _normalized(
    x: jax.Array, mean: Any, variance: Any, epsilon: float, gamma: jax.Array | None, beta: jax.Array | None
) -> jax.Array:
    """`gamma * (x - mean) / sqrt(variance + epsilon) + beta`, in Keras's order of operations."""
    factor = jax.lax.rsqrt(variance + epsilon)
    if gamma is not None:
        factor = factor * gamma
    offset = -mean * factor
    return x * factor + (offset if beta is None else offset + beta)


def _scaled(layer: BatchNormalization | LayerNormalization, shape: tuple[int, ...]) -> Any:
    return layer.add_weight(
        name="gamma",
        shape=shape,
        initializer=layer.gamma_initializer,
        regularizer=layer.gamma_regularizer,
        constraint=layer.gamma_constraint,
        autocast=False,
    )


def _centered(layer: BatchNormalization | LayerNormalization, shape: tuple[int, ...]) -> Any:
    return layer.add_weight(
        name="beta",
        shape=shape,
        initializer=layer.beta_initializer,
        regularizer=layer.beta_regularizer,
        constraint=layer.beta_constraint,
        autocast=False,
    )


def _axis(axis: Any) -> int:
    if isinstance(axis, bool) or not hasattr(axis, "__index__"):
        raise InvalidArgument("An axis is a whole number.", given=axis, wanted="a whole number", cure="axis=-1")
    return int(axis)


def _known(shape: Any, axes: Sequence[int], owner: str, *, unknown: bool = False) -> tuple[Any, ...]:
    """The sizes of a shape along some axes."""
    if any(not -len(shape) <= axis < len(shape) or (shape[axis] is None and not unknown) for axis in axes):
        raise InvalidArgument(
            f'Layer "{owner}" cannot normalize inputs of this shape.',
            given=tuple(shape),
            wanted=f"a known size along axis {', '.join(map(str, axes))}",
            cure="axis=-1, or an Input whose sizes are known",
        )
    return tuple(shape[axis] for axis in axes)
