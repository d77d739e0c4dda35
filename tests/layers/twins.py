"""One layer made twice, ours and Keras's, with the same weights; and what each computes."""

from __future__ import annotations

import inspect
import warnings
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import keras
import numpy as np
from flax import nnx

import kibitz.layers


@dataclass
class Twins:
    """A layer of ours and Keras's, built for one shape."""

    ours: Any
    keras: Any

    def outputs(self, x: Any, *, training: bool) -> tuple[np.ndarray, np.ndarray]:
        return np.asarray(self.ours(x, training=training)), np.asarray(self.keras(x, training=training))

    def gradients(self, x: np.ndarray, *, training: bool) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Of a weighted sum of the outputs: by the inputs, then by each trainable weight."""
        shape = np.asarray(self.ours(x, training=False)).shape
        factors = jnp.asarray(np.random.default_rng(5).normal(size=shape).astype("float32"))
        return self._our_gradients(x, factors, training), self._keras_gradients(x, factors, training)

    def _our_gradients(self, x: np.ndarray, factors: jax.Array, training: bool) -> list[np.ndarray]:
        self.ours.train() if training else self.ours.eval()
        graph, params, rest = nnx.split(self.ours, nnx.Param, ...)
        self.ours.eval()

        def loss(x: Any, params: Any) -> Any:
            return jnp.sum(nnx.merge(graph, params, rest, copy=True)(x) * factors)

        by_x, by_params = jax.jit(jax.grad(loss, argnums=(0, 1)))(jnp.asarray(x), params)
        in_order = [by_params[weight.name].get_value() for weight in self.ours.trainable_weights]
        return [np.asarray(each) for each in (by_x, *in_order)]

    def _keras_gradients(self, x: np.ndarray, factors: jax.Array, training: bool) -> list[np.ndarray]:
        mode = {"training": training} if "training" in inspect.signature(self.keras.call).parameters else {}
        fixed = [variable.value for variable in self.keras.non_trainable_variables]

        def loss(x: Any, trainable: Any) -> Any:
            outputs, _ = self.keras.stateless_call(trainable, fixed, x, **mode)
            return jnp.sum(outputs * factors)

        trainable = [variable.value for variable in self.keras.trainable_variables]
        by_x, by_trainable = jax.jit(jax.grad(loss, argnums=(0, 1)))(jnp.asarray(x), trainable)
        return [np.asarray(each) for each in (by_x, *by_trainable)]


def twins(kind: str, *args: Any, shape: tuple[int | None, ...], **kwargs: Any) -> Twins:
    """Make both, build them, and give Keras's random weights to ours."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Keras warns of arguments that it still takes
        theirs = getattr(keras.layers, kind)(*args, **kwargs)
    ours = getattr(kibitz.layers, kind)(*args, **kwargs)
    theirs.build(shape)
    ours.build(shape)
    rng = np.random.default_rng(3)
    # Not by Keras's get_weights: it makes NumPy warn.
    weights = [rng.uniform(0.5, 1.5, size=weight.shape).astype(weight.dtype) for weight in theirs.weights]
    theirs.set_weights(weights)
    ours.set_weights(weights)
    return Twins(ours, theirs)


def normal(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype("float32")
