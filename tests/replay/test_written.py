"""Arrays that hooks wrote are kept in bounds, found again by their moment, and forgotten where a run goes on."""

from __future__ import annotations

import errno
import os

import numpy as np
import pytest

from kibitz.checkpoint.run_folder import RunFolder
from kibitz.errors import UnusableFile
from kibitz.replay.entry import EpochEnded
from kibitz.replay.journal import Journal, read


def arrays(step, by="A", size=100):
    return {f"{step}.0.0/on_train_batch_end/0/{by}/params/kernel": np.full(size, step, "float32")}


@pytest.fixture
def folder(tmp_path):
    found = RunFolder(tmp_path)
    for step in (0, 5, 10):
        found.write(step, {"kernel": np.zeros(100, "float32")}, {"step": step})
    return found


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
