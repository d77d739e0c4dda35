"""A run is gone on with only by what it was begun with; files that are damaged cost one commit."""

from __future__ import annotations

import os
import subprocess
import sys
import warnings

import numpy as np
import pytest

import kibitz as keras
from kibitz import callbacks
from kibitz.checkpoint.run_folder import RunFolder
from kibitz.errors import InvalidArgument, NotReady, UnusableFile
from tests.durable.program import Death, Dies, X, Y, program

OTHERS = {
    "another model": ({"kind": "noisy"}, "model layers/1/beta is new: float32[7]"),
    "another optimizer": ({"compiled": {"optimizer": "sgd", "loss": "mse"}}, "optimizer class was Adam and is SGD"),
    "another loss": ({"compiled": {"optimizer": "adam", "loss": "mae"}}, "loss was mse and is mae"),
    "other data": ({"data": lambda: (X + 1, Y)}, "data x"),
    "fewer rows": ({"data": lambda: (X[:80], Y[:80])}, "float32[83, 6]"),
    "another batch size": ({"batch_size": 4}, "batch_size was 8 and is 4"),
    "no shuffling": ({"shuffle": False}, "shuffle was True and is False"),
    "another seed": ({"seed": 2}, "seed was 1 and is 2"),
    "validation": ({"validation_split": 0.25}, "validation"),
}


@pytest.fixture
def begun(tmp_path):
    with pytest.raises(Dies):
        program(tmp_path, death=Death(17), commit="5 steps")
    return tmp_path


@pytest.mark.parametrize("name", OTHERS)
def test_something_else_is_refused_by_name_before_the_first_step(begun, name):
    other, told = OTHERS[name]
    record = keras.testing.Recorder()
    with pytest.raises(InvalidArgument) as refused:
        program(begun, heard=lambda: [record], **other)
    assert told in str(refused.value).split("\n")[0]
    assert 'resume="weights"' in refused.value.cure
    assert record.calls == []


@pytest.mark.parametrize("free", [{"epochs": 9}, {"verbose": 2}, {"keep": 4}, {"commit": "1 epoch"}])
def test_what_may_change_freely_does(begun, free):
    program(begun, **free)


def test_force_goes_on_anyway(begun):
    program(begun, resume="force", batch_size=4)


def test_weights_begin_anew_with_the_weights_of_the_last_commit(begun):
    kernel = RunFolder(begun).newest().arrays[".params['layers/0/kernel']"]
    seen = []

    class Looks(callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            seen.append((epoch, self.model.get_weights()[0]))

    program(begun, resume="weights", heard=lambda: [Looks()], compiled={"optimizer": "sgd", "loss": "mae"})
    assert seen[0][0] == 0
    assert np.array_equal(seen[0][1], kernel)
    assert RunFolder(begun / "before-1").steps() == [0, 5, 10, 15]


def damage(path, how):
    data = path.read_bytes()
    if how == "cut short":
        path.write_bytes(data[:-5])
    elif how == "empty":
        path.write_bytes(b"")
    elif how == "gone":
        path.unlink()
    else:
        flipped = bytearray(data)
        flipped[len(data) // 2 if how == "a bit flipped" else 20] ^= 4
        path.write_bytes(bytes(flipped))


@pytest.mark.parametrize("how", ["cut short", "empty", "a bit flipped", "a bit of the header flipped", "gone"])
def test_a_damaged_commit_costs_that_commit(begun, how):
    damage(RunFolder(begun).of(15), how)
    whole = program(None)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        assert program(begun, commit="5 steps") == whole
    assert any("from the commit before it" in str(each.message) for each in told) == (how != "gone")


def test_where_all_are_damaged_it_says_so_and_removes_nothing(begun):
    folder = RunFolder(begun)
    for step in folder.steps():
        damage(folder.of(step), "a bit flipped")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(UnusableFile):
            program(begun)
    assert folder.steps() == [0, 5, 10, 15]


def test_a_second_process_is_refused(tmp_path):
    lock = RunFolder(tmp_path).lock()
    try:
        with pytest.raises(NotReady, match="Another process"):
            program(tmp_path)
    finally:
        lock.release()
    program(tmp_path)


def test_a_lock_is_not_left_behind_by_a_crash(tmp_path):
    what = "import os; from kibitz.checkpoint.run_folder import RunFolder"
    text = f"{what}; held = RunFolder({str(tmp_path)!r}).lock(); os._exit(9)"
    assert subprocess.run([sys.executable, "-c", text], check=False).returncode == 9
    RunFolder(tmp_path).lock().release()


def test_half_written_files_are_cleared_at_the_next_start(begun):
    left = begun / "commits" / ".kibitz-0123.tmp"
    left.write_bytes(b"half")
    program(begun)
    assert not left.exists()


def test_a_commit_that_cannot_be_written_costs_that_commit_and_not_the_run(tmp_path, monkeypatch):
    from kibitz.checkpoint import store

    write, calls = store.write_state, []

    def failing(path, arrays, document, **named):
        calls.append(path)
        if len(calls) in (2, 4):
            raise UnusableFile("The disk is full.", given=str(path), wanted="room", cure="make room")
        write(path, arrays, document, **named)

    monkeypatch.setattr(store, "write_state", failing)
    with pytest.warns(UserWarning, match="A commit was not written: The disk is full"):
        ended = program(tmp_path, commit="5 steps")
    assert ended == program(None)


@pytest.mark.parametrize(
    ("given", "what"),
    [
        ({"commit": "5 steps"}, "about a durable run"),
        ({"resume": "force"}, "about a durable run"),
        ({"keep": 3}, "about a durable run"),
    ],
)
def test_settings_without_a_run_are_refused(given, what):
    with pytest.raises(InvalidArgument, match=what):
        program(None, **given)


@pytest.mark.parametrize(
    "given", [{"commit": "often"}, {"resume": "never"}, {"keep": 1}, {"keep": "many"}, {"keep": 2.5}, {"keep": True}]
)
def test_settings_that_cannot_be_are_refused_before_anything_lies_there(tmp_path, given):
    with pytest.raises((InvalidArgument, TypeError)):
        program(tmp_path / "run", **given)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(("keep", "most"), [(3, 3), (10, 10), ("60 kB", 12)])
def test_disk_use_is_bounded(tmp_path, keep, most):
    program(tmp_path, commit="1 steps", keep=keep)
    folder = RunFolder(tmp_path)
    steps = folder.steps()
    assert len(steps) <= most
    assert steps[0] == 0
    assert steps[-1] == 44
    if isinstance(keep, str):
        assert folder.size <= 60_000


def test_what_a_callback_cannot_keep_is_named_at_the_first_commit_after_it(tmp_path):
    class Holds(callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            self.model_of_mine = object()

    with pytest.raises(keras.errors.Unsupported, match="model_of_mine"):
        program(tmp_path, heard=lambda: [Holds()], commit="3 steps")


@pytest.mark.skipif(os.name == "nt", reason="signals as POSIX has them")
def test_sigterm_commits_closes_and_exits_with_143(tmp_path):
    import signal

    class Terminates(callbacks.Callback):
        def __init__(self):
            super().__init__()
            self._ended = []

        def on_train_batch_end(self, batch, logs=None):
            if self.run.step == 17:
                os.kill(os.getpid(), signal.SIGTERM)

        def on_run_end(self, outcome):
            self._ended.append(outcome.kind)

    heard = Terminates()
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(SystemExit) as exited:
        program(tmp_path, heard=lambda: [heard])
    assert exited.value.code == 143
    assert heard._ended == ["interrupted"]
    assert signal.getsignal(signal.SIGTERM) is before
    assert RunFolder(tmp_path).steps()[-1] == 17


def test_ctrl_c_commits_at_that_very_batch(tmp_path):
    import signal

    class Presses(callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if self.run.step == 17:
                signal.raise_signal(signal.SIGINT)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a worker of pytest ignores it
    try:
        with pytest.raises(KeyboardInterrupt):
            program(tmp_path, heard=lambda: [Presses()], commit="1 epoch")
    finally:
        signal.signal(signal.SIGINT, before)
    assert RunFolder(tmp_path).steps()[-1] == 17
    record = keras.testing.Recorder()
    program(tmp_path, heard=lambda: [record], commit="1 epoch")
    assert record.hooks.count("on_train_batch_end") == 44 - 17
