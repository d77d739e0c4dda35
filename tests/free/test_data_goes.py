"""What a run brings to the device is gone when the run is over: at once, and not when Python next looks for circles."""

from __future__ import annotations

import gc

import jax
import numpy as np
import pytest

import kibitz as keras

X = np.ones((600, 37), "float32")
Y = X[:, :1]


class Fails(keras.callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        if batch == 5:
            raise ZeroDivisionError


class Asks(keras.callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        self.run.evaluate()


RUNS = {
    "fit": lambda model: model.fit(X, Y, verbose=0),
    "fit with a short batch": lambda model: model.fit(X, Y, batch_size=64, verbose=0),
    "fit that validates": lambda model: model.fit(X, Y, verbose=0, validation_data=(X, Y)),
    "fit that is asked to validate": lambda model: model.fit(X, Y, verbose=0, validation_data=(X, Y), callbacks=Asks()),
    "fit that fails": lambda model: model.fit(X, Y, verbose=0, validation_data=(X, Y), callbacks=[Asks(), Fails()]),
    "evaluate": lambda model: model.evaluate(X, Y, verbose=0),
    "predict": lambda model: model.predict(X, verbose=0),
}


@pytest.mark.parametrize("run", RUNS)
def test_no_data_stay_on_the_device(run):
    model = keras.Sequential([keras.layers.Dense(1, input_shape=(37,))])
    model.compile("sgd", "mse", metrics=["mae"])
    gc.collect()
    before = {id(each) for each in jax.live_arrays()}
    gc.disable()
    try:
        error = None
        try:
            RUNS[run](model)
        except ZeroDivisionError as raised:
            error = raised  # a notebook keeps it too
        assert (error is not None) == (run == "fit that fails")
        left = [each.shape for each in jax.live_arrays() if id(each) not in before]
        assert [shape for shape in left if shape and shape[0] >= 64] == []
    finally:
        gc.enable()
