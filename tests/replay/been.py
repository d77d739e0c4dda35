"""A small run that has been, and what one who looked on all the time knows of it."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from flax import nnx

import kibitz as keras
from kibitz import callbacks, layers

RNG = np.random.default_rng(3)
ROWS, SIZE, STEPS, EPOCHS = 43, 8, 6, 4
"""Six steps an epoch, the last of three rows; 24 in all."""
X = RNG.normal(size=(ROWS, 5)).astype("float32")
Y = (X[:, :1] - 2 * X[:, 1:2]).astype("float32")
HELD = RNG.normal(size=(9, 5)).astype("float32"), RNG.normal(size=(9, 1)).astype("float32")


class Seen(NamedTuple):
    """What was there after a step, at the end of its batch or of its epoch."""

    step: int
    epoch: int
    batch: int
    rows: tuple[int, ...] | None
    logs: dict[str, float]
    own: dict[str, float]  # the batch's own numbers; none at the end of an epoch
    weights: list[np.ndarray]
    rate: float
    state: dict[str, bytes]


class Watches(callbacks.Callback):
    """The last of all callbacks, at every moment."""

    adds = ()

    def __init__(self):
        super().__init__()
        self._seen: list[Seen] = []

    def _see(self, logs: Any, own: Any) -> None:
        trained = self.run.batch
        # Gone on with at the end of an epoch, nothing has been trained yet.
        rows = None if trained is None or trained.rows is None else tuple(map(int, trained.rows))
        self._seen.append(
            Seen(self.run.step - 1, self.run.epoch, self.run.clock.batch - 1, rows, dict(logs), dict(own),
                 self.model.get_weights(), float(np.asarray(self.model.optimizer.learning_rate)), bits(self.model))
        )  # fmt: skip

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self._see(logs, logs.batch)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self._see(logs, {})


def bits(model: Any) -> dict[str, bytes]:
    """The whole state, byte for byte."""
    return {name: value.tobytes() for name, value in model.export_state().items()}


def dense() -> Any:
    return keras.Sequential([
        keras.Input((5,)), layers.Dense(4, activation="tanh", name="first"), layers.Dropout(0.2), layers.Dense(1),
    ])  # fmt: skip


def unbuilt() -> Any:
    return keras.Sequential([layers.Dense(3), layers.BatchNormalization(name="norm"), layers.Dense(1)])


class Own(nnx.Module):
    def __init__(self, rngs: nnx.Rngs):
        self.one, self.two = nnx.Linear(5, 4, rngs=rngs), nnx.Linear(4, 1, rngs=rngs)

    def __call__(self, x: Any) -> Any:
        return self.two(nnx.tanh(self.one(x)))


def own() -> Any:
    return keras.Model(Own(nnx.Rngs(7)))


def fresh(kind: Callable[[], Any] = dense, optimizer: Any = "adam") -> Any:
    """A model compiled as the run's was."""
    model = kind()
    model.compile(optimizer() if callable(optimizer) else optimizer, "mse", metrics=["mae"])
    return model


@functools.cache
def _built() -> tuple[Any, dict[str, Any]]:
    model = fresh()
    return model, model.export_state()


def again() -> Any:
    """The plain model, in its first state and with no run behind it; what was compiled for it is kept."""
    model, state = _built()
    model.import_state(state)
    model.core.fits, model.history = 0, None
    vars(model.core).pop("row_seed", None)
    return model


def been(
    folder: Any,
    *heard: Any,
    kind: Callable[[], Any] = dense,
    optimizer: Any = "adam",
    seed: int | None = 5,
    data: Any = None,
    **fit: Any,
) -> list[Seen]:
    """Train, and give back what was seen after each step."""
    if seed is not None:
        keras.utils.set_random_seed(seed)
    watches = Watches()
    x, y = (X, Y) if data is None else data
    given = {"batch_size": SIZE, "epochs": EPOCHS, "verbose": 0, "commit": "4 steps", **fit}
    model = again() if kind is dense and optimizer == "adam" else fresh(kind, optimizer)
    model.fit(x, y, run=folder, callbacks=[*heard, watches], **given)
    return watches._seen


def after(seen: list[Seen], step: int) -> Seen:
    """What was there when all was done that belongs to a step."""
    return [each for each in seen if each.step == step][-1]


def first(seen: list[Seen], holds: Callable[[Seen], bool]) -> Seen | None:
    """By brute force: the first moment at which something holds."""
    return next((each for each in seen if holds(each)), None)
