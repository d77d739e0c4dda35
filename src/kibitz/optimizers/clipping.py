"""Clipping of gradients as Keras does it, as Optax transformations without state."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import optax


def clip_by_norm(clipnorm: float) -> optax.GradientTransformation:
    """Scale each gradient that is longer than `clipnorm` down to that length, one parameter at a time.

    Args:
        clipnorm: The greatest length (the root of the sum of squares) of one parameter's gradient.

    Example:
        >>> import jax.numpy as jnp
        >>> from kibitz.optimizers.clipping import clip_by_norm
        >>> clipped, _ = clip_by_norm(1.0).update({"w": jnp.array([3.0, 4.0])}, ())
        >>> [round(float(each), 6) for each in clipped["w"]]
        [0.6, 0.8]
    """

    def clip(gradient: Any) -> jax.Array:
        squares = jnp.sum(jnp.square(gradient), keepdims=True)
        norm = jnp.where(squares > 0, jnp.sqrt(jnp.where(squares > 0, squares, 1.0)), squares)
        return (gradient * clipnorm / jnp.maximum(norm, clipnorm)).reshape(gradient.shape)

    return optax.stateless_with_tree_map(lambda gradient, _: clip(gradient))


def clip_by_global_norm(global_clipnorm: float) -> optax.GradientTransformation:
    """Scale all gradients down together, so that as one long vector they are no longer than `global_clipnorm`.

    Unlike Optax's: the same order of operations as in Keras; an infinite gradient makes all of them NaN, so that it
    is seen.

    Args:
        global_clipnorm: The greatest length of all gradients together.

    Example:
        >>> import jax.numpy as jnp
        >>> from kibitz.optimizers.clipping import clip_by_global_norm
        >>> clipped, _ = clip_by_global_norm(1.0).update({"a": jnp.array(3.0), "b": jnp.array(4.0)}, ())
        >>> {name: round(float(each), 6) for name, each in clipped.items()}
        {'a': 0.6, 'b': 0.8}
    """

    def clip(gradients: Any, _: Any) -> Any:
        leaves = jax.tree.leaves(gradients)
        kinds = {leaf.dtype for leaf in leaves}
        kind = kinds.pop() if len(kinds) == 1 else jnp.dtype(jnp.float32)
        norm = jnp.sqrt(jnp.sum(jnp.stack([jnp.sum(jnp.square(leaf)).astype(kind) for leaf in leaves])))
        scale = global_clipnorm * jnp.minimum(1.0 / norm, 1.0 / global_clipnorm)
        scale = scale + (norm - norm)  # nothing for a finite norm, NaN for an infinite one
        return jax.tree.map(lambda gradient: gradient.astype(kind) * scale, gradients)

    return optax.stateless(clip)


def clipping(
    clipnorm: float | None, clipvalue: float | None, global_clipnorm: float | None
) -> optax.GradientTransformation:
    """Choose the clipping that an optimizer's arguments ask for; without any, the gradients pass as they are.

    Args:
        clipnorm: The greatest length of each parameter's gradient, or None.
        clipvalue: The greatest size of each element, or None.
        global_clipnorm: The greatest length of all gradients together, or None.

    Example:
        >>> import jax.numpy as jnp
        >>> from kibitz.optimizers.clipping import clipping
        >>> clipping(None, 0.5, None).update({"w": jnp.array([3.0, -4.0])}, ())[0]["w"].tolist()
        [0.5, -0.5]
    """
    if clipnorm is not None:
        return clip_by_norm(clipnorm)
    if global_clipnorm is not None:
        return clip_by_global_norm(global_clipnorm)
    return optax.identity() if clipvalue is None else optax.clip(clipvalue)
