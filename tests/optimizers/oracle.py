"""Sixty steps of an optimizer under Keras and under Kibitz, over the same parameters and gradients."""

from __future__ import annotations

import os

os.environ.setdefault("KERAS_BACKEND", "jax")

import jax
import keras
import numpy as np

STEPS = 60


def params(seed=0, dtype="float32"):
    """Small parameters, a scalar among them."""
    random = np.random.default_rng(seed)
    shapes = {"dense": {"kernel": (4, 3)}, "temperature": ()}
    drawn = jax.tree.map(lambda shape: random.normal(size=shape), shapes, is_leaf=lambda x: isinstance(x, tuple))
    return jax.tree.map(lambda each: jax.numpy.asarray(each, dtype), drawn)


def gradients(seed=1, steps=STEPS, dtype="float32", scale=1.0):
    """One tree of gradients a step, of sizes that vary over the steps."""
    like = params(dtype=dtype)
    random = np.random.default_rng(seed)
    sizes = scale * 10.0 ** random.uniform(-2, 1, steps)
    draw = lambda leaf, size: jax.numpy.asarray(size * random.normal(size=leaf.shape), leaf.dtype)  # noqa: E731
    return [jax.tree.map(lambda leaf, size=size: draw(leaf, size), like) for size in sizes]


def keras_variables(tree):
    """Keras variables for the leaves of a tree, with their names."""
    flat, _ = jax.tree_util.tree_flatten_with_path(tree)
    return [keras.Variable(leaf, dtype=leaf.dtype.name, name=path[-1].key) for path, leaf in flat]


def run_keras(optimizer, start, grads):
    """The parameters after each step, and all that the optimizer keeps after the last."""
    variables = keras_variables(start)
    optimizer.build(variables)
    step = jax.jit(optimizer.stateless_apply)
    values, kept, seen = [v.value for v in variables], [v.value for v in optimizer.variables], []
    for each in grads:
        values, kept = step(kept, jax.tree.leaves(each), values)
        seen.append([np.asarray(value) for value in values])
    return seen, [np.asarray(value) for value in kept]


def run_kibitz(optimizer, start, grads):
    """The same, in the same order."""
    state, now, seen = optimizer.init(start), start, []
    step = jax.jit(optimizer.apply)
    for each in grads:
        now, state = step(each, state, now)
        seen.append([np.asarray(value) for value in jax.tree.leaves(now)])
    optimizer.bind(lambda: state, lambda _: None)
    return seen, [np.asarray(variable.value) for variable in optimizer.variables]


def apart(ours, theirs):
    """The greatest distance of two lists of arrays: relative where a number is large, absolute where it is small."""
    return max(
        (
            float(np.max(np.abs(a - b) / np.maximum(1.0, np.abs(b)), initial=0.0))
            for a, b in zip(ours, theirs, strict=True)
        ),
        default=0.0,
    )
