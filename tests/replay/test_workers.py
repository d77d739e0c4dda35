"""A stretch in several processes is what it is in one, to the byte; what goes wrong there is said here."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from flax import nnx

import kibitz as keras
from kibitz import callbacks
from kibitz.checkpoint.run_folder import RunFolder
from kibitz.errors import InvalidArgument, NotReady
from kibitz.replay import parcel, process
from tests.replay.looks import HELD, Dies, Fails, Look, Weights, X, Y, train

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "run"
    return train(folder), folder


@pytest.fixture
def gone(monkeypatch, tmp_path):
    """What is left when a replay is over: processes that live, and files."""
    started, room = [], tmp_path / "temporary"
    room.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(room))

    class Popen(subprocess.Popen):
        def __init__(self, *args, **named):
            super().__init__(*args, **named)
            started.append(self)

    monkeypatch.setattr(process.subprocess, "Popen", Popen)

    def left(count=2):
        assert len(started) == count
        return [each.pid for each in started if each.poll() is None] + list(room.iterdir())

    return left


def replay(run, looking, **more):
    model, folder = run
    return model.replay(X, Y, run=folder, callbacks=looking, validation_data=HELD, verbose=0, **more)


# -- the same ----------------------------------------------------------------------------------------------------------


def test_what_callbacks_see_of_two_processes_is_what_they_see_of_one_to_the_byte(run, gone):
    def looking():
        norms = callbacks.GradientNorms()
        return [norms, Look(), Weights(), callbacks.History(), Look(every="7 steps")]

    alone, beside = looking(), looking()
    before = [each.tobytes() for each in run[0].get_weights()]
    one = replay(run, alone, steps="7:64")
    two = replay(run, beside, steps="7:64", workers=2)
    assert alone[1].seen == beside[1].seen
    assert alone[4].seen == beside[4].seen
    assert {"gradient_norm", "loss"} <= alone[1].seen[5][-1][1][0].keys()
    assert alone[2].norms == beside[2].norms
    assert [step for step, _ in beside[2].norms] == list(range(8, 65))
    assert alone[2].means == beside[2].means
    assert alone[2].ended == beside[2].ended == 1
    assert alone[3].rows() == beside[3].rows()
    assert [row["mine"] for row in beside[3].rows()] == [0.0, 1.0, 2.0, 3.0]
    assert (one.exact, one.began) == (two.exact, two.began)
    # Each process has the mean over the epoch: the steps since its beginning are run in both.
    assert one.steps_run < two.steps_run < one.steps_run + 20
    assert [each.tobytes() for each in run[0].get_weights()] == before
    assert gone() == []


def test_a_run_that_stops_itself_ends_so_in_several_processes_too(tmp_path, gone):
    stop = callbacks.EarlyStopping("loss", patience=1, min_delta=1.0, restore_best_weights=True)
    run = train(tmp_path, callbacks=[stop]), tmp_path
    one, two = Look(), Look()
    replay(run, [one])
    replay(run, [two], workers=2)
    assert one.seen == two.seen
    assert one.seen[-1][-1][0].startswith("stopped by EarlyStopping: ")
    assert gone() == []


def test_a_module_of_ones_own_goes_to_other_processes_if_it_can_be_pickled(tmp_path, gone):
    keras.utils.set_random_seed(1)
    model = keras.Model(
        nnx.Sequential(nnx.Linear(16, 4, rngs=nnx.Rngs(0)), nnx.relu, nnx.Linear(4, 1, rngs=nnx.Rngs(1)))
    )
    model.compile(keras.optimizers.SGD(0.01, momentum=0.9), keras.losses.Huber())
    model.fit(X, Y, epochs=2, verbose=0, run=tmp_path, commit="3 steps")
    one, two = Look(), Look()
    model.replay(X, Y, run=tmp_path, callbacks=[one], verbose=0)
    done = model.replay(X, Y, run=tmp_path, callbacks=[two], verbose=0, workers=2)
    assert one.seen == two.seen
    assert len(done.exact) > 3
    assert gone() == []


def test_a_process_whose_commit_is_damaged_begins_before_its_piece_and_tells_of_its_piece_alone(run, tmp_path, gone):
    other = run[0], shutil.copytree(run[1], tmp_path / "other")
    for step in (10, 40):
        RunFolder(other[1]).of(step).write_bytes(b"damaged")
    one, two = Look(), Look()
    alone, beside = replay(other, [one], steps="13:"), replay(other, [two], steps="13:", workers=2)
    assert one.seen == two.seen
    assert (alone.began, alone.exact, alone.apart) == (beside.began, beside.exact, beside.apart)
    assert beside.steps_run == alone.steps_run + 10
    assert gone() == []


# -- before anything is run --------------------------------------------------------------------------------------------


@pytest.fixture
def nothing_starts(monkeypatch):
    def never(*args, **named):
        raise AssertionError("a process was started")

    monkeypatch.setattr(process.subprocess, "Popen", never)


class Here(Weights):
    """Stands, for another process, in a program that it does not know."""


def test_what_cannot_go_to_another_process_is_refused_before_anything_runs(run, nothing_starts, monkeypatch):
    monkeypatch.setattr(parcel, "ITS_OWN", (Here.__module__,))
    with pytest.raises(InvalidArgument, match="Here cannot go to another process: Here stands in the program") as told:
        replay(run, [Here()], workers=2)
    assert "kibitz replay RUN train.py --workers 2" in told.value.cure
    lambdas = Weights()
    lambdas.how = lambda: 1
    with pytest.raises(InvalidArgument, match=r"Weights cannot go to another process: .*lambda"):
        replay(run, [lambdas], workers=2)


def test_generators_do_not_go_to_another_process(tmp_path, nothing_starts):
    def batches():
        while True:
            yield X[:16], Y[:16]

    model = train(tmp_path / "other", epochs=1, validation_data=None)
    model.fit(batches(), steps_per_epoch=10, epochs=1, verbose=0, run=tmp_path / "run", commit="4 steps")
    with pytest.raises(InvalidArgument, match=r"^x cannot go to another process: .*generator"):
        model.replay(batches(), run=tmp_path / "run", workers=2, verbose=0)


@pytest.mark.parametrize("workers", [0, -1, 1.5, "two"])
def test_a_number_of_processes_is_1_or_more(run, workers):
    with pytest.raises(ValueError, match="workers"):
        replay(run, [], workers=workers)


def test_originals_are_run_as_they_were_in_one_process(run):
    with pytest.raises(InvalidArgument, match="in one process"):
        replay(run, [], workers=2, with_original=True)


def test_where_there_is_no_commit_to_begin_at_one_process_does_it(run, nothing_starts):
    weights = Weights()
    assert replay(run, [weights], steps="41:49", workers=4).steps_run == 9
    assert len(weights.norms) == 8


# -- while it runs -----------------------------------------------------------------------------------------------------


class Reads(callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        self.model.get_weights()


class Presses(callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        if batch == 3:
            signal.raise_signal(signal.SIGINT)


class Enough(Look):
    def on_train_batch_end(self, batch, logs=None):
        super().on_train_batch_end(batch, logs)
        if self.run.step == 12:
            self.run.stop("seen enough")


def test_who_has_no_merge_has_logs_alone(run, gone):
    with pytest.raises(NotReady, match="Only logs are at hand") as told:
        replay(run, [Reads()], workers=2)
    assert "self.model.get_weights" in str(told.value)
    assert "merge" in told.value.cure
    assert any("Reads.on_train_batch_end" in note for note in told.value.__notes__)
    assert gone() == []


def test_an_error_in_another_process_comes_with_its_own_text_and_place(run, gone):
    with pytest.raises(ZeroDivisionError, match=r"^at step 50") as told:
        replay(run, [Fails()], workers=2)
    notes = "\n".join(told.value.__notes__)
    assert "in the process that runs steps 40 to 77 again" in notes
    assert "Fails.on_train_batch_end" in notes
    assert gone() == []


def test_a_process_that_is_killed_is_told_of(run, gone):
    with pytest.raises(NotReady, match=r"that runs steps 40 to 77 again was killed by SIGKILL") as told:
        replay(run, [Dies()], workers=2)
    assert "workers=1" in told.value.cure
    assert gone() == []


def test_ctrl_c_ends_all_processes(run, gone):
    heard = Look()
    with pytest.raises(KeyboardInterrupt):
        replay(run, [Presses(), heard], workers=2)
    assert [each[-1] for each in heard.seen[-1:]] == [["interrupted: KeyboardInterrupt"]]
    assert len([each for each in heard.seen if each[0] == "batch_end"]) == 4
    assert gone() == []


def test_who_has_seen_enough_is_told_no_more(run, gone):
    enough = Enough()
    replay(run, [enough], workers=2)
    assert [each[0] for each in enough.seen[-3:]] == ["batch_end", "train_end", "run_end"]
    assert enough.seen[-1][-1] == ["stopped by Enough: seen enough"]
    assert gone() == []


def test_a_run_that_comes_out_otherwise_is_told_of_as_in_one_process(tmp_path, gone):
    model = train(tmp_path)
    with pytest.raises(InvalidArgument, match="made of something else"):
        model.replay(X, -Y, run=tmp_path, workers=2, verbose=0, validation_data=HELD)
    with pytest.warns(UserWarning, match="made of something else"):
        done = model.replay(X, -Y, run=tmp_path, workers=2, verbose=0, validation_data=HELD, tolerance=1e9)
    assert min(done.apart.values()) > 0
    assert gone() == []


def test_what_loses_its_other_end_ends(tmp_path):
    with process.Processes("time:sleep", 1, {}) as processes:
        lost = processes._processes[0]
        lost.stdin.close()
        assert list(processes.of(0, lambda: None))[-1][0] == process.LOST
    assert lost.returncode not in {None, 0}


KILLED = """
import os, signal, sys
from kibitz.replay.process import Processes
from tests.replay.looks import HELD, X, Y, model

setattr(Processes, sys.argv[1], lambda *_: os.kill(os.getpid(), signal.SIGKILL))
model().replay(X, Y, run=sys.argv[2], validation_data=HELD, workers=2, verbose=0)
"""


@pytest.mark.skipif(os.name == "nt", reason="nobody is killed there by a signal")
@pytest.mark.parametrize("where", ["__init__", "give", "await_ready", "rest"])
def test_who_is_killed_leaves_no_file_and_no_process(run, tmp_path, where):
    words = [sys.executable, "-c", KILLED, where, str(run[1])]
    given = {"cwd": ROOT, "env": {**os.environ, "TMPDIR": str(tmp_path)}, "capture_output": True, "timeout": 100}
    ended = subprocess.run(words, check=False, **given)  # over when nobody has its end of the pipes any more
    assert ended.returncode == -signal.SIGKILL, ended.stderr.decode()
    assert list(tmp_path.iterdir()) == []
