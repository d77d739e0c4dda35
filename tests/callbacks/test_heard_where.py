"""Who has nothing to do at batches lets steps be done many at a time; whoever subclasses it is heard all the same."""

from __future__ import annotations

from unittest import mock

import numpy as np
import pytest

import kibitz
from kibitz.callbacks import (
    BackupAndRestore,
    Callback,
    CSVLogger,
    LearningRateMonitor,
    ModelCheckpoint,
    OrbaxCheckpoint,
    ProgbarLogger,
    TerminateOnNaN,
    Timer,
)
from kibitz.callbacks.dispatch import Dispatch
from kibitz.callbacks.overrides import overrides
from kibitz.engine import ways
from kibitz.run import Run
from kibitz.testing import FakeModel, drive

X = np.ones((64, 2), "float32")


def model():
    built = kibitz.Sequential([kibitz.layers.Dense(1, input_shape=(2,))])
    built.compile("sgd", "mse")
    return built


def batch_by_batch(kind, callbacks, **how):
    """How many batches were gone through one by one in a fit."""
    step, seen = kind.step, []

    def counted(self):
        seen.append(1)
        return step(self)

    with mock.patch.object(kind, "step", counted):
        model().fit(X, X[:, :1], batch_size=8, epochs=3, verbose=0, callbacks=callbacks, **how)
    return len(seen)


QUIET = {
    "ModelCheckpoint": lambda path: ModelCheckpoint(path / "{epoch}.keras"),
    "ModelCheckpoint, weights": lambda path: ModelCheckpoint(
        path / "a.weights.h5", save_weights_only=True, save_freq="1 epoch"
    ),
    "BackupAndRestore": lambda path: BackupAndRestore(path, save_freq=5),
    "OrbaxCheckpoint": OrbaxCheckpoint,
    "LearningRateMonitor": lambda path: LearningRateMonitor(),
    "Timer": lambda path: Timer("1 h", at="epoch"),
    "Timer, measuring": lambda path: Timer(None),
    "CSVLogger": lambda path: CSVLogger(path / "log.csv"),
}
"""Made so that nothing is to be done at batches."""


@pytest.mark.parametrize("name", QUIET)
def test_where_nothing_is_to_be_done_at_batches_none_is_stopped_at(name, tmp_path):
    assert batch_by_batch(ways.Training, [QUIET[name](tmp_path)]) == 0


LOUD = {
    "ModelCheckpoint": lambda path: ModelCheckpoint(path / "{epoch}-{batch}.keras", save_freq=5),
    "OrbaxCheckpoint": lambda path: OrbaxCheckpoint(path, save_freq=5),
    "LearningRateMonitor": lambda path: LearningRateMonitor(batches=True),
    "Timer": lambda path: Timer("1 h"),
    "TerminateOnNaN": lambda path: TerminateOnNaN(),
}
"""Made so that each batch matters."""


@pytest.mark.parametrize("name", LOUD)
def test_where_each_batch_matters_each_is_stopped_at(name, tmp_path):
    assert batch_by_batch(ways.Training, [LOUD[name](tmp_path)]) == 24


def test_a_cadence_is_stopped_at_when_it_is_due(tmp_path):
    save = ModelCheckpoint(tmp_path / "{epoch}-{batch}.weights.h5", save_weights_only=True, save_freq="5 steps")

    assert batch_by_batch(ways.Training, [save]) < 24
    assert sorted(each.name.removesuffix(".weights.h5") for each in tmp_path.iterdir()) == ["1-5", "2-2", "2-7", "3-4"]


def test_a_progress_bar_does_not_stop_at_the_batches_of_a_validation_within_fit():
    heard = []

    class Bar(ProgbarLogger):
        def on_train_begin(self, logs=None):
            super().on_train_begin(logs)
            self.verbose = 1
            heard.append(overrides(self, "on_test_batch_end"))

    assert batch_by_batch(ways.Testing, [Bar()], validation_data=(X, X[:, :1])) == 0
    assert batch_by_batch(ways.Testing, [TerminateOnNaN()], validation_data=(X, X[:, :1])) == 24
    assert heard == [False]
    assert overrides(ProgbarLogger(), "on_test_batch_end")


@pytest.mark.parametrize(("verbose", "steps", "heard"), [(1, 8, True), (2, 8, False), (2, None, True), (0, 8, False)])
def test_a_progress_bar_is_called_at_batches_if_it_is_drawn_or_must_count(verbose, steps, heard):
    dispatch = Dispatch([ProgbarLogger()], Run("train"))
    dispatch.attach(FakeModel(), {"verbose": verbose, "epochs": 1, "steps": steps})
    dispatch.fire("on_train_begin", {})

    assert dispatch.listens("on_train_batch_end") is heard
    assert (dispatch.quiet("train") == 0) is heard


@pytest.mark.parametrize(("freq", "saved"), [("epoch", ["1.weights.h5", "2.weights.h5"]), (3, ["2.weights.h5"])])
def test_subclasses_go_on_working(freq, saved, tmp_path):
    path = tmp_path / "{epoch}.weights.h5"

    class BySuper(ModelCheckpoint):
        def on_train_batch_end(self, batch, logs=None):
            super().on_train_batch_end(batch, logs=logs)
            self.seen = [*getattr(self, "seen", ()), batch]

    class ByClass(ModelCheckpoint):
        def on_train_batch_end(self, batch, logs=None):
            ModelCheckpoint.on_train_batch_end(self, batch, logs)
            self.seen = [*getattr(self, "seen", ()), batch]

    for kind in (BySuper, ByClass):
        save = kind(path, save_weights_only=True, save_freq=freq)
        drive(save, epochs=[{"loss": 1.0}] * 2, batches=2)

        assert save.seen == [0, 1, 0, 1]
        assert sorted(each.name for each in tmp_path.iterdir()) == saved
        for each in tmp_path.iterdir():
            each.unlink()


def test_a_hook_that_is_put_on_the_instance_comes_before_it(tmp_path):
    save, seen = ModelCheckpoint(tmp_path / "a.keras"), []
    save.on_train_batch_end = lambda batch, logs=None: seen.append(batch)
    drive(save, epochs=[{"loss": 1.0}], batches=3)

    assert seen == [0, 1, 2]


def test_in_a_loop_by_hand_batches_are_counted_by_the_hook(tmp_path):
    built = model()
    callbacks = kibitz.callbacks.CallbackList(
        [BackupAndRestore(tmp_path, save_freq=5, delete_checkpoint=False)], model=built, epochs=3, steps=2, verbose=0
    )
    callbacks.on_train_begin()
    backed_up = []
    for epoch in range(3):
        callbacks.on_epoch_begin(epoch)
        for batch in range(2):
            callbacks.on_train_batch_begin(batch)
            callbacks.on_train_batch_end(batch, {"loss": 1.0})
        callbacks.on_epoch_end(epoch, {"loss": 1.0})
        backed_up.append(any(tmp_path.iterdir()))
    callbacks.on_train_end()

    assert backed_up == [False, False, True]


def test_the_hook_keeps_its_name_and_its_words():
    hook = ModelCheckpoint.on_train_batch_end

    assert hook.__name__ == "on_train_batch_end"
    assert hook.__doc__.startswith("Save if enough batches")
    assert Callback.on_train_batch_end is not hook
