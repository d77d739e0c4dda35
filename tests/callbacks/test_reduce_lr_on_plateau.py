"""ReduceLROnPlateau: the learning rate of every epoch, what is said, what is refused; live beside Keras's."""

from __future__ import annotations

import math

import keras
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kibitz.callbacks import History, ReduceLROnPlateau
from kibitz.callbacks.forecast import Forecast
from kibitz.errors import InvalidArgument, UnknownName, WrongType
from kibitz.testing import FakeModel, Recorder, drive
from tests.drawn import examples


def rates(callback, values, learning_rate=1.0):
    """The learning rate of every epoch, as the logs have it."""
    history = History()
    drive([callback, history], epochs=[{"loss": value} for value in values], model=FakeModel(learning_rate))
    return history.history["learning_rate"]


@pytest.mark.parametrize(
    ("arguments", "epochs", "expected"),
    [
        ({"patience": 2}, 6, [1, 1, 1, 0.1, 0.1, 0.01]),
        ({"patience": 2, "cooldown": 2}, 8, [1, 1, 1, 0.1, 0.1, 0.1, 0.01, 0.01]),
        ({"patience": 0}, 4, [1, 1, 0.1, 0.01]),
        ({"patience": 1}, 4, [1, 1, 0.1, 0.01]),
        ({"patience": 1, "min_lr": 0.05}, 5, [1, 1, 0.1, 0.05, 0.05]),
        ({"patience": 1, "factor": 0}, 4, [1, 1, 0, 0]),
        ({"patience": 9}, 4, [1, 1, 1, 1]),
    ],
    ids=str,
)
def test_it_reduces_when_patience_is_spent(arguments, epochs, expected):
    assert rates(ReduceLROnPlateau("loss", **arguments), [1.0] * epochs) == pytest.approx(expected)


@examples(60)
@given(
    values=st.lists(
        st.sampled_from([0.5, 0.7, 1.0, 1.00005, 2.0]) | st.floats(-3, 3, width=32, allow_subnormal=False),
        min_size=1,
        max_size=9,
    ),
    arguments=st.fixed_dictionaries(
        {
            "factor": st.sampled_from([0.1, 0.5, 0.9]),
            "patience": st.integers(0, 3),
            "cooldown": st.integers(0, 3),
            "min_lr": st.sampled_from([0.0, 0.05, 0.2]),
            "min_delta": st.sampled_from([1e-4, 0, 0.3]),
            "mode": st.sampled_from(["auto", "min", "max"]),
        }
    ),
    nan_at=st.integers(1, 9),
)
def test_it_does_at_every_epoch_what_kerass_does(values, arguments, nan_at):
    if nan_at < len(values):
        values[nan_at] = math.nan
    seen = []
    for callback in (ReduceLROnPlateau("loss", **arguments), keras.callbacks.ReduceLROnPlateau("loss", **arguments)):
        kept = rates(callback, values), callback.wait, callback.best, callback.cooldown_counter, callback.in_cooldown()
        seen.append(kept)

    assert seen[0] == seen[1]


def test_it_says_what_kerass_says(capsys):
    for module in (ReduceLROnPlateau, keras.callbacks.ReduceLROnPlateau):
        rates(module("loss", factor=0.3, patience=1, verbose=1, min_lr=1e-4), [1.0] * 4, learning_rate=0.01)
    printed = capsys.readouterr().out

    half = len(printed) // 2
    assert printed[:half] == printed[half:]
    assert printed.startswith("\nEpoch 2: ReduceLROnPlateau reducing learning rate to 0.00")


def test_every_one_of_several_optimizers_is_reduced(capsys):
    def several():
        model = FakeModel()
        one, two = FakeModel(1.0).optimizer, FakeModel(0.5).optimizer
        one.name, two.name = "body", "head"
        model.optimizer.optimizers = [one, two]
        return model

    seen = []
    for module in (ReduceLROnPlateau, keras.callbacks.ReduceLROnPlateau):
        model, history = several(), History()
        drive([module("loss", patience=1, factor=0.5, verbose=1), history], epochs=[{"loss": 1.0}] * 3, model=model)
        seen.append((history.history, capsys.readouterr().out))

    assert seen[0] == seen[1]
    assert seen[0][0]["learning_rate_head"] == [0.5, 0.5, 0.25]


def test_D16_a_first_nan_does_not_become_the_best():
    reduce = ReduceLROnPlateau("loss", patience=1)

    assert rates(reduce, [math.nan, 1.0, 0.5, 0.25]) == [1.0, 1.0, 1.0, 1.0]
    assert reduce.best == 0.25


def test_a_first_nan_reduces_nothing():
    assert rates(ReduceLROnPlateau("loss", patience=0), [math.nan, math.nan]) == [1.0, 1.0]


def test_an_epoch_without_validation_is_no_waiting():
    reduce, history = ReduceLROnPlateau("val_loss", patience=2, factor=0.5), History()
    epochs = [{"loss": 1.0, "val_loss": 1.0}, {"loss": 1.0}, {"loss": 1.0}, {"loss": 1.0, "val_loss": 1.0}]

    drive([reduce, history], epochs=epochs, model=FakeModel(1.0))

    assert (reduce.wait, history.history["learning_rate"]) == (1, [1.0] * 4)


def test_a_second_fit_begins_anew_but_for_the_rate():
    reduce, model = ReduceLROnPlateau("loss", patience=1, cooldown=5, factor=0.5), FakeModel(1.0)
    drive(reduce, epochs=[{"loss": 1.0}] * 2, model=model)
    assert reduce.in_cooldown()

    drive(reduce, epochs=[{"loss": 9.0}], model=model)

    assert (reduce.in_cooldown(), reduce.best, float(model.optimizer.learning_rate)) == (False, 9.0, 0.5)


def test_D33_a_schedule_in_the_optimizer_is_refused_before_the_first_step():
    with pytest.raises(WrongType) as raised:
        ReduceLROnPlateau("loss").settle(Forecast(settable_rate=False))

    assert str(raised.value) == (
        "ReduceLROnPlateau sets the learning rate, and this optimizer takes its own from a schedule.\n"
        "  given    compile(optimizer=...(learning_rate=<a schedule>)), fit(callbacks=[ReduceLROnPlateau(...)])\n"
        "  wanted   a learning rate that is a number, or one of the two alone\n"
        "  cure     compile(optimizer=Adam(learning_rate=0.001)); or leave ReduceLROnPlateau out, and keep the schedule"
    )


@pytest.mark.parametrize("unknown", ["epsilon", "patince", "lr"])
def test_D32_unknown_arguments_are_refused(unknown):
    with pytest.raises(UnknownName) as raised:
        ReduceLROnPlateau("loss", **{unknown: 1})

    assert raised.value.given == unknown
    assert raised.value.there_is == [
        "monitor", "factor", "patience", "verbose", "mode", "min_delta", "cooldown", "min_lr",
    ]  # fmt: skip
    assert raised.value.nearest == ("patience" if unknown == "patince" else None)
    assert "min_delta" in raised.value.cure or unknown != "epsilon"


@pytest.mark.parametrize(
    "wrong",
    [
        {"factor": 1.0},
        {"factor": 2},
        {"factor": -0.5},
        {"factor": math.nan},
        {"patience": -1},
        {"patience": True},
        {"cooldown": -1},
        {"cooldown": None},
        {"min_lr": -1e-3},
        {"min_delta": "small"},
        {"mode": "lowest"},
    ],
    ids=str,
)
def test_D30_arguments_are_checked_when_they_are_given(wrong):
    ((name, value),) = wrong.items()

    with pytest.raises(InvalidArgument) as raised:
        ReduceLROnPlateau(**wrong)

    assert raised.value.given is value
    assert f"{name}=" in raised.value.cure


def test_keras_order_of_arguments_is_kept():
    reduce = ReduceLROnPlateau("loss", 0.5, 3, 1, "min", -0.1, 4, 0.01)

    names = ("monitor", "factor", "patience", "verbose", "mode", "min_delta", "cooldown", "min_lr")
    assert [getattr(reduce, name) for name in names] == ["loss", 0.5, 3, 1, "min", 0.1, 4, 0.01]


def test_the_rate_in_the_logs_is_the_one_of_the_epoch():
    record = Recorder()
    drive([ReduceLROnPlateau("loss", patience=1), record], epochs=[{"loss": 1.0}] * 2, model=FakeModel(1.0))

    assert record.logs("on_epoch_end")[1] == {"loss": 1.0, "learning_rate": 1.0}
    assert record.logs("on_train_end") == [{"loss": 1.0, "learning_rate": 1.0}]
