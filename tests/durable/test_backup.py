"""BackupAndRestore makes a fit durable: to the very batch, with all that callbacks remember, in Keras's form."""

from __future__ import annotations

import json
import os
import signal
import warnings
from functools import partial

import numpy as np
import pytest

import kibitz as keras
from kibitz import callbacks
from kibitz.callbacks import BackupAndRestore
from kibitz.callbacks.backup_by_hand import LATEST
from kibitz.checkpoint.run_folder import RunFolder
from kibitz.errors import InvalidArgument, NotReady, ShapeMismatch, UnusableFile
from kibitz.models import made_of
from tests.checkpoint.faults import names
from tests.durable.program import Death, Dies, Patience, X, Y, program

STEPS = 11  # in an epoch


def backed(folder, *others, death=None, first=False, fit=(), **settings):
    """Start the program, with a BackupAndRestore behind all callbacks or before them; how it ended."""
    backup = BackupAndRestore(folder, **settings)
    listed = [Patience(), callbacks.ReduceLROnPlateau("loss", patience=1), *others]
    ended = program(
        None, death=death, heard=lambda: [backup, *listed] if first else [*listed, backup], kind="noisy", **dict(fit)
    )
    return ended, backup


def rows(ended):
    return json.loads(ended.history)[2]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return backed(tmp_path_factory.mktemp("whole") / "backup")[0]


@pytest.mark.parametrize(
    ("save_freq", "double", "first"), [("epoch", False, False), (3, True, True), (1, False, True), (30, False, False)]
)
def test_a_run_that_crashed_ends_with_the_bits_of_one_that_did_not(tmp_path, whole, save_freq, double, first):
    folder = tmp_path / "backup"
    start = partial(backed, folder, save_freq=save_freq, double_checkpoint=double, first=first)
    for death in (Death(17), Death(31), Death(epoch=2)):
        with pytest.raises(Dies):
            start(death=death)
        assert len(RunFolder(folder).steps()) <= (3 if double else 2)
    ended, _ = start()
    assert ended.state == whole.state
    assert sorted(json.loads(ended.callbacks), key=repr) == sorted(json.loads(whole.callbacks), key=repr)
    assert rows(ended) == rows(whole)
    assert not folder.exists()


def test_D5a_each_batch_is_trained_on_once_and_its_hooks_are_called_once(tmp_path):
    seen = []

    class Writes(callbacks.Callback):
        adds = ()

        def on_train_batch_end(self, batch, logs=None):
            seen.append((self.run.epoch, batch, self.run.step))

    with pytest.raises(Dies):
        backed(tmp_path, Writes(), death=Death(17), save_freq=5)
    seen.clear()
    _, backup = backed(tmp_path, Writes(), save_freq=5)
    assert seen == [(step // STEPS, step % STEPS, step + 1) for step in range(15, 44)]
    assert backup.restored == {"epoch": 1, "batch": 4, "stopped": ""}


def test_history_begins_anew_as_in_keras_and_rows_has_everything(tmp_path, whole):
    with pytest.raises(Dies):
        backed(tmp_path, death=Death(30), save_freq=5)
    with pytest.raises(Dies):
        backed(tmp_path, death=Death(40), save_freq=5)
    history, epoch, told = json.loads(backed(tmp_path, save_freq=5)[0].history)
    assert (epoch, [len(values) for values in history.values()]) == ([3], [1] * len(history))
    assert told == rows(whole)


def test_the_folder_is_a_run_that_fit_goes_on_with_whole_history_and_all(tmp_path, whole):
    for at in (17, 30):
        with pytest.raises(Dies):
            backed(tmp_path, death=Death(at), save_freq=5)
    heard = lambda: [Patience(), callbacks.ReduceLROnPlateau("loss", patience=1)]  # noqa: E731
    ended = program(tmp_path, heard=heard, kind="noisy")
    assert (ended.state, ended.history) == (whole.state, whole.history)


# -- when backups stay, and when they go ------------------------------------------------------------------------------


def test_the_planned_end_removes_the_backups_and_nothing_else(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    backed(tmp_path)
    assert names(tmp_path) == ["notes.txt"]


def test_with_delete_checkpoint_false_they_stay_and_a_third_start_trains_no_more(tmp_path, capsys):
    ended, _ = backed(tmp_path, delete_checkpoint=False)
    again, backup = backed(tmp_path, delete_checkpoint=False, fit={"verbose": 2})
    assert (again.state, again.callbacks) == (ended.state, ended.callbacks)
    assert json.loads(again.history)[1] == []
    assert "nothing is left to train" in capsys.readouterr().out
    assert backup.restored["epoch"] == 4
    more, _ = backed(tmp_path, fit={"epochs": 6})
    assert json.loads(more.history)[1] == [4, 5]
    assert more.state == backed(tmp_path / "other", fit={"epochs": 6})[0].state
    assert not RunFolder(tmp_path, writes=False).steps()


def test_D5f_a_run_that_was_stopped_keeps_its_backups_and_stays_stopped(tmp_path):
    def stop():
        return callbacks.EarlyStopping("loss", patience=1, min_delta=10.0)

    ended, _ = backed(tmp_path, stop(), fit={"epochs": 9})
    again, backup = backed(tmp_path, stop(), fit={"epochs": 9})
    assert again.state == ended.state
    assert json.loads(again.history)[1] == []
    assert backup.restored["stopped"].startswith("EarlyStopping: loss no better")
    assert RunFolder(tmp_path).steps()


@pytest.mark.parametrize(("save_freq", "at", "left"), [("epoch", 25, 22), ("epoch", 33, 22), (1, 25, 24)])
def test_D5f_after_nan_the_last_good_state_is_what_is_left(tmp_path, save_freq, at, left):
    class Breaks(callbacks.Callback):
        adds = ()

        def on_train_batch_end(self, batch, logs=None):
            if self.run.step == at:
                self.model.set_weights([np.full(each.shape, np.nan) for each in self.model.get_weights()])

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        backed(tmp_path, Breaks(), callbacks.TerminateOnNaN(), save_freq=save_freq)
    commit = RunFolder(tmp_path).newest()
    assert commit.document["step"] == left
    assert commit.document["stop"] is None
    assert RunFolder(tmp_path).final() is None


def test_an_exception_when_the_run_is_closed_keeps_the_backups(tmp_path, whole):
    class Fails(callbacks.Callback):
        adds = ()

        def on_run_end(self, outcome):
            raise OSError("the report could not be sent")

    with pytest.raises(OSError, match="report"):
        backed(tmp_path, Fails())
    ended, _ = backed(tmp_path)
    assert ended.state == whole.state


# -- damage, and others -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("double", [False, True])
def test_a_damaged_backup_gives_way_to_the_one_before_it(tmp_path, whole, double):
    with pytest.raises(Dies):
        backed(tmp_path, death=Death(31), save_freq=5, double_checkpoint=double)
    folder = RunFolder(tmp_path)
    assert folder.steps() == ([0, 25, 30] if double else [0, 30])
    folder.of(30).write_bytes(folder.of(30).read_bytes()[:-3])
    with pytest.warns(UserWarning, match="goes on from the commit before it"):
        ended, backup = backed(tmp_path, save_freq=5, double_checkpoint=double)
    assert backup.restored["epoch"] == (2 if double else 0)
    assert ended.state == whole.state


def test_a_damaged_one_beyond_takes_nobodys_place(tmp_path):
    with pytest.raises(Dies):
        backed(tmp_path, death=Death(31), save_freq=5)
    folder = RunFolder(tmp_path)
    folder.of(30).write_bytes(b"")
    with pytest.warns(UserWarning, match="goes on from the commit before it"), pytest.raises(Dies):
        backed(tmp_path, death=Death(12), save_freq=5)
    assert folder.steps() == [0, 10, 30]


def test_something_else_is_refused_by_name_and_the_cure_that_is_said_works(tmp_path):
    with pytest.raises(Dies):
        backed(tmp_path, death=Death(17), save_freq=5)
    with pytest.raises(InvalidArgument) as refused:
        backed(tmp_path, save_freq=5, fit={"batch_size": 4})
    assert "batch_size was 8 and is 4" in str(refused.value)
    assert f'BackupAndRestore("{tmp_path}")' in str(refused.value)
    assert f'run="{tmp_path}" in place of BackupAndRestore' in refused.value.cure
    program(tmp_path, kind="noisy", batch_size=4, resume="force")


def test_on_another_machine_it_goes_on_as_kerass_does_and_says_what_is_otherwise(tmp_path, whole, monkeypatch):
    with pytest.raises(Dies):
        backed(tmp_path, death=Death(17), save_freq=5)
    elsewhere = {**made_of.of_machine(), "NPROC": "64", "jax": "9.9.9"}
    monkeypatch.setattr(made_of, "of_machine", lambda: elsewhere)
    with pytest.raises(InvalidArgument) as refused, pytest.warns(UserWarning, match="This backup was made elsewhere"):
        backed(tmp_path, save_freq=5, fit={"batch_size": 4})
    assert "NPROC" not in str(refused.value)
    with pytest.raises(InvalidArgument, match="machine NPROC was"):
        program(tmp_path, kind="noisy")
    with pytest.raises(Dies), pytest.warns(UserWarning, match=r"elsewhere: machine jax was .* and is 9\.9\.9; machine"):
        backed(tmp_path, death=Death(28), save_freq=5)
    ended, _ = backed(tmp_path, save_freq=5)  # the backup that it goes on with now was made here: warnings are errors
    assert ended.state == whole.state
    assert rows(ended) == rows(whole)


@pytest.mark.parametrize("how", ["run= too", "two of them"])
def test_two_that_would_keep_one_run_are_refused_before_anything_lies_there(tmp_path, how):
    record = keras.testing.Recorder()
    heard = [record, BackupAndRestore(tmp_path / "a")] + [BackupAndRestore(tmp_path / "b")] * (how == "two of them")
    with pytest.raises(InvalidArgument, match="A run is kept in one folder"):
        program(tmp_path / "run" if how == "run= too" else None, heard=lambda: heard)
    assert record.calls == []
    assert names(tmp_path) == []


def test_a_second_process_is_refused(tmp_path):
    lock = RunFolder(tmp_path).lock()
    try:
        with pytest.raises(NotReady, match="Another process"):
            backed(tmp_path)
    finally:
        lock.release()


def test_backups_of_a_loop_of_ones_own_and_of_a_fit_are_told_apart(tmp_path):
    model = keras.Sequential([keras.layers.Dense(1, input_shape=(6,))])
    model.compile("sgd", "mse")
    by_hand = callbacks.CallbackList([BackupAndRestore(tmp_path / "hand")], model=model, epochs=3, steps=1)
    by_hand.on_train_begin()
    by_hand.on_epoch_begin(0)
    by_hand.on_epoch_end(0, {"loss": 1.0})
    assert names(tmp_path / "hand") == [LATEST]
    with pytest.raises(UnusableFile, match="in a loop of your own"):
        model.fit(X, Y, verbose=0, callbacks=[BackupAndRestore(tmp_path / "hand")])
    model.fit(X, Y, verbose=0, callbacks=[BackupAndRestore(tmp_path / "fit", delete_checkpoint=False)])
    with pytest.raises(UnusableFile, match="made by fit"):
        callbacks.CallbackList([BackupAndRestore(tmp_path / "fit")], model=model, epochs=3).on_train_begin()


# -- interruptions, and requests --------------------------------------------------------------------------------------


def test_ctrl_c_backs_up_at_that_very_batch(tmp_path, whole):
    class Presses(callbacks.Callback):
        adds = ()

        def on_train_batch_end(self, batch, logs=None):
            if self.run.step == 17 and not self.run.resumed:
                signal.raise_signal(signal.SIGINT)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a worker of pytest ignores it
    try:
        with pytest.raises(KeyboardInterrupt):
            backed(tmp_path, Presses())
    finally:
        signal.signal(signal.SIGINT, before)
    assert RunFolder(tmp_path).steps() == [0, 17]
    assert backed(tmp_path, Presses())[0].state == whole.state


@pytest.mark.skipif(os.name == "nt", reason="signals as POSIX has them")
@pytest.mark.parametrize("at", [17, 44])
def test_sigterm_backs_up_and_exits_with_143_also_where_nothing_is_left_to_train(tmp_path, at):
    class Terminates(callbacks.Callback):
        adds = ()

        def on_train_batch_end(self, batch, logs=None):
            if self.run.step == at:
                os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(SystemExit) as exited:
        backed(tmp_path, Terminates())
    assert exited.value.code == 143
    assert RunFolder(tmp_path).steps()[-1] == at


class Asks(callbacks.Callback):
    """Asks for a save at a step."""

    adds = ()

    def __init__(self, step):
        super().__init__()
        self._step = step

    def on_train_batch_end(self, batch, logs=None):
        if self.run.step == self._step:
            self.run.save()


@pytest.mark.parametrize("how", ["run=", "BackupAndRestore"])
def test_a_save_that_was_asked_for_is_a_commit_at_that_step(tmp_path, whole, how):
    start = partial(backed, tmp_path, Asks(7))
    if how == "run=":
        start = partial(program, tmp_path, heard=lambda: [Asks(7)], commit="1 epoch")
    with pytest.raises(Dies):
        start(death=Death(9))
    assert RunFolder(tmp_path).steps() == [0, 7]
    if how == "BackupAndRestore":
        assert start()[0].state == whole.state


def test_in_a_loop_of_ones_own_a_save_that_was_asked_for_waits_for_the_end_of_the_epoch(tmp_path):
    class Saves(callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if self.run.step == 3:
                self.run.save()

    model = keras.Sequential([keras.layers.Dense(1, input_shape=(6,))])
    model.compile("sgd", "mse")
    backup = BackupAndRestore(tmp_path, save_freq=100)
    with pytest.warns(UserWarning, match="does so at the end of the epoch"):
        keras.testing.drive([Saves(), backup], [{"loss": 1.0}] * 3, batches=2, model=model, kill_after=2)
    assert names(tmp_path) == [LATEST]


def test_the_state_of_another_model_is_refused_where_it_is_forced(tmp_path):
    with pytest.raises(Dies):
        backed(tmp_path, death=Death(17), save_freq=5)
    with pytest.raises((InvalidArgument, ShapeMismatch), match="does not fit this model"):
        program(tmp_path, kind="dense", resume="force")
