"""ModelCheckpoint: Keras's files, words and counts; what can be known to be wrong is told before the first step."""

from __future__ import annotations

import errno
import re

import keras
import numpy as np
import pytest
from flax import nnx

import kibitz
from kibitz.callbacks.callback_list import CallbackList
from kibitz.callbacks.model_checkpoint import ModelCheckpoint
from kibitz.errors import (
    InvalidArgument,
    UnknownDirection,
    UnknownKey,
    UnknownMonitor,
    Unsupported,
    UnusableFile,
    WrongType,
)
from kibitz.testing import FakeModel, Recorder, drive
from tests.checkpoint.faults import Disk, names
from tests.checkpoint.pairs import dense, same, state, train

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")


def losses(*values, key="loss"):
    return [{key: value} for value in values]


def saved(folder):
    return [name for name in names(folder) if name.endswith((".keras", ".h5"))]


# -- beside Keras ---------------------------------------------------------------------------------------------------

CASES = {
    "every epoch": {"filepath": "{epoch:02d}.keras", "verbose": 1},
    "weights, with a loss": {"filepath": "{epoch}.weights.h5", "save_weights_only": True, "verbose": 1},
    "the best": {"filepath": "best.keras", "monitor": "loss", "save_best_only": True, "verbose": 1},
    "the best, by most": {
        "filepath": "b{epoch}.keras", "monitor": "loss", "mode": "max", "save_best_only": True, "verbose": 1},
    "a value to beat": {
        "filepath": "b{epoch}.keras", "monitor": "loss", "save_best_only": True, "initial_value_threshold": 0.0,
        "verbose": 1},
    "every four batches": {"filepath": "{epoch}-{batch:03d}.keras", "save_freq": 4, "verbose": 1},
    "every eight batches": {"filepath": "{epoch}-{batch}.keras", "save_freq": 8, "verbose": 1},
    "every batch": {"filepath": "{epoch}-{batch}.weights.h5", "save_weights_only": True, "save_freq": 1, "verbose": 1},
    "the best of validation": {"filepath": "v{epoch}.keras", "save_best_only": True, "verbose": 1},
    "quietly": {"filepath": "{epoch}.keras"},
    "in a folder of its own": {"filepath": "runs/{epoch}/m.keras", "verbose": 1},
}  # fmt: skip


@pytest.fixture(scope="module")
def trained():
    """One model each, compiled once."""
    return {"keras": dense(keras, compiled="sgd"), "kibitz": dense(kibitz, compiled="sgd")}


@pytest.mark.parametrize("given", CASES.values(), ids=CASES)
def test_files_and_words_are_keras_s(given, trained, tmp_path, monkeypatch, capsys):
    found, x = {}, np.ones((4, 4), "float32")
    for name, k in (("keras", keras), ("kibitz", kibitz)):
        (tmp_path / name).mkdir()
        monkeypatch.chdir(tmp_path / name)
        model, save = trained[name], k.callbacks.ModelCheckpoint(**given)
        model.set_weights([np.full(weight.shape, 0.25, "float32") for weight in model.get_weights()])
        for _ in range(2):
            train(model, 2, callbacks=[save], validation_data=(x, x[:, :1]))
        said = re.sub(r"\d\.\d{5}", "N", capsys.readouterr().out)
        files = sorted(str(each.relative_to(tmp_path / name)) for each in (tmp_path / name).rglob("*.*"))
        found[name] = (files, said, np.float64(save.best or np.nan))
    assert found["kibitz"][0] == found["keras"][0]
    assert found["kibitz"][1] == found["keras"][1]
    np.testing.assert_allclose(found["kibitz"][2], found["keras"][2], rtol=1e-3)


@pytest.mark.parametrize(
    "given",
    [
        {"filepath": "m"}, {"filepath": "m.pt"}, {"filepath": "m.keras/"},
        {"filepath": "m.keras", "save_weights_only": True}, {"filepath": "m.h5", "save_weights_only": True},
        {"filepath": "m.keras", "save_freq": "batch"}, {"filepath": "m.keras", "save_freq": 1.5},
    ],
)  # fmt: skip
def test_what_keras_refuses_is_refused_in_its_words(given):
    with pytest.raises(ValueError) as theirs:
        keras.callbacks.ModelCheckpoint(**given)
    with pytest.raises(InvalidArgument) as ours:
        ModelCheckpoint(**given)
    if "save_freq" not in given:
        assert ours.value.what == str(theirs.value).split(" Received")[0] + ("" if "." in str(theirs.value) else ".")


@pytest.mark.parametrize(
    "given",
    [
        {"filepath": "m.h5"}, {"filepath": "m.weights.h5"}, {"filepath": "m.keras", "save_freq": True},
        {"filepath": "m.keras", "save_freq": False},
        {"filepath": "m.keras", "save_freq": 0}, {"filepath": "m.keras", "save_freq": -2},
        {"filepath": "m.keras", "mode": "minimum"},
        {"filepath": "m.keras", "initial_value_threshold": "low"},
        {"filepath": "m.keras", "initial_value_threshold": float("nan")}, {"filepath": "{epoch.real}.keras"},
        {"filepath": "{epoch}/../m.keras"},
    ],
)  # fmt: skip
def test_what_keras_takes_and_cannot_be_is_refused_at_once(given):
    with pytest.raises(InvalidArgument, match="cure"):
        ModelCheckpoint(**given)


@pytest.mark.parametrize("path", [None, 3, b"m.keras"])
def test_what_is_no_path_is_refused(path):
    with pytest.raises(WrongType, match="A file is named by a path"):
        ModelCheckpoint(path)


# -- told before the first step -------------------------------------------------------------------------------------


def refused(error, match, callbacks, epochs, **kwargs):
    seen = Recorder()
    with pytest.raises(error, match=match):
        drive([seen, *callbacks], epochs, **kwargs)
    assert seen.hooks == []


def test_D1_the_best_of_batches_works_and_val_keys_are_refused_at_the_start(tmp_path):
    save = ModelCheckpoint(tmp_path / "{epoch}-{batch}.keras", monitor="loss", save_best_only=True, save_freq=2)
    drive(save, losses(3.0, 4.0, 2.0), batches=4)
    assert saved(tmp_path) == ["1-2.keras", "3-2.keras"]
    assert save.best == 2.0
    late = ModelCheckpoint(tmp_path / "b.keras", save_best_only=True, save_freq=2)
    refused(UnknownMonitor, "at the end of a batch", [late], [{"loss": 1.0, "val_loss": 1.0}])


def test_D2_a_monitor_that_nobody_knows_is_refused_at_the_start(tmp_path):
    save = ModelCheckpoint(tmp_path / "b.keras", monitor="val_lss", mode="min", save_best_only=True)
    refused(UnknownMonitor, "val_loss", [save], [{"loss": 1.0, "val_loss": 1.0}])
    assert names(tmp_path) == []


def test_D2_an_epoch_without_validation_neither_saves_nor_forgets_the_best(tmp_path):
    save = ModelCheckpoint(tmp_path / "{epoch}.keras", save_best_only=True)
    drive(save, [{"loss": 1.0}, {"loss": 1.0, "val_loss": 2.0}, {"loss": 0.5}, {"loss": 0.5, "val_loss": 3.0}])
    assert saved(tmp_path) == ["2.keras"]
    assert save.best == 2.0


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), float("-inf")])
def test_D16_what_is_not_finite_never_becomes_the_best(tmp_path, bad, capsys):
    save = ModelCheckpoint(tmp_path / "{epoch}.keras", monitor="loss", save_best_only=True, verbose=1)
    drive(save, losses(bad, 3.0, bad, 2.0))
    assert saved(tmp_path) == ["2.keras", "4.keras"]
    assert save.best == 2.0
    assert capsys.readouterr().out.startswith("\nEpoch 1: loss did not improve from None\n")


def test_D17_no_direction_is_needed_where_nothing_is_compared(tmp_path):
    drive(ModelCheckpoint(tmp_path / "m.keras", monitor="oddness"), [{"loss": 1.0, "oddness": 1.0}])
    assert saved(tmp_path) == ["m.keras"]
    best = ModelCheckpoint(tmp_path / "b.keras", monitor="oddness", save_best_only=True)
    refused(UnknownDirection, "oddness", [best], [{"loss": 1.0, "oddness": 1.0}])


def test_D21_a_disk_that_fills_up_leaves_the_last_good_file(tmp_path):
    model = dense(kibitz)
    path = tmp_path / "m.keras"
    train(model, callbacks=[ModelCheckpoint(path)])
    before = path.read_bytes()
    save = ModelCheckpoint(path)

    class Fill(kibitz.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            self.patch = pytest.MonkeyPatch()
            self.disk = Disk(self.patch, "write", 3)

        def on_run_end(self, outcome):
            self.patch.undo()

    with pytest.raises(UnusableFile, match="No space left on device") as caught:
        train(model, callbacks=[Fill(), save])
    assert caught.value.errno == errno.ENOSPC
    assert any("ModelCheckpoint.on_epoch_end" in note for note in caught.value.__notes__)
    assert path.read_bytes() == before
    assert names(tmp_path) == ["m.keras"]


def test_D24_the_best_and_the_count_of_batches_live_on_into_the_next_fit(tmp_path):
    best = ModelCheckpoint(tmp_path / "best-{epoch}.keras", monitor="loss", save_best_only=True)
    count = ModelCheckpoint(tmp_path / "count-{epoch}-{batch}.keras", save_freq=3)
    drive([best, count], losses(2.0), batches=2)
    drive([best, count], losses(3.0), batches=2)
    assert saved(tmp_path) == ["best-1.keras", "count-1-1.keras"]


@pytest.mark.parametrize(
    ("name", "save_freq", "epochs"),
    [
        ("{val_acc}.keras", "epoch", [{"loss": 1.0, "val_loss": 1.0}]),
        ("{val_loss}.keras", "epoch", [{"loss": 1.0}]),
        ("{val_loss}.keras", 2, [{"loss": 1.0, "val_loss": 1.0}]),
        ("{batch}.keras", "epoch", [{"loss": 1.0}]),
    ],
)
def test_D37_a_name_that_cannot_be_filled_is_told_at_the_start(tmp_path, name, save_freq, epochs):
    save = ModelCheckpoint(tmp_path / name, save_freq=save_freq)
    refused(UnknownKey, "failed to format this filepath", [save], epochs)
    with pytest.raises(KeyError):
        drive(ModelCheckpoint(tmp_path / name, save_freq=save_freq), epochs)
    assert names(tmp_path) == []


def test_D37_a_name_with_val_waits_for_validation(tmp_path):
    epochs = [{"loss": 1.0}, {"loss": 1.0, "val_loss": 0.5}, {"loss": 1.0}]
    drive(ModelCheckpoint(tmp_path / "{epoch}-{val_loss:.2f}.keras"), epochs)
    assert saved(tmp_path) == ["2-0.50.keras"]


def test_a_name_that_a_callback_before_it_adds_is_filled(tmp_path):
    class Adds(kibitz.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            if self.adding:
                logs["mine"] = 0.125

    first = Adds()
    first.adding = True
    drive([first, ModelCheckpoint(tmp_path / "{mine:.3f}.keras")], losses(1.0))
    assert saved(tmp_path) == ["0.125.keras"]
    first.adding = False
    with pytest.raises(UnknownKey, match='asks for "mine"'):
        drive([first, ModelCheckpoint(tmp_path / "{mine:.3f}.keras")], losses(1.0))


def test_text_in_the_logs_cannot_lead_the_file_away(tmp_path):
    class Adds(kibitz.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            logs["mine"] = "../../evil"

    with pytest.raises(WrongType, match='"mine" cannot be written so'):
        drive([Adds(), ModelCheckpoint(tmp_path / "a" / "{mine}.keras")], losses(1.0))
    assert names(tmp_path) == []


def test_a_place_where_nothing_can_be_written_is_told_at_the_start(tmp_path):
    (tmp_path / "runs").write_bytes(b"")
    (tmp_path / "m.keras").mkdir()
    for path in (tmp_path / "runs" / "{epoch}.keras", tmp_path / "m.keras"):
        refused(UnusableFile, "cure", [ModelCheckpoint(path)], losses(1.0))
    with pytest.MonkeyPatch.context() as patch:
        Disk(patch, "open", 1)
        refused(UnusableFile, "Permission denied", [ModelCheckpoint(tmp_path / "x.keras")], losses(1.0))


# -- what is saved --------------------------------------------------------------------------------------------------


def test_the_file_holds_the_very_batch_and_changes_nothing(tmp_path):
    model, watched = dense(kibitz), dense(kibitz)
    watched.set_weights(model.get_weights())
    train(model, 2)
    train(
        watched,
        2,
        callbacks=[ModelCheckpoint(tmp_path / "{epoch}-{batch}.weights.h5", save_weights_only=True, save_freq=4)],
    )
    assert same(state(model), state(watched))
    assert saved(tmp_path) == ["1-4.weights.h5", "2-2.weights.h5", "2-6.weights.h5"]
    other = dense(kibitz)
    other.load_weights(tmp_path / "1-4.weights.h5")
    assert other.optimizer.iterations.numpy() == 4
    other.load_weights(tmp_path / "2-6.weights.h5")
    assert same(state(other), state(model))


def test_home_is_found_and_folders_are_made(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    train(dense(kibitz), callbacks=[ModelCheckpoint("~/runs/{epoch}.keras")])
    assert saved(tmp_path / "runs") == ["1.keras"]


def test_in_a_loop_of_ones_own_it_works_without_a_forecast(tmp_path):
    model = FakeModel()
    callbacks = CallbackList(
        [ModelCheckpoint(tmp_path / "{epoch}.keras", monitor="loss", save_best_only=True)], model=model
    )
    callbacks.on_train_begin()
    for epoch, loss in enumerate((2.0, 3.0, 1.0)):
        callbacks.on_epoch_begin(epoch)
        callbacks.on_train_batch_begin(0)
        callbacks.on_train_batch_end(0, {"loss": loss})
        callbacks.on_epoch_end(epoch, {"loss": loss})
    callbacks.on_train_end()
    assert saved(tmp_path) == ["1.keras", "3.keras"]


class Own(nnx.Module):
    def __init__(self):
        self.inner = nnx.Linear(4, 4, rngs=nnx.Rngs(0))

    def __call__(self, x):
        return self.inner(x)[:, :1]


def test_a_model_that_cannot_be_saved_whole_is_told_at_the_start(tmp_path):
    for model in (kibitz.Sequential([kibitz.Input((4,)), Own(), kibitz.layers.Dense(1)]), kibitz.Model(Own())):
        model.compile("sgd", "mse")
        seen = Recorder()
        with pytest.raises(Unsupported, match=r"cannot save the whole model[\s\S]*m\.weights\.h5"):
            train(model, callbacks=[seen, ModelCheckpoint(tmp_path / "m.keras")])
        assert seen.hooks == []
        with pytest.raises(Unsupported, match="A module of your own"):
            model.save(tmp_path / "m.keras")
    assert names(tmp_path) == []
    train(model, callbacks=[ModelCheckpoint(tmp_path / "m.weights.h5", save_weights_only=True)])
    assert saved(tmp_path) == ["m.weights.h5"]
