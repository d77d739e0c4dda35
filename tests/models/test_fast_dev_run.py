"""fast_dev_run: everything happens that would happen, for two epochs of two batches, and nothing is left of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import kibitz
from kibitz.callbacks import (
    BackupAndRestore,
    Callback,
    CSVLogger,
    EarlyStopping,
    History,
    LearningRateScheduler,
    ModelCheckpoint,
    PredictionWriter,
    SampleViewer,
    Timer,
    WeightAveraging,
)
from kibitz.checkpoint.files import exists, reading, replacing
from kibitz.errors import InvalidArgument, KibitzError, NotReady
from kibitz.testing import Recorder

X = np.linspace(-1, 1, 192, dtype="float32").reshape(64, 3)
Y = X.sum(axis=1, keepdims=True)


def model():
    layers = kibitz.layers
    built = kibitz.Sequential([kibitz.Input((3,)), layers.Dense(4), layers.Dropout(0.5), layers.Dense(1)])
    built.compile("adam", "mse", metrics=["mae"])
    return built


def state(of):
    return {name: value.tobytes() for name, value in of.export_state().items()}, of.history, of.run_report()


def test_two_epochs_of_two_batches_with_validation_and_all_hooks():
    record = Recorder()

    class Note(Callback):
        def on_run_end(self, outcome):
            seen.extend([*record.calls, outcome.kind])

    seen = []
    numbers = kibitz.fast_dev_run(
        model(), X, Y, batch_size=4, epochs=50, validation_data=(X, Y), validation_freq=10, verbose=0,
        callbacks=[record, Note()],
    )  # fmt: skip

    hooks = [call[0] for call in seen[:-1]]
    assert hooks.count("on_epoch_end") == 2
    assert hooks.count("on_train_batch_end") == 4
    assert hooks.count("on_test_batch_end") == 4
    assert hooks[-2:] == ["on_train_end", "on_run_end"]
    assert list(numbers) == ["loss", "mae", "val_loss", "val_mae"]
    assert all(len(values) == 2 for values in numbers.values())
    assert record.calls == []  # as it was before


@pytest.mark.parametrize("epochs", [1, 2, 100])
def test_callbacks_see_the_planned_epochs_and_no_more_are_run(epochs):
    seen = []

    class Note(Callback):
        def on_epoch_end(self, epoch, logs=None):
            seen.append((epoch, self.params["epochs"]))

    kibitz.fast_dev_run(
        model(), X, Y, epochs=epochs, verbose=0, callbacks=[Note(), WeightAveraging("swa", start=epochs - 1)]
    )

    assert seen == [(0, epochs), (1, epochs)][:epochs]


@pytest.mark.parametrize(
    "arguments",
    [{"validation_split": 0.25}, {"validation_split": 0.02}, {"validation_data": (X[:3], Y[:3])},
     {"validation_data": (X, Y), "validation_steps": 1}, {"steps_per_epoch": 1}, {"initial_epoch": 3, "epochs": 9},
     {"batch_size": 64}],
    ids=str,
)  # fmt: skip
def test_what_is_short_already_is_no_mistake(arguments):
    assert kibitz.fast_dev_run(model(), X, Y, **{"epochs": 2, "verbose": 0, **arguments})["loss"]


def test_the_model_and_the_callbacks_are_as_they_were():
    lent = model()
    lent.fit(X, Y, epochs=1, verbose=0)
    outside = []

    class Mine(Callback):
        def __init__(self):
            super().__init__()
            self.losses, self.best, self.seen = outside, {"all": [5.0]}, np.zeros(2)

        def on_train_batch_end(self, batch, logs=None):
            self.losses.append(logs["loss"])
            self.best["all"].append(1)
            self.seen += 1
            self.new = 1

    mine, stop, history = Mine(), EarlyStopping("loss", patience=1, restore_best_weights=True), History()
    before = state(lent)

    kibitz.fast_dev_run(
        lent, X, Y, epochs=9, verbose=0, callbacks=[mine, stop, history, LearningRateScheduler(lambda epoch: 0.5)]
    )

    assert state(lent) == before
    assert (outside, mine.best, mine.seen.tolist(), hasattr(mine, "new")) == ([], {"all": [5.0]}, [0, 0], False)
    assert mine.losses is outside
    assert (stop.best, stop.best_weights, stop.watch.direction, history.history) == (None, None, None, {})
    assert (mine.model, mine.run) == (None, None)


@pytest.mark.parametrize("relative", [False, True], ids=["absolute", "relative"])
def test_nothing_is_left_on_the_disk(tmp_path, monkeypatch, relative):
    monkeypatch.chdir(tmp_path)
    folder, seen = Path() if relative else tmp_path, []

    class Look(Callback):
        def on_epoch_end(self, epoch, logs=None):
            seen.append(exists(folder / "01.keras"))

    kibitz.fast_dev_run(
        model(), X, Y, epochs=9, verbose=0, validation_split=0.25,
        callbacks=[
            ModelCheckpoint(folder / "{epoch:02d}.keras"),
            ModelCheckpoint(folder / "new" / "last.weights.h5", save_weights_only=True, save_freq=1),
            CSVLogger(folder / "logs" / "log.csv"), BackupAndRestore(folder / "backup"),
            Timer(1e-9, path=folder / "last.keras"),
            PredictionWriter(folder / "out" / "{epoch}.npz", X), Look(),
        ],
    )  # fmt: skip

    assert seen == [True]
    assert list(tmp_path.rglob("*")) == []


def test_pictures_are_not_left_either(tmp_path):
    pytest.importorskip("matplotlib")
    kibitz.fast_dev_run(model(), X, Y, verbose=0, callbacks=[SampleViewer(X[:2], path=tmp_path / "{epoch}.png")])

    assert list(tmp_path.iterdir()) == []


def test_what_is_on_the_disk_is_read_and_stays_as_it_is(tmp_path):
    log, seen = CSVLogger(tmp_path / "log.csv", append=True), []
    model().fit(X, Y, epochs=1, verbose=0, callbacks=[log])
    lent = model()
    lent.save_weights(tmp_path / "pretrained.weights.h5")
    before = {each.name: each.read_bytes() for each in tmp_path.iterdir()}

    class Load(Callback):
        def on_train_begin(self, logs=None):
            self.model.load_weights(tmp_path / "pretrained.weights.h5")

        def on_train_end(self, logs=None):
            with reading(tmp_path / "log.csv") as file:
                seen.append(len(file.read().splitlines()))

    kibitz.fast_dev_run(
        lent, X, Y, epochs=2, verbose=0, validation_split=0.25,
        callbacks=[Load(), log, ModelCheckpoint(tmp_path / "pretrained.weights.h5", save_weights_only=True)],
    )  # fmt: skip

    assert seen == [4]  # a header that has grown, the old row, two new ones
    assert {each.name: each.read_bytes() for each in tmp_path.iterdir()} == before


def test_a_backup_of_a_real_run_survives_and_the_rehearsal_begins_anew(tmp_path):
    def backup():
        return BackupAndRestore(tmp_path, delete_checkpoint=False)

    model().fit(X, Y, epochs=2, verbose=0, callbacks=[backup()])
    before = {each: each.read_bytes() for each in tmp_path.rglob("*") if each.is_file()}

    numbers = kibitz.fast_dev_run(model(), X, Y, epochs=3, verbose=0, callbacks=[backup()])

    assert len(numbers["loss"]) == 2
    assert {each: each.read_bytes() for each in tmp_path.rglob("*") if each.is_file()} == before


@pytest.mark.parametrize("hook", ["on_epoch_end", "on_test_end", "on_train_end"])
def test_what_would_break_after_hours_breaks_now_and_leaves_no_trace(hook, tmp_path):
    class Broken(Callback):
        def __init__(self):
            super().__init__()
            setattr(self, hook, self.fail)

        def fail(self, *_, **__):
            raise ZeroDivisionError

    lent = model()
    before = state(lent)
    with pytest.raises(ZeroDivisionError):
        kibitz.fast_dev_run(
            lent, X, Y, epochs=9, verbose=0, validation_split=0.25,
            callbacks=[ModelCheckpoint(tmp_path / "{epoch}.keras"), Broken()],
        )  # fmt: skip

    assert state(lent) == before
    assert list(tmp_path.iterdir()) == []
    with replacing(tmp_path / "real.txt") as file:  # writing is real again
        file.write(b"1")
    assert (tmp_path / "real.txt").exists()


def test_what_fit_refuses_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    for arguments in (
        {"callbacks": [EarlyStopping("val_loss")]},
        {"callbacks": [ModelCheckpoint(tmp_path / "file" / "model.keras")]},
        {"epochs": -1},
        {"validation_steps": "two", "validation_split": 0.5},
        {"steps_per_epoch": 0},
    ):
        with pytest.raises(KibitzError):
            kibitz.fast_dev_run(model(), X, Y, verbose=0, **arguments)
    with pytest.raises(InvalidArgument):
        kibitz.fast_dev_run(model(), X, Y, batches=0)


def test_a_model_without_weights_gets_those_that_fit_would_give_it():
    def first(rehearses):
        kibitz.utils.set_random_seed(3)
        lent = kibitz.Sequential([kibitz.layers.Dense(4), kibitz.layers.Dense(1)])
        lent.compile("adam", "mse")
        if rehearses:
            kibitz.fast_dev_run(lent, X, Y, verbose=0)
        history = lent.fit(X, Y, epochs=2, verbose=0)
        return state(lent)[0], history.history

    assert first(rehearses=True) == first(rehearses=False)

    unbuilt = kibitz.Sequential([kibitz.layers.Dense(1)])
    unbuilt.compile("sgd", "mse")
    with pytest.raises(NotReady):
        kibitz.fast_dev_run(unbuilt, iter([(X, Y)]), verbose=0)


def test_generators_are_taken_too():
    def batches():
        while True:
            yield X[:8], Y[:8]

    numbers = kibitz.fast_dev_run(
        model(), batches(), steps_per_epoch=100, epochs=9, verbose=0, validation_data=batches(), validation_steps=50
    )
    assert len(numbers["val_loss"]) == 2
