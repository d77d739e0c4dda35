"""The same small models in Keras and in Kibitz."""

from __future__ import annotations

import os
from typing import Any

os.environ.setdefault("KERAS_BACKEND", "jax")

import numpy as np

X = np.random.default_rng(0).normal(size=(12, 6, 6, 1)).astype("float32")


def convolutional(k: Any) -> Any:
    """Every kind of layer with weights that images need, and some without."""
    return k.Sequential(
        [
            k.Input((6, 6, 1)),
            k.layers.Conv2D(3, 3, activation="relu", name="eyes"),
            k.layers.BatchNormalization(),
            k.layers.MaxPooling2D(2),
            k.layers.Dropout(0.3),
            k.layers.Flatten(),
            k.layers.Dense(4, activation="relu"),
            k.layers.LayerNormalization(),
            k.layers.Dense(2, name="out"),
        ]
    )


def dense(k: Any, units: int = 3, compiled: Any = "adam") -> Any:
    """Two dense layers over four numbers."""
    model = k.Sequential([k.Input((4,)), k.layers.Dense(units, name="a"), k.layers.Dense(1, name="b")])
    if compiled is not None:
        model.compile(compiled, "mse")
    return model


def train(model: Any, epochs: int = 1, **kwargs: Any) -> Any:
    """Fit a model of four numbers, in order, six batches an epoch."""
    x = np.random.default_rng(2).normal(size=(12, 4)).astype("float32")
    return model.fit(x, x.sum(1, keepdims=True), epochs=epochs, batch_size=2, shuffle=False, verbose=0, **kwargs)


def state(model: Any) -> list[np.ndarray]:
    """Copies of all weights and all that the optimizer keeps."""
    kept = [] if model.optimizer is None else model.optimizer.variables
    return [*model.get_weights(), *(np.array(each.numpy()) for each in kept)]


def same(left: list[np.ndarray], right: list[np.ndarray]) -> bool:
    """Whether two lists of arrays are the same bits."""
    return len(left) == len(right) and all(
        a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
        for a, b in zip(left, right, strict=True)
    )
