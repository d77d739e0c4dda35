"""The runs below a folder, and what lies in one of them; nothing is written."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from functools import cached_property
from pathlib import Path

from kibitz.checkpoint.files import local, size
from kibitz.checkpoint.lock import holder
from kibitz.checkpoint.run_folder import COMMITS, FINAL, LOCK, RunFolder
from kibitz.checkpoint.store import commit_bytes
from kibitz.errors import InvalidArgument, UnusableFile
from kibitz.runs.record import Record, read_record


class Found:
    """A run as it lies on the disk. A process may be at work on it: what is gone meanwhile was not there.

    Args:
        path: Its folder.

    Attributes: `path`; `folder`, the same as a `RunFolder` that writes nothing.
    """

    def __init__(self, path: Path):
        self.path, self.folder = path, RunFolder(path, writes=False)

    @cached_property
    def sizes(self) -> dict[int, int]:
        """The bytes of each commit, by its step."""
        found = {}
        for step in self.folder.steps():
            with suppress(OSError):
                found[step] = commit_bytes(self.folder.of(step))
        return found

    @property
    def final(self) -> Path:
        """Where its end lies, if it has ended."""
        return self.path / FINAL

    @property
    def size(self) -> int:
        """All its bytes."""
        end = 0
        with suppress(OSError):
            end = commit_bytes(self.final)
        with suppress(OSError):
            end += size(self.folder.journal) + self.folder.written.size
        return sum(self.sizes.values()) + end

    @property
    def holder(self) -> str | None:
        """The process that is at work on it; None if there is none."""
        return holder(self.path / LOCK)

    @cached_property
    def record(self) -> Record | None:
        """Its end, or its newest commit that can be read; None if nothing can."""
        for path in (self.final, *(self.folder.of(step) for step in reversed(self.sizes))):
            with suppress(UnusableFile):
                return read_record(path)
        return None

    def told(self) -> Record:
        """What its end, or its newest commit that can be read, says.

        Raises:
            UnusableFile: If nothing can be read.
        """
        if self.record is None:
            raise UnusableFile("There is no commit that can be read here.", given=str(self.path),
                               wanted="one commit that is whole", cure=f"kibitz runs verify {self.path}")  # fmt: skip
        return self.record

    def outcome(self) -> str:
        """How it ended, or that it has not."""
        if self.record is None:
            return "damaged" if self.sizes else "empty"
        if self.record.ended:
            return str(self.record.outcome)
        return "left off" if self.holder is None else "going on"


def is_run(path: Path) -> bool:
    """Whether a folder is that of a run."""
    with suppress(OSError):
        if (path / COMMITS).is_dir():
            beside = (path / FINAL).exists() or (path / LOCK).exists()
            return beside or bool(RunFolder(path, writes=False).steps())
    return False


def runs_below(folder: str) -> Iterator[Found]:
    """All runs in a folder and below it, in the order of their names.

    Args:
        folder: The folder; links in it are not followed.

    Raises:
        UnusableFile: If it is not there.
    """
    for place, names, _ in os.walk(_folder(folder)):
        if is_run(Path(place)):
            yield Found(Path(place))
            names[:] = [name for name in names if name != COMMITS]
        names[:] = sorted(name for name in names if not name.startswith("."))


def run_at(folder: str, verb: str = "runs show") -> Found:
    """The run in a folder.

    Args:
        folder: The run's own folder.
        verb: What is asked of it, for the cure.

    Raises:
        UnusableFile: If it is not there.
        InvalidArgument: If it is no run's; runs that lie below it are named.
    """
    path = _folder(folder)
    if is_run(path):
        return Found(path)
    below = [str(found.path) for found, _ in zip(runs_below(folder), range(5), strict=False)]
    raise InvalidArgument(
        "This is not the folder of a run.",
        given=str(path),
        wanted='the folder that was given to fit(run="...")',
        there_is=below or None,
        cure=f"kibitz {verb} {below[0]}" if below else "kibitz runs ls, above it, to see which runs there are",
    )


def _folder(folder: str) -> Path:
    path = local(folder)
    if not path.is_dir():
        raise UnusableFile(
            "There is no such folder." if not path.exists() else "This is a file, and a folder is wanted.",
            given=str(path),
            wanted="a folder",
            cure="kibitz runs ls . to see which runs there are",
        )
    return path
