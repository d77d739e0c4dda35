"""A run that is going on can be looked back at, and what is found there depends on no clock and no disk."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

import kibitz
from kibitz import callbacks
from kibitz.checkpoint import run_folder
from kibitz.checkpoint.background import Background, settled
from kibitz.checkpoint.run_folder import RunFolder
from kibitz.checkpoint.store import remove_commit
from kibitz.checkpoint.written import Written
from kibitz.errors import NotReady, UnusableFile
from kibitz.runs.found import run_at
from tests.replay import trains
from tests.replay.test_replay import X, Y, model

ROOT = Path(__file__).parents[2]


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


# -- in the same process -----------------------------------------------------------------------------------------------


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


def test_a_commit_that_could_not_be_written_is_told_of_by_the_run_and_to_nobody_else(tmp_path, slow, monkeypatch):
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


# -- in another process ------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def training(folder, store, every):
    """Another process that trains until this is left, and is then killed."""
    words = [sys.executable, "-m", "tests.replay.trains", str(folder), store, str(every)]
    with subprocess.Popen(words, cwd=ROOT) as process:
        try:
            while not (steps := RunFolder(folder, writes=False).steps()) or steps[-1] < 12:
                assert process.poll() is None
                time.sleep(0.02)
            yield
            assert process.poll() is None
        finally:
            process.kill()


def newest(folder):
    return RunFolder(folder, writes=False).steps()[-1]


def looked(made, folder, start, stop):
    """The losses of a stretch, and the commits that it came to exactly."""
    sees = Losses()
    done = made.replay(trains.X, trains.Y, run=folder, steps=(start, stop), callbacks=[sees], verbose=0)
    assert not done.apart
    return sees._seen, set(done.exact)


@pytest.mark.parametrize(("store", "times"), [("file", 6), ("orbax", 3)])
def test_a_run_of_another_process_is_looked_at_while_it_goes_on_and_lets_commits_go(tmp_path, store, times):
    found, made = {}, trains.model()
    with training(tmp_path, store, 10**9):
        for _ in range(times):
            seen, exact = looked(made, tmp_path, 0, 6)
            assert exact == {2, 4, 6}
            last = newest(tmp_path)
            again, exact = looked(made, tmp_path, last - 3, last)
            assert last in exact
            found |= seen | again
            made.load_step(tmp_path)
            assert steps_of(made) >= last
            made.load_step(tmp_path, last - 1, trains.X, trains.Y)
            assert steps_of(made) == last
            onset = made.bisect(trains.X, trains.Y, run=tmp_path, verbose=0, when=lambda by, _: steps_of(by) > 5)
            assert onset.step == 5
    whole, _ = looked(made, tmp_path, 0, last)
    assert found.items() <= whole.items()


def test_where_arrays_were_let_go_meanwhile_that_is_said_and_nothing_else(tmp_path):
    refused, made = [], trains.model()
    with training(tmp_path, "file", 7):
        while len(refused) < 3:
            last = newest(tmp_path)
            for start, stop in ((0, 6), (last - 3, last)):
                try:
                    looked(made, tmp_path, start, stop)
                except UnusableFile as error:
                    refused.append(error.what)
    told = "Writes wrote arrays at step 2, in on_train_batch_end, and they are not kept any more."
    assert set(refused) == {told}


@pytest.fixture
def been(tmp_path):
    """A run that has ended, with a commit after each step."""
    fit(tmp_path)
    return tmp_path


def let_go(monkeypatch, step):
    """Another process lets the commit of a step go when it has been listed, and is about to be read."""
    read = RunFolder.read

    def late(folder, at):
        if at == step:
            remove_commit(folder.of(step))
        return read(folder, at)

    monkeypatch.setattr(RunFolder, "read", late)


def test_a_replay_takes_the_commit_before_one_that_is_let_go(been, monkeypatch):
    let_go(monkeypatch, 2)
    done = model().replay(X, Y, run=been, steps="2:4", verbose=0)
    assert (done.began, done.exact) == (1, [2, 3, 4, 4])


def test_a_state_whose_commit_is_let_go_is_made_again_if_the_data_are_there(been, monkeypatch):
    wanted, made = loaded_at(been, 1), model()
    let_go(monkeypatch, 2)
    made.load_step(been, 1, X, Y)
    assert states(made) == states(wanted)
    let_go(monkeypatch, 3)
    with pytest.raises(NotReady, match="No commit was kept behind step 2") as refused:
        model().load_step(been, 2)
    assert "load_step(run, 2, x, y)" in refused.value.cure


@pytest.mark.parametrize("store", ["file", "orbax"])
def test_the_newest_commit_is_the_one_before_it_if_that_is_let_go(tmp_path, monkeypatch, store):
    folder = RunFolder(tmp_path, store=store)
    for step in (0, 1, 2):
        folder.write(step, {"kernel": np.ones(3)}, {"step": step})
    let_go(monkeypatch, 2)
    assert folder.newest().document["step"] == 1


def test_arrays_that_are_let_go_while_they_are_looked_for_are_not_kept_any_more(tmp_path, monkeypatch):
    written = Written(tmp_path)
    written.write(2, {"1/kernel": np.ones(2)})
    monkeypatch.setattr("kibitz.checkpoint.written.steps_in", lambda _: [1, 2])
    assert list(written.read(1, "1/")) == ["kernel"]
    written.write(2, {"1/kernel": np.ones(2)})
    (tmp_path / "step-000000000002.safetensors").unlink()
    assert written.read(1, "1/") == {}


def loaded_at(run, step):
    made = model()
    made.load_step(run, step, X, Y)
    return made


def states(made):
    return {name: value.tobytes() for name, value in made.export_state().items()}
