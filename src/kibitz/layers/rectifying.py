"""Activations that let the positive through and bend the negative: relu and what grew out of it."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from kibitz.errors import ShapeMismatch


def relu(x: Any, negative_slope: float = 0.0, max_value: float | None = None, threshold: float = 0.0) -> jax.Array:
    """`max(x, 0)`, with a slope below, a ceiling, or another threshold if they are given.

    Args:
        x: Any array.
        negative_slope: The slope below the threshold.
        max_value: The largest value that comes out. None means no ceiling.
        threshold: Where the rise begins.

    Example:
        >>> from kibitz.layers.activations import relu
        >>> relu([-10.0, -5.0, 0.0, 5.0, 10.0], negative_slope=0.5, max_value=6.0).tolist()
        [-5.0, -2.5, 0.0, 5.0, 6.0]

    Source: https://keras.io/api/layers/activations/#relu-function
    """
    x = jnp.asarray(x)
    if negative_slope != 0.0 and max_value is None and threshold == 0:
        return jax.nn.leaky_relu(x, negative_slope)
    if threshold != 0:
        above = jnp.where(x > threshold, x, jnp.zeros_like(x))
    else:
        above = jax.nn.relu6(x) if max_value == 6 else jax.nn.relu(x)
    if max_value is not None and (threshold != 0 or max_value != 6):
        above = jnp.clip(above, 0.0, max_value)
    return above - negative_slope * jax.nn.relu(threshold - x) if negative_slope != 0.0 else above


def leaky_relu(x: Any, negative_slope: float = 0.2) -> jax.Array:
    """`x` above 0, `negative_slope * x` below.

    Args:
        x: Any array.
        negative_slope: The slope below 0.

    Example:
        >>> from kibitz.layers.activations import leaky_relu
        >>> leaky_relu([-4.0, 4.0], negative_slope=0.5).tolist()
        [-2.0, 4.0]
    """
    return jax.nn.leaky_relu(jnp.asarray(x), negative_slope)


def relu6(x: Any) -> jax.Array:
    """`relu`, with a ceiling of 6.

    Args:
        x: Any array.

    Example:
        >>> from kibitz.layers.activations import relu6
        >>> relu6([-1.0, 3.0, 9.0]).tolist()
        [0.0, 3.0, 6.0]
    """
    return jax.nn.relu6(jnp.asarray(x))


def elu(x: Any, alpha: float = 1.0) -> jax.Array:
    """`x` above 0, `alpha * (exp(x) - 1)` below.

    Args:
        x: Any array.
        alpha: Minus the value that very negative inputs come to.

    Example:
        >>> from kibitz.layers.activations import elu
        >>> elu([-100.0, 2.0], alpha=3.0).tolist()
        [-3.0, 2.0]

    Source: https://arxiv.org/abs/1511.07289
    """
    return jax.nn.elu(jnp.asarray(x), alpha)


def selu(x: Any) -> jax.Array:
    """`elu` scaled so that mean and variance keep, for weights drawn by `lecun_normal`.

    Args:
        x: Any array.

    Example:
        >>> from kibitz.layers.activations import selu
        >>> [round(value, 4) for value in selu([-100.0, 1.0]).tolist()]
        [-1.7581, 1.0507]

    Source: https://arxiv.org/abs/1706.02515
    """
    return jax.nn.selu(jnp.asarray(x))


def celu(x: Any, alpha: float = 1.0) -> jax.Array:
    """`x` above 0, `alpha * (exp(x / alpha) - 1)` below: smooth for every alpha.

    Args:
        x: Any array.
        alpha: Minus the value that very negative inputs come to.

    Example:
        >>> from kibitz.layers.activations import celu
        >>> celu([-100.0, 2.0], alpha=0.5).tolist()
        [-0.5, 2.0]

    Source: https://arxiv.org/abs/1704.07483
    """
    return jax.nn.celu(jnp.asarray(x), alpha)


def gelu(x: Any, approximate: bool = False) -> jax.Array:
    """`x` times the chance that a standard normal number is below `x`.

    Args:
        x: Any array.
        approximate: Use a tanh in place of the error function.

    Example:
        >>> from kibitz.layers.activations import gelu
        >>> gelu([0.0, 10.0]).tolist()
        [0.0, 10.0]

    Source: https://arxiv.org/abs/1606.08415
    """
    return jax.nn.gelu(jnp.asarray(x), approximate=approximate)


def silu(x: Any) -> jax.Array:
    """`x * sigmoid(x)`, also called swish.

    Args:
        x: Any array.

    Example:
        >>> from kibitz.layers.activations import silu
        >>> silu([-100.0, 0.0, 100.0]).tolist()
        [-0.0, 0.0, 100.0]

    Source: https://arxiv.org/abs/1710.05941
    """
    return jax.nn.silu(jnp.asarray(x))


def hard_silu(x: Any) -> jax.Array:
    """`silu` in straight pieces: 0 below -3, `x` above 3, `x * (x + 3) / 6` between.

    Args:
        x: Any array.

    Example:
        >>> from kibitz.layers.activations import hard_silu
        >>> hard_silu([-4.0, 3.0, 4.0]).tolist()
        [-0.0, 3.0, 4.0]

    Source: https://arxiv.org/abs/1905.02244
    """
    return jax.nn.hard_silu(jnp.asarray(x))


def mish(x: Any) -> jax.Array:
    """`x * tanh(softplus(x))`.

    Args:
        x: Any array.

    Example:
        >>> from kibitz.layers.activations import mish
        >>> mish([0.0, 100.0]).tolist()
        [0.0, 100.0]

    Source: https://arxiv.org/abs/1908.08681
    """
    x = jnp.asarray(x)
    return x * jnp.tanh(jax.nn.softplus(x))


def softplus(x: Any) -> jax.Array:
    """`log(exp(x) + 1)`: relu without the corner.

    Args:
        x: Any array.

    Example:
        >>> from kibitz.layers.activations import softplus
        >>> [round(value, 4) for value in softplus([-200.0, 0.0, 200.0]).tolist()]
        [0.0, 0.6931, 200.0]
    """
    return jax.nn.softplus(jnp.asarray(x))


def squareplus(x: Any, b: float = 4) -> jax.Array:
    """`(x + sqrt(x**2 + b)) / 2`: relu without the corner, and without an exponential.

    Args:
        x: Any array.
        b: How round the corner is; 0 is relu.

    Example:
        >>> from kibitz.layers.activations import squareplus
        >>> squareplus([0.0, 1.5], b=4).tolist()
        [1.0, 2.0]

    Source: https://arxiv.org/abs/2112.11687
    """
    return jax.nn.squareplus(jnp.asarray(x), b)


def sparse_plus(x: Any) -> jax.Array:
    """0 below -1, `x` above 1, `(x + 1)**2 / 4` between.

    Args:
        x: Any array.

    Example:
        >>> from kibitz.layers.activations import sparse_plus
        >>> sparse_plus([-2.0, 0.0, 2.0]).tolist()
        [0.0, 0.25, 2.0]
    """
    return jax.nn.sparse_plus(jnp.asarray(x))


def glu(x: Any, axis: int = -1) -> jax.Array:
    """Gate one half of an axis by the sigmoid of the other half.

    Args:
        x: An array whose size along `axis` is even.
        axis: The axis that is halved.

    Raises:
        ShapeMismatch: If the axis cannot be halved.

    Example:
        >>> from kibitz.layers.activations import glu
        >>> glu([8.0, 6.0, 0.0, 0.0]).tolist()
        [4.0, 3.0]

    Source: https://arxiv.org/abs/1612.08083
    """
    x = jnp.asarray(x)
    if x.shape[axis] % 2:
        raise ShapeMismatch(
            "glu halves an axis.", given=x, wanted=f"an even size along axis {axis}", cure="Dense(2 * units)"
        )
    return jax.nn.glu(x, axis)
