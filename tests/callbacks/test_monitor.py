"""What is watched is settled before the first step; which errors say so, and in which words."""

from __future__ import annotations

import math
import warnings

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from keras.src.callbacks.monitor_callback import MonitorCallback

from kibitz.callbacks import Callback, CSVLogger, EarlyStopping, LambdaCallback, ReduceLROnPlateau
from kibitz.callbacks.forecast import Forecast
from kibitz.callbacks.monitor import Monitor
from kibitz.errors import InvalidArgument, UnknownDirection, UnknownMonitor, WrongType
from kibitz.testing import Recorder, drive
from tests.drawn import examples

VALIDATED = [{"accuracy": 0.5, "loss": 1.0, "val_accuracy": 0.5, "val_loss": 2.0}] * 3
TRAINED = [{"loss": 1.0}] * 3


def refused(error, callbacks, epochs, **named):
    """The error, raised before any hook was called."""
    record = Recorder()
    with pytest.raises(error) as raised:
        drive([record, *callbacks], epochs=epochs, **named)
    assert record.calls == []
    return raised.value


def test_D11_a_misspelt_monitor_is_raised_before_the_first_step():
    error = refused(UnknownMonitor, [EarlyStopping("val_acc")], VALIDATED)

    assert str(error) == (
        'EarlyStopping has nothing to watch: there will be no "val_acc".\n'
        '  given    EarlyStopping(monitor="val_acc")\n'
        "  there is accuracy, loss, val_accuracy, val_loss\n"
        '  nearest  "val_accuracy"\n'
        '  cure     EarlyStopping(monitor="val_accuracy"); or name the metric so: compile(metrics=[...(name="acc")])'
    )
    assert isinstance(error, ValueError)


def test_a_monitor_of_validation_without_validation_data_has_another_cure():
    error = refused(UnknownMonitor, [EarlyStopping()], TRAINED)

    assert str(error) == (
        'EarlyStopping has nothing to watch: there will be no "val_loss", since fit was given no validation data.\n'
        '  given    EarlyStopping(monitor="val_loss"), fit(validation_data=None, validation_split=0.0)\n'
        "  there is loss\n"
        '  cure     fit(..., validation_split=0.1), or EarlyStopping(monitor="loss")'
    )


def test_both_mistakes_at_once_are_both_told():
    error = refused(UnknownMonitor, [ReduceLROnPlateau("val_acc")], [{"accuracy": 0.5, "loss": 1.0}])

    assert error.cure == (
        'fit(..., validation_split=0.1) and ReduceLROnPlateau(monitor="val_accuracy"), '
        'or ReduceLROnPlateau(monitor="accuracy")'
    )


def test_a_monitor_that_resembles_nothing_is_told_how_to_add_it():
    error = refused(UnknownMonitor, [EarlyStopping("zzz", mode="min")], TRAINED)

    assert error.nearest is None
    assert error.cure == 'EarlyStopping(monitor="loss"); or add the metric: compile(metrics=["zzz"])'


def test_a_number_of_the_epoch_is_not_there_at_a_batch():
    monitor = Monitor("val_loss", owner="ModelCheckpoint")
    forecast = Forecast(batch_keys=("loss",), epoch_keys=("loss", "val_loss"), validation=True)
    monitor.settle(forecast)

    with pytest.raises(UnknownMonitor) as raised:
        monitor.settle(forecast, at="batch")

    assert raised.value.what == (
        'ModelCheckpoint has nothing to watch: there will be no "val_loss" at the end of a batch, '
        "only at the end of an epoch."
    )
    assert raised.value.cure == 'ModelCheckpoint(save_freq="epoch"), or ModelCheckpoint(monitor="loss")'


def test_an_earlier_callback_that_could_add_the_key_is_believed():
    class Adds(Callback):
        def on_epoch_end(self, epoch, logs=None):
            logs["f1"] = 3.0 - epoch

    result = drive([Adds(), EarlyStopping("f1", mode="max")], epochs=TRAINED)

    assert result.epochs_done == 2


def test_a_later_callback_is_too_late():
    refused(
        UnknownMonitor, [EarlyStopping("f1", mode="max"), LambdaCallback(on_epoch_end=lambda e, logs: None)], TRAINED
    )


def test_whoever_was_believed_and_does_not_add_it_is_found_out_at_the_first_epochs_end():
    record = Recorder()

    with pytest.raises(UnknownMonitor) as raised:
        drive([LambdaCallback(on_epoch_end=lambda e, logs: None), EarlyStopping("f1", mode="max"), record], TRAINED)

    assert "on_epoch_end" not in record.hooks
    assert str(raised.value) == (
        'EarlyStopping has nothing to watch: these logs hold no "f1".\n'
        '  given    EarlyStopping(monitor="f1")\n'
        "  there is loss\n"
        '  cure     EarlyStopping(monitor="loss"), or a callback before EarlyStopping that writes logs["f1"] '
        "at every epoch's end"
    )
    assert raised.value.__notes__ == ["in EarlyStopping.on_epoch_end, epoch 0 (from 0)"]


def test_an_added_key_may_be_missing_where_validation_was_not_due():
    class Adds(Callback):
        def on_epoch_end(self, epoch, logs=None):
            if "val_loss" in logs:
                logs["gap"] = 1.0

    epochs = [{"loss": 1.0}, {"loss": 1.0, "val_loss": 1.0}] * 3

    assert drive([Adds(), EarlyStopping("gap", mode="min")], epochs=epochs).epochs_done == 4


@pytest.mark.parametrize(
    "shipped", [EarlyStopping("loss"), CSVLogger("never-written.csv"), LambdaCallback(on_train_begin=id)]
)
def test_callbacks_that_add_nothing_open_nothing(shipped, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    refused(UnknownMonitor, [shipped, EarlyStopping("f1", mode="max")], TRAINED)


def test_what_a_shipped_callback_adds_can_be_watched_by_a_later_one():
    result = drive([ReduceLROnPlateau("loss"), EarlyStopping("learning_rate", mode="min")], epochs=TRAINED)

    assert result.epochs_done == 2


def test_a_subclass_may_add_what_its_base_did_not_declare():
    class More(EarlyStopping):
        def on_epoch_end(self, epoch, logs=None):
            logs["more"] = -epoch
            super().on_epoch_end(epoch, logs)

    class Declares(More):
        adds = ("more",)

    for first in (More("loss", patience=9), Declares("loss", patience=9)):
        assert drive([first, EarlyStopping("more", mode="max")], epochs=TRAINED).epochs_done == 2
    refused(UnknownMonitor, [Declares("loss"), EarlyStopping("less", mode="max")], TRAINED)


def test_an_instance_may_declare_and_may_have_hooks_of_its_own():
    class Adds(Callback):
        def __init__(self, *keys):
            self.adds = keys

        def on_epoch_end(self, epoch, logs=None):
            logs["f1"] = -epoch

    assert drive([Adds("f1"), EarlyStopping("f1", mode="max")], epochs=TRAINED).epochs_done == 2
    refused(UnknownMonitor, [Adds(), EarlyStopping("f1", mode="max")], TRAINED)

    patched = EarlyStopping("loss", patience=9)
    patched.on_epoch_end = lambda epoch, logs: logs.update(f1=-epoch)
    assert drive([patched, EarlyStopping("f1", mode="max")], epochs=TRAINED).epochs_done == 2


@pytest.mark.parametrize(
    ("key", "directions", "epochs_run"),
    [
        pytest.param("loss", {}, 3, id="a loss"),
        pytest.param("a_loss", {}, 3, id="D17: the loss of one output"),
        pytest.param("val_a_loss", {}, 3, id="D17: the same, validated"),
        pytest.param("accuracy", {"accuracy": "min"}, 3, id="what the metric says"),
        pytest.param("accuracy", {"accuracy": "max"}, 2, id="what the metric says, the other way"),
        pytest.param("val_accuracy", {"accuracy": "min"}, 3, id="validation has its metric's direction"),
        pytest.param("val_a_mae", {"mae": "min"}, 3, id="D17: the metric of one output"),
        pytest.param("val_loss", {"val_loss": "max"}, 2, id="what is said of the key itself goes first"),
    ],
)
def test_the_direction_is_known_before_the_first_step(key, directions, epochs_run):
    epochs = [{"loss": 0.0, key: 3.0}, {"loss": 0.0, key: 2.0}, {"loss": 0.0, key: 1.0}]

    assert drive(EarlyStopping(key), epochs=epochs, directions=directions).epochs_done == epochs_run


@pytest.mark.parametrize("make", [EarlyStopping, ReduceLROnPlateau])
def test_an_unknown_direction_is_raised_before_the_first_step(make):
    error = refused(UnknownDirection, [make("f1")], [{"loss": 1.0, "f1": 0.5}])

    name = make.__name__
    assert str(error) == (
        f'{name} cannot tell whether more or less of "f1" is better.\n'
        f'  given    {name}(monitor="f1", mode="auto")\n'
        '  wanted   mode="max" or mode="min"\n'
        f'  cure     {name}(monitor="f1", mode="max") if more is better'
    )


@pytest.mark.parametrize("mode", ["minimum", "Min", None, 1])
def test_an_unknown_mode_is_an_error_where_Keras_warns_and_guesses(mode):
    with pytest.raises(InvalidArgument, match="EarlyStopping knows no such mode") as raised:
        EarlyStopping(mode=mode)

    assert raised.value.there_is == ["auto", "min", "max"]
    if mode == "minimum":
        assert raised.value.nearest == "min"


def test_a_monitor_is_a_name():
    with pytest.raises(WrongType, match="watches one number by its name"):
        EarlyStopping(monitor=None)


@pytest.mark.parametrize("value", ["high", np.zeros(3), [1.0, 2.0]])
def test_what_is_not_one_number_cannot_be_compared(value):
    with pytest.raises(WrongType, match='compares numbers, and "f1" is not one'):
        drive(EarlyStopping("f1", mode="max"), epochs=[{"f1": value}])


numbers = st.sampled_from([0.0, 0.1, 0.2, 0.3, 0.5, 1.0, -1.0]) | st.floats(-10, 10, width=32) | st.floats(-10, 10)
# What is subnormal as a float32, or becomes so by a subtraction, is 0 to XLA, and so to Keras; to NumPy it is not.
numbers = numbers.filter(lambda each: each == 0 or abs(each) > 1e-30)


@examples(150)
@given(value=numbers, best=st.none() | numbers, delta=numbers, mode=st.sampled_from(["min", "max"]))
def test_better_is_what_Keras_takes_for_better(value, best, delta, mode):
    theirs = MonitorCallback("loss", mode, min_delta=delta)
    theirs._set_monitor_op()

    ours = Monitor("loss", mode=mode, min_delta=delta)

    assert ours.better(value, best) == bool(theirs._is_improvement(value, best))


@pytest.mark.parametrize("mode", ["min", "max"])
@pytest.mark.parametrize("best", [None, math.nan, 1.0, -math.inf, math.inf])
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_D16_what_is_not_finite_is_never_better(mode, best, value):
    assert not Monitor("loss", mode=mode).better(value, best)


def test_a_number_beats_a_best_that_is_none():
    assert Monitor("loss").better(1e30, math.nan)
    assert Monitor("loss").better(1e30, None)


def test_in_a_loop_of_ones_own_a_missing_validation_is_warned_of_once():
    stop = EarlyStopping("val_loss")
    stop.on_train_begin()
    with pytest.warns(UserWarning, match='watches "val_loss", and these logs have only loss'):
        stop.on_epoch_end(0, {"loss": 1.0})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        stop.on_epoch_end(1, {"loss": 1.0})
    assert stop.best is None


@pytest.mark.parametrize(
    ("key", "logs"), [("val_los", {"loss": 1.0, "val_loss": 2.0}), ("lss", {"loss": 1.0}), ("loss", None)]
)
def test_in_a_loop_of_ones_own_a_misspelt_monitor_is_found_at_the_first_epochs_end(key, logs):
    stop = EarlyStopping(key, mode="min")
    stop.on_train_begin()

    with pytest.raises(UnknownMonitor):
        stop.on_epoch_end(0, logs)


def test_in_a_loop_of_ones_own_an_unknown_direction_is_found_at_the_first_epochs_end():
    stop = EarlyStopping("f1")
    stop.on_train_begin()

    with pytest.raises(UnknownDirection):
        stop.on_epoch_end(0, {"f1": 1.0})


@pytest.mark.parametrize(("metric", "direction"), [("accuracy", "max"), ("mae", "min")])
def test_metrics_of_a_keras_model_say_their_direction(metric, direction):
    model = keras.Sequential([keras.layers.Dense(1, activation="sigmoid")])
    model.compile("sgd", "binary_crossentropy", metrics=[metric])
    model.fit(np.zeros((2, 2)), np.zeros((2, 1)), verbose=0)
    monitor = Monitor(f"val_{metric}")

    monitor.read({f"val_{metric}": 0.5}, model)

    assert monitor.direction == direction
