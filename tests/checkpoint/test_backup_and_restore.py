"""BackupAndRestore in a loop of one's own: at the ends of epochs; the planned end removes the backup.

What it does in fit is in tests/durable/test_backup.py.
"""

from __future__ import annotations

import numpy as np
import pytest

import kibitz
from kibitz.callbacks.backup_and_restore import BackupAndRestore
from kibitz.callbacks.backup_by_hand import LATEST, PREVIOUS
from kibitz.callbacks.callback_list import CallbackList
from kibitz.checkpoint.state_file import read_state
from kibitz.errors import InvalidArgument, NotReady, ShapeMismatch, UnusableFile, WrongType
from kibitz.testing import FakeModel, Recorder, drive
from tests.checkpoint.faults import Disk, every_failure, names
from tests.checkpoint.pairs import dense, same, state, train


class Backed(FakeModel):
    """A model without a device whose whole state can be taken and put back."""

    def export_state(self):
        return {"steps": self.get_weights()[0], "iterations": np.int32(self.optimizer.iterations)}

    def import_state(self, arrays):
        self.set_weights([arrays["steps"]])
        self.optimizer.iterations.assign(arrays["iterations"])

    @property
    def steps(self):
        return int(self.get_weights()[0][0])


def epochs(count, loss=1.0):
    return [{"loss": loss}] * count


def kept(folder):
    return read_state(folder / LATEST)[1]


def back_up(backup, model):
    """Back up as at the end of the first epoch."""
    backup.set_model(model)
    backup.on_train_begin()
    backup.on_epoch_end(0, {"loss": 1.0})


class StopAt(kibitz.callbacks.Callback):
    """Asks for the end at a batch or at the end of an epoch."""

    def __init__(self, epoch, batch=None):
        self.at = (epoch, batch)

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        if (self.epoch, batch) == self.at:
            self.model.stop_training = True

    def on_epoch_end(self, epoch, logs=None):
        if (epoch, None) == self.at:
            self.model.stop_training = True


# -- going on -------------------------------------------------------------------------------------------------------


class Crash(kibitz.callbacks.Callback):
    def __init__(self, epoch, batch=0):
        self.at = (epoch, batch)

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        if (self.epoch, batch) == self.at:
            raise RuntimeError("power")


def noisy():
    """A model with random state and statistics of its own, built as a fresh process builds it."""
    kibitz.utils.set_random_seed(3)
    model = kibitz.Sequential(
        [
            kibitz.Input((4,)), kibitz.layers.Dense(6, activation="relu"), kibitz.layers.BatchNormalization(),
            kibitz.layers.Dropout(0.5), kibitz.layers.Dense(1),
        ]
    )  # fmt: skip
    model.compile("adam", "mse")
    return model


@pytest.mark.parametrize("save_freq", ["epoch", 1, 3, 4, 9])
def test_D5a_no_batch_is_trained_on_twice_and_none_is_left_out(tmp_path, save_freq):
    crashes = [(1, 2), (2, 2), (3, 2), None]
    for crash in crashes:
        model = Backed()
        resumed(BackupAndRestore(tmp_path, save_freq=save_freq), model, 4, batches=4, crash=crash)
    assert (model.steps, int(model.optimizer.iterations)) == (16, 16)


def resumed(backup, model, count, *, batches, crash=None):
    """Drive as fit does, which begins with the epoch that the backup asks for; that epoch."""
    first = kept(backup.backup_dir)["epoch"] if (backup.backup_dir / LATEST).exists() else 0
    drive(backup, epochs(count), batches=batches, model=model, start=first, raise_at=crash)
    return first


def test_the_run_is_asked_to_begin_with_the_epoch_that_comes_next(tmp_path):
    drive(BackupAndRestore(tmp_path), epochs(5), batches=2, model=Backed(), kill_after=3)
    model, backup = Backed(), BackupAndRestore(tmp_path)
    seen = []

    class Look(kibitz.callbacks.Callback):
        def on_train_begin(self, logs=None):
            seen.append((self.run.first_epoch, self.model.steps))

    drive([backup, Look()], epochs(5), model=model, start=3)
    assert seen == [(3, 6)]


def test_an_integer_counts_batches_and_waits_for_the_end_of_the_epoch(tmp_path):
    for done, backed_up in ((1, None), (2, 2), (3, 2), (4, 4)):
        folder = tmp_path / str(done)
        drive(BackupAndRestore(folder, save_freq=5), epochs(9), batches=3, model=Backed(), kill_after=done)
        assert (kept(folder)["epoch"] if folder.exists() else None) == backed_up


def test_D5b_the_counters_live_through_a_second_crash(tmp_path):
    folder = tmp_path / "backup"
    for crash in ((2, 1), (2, 0), (3, 1)):
        resumed(BackupAndRestore(folder), Backed(), 5, batches=2, crash=crash)
        assert kept(folder)["epoch"] == crash[0]
    model = Backed()
    assert resumed(BackupAndRestore(folder), model, 5, batches=2) == 3
    assert model.steps == 10


def test_D5e_the_place_belongs_to_one_fit(tmp_path):
    model = dense(kibitz)
    with pytest.raises(RuntimeError, match="power"):
        train(model, 4, callbacks=[BackupAndRestore(tmp_path), Crash(2)])
    assert train(model, 4, callbacks=[BackupAndRestore(tmp_path)]).epoch == [2, 3]
    assert train(model, 2).epoch == [0, 1]


def test_in_a_loop_of_ones_own_it_restores_and_removes(tmp_path):
    folder = tmp_path / "backup"
    drive(BackupAndRestore(folder), epochs(3), model=Backed(), kill_after=2)
    model, backup = Backed(), BackupAndRestore(folder)
    callbacks = CallbackList([backup], model=model, epochs=3, steps=1)
    callbacks.on_train_begin()
    assert (backup.restored["epoch"], model.steps) == (2, 2)
    callbacks.on_epoch_begin(2)
    callbacks.on_train_batch_end(0, {"loss": 1.0})
    callbacks.on_epoch_end(2, {"loss": 1.0})
    assert kept(folder)["epoch"] == 3
    callbacks.on_train_end()
    assert not folder.exists()


def test_names_do_not_matter():
    one, other = noisy(), noisy()
    assert one.layers[0].name != other.layers[0].name
    assert set(one.export_state()) == set(other.export_state())


# -- when it is kept, and when not ----------------------------------------------------------------------------------


def test_the_planned_end_removes_the_backup_and_nothing_else(tmp_path):
    drive(BackupAndRestore(tmp_path / "own"), epochs(2), model=Backed())
    assert names(tmp_path) == []
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared" / "notes.txt").write_text("mine")
    drive(BackupAndRestore(tmp_path / "shared"), epochs(2), model=Backed())
    assert names(tmp_path / "shared") == ["notes.txt"]
    drive(BackupAndRestore(tmp_path / "kept", delete_checkpoint=False), epochs(2), model=Backed())
    assert kept(tmp_path / "kept") == {"epoch": 2, "stopped": ""}


def test_D5f_a_stop_that_was_not_planned_keeps_the_backup_and_is_known(tmp_path):
    stop = kibitz.callbacks.EarlyStopping("loss", patience=1)
    result = drive([stop, BackupAndRestore(tmp_path)], epochs(9), model=Backed())
    assert result.kind == "stopped"
    assert kept(tmp_path)["epoch"] == 2
    assert kept(tmp_path)["stopped"].startswith("EarlyStopping: loss no better")
    again = BackupAndRestore(tmp_path)
    drive(again, epochs(9), model=Backed(), start=2)
    assert again.restored["stopped"].startswith("EarlyStopping")


def test_D5f_after_nan_the_last_good_epoch_is_what_is_left(tmp_path):
    numbers = [{"loss": 1.0}, {"loss": 1.0}, {"loss": float("nan")}, {"loss": 1.0}]
    drive([BackupAndRestore(tmp_path), kibitz.callbacks.TerminateOnNaN()], numbers, batches=3, model=Backed())
    assert kept(tmp_path)["epoch"] == 2
    model = Backed()
    drive(BackupAndRestore(tmp_path, delete_checkpoint=False), epochs(3), batches=3, model=model, start=2)
    assert model.steps == 9


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_an_epoch_that_is_not_finite_is_not_backed_up(tmp_path, value):
    drive(BackupAndRestore(tmp_path, delete_checkpoint=False), [{"loss": 1.0}, {"loss": value}], model=Backed())
    assert kept(tmp_path)["epoch"] == 1


def test_an_epoch_that_was_cut_short_is_not_backed_up(tmp_path):
    for first in (False, True):
        folder = tmp_path / str(first)
        callbacks = [StopAt(1, batch=1), BackupAndRestore(folder)]
        drive(callbacks if first else callbacks[::-1], epochs(4), batches=3, model=Backed())
        assert kept(folder) == {"epoch": 1, "stopped": ""}
        drive([StopAt(1, batch=2), BackupAndRestore(folder)], epochs(4), batches=3, model=Backed(), start=1)
        assert kept(folder)["epoch"] == 2


def test_an_exception_and_an_interruption_keep_the_backup(tmp_path):
    for error in (RuntimeError("power"), KeyboardInterrupt()):
        drive(BackupAndRestore(tmp_path), epochs(4), model=Backed(), raise_at=(2, 0), error=error, start=0)
        assert kept(tmp_path)["epoch"] == 2


def test_an_evaluation_removes_nothing(tmp_path):
    model, backup = dense(kibitz), BackupAndRestore(tmp_path)
    back_up(backup, model)
    model.evaluate(np.ones((2, 4)), np.ones((2, 1)), verbose=0, callbacks=[backup])
    assert kept(tmp_path)["epoch"] == 1


# -- the file -------------------------------------------------------------------------------------------------------


def test_there_is_one_file_and_with_double_checkpoint_the_one_before_it(tmp_path):
    drive(BackupAndRestore(tmp_path / "one"), epochs(3), model=Backed(), kill_after=3)
    drive(BackupAndRestore(tmp_path / "two", double_checkpoint=True), epochs(3), model=Backed(), kill_after=3)
    assert names(tmp_path / "one") == [LATEST]
    assert names(tmp_path / "two") == [PREVIOUS, LATEST]
    assert read_state(tmp_path / "two" / PREVIOUS)[1]["epoch"] == 2
    assert kept(tmp_path / "two")["epoch"] == 3


def test_a_damaged_backup_is_never_a_silent_start_from_nothing(tmp_path):
    drive(BackupAndRestore(tmp_path), epochs(3), model=Backed(), kill_after=2)
    data = bytearray((tmp_path / LATEST).read_bytes())
    data[-1] ^= 1
    (tmp_path / LATEST).write_bytes(data)
    model, seen = Backed(), Recorder()
    with pytest.raises(UnusableFile, match=r"damaged[\s\S]*remove it to begin anew"):
        drive([BackupAndRestore(tmp_path), seen], epochs(3), model=model)
    assert (model.steps, [hook for hook in seen.hooks if hook != "on_run_end"]) == (0, [])


def test_a_damaged_backup_gives_way_to_the_one_before_it(tmp_path):
    drive(BackupAndRestore(tmp_path, double_checkpoint=True), epochs(4), batches=2, model=Backed(), kill_after=3)
    (tmp_path / LATEST).write_bytes((tmp_path / LATEST).read_bytes()[:-3])
    model, backup = Backed(), BackupAndRestore(tmp_path, double_checkpoint=True)
    with pytest.warns(UserWarning, match="goes on from the backup before it"):
        drive(backup, epochs(4), batches=2, model=model, start=2)
    assert backup.restored["epoch"] == 2
    assert model.steps == 8


def test_both_damaged_is_an_error(tmp_path):
    drive(BackupAndRestore(tmp_path, double_checkpoint=True), epochs(4), model=Backed(), kill_after=3)
    for name in (LATEST, PREVIOUS):
        (tmp_path / name).write_bytes(b"")
    with pytest.raises(UnusableFile), pytest.warns(UserWarning, match="before it"):
        drive(BackupAndRestore(tmp_path), epochs(4), model=Backed())


@pytest.mark.parametrize("double", [False, True])
def test_whatever_the_disk_refuses_a_whole_backup_is_left(tmp_path, double):
    model = Backed()
    drive(BackupAndRestore(tmp_path, double_checkpoint=double), epochs(9), model=model, kill_after=2)
    backup = BackupAndRestore(tmp_path, double_checkpoint=double)
    backup.set_model(model)
    backup.on_train_begin()
    files = {name: (tmp_path / name).read_bytes() for name in names(tmp_path)}

    def put_back():
        for name, data in files.items():
            (tmp_path / name).write_bytes(data)

    for failure in every_failure(lambda: backup.on_epoch_end(2, {"loss": 1.0}), before=put_back):
        assert set(names(tmp_path)) <= {LATEST, PREVIOUS}, failure
        other = BackupAndRestore(tmp_path, double_checkpoint=double)
        other.set_model(Backed())
        other.on_train_begin()
        assert other.restored["epoch"] in (2, 3), failure


def test_a_killed_process_leaves_no_half_written_file_behind_for_long(tmp_path):
    (tmp_path / ".kibitz-0123456789abcdef.tmp").write_bytes(b"half")
    drive(BackupAndRestore(tmp_path), epochs(3), model=Backed(), kill_after=1)
    assert names(tmp_path) == [LATEST]


def test_another_model_or_optimizer_is_told_before_the_first_step(tmp_path):
    back_up(BackupAndRestore(tmp_path), dense(kibitz))
    for model, what in ((dense(kibitz, units=5), "not float32"), (dense(kibitz, compiled="sgd"), "is unexpected")):
        before = state(model)
        with pytest.raises(ShapeMismatch, match=f"another model or another optimizer: .*{what}"):
            CallbackList([BackupAndRestore(tmp_path)], model=model, epochs=3, steps=1).on_train_begin()
        assert same(state(model), before)


# -- arguments ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("save_freq", [False, True, 0, -1, 1.5, "batch", None])
def test_D5c_what_is_neither_epoch_nor_a_number_of_batches_is_refused(save_freq, tmp_path):
    with pytest.raises(InvalidArgument, match="BackupAndRestore saves every epoch, or every so many batches"):
        BackupAndRestore(tmp_path, save_freq=save_freq)


def test_what_cannot_be_is_refused_at_once(tmp_path):
    for empty in ("", None):
        with pytest.raises(InvalidArgument, match="Empty `backup_dir` argument passed"):
            BackupAndRestore(empty)
    with pytest.raises(WrongType, match="A file is named by a path"):
        BackupAndRestore(3)
    with pytest.raises(WrongType, match="delete_checkpoint is yes or no"):
        BackupAndRestore(tmp_path, delete_checkpoint="no")


def test_a_place_where_nothing_can_be_written_is_told_before_the_first_step(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    seen = Recorder()
    with pytest.raises(UnusableFile, match="Not a directory"):
        drive([seen, BackupAndRestore(tmp_path / "file")], epochs(2), model=Backed())
    with pytest.MonkeyPatch.context() as patch:
        Disk(patch, "fsync", 1)
        with pytest.raises(UnusableFile, match="Input/output error"):
            drive([seen, BackupAndRestore(tmp_path / "x")], epochs(2), model=Backed())
    assert seen.hooks == []
    assert names(tmp_path) == ["file"]


def test_a_model_without_weights_is_told_so(tmp_path):
    model = Backed()
    model.built = False
    with pytest.raises(NotReady, match="must be built before training begins"):
        drive(BackupAndRestore(tmp_path), epochs(2), model=model)
