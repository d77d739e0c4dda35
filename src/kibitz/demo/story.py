"""The demo from its first line to its last."""

from __future__ import annotations

import inspect
import time
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from kibitz.callbacks.base import Callback
from kibitz.callbacks.early_stopping import EarlyStopping
from kibitz.datasets import digits
from kibitz.demo.comment import HardestDigit
from kibitz.demo.loop import LoopDrawing
from kibitz.demo.picture import draw
from kibitz.layers.input import Input
from kibitz.layers.linear import Dense
from kibitz.layers.regularization import Dropout
from kibitz.models.sequential import Sequential
from kibitz.seed import set_random_seed

KEPT = 400  # training digits that are validated with
ROUNDS = 5


class ReadsEveryBatch(Callback):
    """Looks on at every batch, as a user's own logger would."""

    def on_train_begin(self, logs: Any = None) -> None:
        """Forget what an earlier run read."""
        self.losses: list[float] = []

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Read the loss."""
        self.losses.append(logs["loss"])


def tell(folder: Path, epochs: int = 20) -> float:
    """Train, comment, measure and draw.

    Args:
        folder: Where the picture goes.
        epochs: The most epochs to train.

    Returns:
        The share of test digits that the model gets right.
    """
    began = time.perf_counter()
    set_random_seed(7)
    (x, y), (x_test, y_test) = digits.load_data()
    print("Kibitz: a model learns to read digits, and callbacks look on.\n")
    print(f"Data     {digits.SOURCE}")
    x, x_test = _scaled(x), _scaled(x_test)
    (x_train, y_train), (x_val, y_val) = shifted(x[:-KEPT], y[:-KEPT]), (x[-KEPT:], y[-KEPT:])
    print(
        f"         {len(y) - KEPT:,} to train on, each also moved by a pixel in 8 directions: {len(y_train):,} images;"
    )
    print(f"         {KEPT} to validate with, {len(y_test):,} to test with\n")

    print("1  The loop, as its hooks fire (one short epoch)\n")
    model = _model()
    model.fit(x_train[:640], y_train[:640], batch_size=128, verbose=0, validation_data=(x_val[:256], y_val[:256]),
              callbacks=[LoopDrawing(lambda line: print(f"   {line}"))])  # fmt: skip

    print("\n2  A callback of your own: this one asks the model in the middle of its training\n")
    print(_source(HardestDigit))
    model = _model()
    stopping = EarlyStopping("val_accuracy", patience=3, restore_best_weights=True, verbose=1)
    history = model.fit(x_train, y_train, batch_size=256, epochs=epochs, validation_data=(x_val, y_val), verbose=1,
                        callbacks=[HardestDigit(x_val, y_val), stopping])  # fmt: skip

    print("\n3  Digits that it has never seen\n")
    outputs = model.predict(x_test, batch_size=256, verbose=0)
    accuracy = float((outputs.argmax(axis=1) == y_test).mean())
    print(f"   test accuracy: {100 * accuracy:.1f} %, with the weights of epoch {stopping.best_epoch + 1}")

    print("\n4  What looking on costs, measured here and now\n")
    _print_cost(x_train, y_train)

    path = folder / "digits.png"
    draw(path, history.history, stopping.best_epoch, x_test.reshape(-1, 28, 28), y_test, outputs)
    print(f"\nPicture  {path}: the curves, what it takes for what, and its worst mistakes")
    print(f"Time     {time.perf_counter() - began:.0f} seconds")
    return accuracy


def shifted(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Every image as it is and moved by a pixel in 8 directions, rows flat.

    Args:
        x: Images [rows, 784].
        y: Labels [rows].
    """
    images = x.reshape(-1, 28, 28)
    moves = [(down, right) for down in (-1, 0, 1) for right in (-1, 0, 1)]
    moved = [np.roll(images, move, axis=(1, 2)).reshape(len(x), -1) for move in moves]
    return np.concatenate(moved), np.tile(y, len(moves))


def _scaled(x: np.ndarray) -> np.ndarray:
    return x.reshape(len(x), -1).astype("float32") / 255


def _model() -> Sequential:
    model = Sequential([
        Input((784,)),
        Dense(256, activation="relu"),
        Dropout(0.3),
        Dense(128, activation="relu"),
        Dropout(0.3),
        Dense(10, activation="softmax"),
    ])  # fmt: skip
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def _source(callback: type) -> str:
    lines = inspect.getsource(callback).splitlines()
    init = next(at for at, line in enumerate(lines) if "def __init__" in line)
    body = [lines[0], *(line for line in lines[init:] if '"""' not in line and line.strip())]
    plain = "\n".join(f"   {line}" for line in body)
    for annotation, less in ((": Any = None", "=None"), (": Any", ""), (": int", ""), (" -> None", "")):
        plain = plain.replace(annotation, less)
    return plain + "\n"


def _print_cost(x: np.ndarray, y: np.ndarray) -> None:
    model, looking, alone = _model(), [], []
    x, y = x[:12800], y[:12800]
    model.fit(x, y, batch_size=128, verbose=0)  # compiled now, and so in nobody's time
    for _ in range(ROUNDS):
        for times, callbacks in ((alone, []), (looking, [ReadsEveryBatch()])):
            began = time.perf_counter()
            model.fit(x, y, batch_size=128, verbose=0, callbacks=callbacks)
            times.append((time.perf_counter() - began) / 100)
    without, with_hook = median(alone) * 1e6, median(looking) * 1e6
    print(f"   {without:6.0f} microseconds a step without callbacks")
    print(f"   {with_hook:6.0f} microseconds a step with one that reads the loss at every batch")
    print(f"   {with_hook / without:6.2f} times as long (median of {ROUNDS} rounds, taken in turns)")
