"""A run that is going on can be looked back at, and what is found there depends on no clock and no disk."""

from __future__ import annotations

import os
import threading
import time

import numpy as np
import pytest

import kibitz
from kibitz import callbacks
from kibitz.checkpoint import run_folder
from kibitz.checkpoint.background import Background, settled
from kibitz.checkpoint.run_folder import RunFolder
from kibitz.errors import UnusableFile
from kibitz.runs.found import run_at
from tests.replay.test_replay import X, Y, model

X, Y = X[:32], Y[:32]


class At(callbacks.Callback):
    """Does something at the end of one step."""

    adds = ()

    def __init__(self, step, what):
        super().__init__()
        self._step, self._what = step, what

    def on_train_batch_end(self, batch, logs=None):
        if self.run.step == self._step:
            self._what()


class Losses(callbacks.Callback):
    """Writes down the loss of each step."""

    adds = ()

    def __init__(self):
        super().__init__()
        self._seen = {}

    def on_train_batch_end(self, batch, logs=None):
        self._seen[self.run.step] = logs.batch["loss"]


@pytest.fixture
def slow(monkeypatch):
    """A disk that takes long for all that it must really have."""
    sync = os.fsync

    def slowly(descriptor):
        time.sleep(0.02)
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", slowly)


def fit(run, *heard):
    model().fit(X, Y, batch_size=8, epochs=1, verbose=0, callbacks=list(heard), run=run, commit="1 steps")


def seen(run):
    sees = Losses()
    model().replay(X, Y, run=run, callbacks=[sees], verbose=0)
    return sees._seen


def in_a_thread(look):
    thread = threading.Thread(target=look)
    thread.start()
    thread.join()


WAYS = {
    "a replay": (lambda run: list(seen(run)), [1, 2]),
    "the state after the last step": (lambda run: steps_of(loaded(run)), 2),
    "the first step": (lambda run: model().bisect(X, Y, run=run, when=lambda model, _: steps_of(model) > 1,
                                                  verbose=0).step, 1),
    "what is told of it": (lambda run: run_at(str(run)).told().step, 2),
    "a folder that is called otherwise": (lambda run: RunFolder(run / ".." / run.name, writes=False).steps(),
                                          [0, 1, 2]),
}  # fmt: skip


def loaded(run):
    made = model()
    made.load_step(run, None, X, Y)
    return made


def steps_of(made):
    return int(made.optimizer.iterations)


@pytest.mark.parametrize("how", [lambda look: look(), in_a_thread], ids=["the thread that trains", "another thread"])
@pytest.mark.parametrize("name", WAYS)
def test_a_commit_that_is_on_its_way_is_waited_for_by_who_looks_back(tmp_path, slow, name, how):
    found, (way, wanted) = [], WAYS[name]
    fit(tmp_path, At(3, lambda: how(lambda: found.append(way(tmp_path)))))
    assert found == [wanted]


def test_a_commit_that_could_not_be_written_is_told_of_by_the_run_and_not_to_who_looks_back(tmp_path, slow, monkeypatch):
    found, write = [], RunFolder.write

    def full(folder, step, *rest):
        if step == 2:
            time.sleep(0.1)
            raise UnusableFile("The disk is full.", given=str(folder.path), wanted="room", cure="make room")
        write(folder, step, *rest)

    monkeypatch.setattr(RunFolder, "write", full)
    with pytest.warns(UserWarning, match="A commit was not written: The disk is full"):
        fit(tmp_path, At(3, lambda: found.append(list(seen(tmp_path)))))
    assert found == [[1]]


def test_who_looks_from_within_the_writing_does_not_wait_for_itself(tmp_path, monkeypatch):
    found, write = [], run_folder.write_commit

    def looks(record, *rest):
        found.append(RunFolder(tmp_path, writes=False).steps())
        write(record, *rest)

    monkeypatch.setattr(run_folder, "write_commit", looks)
    fit(tmp_path)
    assert found[:3] == [[], [0], [0, 1]]


def test_nothing_is_waited_for_in_another_folder_nor_when_it_is_closed(tmp_path):
    gate, here = threading.Event(), Background(tmp_path)
    here.begin(gate.wait)
    settled(tmp_path / "other")
    gate.set()
    settled(tmp_path)
    assert not here.busy
    here.close()
    settled(tmp_path)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are not forked here")
@pytest.mark.filterwarnings("ignore:.*fork")
def test_a_forked_process_waits_for_no_thread_that_did_not_come_along(tmp_path):
    gate, here = threading.Event(), Background(tmp_path)
    here.begin(gate.wait)
    child = os.fork()
    if child == 0:
        threading.Timer(20, os._exit, [1]).start()
        settled(tmp_path)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    gate.set()
    here.close()


def test_a_rehearsal_in_a_hook_takes_no_commit_of_the_run_along(tmp_path, slow):
    other = model()
    fit(tmp_path, At(3, lambda: kibitz.fast_dev_run(other, X, Y, batch_size=8, verbose=0)))
    assert RunFolder(tmp_path, writes=False).steps() == [0, 1, 2, 3, 4]
