"""A program that trains, dies where it is told to, and is started again: what durable runs are tried with."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from flax import nnx

import kibitz as keras
from kibitz import callbacks, layers

RNG = np.random.default_rng(0)
X = RNG.normal(size=(83, 6)).astype("float32")
Y = (X[:, :1] * 2 - X[:, 1:2]).astype("float32")


class Dies(BaseException):
    """Nobody handles this: what Kibitz does for exceptions of a program is not done for it."""


class Death(callbacks.Callback):
    """Dies at a step, in the hook of that batch's end; or at the end of an epoch."""

    adds = ()

    def __init__(self, step: int | None = None, epoch: int | None = None):
        super().__init__()
        self._step, self._epoch = step, epoch

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        if self.run.step == self._step:
            raise Dies

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        if epoch == self._epoch:
            raise Dies


class Patience(callbacks.Callback):
    """An early stopping that a user wrote, with not a line for resuming."""

    adds = ()

    def __init__(self, patience: int = 3):
        super().__init__()
        self.patience = patience

    def on_train_begin(self, logs: Any = None) -> None:
        self.best, self.waited, self.seen, self.weights = float("inf"), 0, [], None

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        if batch % 4 == 0:
            self.seen.append((self.run.step, logs.batch["loss"], np.float32(logs["loss"])))

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        if logs["loss"] < self.best:
            self.best, self.waited, self.weights = logs["loss"], 0, self.model.get_weights()
        else:
            self.waited += 1
            if self.waited >= self.patience:
                self.model.stop_training = True


def dense() -> Any:
    return keras.Sequential([layers.Dense(5, activation="tanh", input_shape=(6,), name="first"), layers.Dense(1)])


def noisy() -> Any:
    return keras.Sequential([
        layers.Dense(7, input_shape=(6,)), layers.BatchNormalization(), layers.Dropout(0.3), layers.Dense(1),
    ])  # fmt: skip


def module() -> Any:
    class Own(nnx.Module):
        def __init__(self, rngs: nnx.Rngs):
            self.one, self.two = nnx.Linear(6, 4, rngs=rngs), nnx.Linear(4, 1, rngs=rngs)

        def __call__(self, x: Any) -> Any:
            return self.two(nnx.tanh(self.one(x)))

    return keras.Model(Own(nnx.Rngs(3)))


MODELS = {"dense": dense, "noisy": noisy, "module": module}


@dataclass(frozen=True)
class Ended:
    """How a program ended, as bytes that can be compared."""

    state: dict[str, bytes]
    history: str
    callbacks: str

    @classmethod
    def of(cls, model: Any, history: Any, heard: list[Any]) -> Ended:
        state = {name: value.tobytes() for name, value in model.export_state().items()}
        told = [{name: repr(value) for name, value in each.get_state().items()} for each in heard]
        return cls(state, json.dumps([history.history, history.epoch, history.rows()]), json.dumps(told))


def program(
    folder: Path | None,
    *,
    death: Death | None = None,
    kind: str = "dense",
    seed: int | None = 1,
    heard: Any = None,
    data: Any = None,
    compiled: Any = None,
    **fit: Any,
) -> Ended:
    """Build, compile, fit, and say how it ended."""
    if seed is not None:
        keras.utils.set_random_seed(seed)
    model = MODELS[kind]()
    model.compile(
        **{
            "optimizer": "adam",
            "loss": "mse",
            "metrics": ["mae"],
            **(compiled() if callable(compiled) else compiled or {}),
        }
    )
    listed = [Patience(), callbacks.ReduceLROnPlateau("loss", patience=1)] if heard is None else heard()
    given = {"batch_size": 8, "epochs": 4, "verbose": 0, **fit}
    x, y = (X, Y) if data is None else data()
    history = model.fit(x, y, callbacks=[*listed, *([death] if death else [])], run=folder, **given)
    return Ended.of(model, history, listed)
