"""A program that trains until it is ended, with many commits of which few are kept, while others look back at it."""

from __future__ import annotations

import sys
import time
from typing import Any

import numpy as np

import kibitz as keras
from kibitz import callbacks, layers

RNG = np.random.default_rng(0)
X = RNG.normal(size=(64, 3)).astype("float32")
Y = (X[:, :1] - X[:, 1:2]).astype("float32")
AN_EPOCH = 8  # steps


class Writes(callbacks.Callback):
    """Sets the learning rate at every third step, and the weights at one in the first stretch, and at some later ones.

    Args:
        every: The weights are set at each of so many steps.
    """

    adds = ()

    def __init__(self, every: int):
        super().__init__()
        self._every = every

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        step = self.run.step
        if step % 3 == 0:
            self.model.optimizer.learning_rate = 0.01 / (1 + step % 5)
        if step % self._every == 2:
            self.model.set_weights([each * np.float32(0.5) for each in self.model.get_weights()])


class Slowly(callbacks.Callback):
    """Leaves whoever looks on some of the machine."""

    adds = ()

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        time.sleep(0.015)


def model() -> Any:
    keras.utils.set_random_seed(3)
    made = keras.Sequential(
        [layers.Dense(4, activation="tanh", input_shape=(3,)), layers.Dropout(0.2), layers.Dense(1)]
    )
    made.compile("adam", "mse")
    return made


def train(folder: str, store: str, every: int) -> None:
    """Train for as long as this lives."""
    model().fit(
        X, Y, batch_size=8, epochs=100_000, verbose=0, callbacks=[Writes(every), Slowly()], run=folder,
        commit="2 steps", keep=3, store=store,
    )  # fmt: skip


if __name__ == "__main__":
    train(sys.argv[1], sys.argv[2], int(sys.argv[3]))
