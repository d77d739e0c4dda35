"""Activations that pull small inputs to zero."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp


def soft_shrink(x: Any, threshold: float = 0.5) -> jax.Array:
    """Move `x` towards 0 by `threshold`, and no farther.

    Args:
        x: Any array.
        threshold: How far.

    Example:
        >>> from kibitz.layers.activations import soft_shrink
        >>> soft_shrink([-2.0, 0.25, 2.0]).tolist()
        [-1.5, 0.0, 1.5]
    """
    x = jnp.asarray(x)
    return jnp.where(x > threshold, x - threshold, jnp.where(x < -threshold, x + threshold, 0.0))


def hard_shrink(x: Any, threshold: float = 0.5) -> jax.Array:
    """`x`, with all that lies within `threshold` of 0 made 0.

    Args:
        x: Any array.
        threshold: How far from 0.

    Example:
        >>> from kibitz.layers.activations import hard_shrink
        >>> hard_shrink([-2.0, 0.25, 2.0]).tolist()
        [-2.0, 0.0, 2.0]
    """
    x = jnp.asarray(x)
    return jnp.where(jnp.abs(x) > threshold, x, 0.0)


def tanh_shrink(x: Any) -> jax.Array:
    """`x - tanh(x)`.

    Args:
        x: Any array.

    Example:
        >>> from kibitz.layers.activations import tanh_shrink
        >>> tanh_shrink([-100.0, 0.0, 100.0]).tolist()
        [-99.0, 0.0, 99.0]
    """
    x = jnp.asarray(x)
    return x - jnp.tanh(x)


def threshold(x: Any, threshold: float, default_value: float) -> jax.Array:
    """`x` above `threshold`, `default_value` elsewhere.

    Args:
        x: Any array.
        threshold: The bound; itself it is not above.
        default_value: What stands in place of the rest.

    Example:
        >>> from kibitz.layers.activations import threshold
        >>> threshold([1.0, 2.0, 3.0], 2.0, -1.0).tolist()
        [-1.0, -1.0, 3.0]
    """
    x = jnp.asarray(x)
    return jnp.where(x > threshold, x, default_value)
