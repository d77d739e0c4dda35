"""What the tests of this folder share: a tiny model and its data, and what a callback saw of a run."""

from __future__ import annotations

import functools
from contextlib import contextmanager

import numpy as np

import kibitz as keras
from kibitz.engine import programs
from kibitz.engine.rule import Manner

ROWS, SIZE = 22, 4  # five whole batches and a short one
STEPS = 6
DATA = np.random.default_rng(7)
X = DATA.normal(size=(ROWS, 3)).astype("float32")
Y = X.sum(axis=1, keepdims=True)


@functools.cache
def _built(metric, optimizer, eager):
    keras.utils.set_random_seed(4)
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dropout(0.2), keras.layers.Dense(1)])
    model.compile(optimizer, "mse", metrics=[metric], run_eagerly=eager)
    return model, model.export_state()


def build(metric="mae", optimizer="adam", *, run_eagerly=False):
    """A model in its first state; what was compiled for it is kept from test to test."""
    model, first = _built(metric, optimizer, run_eagerly)
    model.import_state(first)
    model.core.fits = 0  # the order of rows is that of a first fit
    return model


def fit(*callbacks, model=None, x=X, y=Y, **given):
    """A fit of two epochs of six batches; the model and what the fit gave back."""
    model = build() if model is None else model
    given = {"batch_size": SIZE, "epochs": 2, "verbose": 0, **given}
    return model, model.fit(x, y, callbacks=list(callbacks), **given)


def bits(model):
    """The whole state, byte for byte."""
    return {name: value.tobytes() for name, value in model.export_state().items()}


def weights(model):
    return b"".join(weight.tobytes() for weight in model.get_weights())


def batches(count, rows=SIZE):
    """A generator of so many batches."""
    for index in range(count):
        at = index * rows % (ROWS - rows)
        yield X[at : at + rows], Y[at : at + rows]


class Sees(keras.callbacks.Callback):
    """Notes the step, the logs and the weights at the end of each batch for which it is called."""

    def on_train_begin(self, logs=None):
        self.seen = {}

    def on_train_batch_end(self, batch, logs=None):
        self.seen[self.run.step] = batch, dict(logs), dict(logs.batch), weights(self.model)


class Asks(keras.callbacks.Callback):
    """Does something at a hook, once or at certain times."""

    def __init__(self, hook, do, at=None, **declared):
        super().__init__(**declared)
        self.times = 0

        def act(*given, **named):
            self.times += 1
            if at is None or self.times in at:
                do(self)

        setattr(self, hook, act)


@contextmanager
def manner(**chosen):
    """Have steps done otherwise than the rule would choose for so small a model."""
    rule, programs.manner = programs.manner, lambda *_: Manner(**chosen)
    _built.cache_clear()
    try:
        yield
    finally:
        programs.manner = rule
        _built.cache_clear()
