"""JAX's own screws can be turned: nothing is transferred in silence, no tracer leaks, NaN is looked for."""

from __future__ import annotations

import jax
import numpy as np
import pytest

import kibitz as keras
from kibitz.engine import supply

X = np.random.default_rng(3).normal(size=(30, 6)).astype("float32")
Y = X[:, :1] * 2


def build():
    layers = [keras.layers.Dense(7), keras.layers.BatchNormalization(), keras.layers.Dropout(0.3)]
    model = keras.Sequential([keras.Input((6,)), *layers, keras.layers.Dense(1)])
    model.compile("adam", "mse", metrics=["mae"])
    return model


class Hand(keras.callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        self.model.get_weights()
        float(self.model.optimizer.learning_rate)
        if batch == 1:
            self.model.optimizer.learning_rate = 0.01
            self.model.set_weights(self.model.get_weights())


def everything(model, x=X, y=Y):
    model.fit(x, y, batch_size=8, epochs=2, verbose=0, validation_data=(x, y), callbacks=[Hand()])
    model.evaluate(x, y, batch_size=8, verbose=0)
    model.predict(x, batch_size=8, verbose=0)
    model.train_on_batch(x, y)
    return model


@pytest.mark.parametrize("budget", [supply.BUDGET, 0], ids=["resident", "streamed"])
def test_nothing_is_transferred_in_silence(monkeypatch, budget):
    monkeypatch.setattr(supply, "BUDGET", budget)
    with jax.transfer_guard("disallow"):
        everything(build())


def test_batches_of_a_generator_are_transferred_openly_too():
    with jax.transfer_guard("disallow"):
        build().fit(((X[:8], Y[:8]) for _ in range(3)), verbose=0)


def test_no_tracer_leaks():
    with jax.checking_leaks():
        everything(build())


def test_where_nan_is_looked_for_it_is_found_at_its_batch():
    seen = []

    class Counts(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            seen.append(batch)

    x = X.copy()
    x[17] = np.nan  # in batch 2
    model = build()
    with jax.debug_nans(True):
        everything(build())
        with pytest.raises(FloatingPointError):
            model.fit(x, Y, batch_size=8, shuffle=False, verbose=0, callbacks=[Counts()])
    assert seen == [0, 1]
    assert all(np.isfinite(weight).all() for weight in model.get_weights())
