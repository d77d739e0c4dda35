"""ProgbarLogger: what a run prints, live beside Keras's where Keras writes no control codes."""

from __future__ import annotations

import io
import re
import sys
import time

import keras
import numpy as np
import pytest

import kibitz
from kibitz.callbacks import CallbackList, LambdaCallback, ProgbarLogger
from kibitz.outcome import Outcome
from kibitz.testing import drive

EPOCHS = [{"loss": 4.6892, "mae": -1.5}, {"loss": 1e-5, "mae": 2.0, "val_loss": 4.487}]
CODES = re.compile(r"\x1b\[\d*m|\x08+")


@pytest.fixture(autouse=True)
def still(monkeypatch):
    """A time that stands still, so that durations can be compared."""
    monkeypatch.setattr(time, "time", lambda: 1000.0)


def printed(module, capsys, *, loop=None, **params):
    callbacks = CallbackList([module()], **params)
    (loop or fit)(callbacks)
    return capsys.readouterr().out


def fit(callbacks, batches=2):
    callbacks.on_train_begin()
    for epoch, logs in enumerate(EPOCHS):
        callbacks.on_epoch_begin(epoch)
        for batch in range(batches):
            callbacks.on_train_batch_begin(batch)
            callbacks.on_train_batch_end(batch, {"loss": 9.0})
        evaluate(callbacks)
        callbacks.on_epoch_end(epoch, logs)
    callbacks.on_train_end()


def evaluate(callbacks):
    callbacks.on_test_begin()
    for batch in range(2):
        callbacks.on_test_batch_begin(batch)
        callbacks.on_test_batch_end(batch, {"loss": 9.0})
    callbacks.on_test_end({"loss": 7.0, "mae": 0.5})


def predict(callbacks):
    callbacks.on_predict_begin()
    for batch in range(2):
        callbacks.on_predict_batch_begin(batch)
        callbacks.on_predict_batch_end(batch, {"outputs": np.zeros((4, 2))})
    callbacks.on_predict_end()


@pytest.mark.parametrize("loop", [fit, evaluate, predict])
@pytest.mark.parametrize("epochs", [1, 2])
@pytest.mark.parametrize("steps", [2, None, 40])
@pytest.mark.parametrize("verbose", [0, 2, 3])
def test_a_run_prints_what_it_prints_in_keras_byte_for_byte(loop, epochs, steps, verbose, capsys):
    params = {"verbose": verbose, "epochs": epochs, "steps": steps}

    ours = printed(ProgbarLogger, capsys, loop=loop, **params)

    assert ours == printed(keras.callbacks.ProgbarLogger, capsys, loop=loop, **params)
    assert bool(ours) == (verbose == 2 or (verbose == 3 and epochs > 1 and loop is fit))


def test_verbose_2_in_words(capsys):
    assert printed(ProgbarLogger, capsys, verbose=2, epochs=2, steps=2) == (
        "Epoch 1/2\n2/2 - 0s - 0s/step - loss: 4.6892 - mae: -1.5000e+00\n"
        "Epoch 2/2\n2/2 - 0s - 0s/step - loss: 1.0000e-05 - mae: 2.0000 - val_loss: 4.4870\n"
    )


@pytest.mark.parametrize("verbose", [1, "auto", True])
def test_in_a_pipe_verbose_1_prints_one_plain_line_an_epoch(verbose, capsys):
    assert printed(ProgbarLogger, capsys, verbose=verbose, epochs=2, steps=2) == (
        "Epoch 1/2\n2/2 - 0s - 0s/step - loss: 4.6892 - mae: -1.5000\n"
        "Epoch 2/2\n2/2 - 0s - 0s/step - loss: 1.0000e-05 - mae: 2.0000 - val_loss: 4.4870\n"
    )


@pytest.mark.parametrize("loop", [fit, evaluate, predict])
def test_the_numbers_at_the_end_are_those_of_kerass_bar(loop, capsys):
    ours = printed(ProgbarLogger, capsys, loop=loop, verbose=1, epochs=2, steps=2)
    theirs = CODES.sub("", printed(keras.callbacks.ProgbarLogger, capsys, loop=loop, verbose=1, epochs=2, steps=2))
    finals = [line for line in re.split("[\r\n]", theirs) if line.startswith("2/2")]

    last = re.sub(r"^(\S+) ━+ (\S+) (\S+)", r"\1 - \2 - \3", finals[-1])
    assert ours.splitlines()[-1] == last.rstrip()


def test_a_single_epoch_is_not_numbered(capsys):
    drive(ProgbarLogger(), epochs=[{"loss": 1.0}], verbose=1)

    assert capsys.readouterr().out == "1/1 - 0s - 0s/step - loss: 1.0000\n"


def test_epochs_are_numbered_on_in_a_fit_that_goes_on(capsys):
    drive(ProgbarLogger(), epochs=[{"loss": 1.0}] * 3, verbose=2, start=2)

    assert capsys.readouterr().out.startswith("Epoch 3/3\n")


def test_without_parameters_it_draws_and_knows_no_length(capsys):
    assert printed(ProgbarLogger, capsys) == (
        "2/2 - 0s - 0s/step - loss: 4.6892 - mae: -1.5000\n"
        "2/2 - 0s - 0s/step - loss: 1.0000e-05 - mae: 2.0000 - val_loss: 4.4870\n"
    )


def test_a_parameter_that_is_not_given_stays(capsys):
    bar = ProgbarLogger()
    bar.set_params({"steps": 5})

    assert (bar.verbose, bar.epochs, bar.target) == (1, 1, 5)


def test_D40_any_value_is_rendered(capsys):
    values = {"stage": "warming up", "each": np.array([1.0, 3.0]), "none": None}
    drive(
        [LambdaCallback(on_epoch_end=lambda epoch, logs: logs.update(values)), ProgbarLogger()],
        [{"loss": 1.0}],
        verbose=1,
    )

    assert capsys.readouterr().out.endswith(" - loss: 1.0000 - stage: warming up - each: 2.0000 - none: None\n")


def test_after_a_fit_it_shows_an_evaluation_of_its_own(capsys):
    bar = ProgbarLogger()
    callbacks = CallbackList([bar], verbose=2, epochs=1, steps=2)
    fit(callbacks)
    capsys.readouterr()

    evaluate(callbacks)

    assert capsys.readouterr().out == "2/2 - 0s - 0s/step - loss: 7.0000 - mae: 0.5000\n"


def test_after_a_fit_that_failed_too(capsys):
    bar = ProgbarLogger()
    drive(bar, epochs=[{"loss": 1.0}], verbose=2, raise_at=(0, 0))

    evaluate(CallbackList([bar], verbose=2, steps=2))

    assert capsys.readouterr().out == "2/2 - 0s - 0s/step - loss: 7.0000 - mae: 0.5000\n"


@pytest.mark.parametrize("end", ["on_run_end", "on_train_end"])
def test_the_bar_is_closed_however_the_run_ends(end):
    closed = []
    bar = ProgbarLogger()
    bar.on_train_begin()
    bar.on_epoch_begin(0)
    bar.progbar.close = lambda: closed.append(True)

    getattr(bar, end)(Outcome("failed") if end == "on_run_end" else {})

    assert closed == [True]


@pytest.mark.parametrize("error", [BrokenPipeError(32, "Broken pipe"), OSError(28, "No space left on device")])
def test_where_standard_output_takes_nothing_any_more_it_is_said_once_and_training_goes_on(error, monkeypatch):
    class Refuses(io.StringIO):
        def write(self, text):
            raise error

    model = kibitz.Sequential([kibitz.layers.Dense(1, input_shape=(2,))])
    model.compile("sgd", "mse")
    monkeypatch.setattr(sys, "stdout", Refuses())
    with pytest.warns(UserWarning, match="takes nothing any more") as told:
        history = model.fit(np.ones((8, 2)), np.ones((8, 1)), batch_size=4, epochs=3, verbose=2)
    assert len(told) == 1
    assert error.strerror in str(told[0].message)
    assert len(history.history["loss"]) == 3
