"""Activations whose outputs lie between bounds: sigmoid, tanh, softmax and their kin."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp


def sigmoid(x: Any) -> jax.Array:
    """`1 / (1 + exp(-x))`, between 0 and 1.

    Args:
        x: Any array.

    Example:
        >>> from kibitz.layers.activations import sigmoid
        >>> sigmoid([-200.0, 0.0, 200.0]).tolist()
        [0.0, 0.5, 1.0]
    """
    return jax.nn.sigmoid(jnp.asarray(x))


def hard_sigmoid(x: Any) -> jax.Array:
    """The sigmoid in straight pieces: 0 below -3, 1 above 3, `x / 6 + 0.5` between.

    Args:
        x: Any array.

    Example:
        >>> from kibitz.layers.activations import hard_sigmoid
        >>> hard_sigmoid([-3.0, 0.0, 3.0]).tolist()
        [0.0, 0.5, 1.0]
    """
    return jax.nn.hard_sigmoid(jnp.asarray(x))


def sparse_sigmoid(x: Any) -> jax.Array:
    """0 below -1, 1 above 1, `(x + 1) / 2` between.

    Args:
        x: Any array.

    Example:
        >>> from kibitz.layers.activations import sparse_sigmoid
        >>> sparse_sigmoid([-2.0, 0.5, 2.0]).tolist()
        [0.0, 0.75, 1.0]

    Source: https://arxiv.org/abs/1901.02324
    """
    return jax.nn.sparse_sigmoid(jnp.asarray(x))


def log_sigmoid(x: Any) -> jax.Array:
    """The logarithm of the sigmoid, exact where the sigmoid itself would be 0.

    Args:
        x: Any array.

    Example:
        >>> from kibitz.layers.activations import log_sigmoid
        >>> log_sigmoid([-200.0, 200.0]).tolist()
        [-200.0, -0.0]
    """
    return jax.nn.log_sigmoid(jnp.asarray(x))


def tanh(x: Any) -> jax.Array:
    """The hyperbolic tangent, between -1 and 1.

    Args:
        x: Any array.

    Example:
        >>> from kibitz.layers.activations import tanh
        >>> tanh([-100.0, 0.0, 100.0]).tolist()
        [-1.0, 0.0, 1.0]
    """
    return jnp.tanh(jnp.asarray(x))


def hard_tanh(x: Any) -> jax.Array:
    """`x`, cut off at -1 and 1.

    Args:
        x: Any array.

    Example:
        >>> from kibitz.layers.activations import hard_tanh
        >>> hard_tanh([-2.0, 0.5, 2.0]).tolist()
        [-1.0, 0.5, 1.0]
    """
    return jax.nn.hard_tanh(jnp.asarray(x))


def softsign(x: Any) -> jax.Array:
    """`x / (abs(x) + 1)`, between -1 and 1.

    Args:
        x: Any array.

    Example:
        >>> from kibitz.layers.activations import softsign
        >>> softsign([-1.0, 0.0, 3.0]).tolist()
        [-0.5, 0.0, 0.75]
    """
    return jax.nn.soft_sign(jnp.asarray(x))


def softmax(x: Any, axis: int = -1) -> jax.Array:
    """`exp(x)` divided by its sum: positive numbers that sum to 1 along an axis.

    Args:
        x: Any array.
        axis: The axis of the classes.

    Example:
        >>> from kibitz.layers.activations import softmax
        >>> softmax([[7.0, 7.0, 7.0, 7.0]]).tolist()
        [[0.25, 0.25, 0.25, 0.25]]

    Source: https://keras.io/api/layers/activations/#softmax-function
    """
    return jax.nn.softmax(jnp.asarray(x), axis=axis)


def log_softmax(x: Any, axis: int = -1) -> jax.Array:
    """The logarithm of the softmax, exact where the softmax itself would be 0.

    Args:
        x: Any array.
        axis: The axis of the classes.

    Example:
        >>> from kibitz.layers.activations import log_softmax
        >>> log_softmax([0.0, 200.0]).tolist()
        [-200.0, 0.0]
    """
    return jax.nn.log_softmax(jnp.asarray(x), axis=axis)


def sparsemax(x: Any, axis: int = -1) -> jax.Array:
    """The nearest point to `x` whose numbers are not negative and sum to 1: a softmax that reaches 0.

    Args:
        x: Any array.
        axis: The axis of the classes.

    Example:
        >>> from kibitz.layers.activations import sparsemax
        >>> sparsemax([[0.0, 0.5, 3.0], [1.0, 1.0, 0.0]]).tolist()
        [[0.0, 0.0, 1.0], [0.5, 0.5, 0.0]]

    Unlike Keras: where several numbers stay above 0 they do sum to 1 (Keras 3.15 on JAX adds running sums up twice).

    Source: https://arxiv.org/abs/1602.02068
    """
    x = jnp.asarray(x)
    falling = jnp.flip(jnp.sort(x, axis=axis), axis=axis)
    summed = jnp.cumsum(falling, axis=axis)
    place = jnp.arange(1, x.shape[axis] + 1).reshape([-1 if each == axis % x.ndim else 1 for each in range(x.ndim)])
    kept = falling - (summed - 1) / place > 0
    count = jnp.sum(kept, axis=axis, keepdims=True)
    threshold = (jnp.sum(jnp.where(kept, falling, 0.0), axis=axis, keepdims=True) - 1) / count
    return jnp.maximum(x - threshold, 0.0)
