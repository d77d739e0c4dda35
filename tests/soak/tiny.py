"""What is trained in a soak: next to nothing, so that what is measured is Kibitz."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np

import kibitz as keras
from kibitz import callbacks


def rows(count: int) -> tuple[np.ndarray, np.ndarray]:
    x = np.random.default_rng(0).normal(size=(count, 4)).astype("float32")
    return x, x[:, :1] * 2


def model(width: int = 3) -> Any:
    keras.utils.set_random_seed(1)
    made = keras.Sequential([keras.layers.Dense(width, input_shape=(4,)), keras.layers.Dense(1)])
    made.compile("adam", "mse", metrics=["mae"])
    return made


def digest(made: Any) -> str:
    """What its whole state is, in one word."""
    found = hashlib.sha256()
    for name, value in made.export_state().items():
        found.update(name.encode() + value.tobytes())
    return found.hexdigest()


class Each(callbacks.Callback):
    """Calls a function with the step, at every so manyeth step of a run."""

    adds = ()

    def __init__(self, act: Any, every: int = 1):
        super().__init__()
        self._act, self._every_so_many = act, every

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        if self.run.step % self._every_so_many == 0:
            self._act(self.run.step)
