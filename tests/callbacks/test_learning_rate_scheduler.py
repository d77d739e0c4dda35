"""LearningRateScheduler: what the schedule is asked, what is set, what is refused; live beside Keras's."""

from __future__ import annotations

import jax.numpy as jnp
import keras
import numpy as np
import pytest

from kibitz.callbacks import History, LearningRateScheduler
from kibitz.callbacks.forecast import Forecast
from kibitz.errors import InvalidArgument, WrongType
from kibitz.testing import FakeModel, Recorder, drive


def run(schedule, *, module=LearningRateScheduler, epochs=3, verbose=0, learning_rate=0.1):
    history = History()
    callbacks = [module(schedule, verbose=verbose), history]
    drive(callbacks, epochs=[{"loss": 1.0}] * epochs, model=FakeModel(learning_rate))
    return history.history["learning_rate"]


@pytest.mark.parametrize(
    "schedule",
    [
        pytest.param(lambda epoch, lr: lr * 0.5, id="of the epoch and the rate"),
        pytest.param(lambda epoch: 1.0 / (epoch + 1), id="of the epoch alone"),
        pytest.param(lambda epoch, lr=None: 0.3 if lr is None else lr + 0.125, id="of a rate by default"),
        pytest.param(lambda *both: both[1] * 0.9, id="any arguments"),
        pytest.param(lambda epoch, lr: np.float32(0.05), id="a float32"),
        pytest.param(lambda epoch, lr: np.float64(0.05) * epoch, id="a float64"),
    ],
)
def test_it_sets_logs_and_says_what_kerass_does(schedule, capsys):
    ours = run(schedule, verbose=1), capsys.readouterr().out
    theirs = run(schedule, verbose=1, module=keras.callbacks.LearningRateScheduler), capsys.readouterr().out

    assert ours == theirs
    assert ours[1].startswith("\nEpoch 1: LearningRateScheduler setting learning rate to ")


def test_it_says_nothing_unless_asked(capsys):
    run(lambda epoch, lr: lr)

    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("said", [1, np.int32(1), jnp.float32(1.0), jnp.asarray(1), np.ones(()), 1.0])
def test_D18_any_real_scalar_is_a_learning_rate(said):
    assert run(lambda epoch, lr: said) == [1.0, 1.0, 1.0]


def test_D18_an_error_in_the_schedule_is_shown_as_it_is():
    calls = []

    def schedule(epoch, lr):
        calls.append(epoch)
        return lr + "0.1"

    with pytest.raises(TypeError, match="unsupported operand") as raised:
        run(schedule)

    assert calls == [0]
    assert raised.value.__notes__ == ["in LearningRateScheduler.on_epoch_begin, epoch 0 (from 0)"]


@pytest.mark.parametrize("said", [None, "0.1", True, [0.1], np.ones(1), np.nan, float("inf"), 1j, {}], ids=str)
def test_what_is_not_one_finite_number_is_refused(said):
    with pytest.raises(InvalidArgument) as raised:
        run(lambda epoch, lr: said)

    assert raised.value.what == "The schedule gave no learning rate for epoch 0."
    assert raised.value.wanted == "one finite number"


def test_a_schedule_that_cannot_be_called_is_refused_when_it_is_given():
    with pytest.raises(InvalidArgument, match="cannot call this schedule") as raised:
        LearningRateScheduler(lambda epoch, lr, momentum: lr)
    assert str(raised.value.given) == "schedule(epoch, lr, momentum)"
    assert raised.value.wanted == "a function of (epoch, lr), or of (epoch)"

    with pytest.raises(WrongType, match="asks a function for each rate"):
        LearningRateScheduler(0.1)


def test_D33_a_schedule_in_the_optimizer_is_refused_before_the_first_step():
    with pytest.raises(WrongType, match="LearningRateScheduler sets the learning rate"):
        LearningRateScheduler(lambda epoch: 0.1).settle(Forecast(settable_rate=False))


def test_the_rate_is_there_in_the_first_batch_and_added_to_the_logs_of_the_epoch_and_of_the_end():
    seen, record = [], Recorder()

    class Look(History):
        def on_train_batch_begin(self, batch, logs=None):
            seen.append(float(self.model.optimizer.learning_rate))

    drive([LearningRateScheduler(lambda epoch: epoch + 1.0), record, Look()], epochs=[{"loss": 1.0}] * 2)

    assert seen == [1.0, 2.0]
    assert record.logs("on_epoch_end")[1] == {"loss": 1.0, "learning_rate": 2.0}
    assert record.logs("on_train_end") == [{"loss": 1.0, "learning_rate": 2.0}]


def test_every_one_of_several_optimizers_is_set(capsys):
    seen = []
    for module in (LearningRateScheduler, keras.callbacks.LearningRateScheduler):
        model, history = FakeModel(), History()
        one, two = FakeModel(1.0).optimizer, FakeModel(0.5).optimizer
        one.name, two.name = "body", "head"
        model.optimizer.optimizers = [one, two]
        callbacks = [module(lambda epoch, lr: lr / 2, verbose=1), history]
        drive(callbacks, epochs=[{"loss": 1.0}] * 2, model=model)
        seen.append((history.history, capsys.readouterr().out))

    assert seen[0] == seen[1]


def test_D35_a_schedule_goes_on_from_the_rate_of_the_last_fit_as_in_keras():
    model, halve = FakeModel(1.0), LearningRateScheduler(lambda epoch, lr: lr / 2)

    drive(halve, epochs=[{"loss": 1.0}] * 2, model=model)
    drive(halve, epochs=[{"loss": 1.0}] * 2, model=model)

    assert float(model.optimizer.learning_rate) == 0.0625
