"""Every state in which a power cut may leave a folder, from a record of what was asked of the disk.

What a file holds is on the disk once the file was synced; that it has a name, or has it no more, once its folder was.
Until then each may have got there, or may not have, or half of it.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from tests.faults.disk import Operation

MOST = 5  # of operations on names that are open at one moment, all subsets are made


@dataclass
class File:
    """What a file holds, and what of it is on the disk for certain."""

    data: bytes = b""
    synced: bytes = b""


class Renaming(NamedTuple):
    """A name that goes, a name that comes, and what it is the name of; None as that is a folder."""

    gone: str | None
    made: str | None
    file: File | None = None

    @property
    def folder(self) -> str:
        return os.path.dirname(self.made or self.gone or "")  # noqa: PTH120 - text, as it was recorded

    def apply(self, names: dict[str, File | None]) -> None:
        names.pop(self.gone or "", None)
        if self.made is not None:
            names[self.made] = self.file


@dataclass
class Model:
    """A disk: `sure` is what every crash leaves, `open` what may have got there or not, `now` what the system shows."""

    sure: dict[str, File | None] = field(default_factory=dict)
    open: list[Renaming] = field(default_factory=list)
    now: dict[str, File | None] = field(default_factory=dict)

    @classmethod
    def of(cls, there: dict[str, bytes | None]) -> Model:
        """A disk on which all this lies for certain; None as data makes a folder."""
        files = {path: None if data is None else File(data, data) for path, data in there.items()}
        return cls(dict(files), [], dict(files))

    def take(self, done: Operation) -> None:
        """Follow one operation."""
        kind, path, what = done
        if kind == "open" and path not in self.now:
            self._name(Renaming(None, path, File()))
        elif kind == "mkdir":
            self._name(Renaming(None, path))
        elif kind == "replace":
            self._name(Renaming(path, what, self.now[path]))
        elif kind == "unlink":
            self._name(Renaming(path, None))
        elif kind == "write":
            self.now[path].data += what
        elif kind == "fsync":
            self.now[path].synced = self.now[path].data
        elif kind == "sync folder":
            for each in self.open:
                if each.folder == path:
                    each.apply(self.sure)
            self.open = [each for each in self.open if each.folder != path]

    def _name(self, renaming: Renaming) -> None:
        self.open.append(renaming)
        renaming.apply(self.now)

    def states(self) -> Iterator[dict[str, bytes | None]]:
        """All that a crash at this moment may leave."""
        older, recent = self.open[:-MOST], self.open[-MOST:]
        for chosen in itertools.product((True, False), repeat=len(recent)):
            names = dict(self.sure)
            for renaming in (*older, *itertools.compress(recent, chosen)):
                renaming.apply(names)
            for how in ("whole", "half", "lost"):
                yield {path: None if file is None else _got(file, how) for path, file in names.items()}


def _got(file: File, how: str) -> bytes:
    more = len(file.data) - len(file.synced)
    return file.data[: len(file.synced) + {"whole": more, "half": more // 2, "lost": 0}[how]]


def crashes(
    trace: Sequence[Operation], begun: Model | None = None, committed: int = -1
) -> Iterator[tuple[int, dict[str, bytes | None]]]:
    """(the newest step that was committed, what is on the disk), each state once.

    Args:
        trace: What was asked of the disk.
        begun: The disk as it was before; None means empty.
        committed: The newest step that was committed before.
    """
    model, seen = begun or Model(), set()
    for done in (*trace, Operation("committed", "", None)):
        if done.kind != "write":  # between two writes nothing is new but the length of what was never synced
            for state in model.states():
                key = committed, hash(tuple(sorted(state.items())))
                if key not in seen:
                    seen.add(key)
                    yield committed, state
        if done.kind == "committed":
            committed = done.what
        model.take(done)


def lay_out(state: dict[str, bytes | None], root: Path, folder: Path) -> None:
    """Make a folder of such a state; what lies in a folder that did not get there is gone with it."""
    folder.mkdir(parents=True, exist_ok=True)
    for path, data in sorted(state.items()):
        place = folder / Path(path).relative_to(root)
        if data is None:
            if place.parent.is_dir():
                place.mkdir(exist_ok=True)
        elif place.parent.is_dir():
            place.write_bytes(data)
