"""Validation at a cadence: due where it should be, in the logs of that step and of that epoch, known to who watches."""

from __future__ import annotations

import numpy as np
import pytest

import kibitz as keras
from kibitz.callbacks import Callback, EarlyStopping, ModelCheckpoint, SwapEMAWeights, WeightAveraging
from kibitz.clock import Beat
from kibitz.errors import InvalidArgument, UnknownMonitor
from kibitz.testing import Recorder
from tests.runs.small import Sees, X, Y, batches, bits, build, fit, manner, weights

HELD = {"validation_data": (X[:8], Y[:8]), "validation_batch_size": 4}


class Validated(Callback):
    """At which steps a validation began, and which numbers stood in the logs of which step or epoch."""

    def on_train_begin(self, logs=None):
        self.begun, self.steps, self.epochs = [], {}, {}

    def on_test_begin(self, logs=None):
        self.begun.append(self.run.step)

    def on_train_batch_end(self, batch, logs=None):
        if "val_loss" in logs:
            self.steps[self.run.step] = logs["val_loss"]

    def on_epoch_end(self, epoch, logs=None):
        self.epochs[epoch] = logs.get("val_loss")


@pytest.mark.parametrize(
    ("freq", "steps", "of_epochs"),
    [
        ("4 steps", [4, 8, 12, 16], [4, 12, 16]),
        ("7 steps", [7, 14], [None, 7, 14]),
        ("6 steps", [6, 12, 18], [6, 12, 18]),
        ("25% of the run", [5, 9, 14, 18], [5, 9, 18]),
        ("0.5 epochs", [3, 6, 9, 12, 15, 18], [6, 12, 18]),
        ("100 steps", [], [None, None, None]),
    ],
)
@pytest.mark.parametrize("watched", [False, True])
def test_it_is_due_at_these_steps_and_its_numbers_stand_in_their_logs_and_in_those_of_the_epoch(
    freq, steps, of_epochs, watched
):
    validated = Validated()
    others = [Recorder()] if watched else []
    _, history = fit(validated, *others, epochs=3, **HELD, validation_freq=freq)

    assert validated.begun == steps == list(validated.steps)
    assert list(validated.epochs.values()) == [step and validated.steps[step] for step in of_epochs]
    assert [row.get("val_loss") for row in history.rows()] == list(validated.epochs.values())


@pytest.mark.parametrize(("freq", "epochs"), [("2 epochs", [1, 3]), ("1 epoch", [0, 1, 2, 3]), ("epoch", [0, 1, 2, 3])])
def test_whole_epochs_are_as_a_number_of_them(freq, epochs):
    validated, plain = Validated(), Validated()
    fit(validated, epochs=4, **HELD, validation_freq=freq)
    fit(plain, epochs=4, **HELD, validation_freq=len(range(epochs[0] + 1)))

    assert [epoch for epoch, value in validated.epochs.items() if value is not None] == epochs
    assert (validated.begun, validated.steps, validated.epochs) == (plain.begun, plain.steps, plain.epochs)
    assert validated.steps == {}


def test_it_measures_the_model_of_that_very_step():
    measured = {}

    class Measures(Callback):
        def on_train_batch_end(self, batch, logs=None):
            if "val_loss" in logs:
                measured[self.run.step] = (
                    logs["val_loss"],
                    self.model.evaluate(X[:8], Y[:8], batch_size=4, verbose=0)[0],
                )

    fit(Measures(), **HELD, validation_freq="5 steps")
    assert sorted(measured) == [5, 10]
    assert all(one == other for one, other in measured.values())


def test_no_step_is_done_twice_for_it():
    model, _ = fit(epochs=3, **HELD, validation_freq="7 steps")
    assert model.run_report().rewinds == {}


def test_time_is_asked_at_every_step_at_which_somebody_looks(monkeypatch):
    times = iter([False, False, True, False, False, False, False, True, False, False, False, False])
    monkeypatch.setattr(Beat, "_time_has_come", lambda self: next(times))
    validated, sees = Validated(), Sees()
    model, _ = fit(validated, sees, **HELD, validation_freq="10 s")
    state = bits(model)
    alone = Sees()
    model, _ = fit(alone)

    assert validated.begun == [3, 8]
    assert bits(model) == state
    assert [each[3] for each in sees.seen.values()] == [each[3] for each in alone.seen.values()]


def test_time_that_never_comes_leaves_the_logs_without():
    validated = Validated()
    fit(validated, **HELD, validation_freq="10 h")
    assert validated.epochs == {0: None, 1: None}


def test_the_keys_of_a_steps_logs_stay_in_alphabetical_order():
    keys = []

    class Keys(Callback):
        def on_train_batch_end(self, batch, logs=None):
            keys.append(list(logs))

    metric = keras.metrics.MeanSquaredError(name="zeal")
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse", metrics=[metric])
    fit(Keys(), model=model, epochs=1, **HELD, validation_freq="6 steps")
    assert keys[4:] == [["loss", "zeal"], ["loss", "val_loss", "val_zeal", "zeal"]]


def test_early_stopping_decides_where_a_validation_was_and_nowhere_else():
    stop = EarlyStopping(patience=1, min_delta=1e9)
    _, history = fit(stop, epochs=9, **HELD, validation_freq="10 steps")

    # In the epochs of steps 10, 20: the first is the one to beat, the second is no better.
    assert [row["val_loss"] is not None for row in history.rows()] == [False, True, False, True]
    assert (stop.best_epoch, stop.stopped_epoch) == (1, 3)


def test_a_watcher_of_batches_decides_where_a_validation_was(tmp_path):
    save = ModelCheckpoint(tmp_path / "{batch}-{val_loss:.4f}.weights.h5", "val_loss", save_best_only=True,
                           save_weights_only=True, save_freq="4 steps")  # fmt: skip
    validated = Validated()
    fit(save, validated, **HELD, validation_freq="4 steps")

    losses = list(validated.steps.values())
    better = [loss for at, loss in enumerate(losses) if loss < min(losses[:at], default=np.inf)]
    batch = {4: 4, 8: 2, 12: 6}
    names = [f"{batch[step]}-{loss:.4f}.weights.h5" for step, loss in validated.steps.items() if loss in better]
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(names)
    assert save.best == min(losses)
    assert len(names) > 1


def test_a_checkpoint_saves_the_weights_that_were_measured(tmp_path):
    path, sees = tmp_path / "best.weights.h5", Sees()
    save = ModelCheckpoint(path, save_best_only=True, save_weights_only=True, save_freq="12 steps")
    model, _ = fit(sees, save, epochs=4, **HELD, validation_freq="12 steps")
    best = min((12, 24), key=lambda step: sees.seen[step][1]["val_loss"])

    model.load_weights(path)
    assert weights(model) == sees.seen[best][3]


def test_a_checkpoint_that_is_due_more_often_than_validation_waits_for_it(tmp_path):
    save = ModelCheckpoint(tmp_path / "{batch}.weights.h5", save_best_only=True, save_weights_only=True,
                           save_freq="2 steps")  # fmt: skip
    fit(save, epochs=1, **HELD, validation_freq="4 steps")
    assert [path.name for path in tmp_path.iterdir()] == ["4.weights.h5"]


def test_a_checkpoint_at_steps_cannot_watch_what_is_measured_at_the_ends_of_epochs(tmp_path):
    save = ModelCheckpoint(tmp_path / "m.weights.h5", save_best_only=True, save_weights_only=True, save_freq="2 steps")
    with pytest.raises(UnknownMonitor, match="at the end of a batch, only at the end of an epoch"):
        fit(save, **HELD, validation_freq="2 epochs")


def test_a_validation_that_is_missed_at_the_end_of_an_epoch_is_no_mistake_of_the_watcher(tmp_path):
    save = ModelCheckpoint(tmp_path / "{epoch}-{val_loss:.2f}.weights.h5", save_weights_only=True)
    fit(save, epochs=3, **HELD, validation_freq="10 steps")
    assert [path.name[0] for path in tmp_path.iterdir()] == ["2"]


# -- weights that are put in place while it lasts ----------------------------------------------------------------------


class Weighs(Callback):
    """The weights at the beginning of a validation, at the end of its batch, and before the next step."""

    def on_train_begin(self, logs=None):
        self.tested, self.behind, self.next, self.ended = {}, {}, {}, {}

    def on_test_batch_end(self, batch, logs=None):
        self.tested[self.run.step] = weights(self.model)

    def on_train_batch_end(self, batch, logs=None):
        self.behind[self.run.step] = weights(self.model)

    def on_train_batch_begin(self, batch, logs=None):
        self.next[self.run.step] = weights(self.model)

    def on_epoch_end(self, epoch, logs=None):
        self.ended[self.run.step] = weights(self.model)


def averaged_by(callback, **given):
    """What one saw who stood before the callback, and one behind it, and the logs of the training."""
    optimizer = (
        keras.optimizers.SGD(0.1, use_ema=True, ema_momentum=0.5) if isinstance(callback, SwapEMAWeights) else "sgd"
    )
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1, kernel_initializer="zeros")])
    model.compile(optimizer, "mse")
    before, behind = Weighs(), Weighs()
    _, history = fit(before, callback, behind, model=model, shuffle=False, **given)
    return before, behind, history.history["loss"]


def test_swapped_averages_are_there_while_it_measures_and_the_weights_are_back_behind_it():
    _, alone, losses = averaged_by(SwapEMAWeights())
    before, behind, others = averaged_by(SwapEMAWeights(), **HELD, validation_freq="4 steps")

    assert list(behind.tested) == [4, 8, 12]
    assert all(behind.tested[step] != alone.behind[step] for step in (4, 8, 12))
    assert (before.behind, behind.behind, behind.next) == (alone.behind, alone.behind, alone.next)
    assert others == losses


def test_averaged_weights_are_there_while_it_measures_and_for_who_stands_before_and_then_back():
    _, alone, losses = averaged_by(WeightAveraging("ema", every="2 steps"))
    before, behind, others = averaged_by(WeightAveraging("ema", every="2 steps"), **HELD, validation_freq="5 steps")

    assert list(behind.tested) == [5, 10]
    for step in (5, 10):
        assert behind.tested[step] == before.behind[step] != alone.behind[step]
    assert behind.behind == alone.behind
    assert behind.next == alone.next
    assert others == losses


def test_what_is_averaged_are_never_the_averages():
    averaged = []
    for given in ({}, {**HELD, "validation_freq": "2 steps"}, {**HELD, "validation_freq": "3 steps"}):
        callback = WeightAveraging("ema", every="2 steps")
        averaged_by(callback, **given)
        averaged.append([weight.tobytes() for weight in callback.averaged])
    assert averaged[0] == averaged[1] == averaged[2]


def test_averages_of_epochs_are_taken_at_their_ends_whatever_is_measured_before():
    averaged = []
    for given in ({}, {**HELD, "validation_freq": "4 steps"}, HELD):
        callback = WeightAveraging("swa")
        averaged_by(callback, epochs=3, **given)
        averaged.append(([weight.tobytes() for weight in callback.averaged], callback.readings))
    assert averaged[0] == averaged[1] == averaged[2]


# -- what is refused before the first step ----------------------------------------------------------------------------


@pytest.mark.parametrize("freq", ["5 stepz", "0 steps", "every now and then", "200%"])
def test_what_cannot_be_read_is_refused(freq):
    record = Recorder()
    with pytest.raises(InvalidArgument) as raised:
        fit(record, **HELD, validation_freq=freq)
    assert raised.value.what == "fit cannot read how often."
    assert raised.value.cure.startswith('validation_freq="')
    assert record.calls == []


def test_a_share_of_a_run_of_unknown_length_is_refused():
    record = Recorder()
    with pytest.raises(InvalidArgument) as raised:
        fit(record, x=batches(9), y=None, batch_size=None, epochs=1, **HELD, validation_freq="25% of the run")
    assert raised.value.what == "fit acts at shares of the run, and nobody knows how many steps that has."
    assert raised.value.cure == 'validation_freq="100 steps", or fit(..., steps_per_epoch=...)'
    assert record.calls == []


def test_a_generator_that_can_be_read_once_is_refused():
    with pytest.raises(InvalidArgument) as raised:
        fit(validation_data=batches(4), validation_freq="4 steps")
    assert raised.value.given == 'validation_data=<generator>, validation_freq="4 steps"'
    assert raised.value.cure.startswith("validation_steps=10")


def test_a_generator_of_which_batches_are_kept_gives_the_same_each_time():
    validated, arrays = Validated(), Validated()
    fit(validated, validation_data=batches(4), validation_steps=2, validation_freq="4 steps")
    fit(arrays, **HELD, validation_freq="4 steps")
    assert validated.steps == pytest.approx(arrays.steps)
    assert list(validated.steps) == [4, 8, 12]


def test_training_data_of_unknown_length_are_validated_by_steps():
    validated = Validated()
    fit(validated, x=batches(9), y=None, batch_size=None, epochs=1, **HELD, validation_freq="4 steps")
    assert validated.begun == [4, 8]


def test_without_validation_data_a_cadence_changes_nothing():
    model, history = fit(validation_freq="4 steps")
    assert sorted(history.history) == ["loss", "mae"]
    assert bits(model) == bits(fit(model=build())[0])


@pytest.mark.parametrize("donates", [False, True])
def test_step_by_step_and_donated(donates):
    with manner(loops=False, donates=donates):
        alone, _ = fit()
        state = bits(alone)
        validated = Validated()
        model, _ = fit(validated, **HELD, validation_freq="4 steps")
        assert model.core.programs.manner("train").donates is donates
    assert validated.begun == [4, 8, 12]
    assert bits(model) == state
