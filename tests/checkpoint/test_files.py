"""A file is replaced whole or not at all, and only a plain file is read."""

from __future__ import annotations

import errno
import os
import stat
import threading

import pytest

from kibitz.checkpoint.files import cut, elsewhere, exists, local, probe, reading, remove, replacing, sweep, to_append
from kibitz.errors import UnusableFile, WrongType
from tests.checkpoint.faults import Disk, every_failure, names


def write(path, data=b"new"):
    with replacing(path) as file:
        file.write(data)


def test_whatever_fails_one_whole_file_is_there_and_nothing_beside_it(tmp_path):
    target = tmp_path / "best.keras"
    tried = []
    for failure in every_failure(lambda: write(target), before=lambda: target.write_bytes(b"old")):
        tried.append(failure)
        assert names(tmp_path) == ["best.keras"]
        # The folder is opened and synced after the rename: from then on the new file is the whole one.
        assert target.read_bytes() == (b"new" if failure in {("fsync", 2), ("open", 2)} else b"old"), failure
    assert tried == [("open", 1), ("open", 2), ("write", 1), ("fsync", 1), ("fsync", 2), ("replace", 1)]


@pytest.mark.parametrize("error", [ValueError("a bug"), KeyboardInterrupt()])
def test_an_exception_of_the_writer_leaves_the_old_file_and_goes_on_as_it_is(tmp_path, error):
    target = tmp_path / "best.keras"
    target.write_bytes(b"old")

    def write_half():
        with replacing(target) as file:
            file.write(b"half")
            raise error

    with pytest.raises(type(error)) as caught:
        write_half()
    assert caught.value is error
    assert target.read_bytes() == b"old"
    assert names(tmp_path) == ["best.keras"]


def test_the_new_file_is_on_the_disk_before_it_takes_the_old_ones_place(tmp_path, monkeypatch):
    order = []
    real_sync, real_replace = os.fsync, os.replace

    def fsync(descriptor):
        order.append("folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file")
        real_sync(descriptor)

    def replace(*args):
        order.append("rename")
        real_replace(*args)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(os, "replace", replace)
    write(tmp_path / "best.keras")
    assert order == ["file", "rename", "folder"]


def test_missing_folders_are_made_and_home_is_found(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    write("~/runs/today/best.keras")
    assert (tmp_path / "runs/today/best.keras").read_bytes() == b"new"


def test_a_file_has_the_rights_that_any_new_file_has(tmp_path):
    old = os.umask(0o027)
    try:
        write(tmp_path / "a")
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o640


def test_a_link_is_replaced_and_what_it_points_to_is_left_alone(tmp_path):
    secret = tmp_path / "secret"
    secret.write_bytes(b"mine")
    (tmp_path / "best.keras").symlink_to(secret)
    write(tmp_path / "best.keras")
    assert secret.read_bytes() == b"mine"
    assert not (tmp_path / "best.keras").is_symlink()


def test_the_old_file_can_be_kept_under_another_name(tmp_path):
    for data in (b"1", b"2", b"3"):
        with replacing(tmp_path / "latest", keep=tmp_path / "previous") as file:
            file.write(data)
    assert (tmp_path / "latest").read_bytes() == b"3"
    assert (tmp_path / "previous").read_bytes() == b"2"


def test_a_name_as_long_as_names_can_be_is_written(tmp_path):
    write(tmp_path / ("x" * 255))
    assert names(tmp_path) == ["x" * 255]


@pytest.mark.parametrize("path", ["gs://bucket/model.keras", "hf://me/model", "", "a\0b"])
def test_what_is_no_path_of_this_machine_is_refused(path):
    with pytest.raises(UnusableFile, match="cure"):
        local(path)


@pytest.mark.parametrize("path", [None, 3, b"bytes", ["a"]])
def test_what_is_no_path_at_all_is_refused(path):
    with pytest.raises(WrongType, match="A file is named by a path"):
        local(path)


def test_a_folder_in_the_files_place_is_told_before_anything_is_written(tmp_path):
    with pytest.raises(UnusableFile, match="This is a folder"):
        write(tmp_path)
    with pytest.raises(UnusableFile, match="This is a folder"):
        probe(tmp_path)


def test_a_file_where_a_folder_should_be_is_told_by_the_probe(tmp_path):
    (tmp_path / "runs").write_bytes(b"")
    with pytest.raises(UnusableFile, match=r"best.keras could not be written: Not a directory[\s\S]*cure"):
        probe(tmp_path / "runs" / "best.keras")
    with pytest.raises(UnusableFile, match=r"best\.keras could not be written"):
        write(tmp_path / "runs" / "best.keras")


def test_the_probe_finds_a_place_where_nothing_can_be_written_and_leaves_nothing(tmp_path):
    probe(tmp_path / "a" / "b" / "best.keras")
    assert names(tmp_path) == []
    for operation in ("open", "write", "fsync"):
        with pytest.MonkeyPatch.context() as patch:
            Disk(patch, operation, 1)
            with pytest.raises(UnusableFile, match="could not be written"):
                probe(tmp_path / "a" / "best.keras")
        assert names(tmp_path) == []


def test_a_missing_file_is_told_with_what_lies_beside_it(tmp_path):
    (tmp_path / "last.keras").write_bytes(b"")
    with (
        pytest.raises(UnusableFile, match=r"No such file[\s\S]*there is last.keras") as caught,
        reading(tmp_path / "best.keras"),
    ):
        pass
    assert caught.value.errno == errno.ENOENT


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes have names on Unix only")
def test_a_pipe_in_the_files_place_is_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    told = []

    def read():
        try:
            with reading(tmp_path / "pipe"):
                pass
        except UnusableFile as error:
            told.append(str(error))

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    thread.join(5)
    assert len(told) == 1
    assert "a pipe or a device" in told[0]


def test_a_device_and_a_folder_are_not_read(tmp_path):
    for path in ("/dev/zero", tmp_path):
        with pytest.raises(UnusableFile), reading(path):
            pass


def test_a_disk_that_cannot_be_read_is_told(tmp_path):
    (tmp_path / "a").write_bytes(b"x")
    with pytest.raises(UnusableFile, match="a could not be read: Input/output error"), reading(tmp_path / "a"):
        raise OSError(errno.EIO, os.strerror(errno.EIO))


def test_sweeping_takes_half_written_files_only(tmp_path):
    (tmp_path / ".kibitz-0123.tmp").write_bytes(b"half")
    (tmp_path / "notes.txt").write_bytes(b"mine")
    sweep(tmp_path)
    sweep(tmp_path / "not there")
    assert names(tmp_path) == ["notes.txt"]


def test_removing_what_is_not_there_is_no_error(tmp_path):
    (tmp_path / "a").write_bytes(b"")
    remove(tmp_path / "a")
    remove(tmp_path / "a")
    assert names(tmp_path) == []


def test_what_is_written_elsewhere_leaves_its_place_as_it_was(tmp_path):
    disk, instead = tmp_path / "disk", tmp_path / "instead"
    disk.mkdir()
    (disk / "old").write_bytes(b"old")
    with elsewhere(instead):
        for name in ("old", "new"):
            with replacing(disk / name) as file:
                file.write(b"new")
        assert [exists(disk / name) for name in ("old", "new", "none")] == [True, True, False]
        with reading(disk / "old") as file:
            assert file.read() == b"new"
        remove(disk / "new")
        assert not exists(disk / "new")

    assert (names(disk), (disk / "old").read_bytes()) == (["old"], b"old")
    assert not exists(disk / "new")


def test_what_was_not_written_anew_is_read_where_it_is_and_gone_on_with_in_a_copy(tmp_path):
    (tmp_path / "log").write_bytes(b"1")
    with elsewhere(tmp_path / "instead"):
        with reading(tmp_path / "log") as file:
            assert file.read() == b"1"
        with to_append(tmp_path / "log").open("ab") as file:
            file.write(b"2")
        with reading(tmp_path / "log") as file:
            assert file.read() == b"12"

    assert (tmp_path / "log").read_bytes() == b"1"
    assert to_append(tmp_path / "log") == tmp_path / "log"


def test_the_place_itself_is_asked_whether_it_can_be_written(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with elsewhere(tmp_path / "instead"):
        with pytest.raises(UnusableFile):
            probe(tmp_path / "file" / "best.keras")
        probe(tmp_path / "best.keras")
    assert names(tmp_path) == ["file"]


def test_one_elsewhere_within_another_counts_while_it_lasts_in_every_thread(tmp_path):
    def write(name):
        with replacing(tmp_path / name) as file:
            file.write(b"x")

    with elsewhere(tmp_path / "outer"):
        with elsewhere(tmp_path / "inner"):
            thread = threading.Thread(target=write, args=("one",))
            thread.start()
            thread.join()
        write("two")

    found = sorted(
        each.relative_to(tmp_path).parts[0] + "/" + each.name for each in tmp_path.rglob("*") if each.is_file()
    )
    assert found == ["inner/one", "outer/two"]


def test_a_file_is_cut_back_and_never_made_longer(tmp_path):
    path = tmp_path / "events"
    path.write_bytes(b"before and after")
    cut(path, 6)
    assert path.read_bytes() == b"before"
    cut(path, 100)
    assert path.read_bytes() == b"before"


def test_what_a_link_points_to_is_not_cut(tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_bytes(b"whole")
    (tmp_path / "events").symlink_to(elsewhere)
    with pytest.raises(UnusableFile, match="events could not be opened"):
        cut(tmp_path / "events", 1)
    assert elsewhere.read_bytes() == b"whole"
