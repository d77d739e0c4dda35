"""Arrays that hooks wrote are kept in bounds, found again by their moment, and forgotten where a run goes on."""

from __future__ import annotations

import errno
import os

import numpy as np
import pytest

from kibitz import callbacks
from kibitz.checkpoint import written
from kibitz.checkpoint.run_folder import RunFolder
from kibitz.errors import UnusableFile
from kibitz.replay.entry import EpochEnded
from kibitz.replay.journal import Journal, read
from tests.replay.test_replay import Sees, fit, replay


def arrays(step, by="A", size=100):
    return {f"{step}.0.0/on_train_batch_end/0/{by}/params/kernel": np.full(size, step, "float32")}


@pytest.fixture
def folder(tmp_path):
    found = RunFolder(tmp_path)
    for step in (0, 5, 10):
        found.write(step, {"kernel": np.zeros(100, "float32")}, {"step": step})
    return found


class Each(callbacks.Callback):
    """Sets the weights after each step, and once more at the end of each epoch."""

    adds = ()

    def _set(self, by):
        self.model.set_weights([each * np.float32(by) for each in self.model.get_weights()])

    def on_train_batch_end(self, batch, logs=None):
        self._set(1.1)

    def on_epoch_end(self, epoch, logs=None):
        self._set(0.9)


def there(folder):
    return sorted(int(each.name[5:17]) for each in (folder.path / "written").glob("*"))


def test_arrays_are_found_by_the_moment_and_the_callback(folder):
    folder.written.write(5, {**arrays(3), **arrays(3, "B"), **arrays(5)})
    folder.written.write(10, arrays(8))
    found = folder.written.read(3, "3.0.0/on_train_batch_end/0/B/")
    assert list(found) == ["params/kernel"]
    assert np.array_equal(found["params/kernel"], np.full(100, 3, "float32"))
    assert folder.written.read(8, "8.0.0/on_train_batch_end/0/A/")["params/kernel"][0] == 8
    assert folder.written.read(8, "8.0.0/on_train_batch_end/0/B/") == {}


@pytest.fixture
def reads(monkeypatch):
    """The files that are read."""
    found, read = [], written.read_state

    def counted(path, **given):
        found.append(int(path.name[5:17]))
        return read(path, **given)

    monkeypatch.setattr(written, "read_state", counted)
    return found


def test_each_file_is_read_once_by_who_goes_from_step_to_step(folder, reads):
    for at in (5, 10, 15):
        folder.written.write(at, {name: each for step in range(at - 4, at + 1) for by in "AB"
                                  for name, each in arrays(step, by).items()})  # fmt: skip
    reads.clear()
    looks = RunFolder(folder.path, writes=False).written
    for step in range(3, 15):
        for by in "AB":
            assert looks.read(step, f"{step}.0.0/on_train_batch_end/0/{by}/")["params/kernel"][0] == step
    assert reads == [5, 10, 15]


def test_a_replay_reads_each_file_once(tmp_path, reads):
    fit(tmp_path, Each(), commit="4 steps", epochs=2)
    reads.clear()
    assert replay(tmp_path).exact[-1] == 8
    assert reads == [4, 8]


@pytest.mark.parametrize("commit", ["2 steps", "4 steps", "1 epoch"])
def test_a_step_that_is_committed_before_the_end_of_its_epoch_and_after_keeps_both(tmp_path, commit):
    seen, again = Sees(), Sees()
    fit(tmp_path, Each(), seen, commit=commit)
    assert replay(tmp_path, again).exact[-1] == 12
    assert again._seen == seen._seen


def test_a_damaged_file_is_written_anew(folder):
    folder.written.write(5, arrays(3))
    (folder.path / "written" / "step-000000000005.safetensors").write_bytes(b"damaged")
    folder.written.write(5, arrays(5))
    assert folder.written.read(5, "5.0.0/on_train_batch_end/0/A/")["params/kernel"][0] == 5


def test_arrays_that_hooks_wrote_take_no_more_room_than_the_commits(folder):
    for step in range(5, 60, 5):
        folder.written.write(step, arrays(step))
        folder.thin(10)
    assert there(folder)[-1] == 55
    assert len(there(folder)) < 11
    assert sum(each.stat().st_size for each in (folder.path / "written").iterdir()) <= folder.size


def test_the_newest_arrays_are_kept_however_many_they_are(folder):
    folder.written.write(5, arrays(5))
    folder.written.write(10, arrays(8, size=10**5))
    folder.thin(10)
    assert there(folder) == [10]


def test_what_was_written_behind_the_commit_is_forgotten_where_the_run_goes_on(folder):
    for step in (5, 10, 15):
        folder.written.write(step, arrays(step))
    folder.written.forget(10)
    assert there(folder) == [5, 10]


def test_a_disk_that_refuses_costs_no_line_that_stands(tmp_path, monkeypatch):
    journal, first, second = Journal(tmp_path / "journal.jsonl"), EpochEnded(0, 5, 1.0), EpochEnded(1, 10, 2.0)
    journal.append([first])
    fsync = os.fsync

    def full(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(UnusableFile, match=r"journal.jsonl could not be written: No space left") as refused:
        journal.append([second])
    assert "make room" in refused.value.cure
    monkeypatch.setattr(os, "fsync", fsync)
    assert list(read(journal.path, journal.length)) == [first]
    journal.append([second])
    assert list(read(journal.path)) == [first, second]


def test_a_disk_that_takes_a_part_takes_the_rest_later(tmp_path, monkeypatch):
    from kibitz.checkpoint import files

    opened = files.standing

    class Slow:
        def __init__(self, file):
            self._file = file

        def write(self, data):
            return self._file.write(data[:3])

        def __getattr__(self, name):
            return getattr(self._file, name)

        def __enter__(self):
            return self

        def __exit__(self, *_):
            self._file.close()

    monkeypatch.setattr(files, "standing", lambda path: Slow(opened(path)))
    journal, told = Journal(tmp_path / "journal.jsonl"), [EpochEnded(0, 5, 1.0), EpochEnded(1, 10, 2.0)]
    journal.append(told)
    assert list(read(journal.path, journal.length)) == told
