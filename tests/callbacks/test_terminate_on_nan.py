"""TerminateOnNaN: at which batch it stops, what it says, and that it sees validation."""

from __future__ import annotations

import math

import keras
import numpy as np
import pytest

from kibitz.callbacks import CallbackList, TerminateOnNaN
from kibitz.errors import NotFinite
from kibitz.testing import FakeModel, Recorder, drive

NAN, INF = math.nan, math.inf


def run(callback, epochs, **named):
    record = Recorder()
    result = drive([callback, record], epochs=epochs, **named)
    return result, record


@pytest.mark.parametrize("loss", [NAN, INF, -INF, np.float32(NAN)])
@pytest.mark.parametrize("module", [TerminateOnNaN, keras.callbacks.TerminateOnNaN])
def test_it_stops_at_the_batch_as_kerass_does(loss, module, capsys):
    result, record = run(module(), [{"loss": 1.0}, {"loss": loss, "val_loss": 1.0}, {"loss": 1.0}], batches=3)

    assert capsys.readouterr().out == "Batch 0: Invalid loss, terminating training\n"
    assert (result.kind, result.epochs_done) == ("stopped", 2)
    assert record.hooks.count("on_train_batch_end") == 4
    assert record.hooks[-6:] == [
        "on_test_batch_begin", "on_test_batch_end", "on_test_end", "on_epoch_end", "on_train_end", "on_run_end",
    ]  # fmt: skip


def test_the_outcome_has_the_value_and_the_batch(capsys):
    result, _ = run(TerminateOnNaN(), [{"loss": INF}])

    assert (result.by, result.reason) == ("TerminateOnNaN", "loss is inf at batch 0")


def test_D29_a_nan_in_validation_is_seen_too(capsys):
    result, record = run(TerminateOnNaN(), [{"loss": 1.0, "val_loss": NAN}] * 3, validation=3)

    assert capsys.readouterr().out == "Validation batch 0: Invalid loss, terminating training\n"
    assert (result.kind, result.epochs_done) == ("stopped", 1)
    assert result.reason == "loss is nan at validation batch 0"
    assert record.hooks.count("on_test_batch_end") == 3  # a validation that has begun is ended, as in Keras


def test_the_validation_after_a_stop_says_nothing_more(capsys):
    run(TerminateOnNaN(), [{"loss": NAN, "val_loss": NAN}])

    assert capsys.readouterr().out == "Batch 0: Invalid loss, terminating training\n"


def test_an_evaluation_of_its_own_is_not_ended(capsys):
    model = FakeModel()
    callbacks = CallbackList([TerminateOnNaN()], model=model)
    callbacks.on_test_begin()
    callbacks.on_test_batch_end(0, {"loss": NAN})
    callbacks.on_test_end()

    assert (model.stop_training, capsys.readouterr().out) == (False, "")


def test_after_a_fit_an_evaluation_is_of_its_own_again(capsys):
    watch = TerminateOnNaN()
    for named in ({}, {"raise_at": (0, 0)}):
        drive(watch, epochs=[{"loss": 1.0}], **named)
        watch.on_test_batch_end(0, {"loss": NAN})

    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("epochs", "where"), [([{"loss": NAN}], "batch 0"), ([{"loss": 1.0, "val_loss": INF}], "validation batch 0")]
)
def test_it_raises_instead_where_that_is_wanted(epochs, where):
    record = Recorder()
    with pytest.raises(RuntimeError) as raised:
        drive([record, TerminateOnNaN(raise_error=True)], epochs=epochs)

    assert isinstance(raised.value, NotFinite)
    assert raised.value.what == f"NaN or Inf loss encountered at {where}."
    assert "on_train_end" not in record.hooks
    assert record.calls[-1][1].kind == "failed"
    assert record.calls[-1][1].by == "TerminateOnNaN"


@pytest.mark.parametrize("logs", [None, {}, {"accuracy": NAN}, {"loss": 1e38}, {"loss": None}])
def test_nothing_else_stops_it(logs):
    watch = TerminateOnNaN(raise_error=True)
    watch.on_train_begin()

    watch.on_batch_end(0, logs)
    watch.on_train_batch_end(0, logs=logs)
