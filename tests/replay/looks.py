"""Callbacks and data for replays in several processes: these import this file, for they know nothing of a test."""

from __future__ import annotations

import os
import signal

import numpy as np

import kibitz as keras
from kibitz import callbacks, layers

RNG = np.random.default_rng(0)
X = RNG.normal(size=(203, 16)).astype("float32")
Y = (X[:, :1] - X[:, 1:2]).astype("float32")
HELD = X[:20], Y[:20]


def model():
    made = keras.Sequential([
        keras.Input((16,)), layers.Dense(8, activation="relu"), layers.BatchNormalization(), layers.Dropout(0.2),
        layers.Dense(1),
    ])  # fmt: skip
    made.compile("adam", "mse", metrics=["mae"])
    return made


def train(folder, **more):
    """A run of 78 steps in 6 epochs, with a commit every 10 of them, in which a callback writes."""
    keras.utils.set_random_seed(3)
    plateau = callbacks.ReduceLROnPlateau("loss", patience=1, min_delta=1.0)
    given = {"batch_size": 16, "epochs": 6, "commit": "10 steps", "keep": 100, "validation_data": HELD,
             "validation_freq": 2, "callbacks": [plateau]} | more  # fmt: skip
    made = model()
    made.fit(X, Y, verbose=0, run=folder, **given)
    return made


class Look(callbacks.Callback):
    """Keeps all that it is given, and puts something into the logs of epochs."""

    def __init__(self, **declared):
        super().__init__(**declared)
        self.seen = []

    def _keep(self, hook, *args):
        told = [
            (dict(each), dict(getattr(each, "batch", {}))) if isinstance(each, dict) else str(each) for each in args
        ]
        self.seen.append((hook, self.run.step, self.run.epoch, self.run.validating, dict(self.run.validation), told))

    def on_train_begin(self, logs=None):
        self._keep("train_begin", logs)

    def on_epoch_begin(self, epoch, logs=None):
        self._keep("epoch_begin", epoch, logs)

    def on_train_batch_begin(self, batch, logs=None):
        self._keep("batch_begin", batch, logs)

    def on_train_batch_end(self, batch, logs=None):
        self._keep("batch_end", batch, logs)

    def on_test_begin(self, logs=None):
        self._keep("test_begin", logs)

    def on_test_batch_end(self, batch, logs=None):
        self._keep("test_batch_end", batch, logs)

    def on_test_end(self, logs=None):
        self._keep("test_end", logs)

    def on_epoch_end(self, epoch, logs=None):
        self._keep("epoch_end", epoch, logs)
        logs["mine"] = float(epoch)

    def on_train_end(self, logs=None):
        self._keep("train_end", logs)

    def on_run_end(self, outcome):
        self._keep("run_end", outcome)


class Weights(callbacks.Callback):
    """Reads the model after every batch; copies of it are merged."""

    adds = ()

    def __init__(self):
        super().__init__()
        self.norms, self.means, self.ended = [], [], 0

    def on_train_batch_end(self, batch, logs=None):
        self.norms.append((self.run.step, self.model.get_weights()[0].tobytes()))
        self.means.append(logs.get("gradient_norm"))

    def merge(self, other):
        self.norms += other.norms
        self.means += other.means

    def on_run_end(self, outcome):
        self.ended += 1


class Fails(Weights):
    """Raises in the process where it looks on."""

    def on_train_batch_end(self, batch, logs=None):
        if self.run.step == 50:
            raise ZeroDivisionError("at step 50")


class Dies(Weights):
    """Is killed there."""

    def on_train_batch_end(self, batch, logs=None):
        if self.run.step == 50:
            os.kill(os.getpid(), signal.SIGKILL)
