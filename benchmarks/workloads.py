"""What is timed: the data and the models of the benchmark, once for each library that can have them."""

from __future__ import annotations

from typing import Any

import numpy as np

ROWS = 60_000
BATCH = 128


def digits(seed: int = 0, rows: int = ROWS) -> tuple[np.ndarray, np.ndarray]:
    """Random images in the shape of MNIST, and labels; what is in them changes no time."""
    rng = np.random.default_rng(seed)
    return rng.random((rows, 784), dtype="float32"), rng.integers(0, 10, rows).astype("int32")


def dense(library: Any, kind: str, *, told: bool = True) -> Any:
    """A: one number from 784, RMSprop. B: 784-128-10, Adam. Not told of its input, it has no weights before fit."""
    layers = library.layers
    shape = [library.Input((784,))] if told else []
    if kind == "A":
        model = library.Sequential([*shape, layers.Dense(1)])
        model.compile(library.optimizers.RMSprop(1e-3), "mse")
    else:
        model = library.Sequential([*shape, layers.Dense(128, activation="relu"), layers.Dense(10)])
        loss = library.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(library.optimizers.Adam(1e-3), loss)
    return model


def convolutional(library: Any) -> Any:
    """C: two convolutions, two poolings, dropout: Keras's own example for MNIST."""
    layers = library.layers
    model = library.Sequential([
        library.Input((28, 28, 1)),
        layers.Conv2D(32, (3, 3), activation="relu"),
        layers.MaxPooling2D((2, 2)),
        layers.Conv2D(64, (3, 3), activation="relu"),
        layers.MaxPooling2D((2, 2)),
        layers.Flatten(),
        layers.Dropout(0.5),
        layers.Dense(10),
    ])  # fmt: skip
    loss = library.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(library.optimizers.Adam(1e-3), loss)
    return model


def targets(kind: str, y: np.ndarray) -> np.ndarray:
    """Labels as the workload wants them."""
    return y.astype("float32")[:, None] if kind == "A" else y
