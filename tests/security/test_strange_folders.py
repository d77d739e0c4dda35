"""Folders into which a stranger may write: links and swaps, names that are taken, files that are another's."""

from __future__ import annotations

import contextlib
import os
import shutil
import threading
import warnings
from pathlib import Path

import pytest

from kibitz.checkpoint.run_folder import RunFolder
from kibitz.checkpoint.state_file import read_state, write_state
from kibitz.errors import KibitzError, UnusableFile
from tests.durable.program import Death, Dies
from tests.faults.disk import Disk
from tests.security.test_attacks import program

pytestmark = [
    pytest.mark.skipif(os.name == "nt", reason="links, owners and modes as POSIX has them"),
    pytest.mark.filterwarnings("ignore"),
]

CANARY = "a7c2f"


@pytest.fixture
def run(tmp_path):
    with pytest.raises(Dies):
        program().start(tmp_path / "run", Death(5))
    return tmp_path / "run"


@pytest.fixture
def strange(run, tmp_path):
    """Commits of another run, whole and with right digests, which say that they are strange."""
    shutil.copytree(run / "commits", tmp_path / "strange")
    for path in (tmp_path / "strange").iterdir():
        arrays, document = read_state(path)
        write_state(path, arrays, {**document, "canary": CANARY})
    return tmp_path / "strange"


def newest(run: Path) -> dict:
    commit = RunFolder(run, writes=False).newest()
    return {} if commit is None else commit.document


def test_a_link_in_a_commits_place_is_not_followed(run, strange):
    for path in (run / "commits").iterdir():
        if path.name.endswith("4.safetensors"):
            path.unlink()
            path.symlink_to(strange / path.name)
    assert newest(run)["step"] == 2
    assert "canary" not in newest(run)


def test_a_hard_link_is_never_written_through(run, strange):
    for path in strange.iterdir():
        (run / "commits" / path.name).unlink()
        os.link(path, run / "commits" / path.name)
    before = {path.name: path.read_bytes() for path in strange.iterdir()}
    program().start(run)
    assert {path.name: path.read_bytes() for path in strange.iterdir()} == before


def test_commits_that_are_swapped_for_a_link_while_they_are_read_are_read_from_their_own_folder(run, strange):
    commits, aside, over, swaps = run / "commits", run / "aside", threading.Event(), []

    def swap() -> None:
        while not over.is_set():
            commits.rename(aside)
            commits.symlink_to(strange)
            swaps.append(1)
            commits.unlink()
            aside.rename(commits)

    thread = threading.Thread(target=swap)
    thread.start()
    reads = 0
    try:
        while len(swaps) < 2000 or reads < 200:
            folder = None
            with contextlib.suppress(UnusableFile):  # that the commits lie elsewhere
                folder = RunFolder(run, writes=False)
            for step in (0, 2, 4):
                if folder is not None:
                    with contextlib.suppress(UnusableFile):
                        assert "canary" not in folder.read(step).document
                        reads += 1
    finally:
        over.set()
        thread.join()
    assert newest(run)["step"] == 4


def test_without_that_care_the_strangers_commit_would_have_been_read(run, strange):
    (run / "commits").rename(run / "aside")
    (run / "commits").symlink_to(strange)
    assert read_state(RunFolder.__new__(RunFolder).__class__.of(_at(run), 4))[1]["canary"] == CANARY
    with pytest.raises(UnusableFile, match="cure"):
        _at(run).read(4)


def _at(run: Path) -> RunFolder:
    """A run's folder that was looked at before somebody put a link there."""
    folder = RunFolder.__new__(RunFolder)
    folder.path, folder._commits = run, run / "commits"
    return folder


@pytest.mark.parametrize("what", ["a file", "a folder", "a link"])
def test_names_that_a_stranger_has_taken_beforehand_are_not_written_through(tmp_path, what):
    (tmp_path / "victim").write_bytes(b"precious")
    commits = tmp_path / "run" / "commits"
    commits.mkdir(parents=True)
    for name in ("step-000000000002.safetensors", ".kibitz-0011223344556677.tmp", "../final.safetensors", "../lock"):
        if what == "a file":
            (commits / name).write_bytes(b"squat")
        elif what == "a folder":
            (commits / name).mkdir()
        else:
            (commits / name).symlink_to(tmp_path / "victim")
    try:
        ended = program().start(tmp_path / "run")
    except KibitzError as told:
        assert "cure" in str(told)  # noqa: PT017 - either is right
    else:
        assert ended == program().whole
    assert (tmp_path / "victim").read_bytes() == b"precious"


def test_temporary_names_cannot_be_foreseen(tmp_path, monkeypatch):
    disk = Disk(monkeypatch, tmp_path / "run")
    program().start(tmp_path / "run")
    names = [Path(each.path).name for each in disk.trace if each.kind == "open" and each.path.endswith(".tmp")]
    assert len(names) == len(set(names)) > 3
    assert all(len(name) == len(".kibitz-.tmp") + 16 for name in names)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root gives files away")
def test_a_commit_of_another_user_is_refused(run):
    os.chown(RunFolder(run).of(4), 12345, -1)
    with pytest.raises(UnusableFile, match=r"(?s)stranger's.*user 12345.*chown 0"):
        RunFolder(run).read(4)
    assert newest(run)["step"] == 2
    os.chown(run / "commits", 12345, -1)  # whoever owns the folder may have written what is in it
    assert newest(run)["step"] == 4


def test_a_folder_for_everybody_is_warned_of(run):
    (run / "commits").chmod(0o777)
    with pytest.MonkeyPatch.context() as patch:
        heard: list[str] = []
        patch.setattr(warnings, "warn", lambda text, *_, **__: heard.append(str(text)))
        assert program().start(run) == program().whole
    assert [each for each in heard if "Everybody may write" in each and "chmod o-w" in each] == heard
    assert len(heard) == 1
    (run / "commits").chmod(0o1777)  # where everybody removes only what is his own
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(warnings, "warn", lambda text, *_, **__: heard.append(str(text)))
        program().start(run, epochs=3)
    assert len(heard) == 1
