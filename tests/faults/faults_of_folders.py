"""Folders in which something else happens than a run: removed, swapped, crowded, too full, cut off from the disk."""

from __future__ import annotations

import csv
import shutil
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import kibitz as keras
from kibitz import callbacks
from kibitz.checkpoint import store
from kibitz.checkpoint.run_folder import RunFolder
from kibitz.errors import UnusableFile
from tests.durable.program import Death, Dies
from tests.faults.disk import ERRORS, Disk
from tests.faults.faults_of_disks import ends_as_undisturbed, folder, program
from tests.faults.program import newest, strays


class At(callbacks.Callback):
    """Does something at the end of a step."""

    adds = ()

    def __init__(self, step: int, act: Callable[[], Any]):
        super().__init__()
        self._step, self._act = step, act

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        if self.run.step == self._step:
            self._act()


def at_rest(place: Path, step: int) -> None:
    """Wait until the commit of a step is there: what is being written must not be taken by surprise."""
    for _ in range(200):
        if newest(place) >= step:
            break
        time.sleep(0.02)
    time.sleep(0.1)  # old commits go behind it


@contextmanager
def listening() -> Iterator[list[str]]:
    """Hear what is warned of, in spite of a program that lets nobody hear it."""
    with pytest.MonkeyPatch.context() as patch:
        heard: list[str] = []
        patch.setattr(warnings, "warn", lambda text, *_, **__: heard.append(str(text)))
        yield heard


def told_by(place: Path, *more: Any, **fit: Any) -> list[str]:
    """Let it run to its end, which is that of an undisturbed run; what it has warned of."""
    with listening() as heard:
        assert program().start(place, *more, **fit) == program().whole
    return heard


def removed(count: int) -> Iterator[str]:
    """Somebody removes the folder, or the commits in it: said once; the run is committed anew, and held as before."""
    for what in ("the folder", "the commits"):
        for step in (2, 3, 5):
            with folder() as place:
                gone = place if what == "the folder" else place / "commits"
                refused = []

                def remove(step: int = step, place: Path = place, gone: Path = gone) -> None:
                    at_rest(place, step - 1)
                    shutil.rmtree(gone)

                def a_second_one(place: Path = place, refused: list[Any] = refused) -> None:
                    at_rest(place, 5)  # what is committed anew is held anew
                    with pytest.raises(keras.errors.NotReady, match="Another process"):
                        RunFolder(place).lock()
                    refused.append(place)

                heard = told_by(place, At(step, remove), At(6, a_second_one),
                                commit="1 steps")  # fmt: skip
                assert len([each for each in heard if "The commits of this run are gone" in each]) == 1, heard
                assert len(heard) == 1, heard
                assert refused == [place]
                assert newest(place) == 6
                ends_as_undisturbed(place, commit="1 steps")
            yield f"{what} is removed after step {step}"


def swapped(count: int) -> Iterator[str]:
    """The folder, or the commits, are swapped for a link to another: nothing is written there."""
    for what in ("the folder", "the commits"):
        with folder() as place:
            victim = place.parent / "victim"
            (victim / "commits").mkdir(parents=True)
            (victim / "commits" / "step-000000000000.safetensors").write_bytes(b"precious")
            moved = place if what == "the folder" else place / "commits"
            link = victim if what == "the folder" else victim / "commits"

            def swap(place: Path = place, moved: Path = moved, link: Path = link) -> None:
                at_rest(place, 2)
                moved.rename(moved.with_name("moved"))
                moved.symlink_to(link)

            with listening() as heard, pytest.raises(UnusableFile, match="Another folder lies where"):
                program().start(place, At(3, swap), commit="1 steps")  # its end cannot be written
            assert any("A commit was not written: Another folder lies" in each for each in heard), heard
            assert [each.name for each in victim.rglob("*") if each.is_file()] == ["step-000000000000.safetensors"]
            moved.unlink()
            moved.with_name("moved").rename(moved)
            ends_as_undisturbed(place, commit="1 steps")
        yield f"{what} is swapped for a link"


def too_little_room(count: int) -> Iterator[str]:
    """There is no room for two commits: refused before the first step, with both numbers, and nothing lies there."""
    with folder() as place:
        record = keras.testing.Recorder()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=700))
            with pytest.raises(UnusableFile, match=r"(?s)no room.*700 bytes free.*1,\d\d\d bytes") as refused:
                program().start(place, record)
            assert "make room" in refused.value.cure
            assert record.calls == []
            assert RunFolder(place).steps() == []
        ends_as_undisturbed(place)
    yield "too little room before the first step"


def cannot_be_removed(count: int) -> Iterator[str]:
    """Old commits cannot be removed: said once as what it is, and each commit is written all the same."""
    with folder() as place, pytest.MonkeyPatch.context() as patch:

        def refuse(path: Any) -> None:
            raise UnusableFile("It could not be removed.", given=str(path), cure="change who may write there")

        patch.setattr(store, "remove", lambda path: refuse(path) if "step-" in str(path) else None)
        heard = told_by(place, commit="1 steps")
        assert heard == [heard[0]]
        assert heard[0].startswith("An old commit is still there, and should have gone: It could not be removed.")
        assert RunFolder(place).steps() == list(range(7))
        patch.undo()
        ends_as_undisturbed(place, commit="1 steps")
    yield "old commits cannot be removed"


OTHERS = (".DS_Store", ".nfs0000000000000001", "step-000000000004.safetensors~", "notes.txt", "step-7",
          "step-000000000009.safetensors.part", ".kibitz-0011223344556677.tmp")  # fmt: skip


def files_of_others(count: int) -> Iterator[str]:
    """What others have left among the commits is no commit, nor is an empty folder that is named like one."""
    with folder() as place:
        with pytest.raises(Dies):
            program().start(place, Death(5))
        for name in OTHERS:
            (place / "commits" / name).write_bytes(b"nothing of ours")
        (place / "commits" / "7").mkdir()
        assert newest(place) == 4
        ends_as_undisturbed(place)
        assert {"7", *OTHERS[:-1]} <= {each.name for each in (place / "commits").iterdir()}
    yield "files of others among the commits"
    with folder() as place:
        with pytest.raises(Dies):
            program().start(place, Death(5))
        (place / "commits" / "step-000000000005.safetensors").mkdir()
        assert newest(place) == 4
        ends_as_undisturbed(place)
    yield "an empty folder named like the newest commit"


def full_for_logs(count: int) -> Iterator[str]:
    """Only the disk of a log is full: the error names the log; the commits are whole, and the rows come later."""
    for detach in (False, True):
        with folder() as place:
            place.parent.mkdir(exist_ok=True)
            path = place.parent / "log.csv"
            path.symlink_to("/dev/full")
            logger = callbacks.CSVLogger(path)
            if detach:
                logger.on_error = "detach"
                heard = told_by(place, logger)
                assert [heard[0]] == heard
                assert "CSVLogger cannot write its file: No space left" in heard[0]
            else:
                with pytest.raises(UnusableFile, match="CSVLogger cannot write its file: No space left") as raised:
                    program().start(place, logger)
                assert any("in CSVLogger.on_epoch_end" in each for each in raised.value.__notes__)
                assert newest(place) >= 2
                path.unlink()
                assert program().start(place, callbacks.CSVLogger(path)) == program().whole
                with path.open(newline="", encoding="utf-8") as file:
                    assert [row[0] for row in csv.reader(file)][-1] == "1"
        yield f"the disk of a log is full{', and the log is detached' if detach else ''}"


def refused_going_on(every: int) -> Iterator[str]:
    """Operation n is refused, once or for good, while a run that had died goes on: reading its commits among them."""
    with folder() as source:
        with pytest.raises(Dies):
            program().start(source, Death(3))
        at = 1
        while True:
            for for_good in (False, True):
                with folder() as place:
                    shutil.copytree(source, place)
                    with pytest.MonkeyPatch.context() as patch:
                        disk = Disk(patch, place, at, ERRORS["EIO"], for_good=for_good)
                        try:
                            assert program().start(place) == program().whole
                        except keras.errors.KibitzError as told:
                            assert "cure" in str(told), told  # noqa: PT017 - the run may as well have gone on
                    if not disk.reached:
                        return
                    assert newest(place) >= 2, at
                    ends_as_undisturbed(place)
                yield f"EIO at {at}{' and ever after' if for_good else ''}"
            at += every


def cut_again(every: int) -> Iterator[str]:
    """The power is cut while a run goes on after a power cut: each state that may be left then is gone on from."""
    from tests.faults.crash import Model, crashes, lay_out

    with folder() as root:
        with pytest.raises(Dies):
            program().start(root, Death(5))
        (root / "commits" / ".kibitz-0011223344556677.tmp").write_bytes(b"half")
        there = {str(each): each.read_bytes() if each.is_file() else None for each in (root, *sorted(root.rglob("*")))}
        with pytest.MonkeyPatch.context() as patch:
            disk = Disk(patch, root.parent)
            program().start(root)
        found = list(crashes(disk.trace, Model.of(there), committed=4))
        for number, (committed, state) in enumerate(found):
            if number % every:
                continue
            with folder() as place:
                lay_out(state, root.parent, place.parent)
                assert newest(place) >= committed, f"state {number}: the commit of step {committed} is gone"
                ends_as_undisturbed(place)
                assert strays(place) == []
            yield f"state {number} of {len(found)}, after step {committed}"
