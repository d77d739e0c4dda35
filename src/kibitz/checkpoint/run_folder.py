"""The folder of a durable run: its commits, the newest good one found, the old ones thinned out."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from kibitz.checkpoint.background import settled
from kibitz.checkpoint.confined import for_everybody, identity, room
from kibitz.checkpoint.files import exists, local, move, probe, remove, remove_if_empty, sweep
from kibitz.checkpoint.lock import Lock
from kibitz.checkpoint.store import (
    arrays_beside,
    clear_unfinished,
    commit_bytes,
    peek_commit,
    read_commit,
    remove_commit,
    write_commit,
)
from kibitz.checkpoint.thinning import kept, kept_within
from kibitz.checkpoint.written import Written, name_of, steps_in
from kibitz.errors import UnusableFile

COMMITS, FINAL, LOCK = "commits", "final.safetensors", "lock"
JOURNAL, WRITTEN = "journal.jsonl", "written"


class Commit(NamedTuple):
    """A commit that was read and found whole."""

    path: Path
    arrays: dict[str, np.ndarray]
    document: dict[str, Any]


class RunFolder:
    """What lies in the folder of a run.

    `commits/step-000000000500.safetensors` is the run as it was after 500 steps. `final.safetensors` is how it ended.
    `journal.jsonl` says what hooks wrote to the state in between, and `written/step-000000000500.safetensors` holds the
    arrays that they wrote between the commit before that one and it.
    A commit is one file, which takes its place whole, so there is no half of one; the arrays of a sharded or a large
    one lie beside it (`store.py` says how). Commits are ordered by the step in their name and never by a time.

    Args:
        path: The folder.
        writes: Whether it will be written to. False finds out nothing about that, and leaves no trace.
        store: How commits are written: "auto", "file" or "orbax". They are read whichever way they were written.

    Attributes: `notes`, what was found out while it was written to, and is to be told.

    Raises:
        UnusableFile: If it is no place to write to.

    Example:
        >>> import tempfile
        >>> import numpy as np
        >>> from kibitz.checkpoint.run_folder import RunFolder
        >>> with tempfile.TemporaryDirectory() as place:
        ...     folder = RunFolder(place)
        ...     folder.write(0, {"kernel": np.zeros(2)}, {"step": 0})
        ...     folder.write(5, {"kernel": np.ones(2)}, {"step": 5})
        ...     folder.steps(), folder.newest().document["step"]
        ([0, 5], 5)
    """

    def __init__(self, path: Any, *, writes: bool = True, store: str = "auto"):
        self.path, self._store = local(path), store
        self._commits = self.path / COMMITS
        self.written = Written(self.path / WRITTEN)
        self.id: str | None = None  # of the run whose commits count; None: it is not asked whose they are
        self._last: int | None = None  # the step of the last commit that this process has written
        self._lock: Lock | None = None
        self._mark: tuple[int, int] | None = None  # of the folder that this process has found or made
        self.notes: list[str] = []
        self._crowded = False  # whether old commits stay that should have gone
        if self._commits.is_symlink():
            raise UnusableFile(
                "The commits of this run lie elsewhere, and what is written or removed here must not be there.",
                given=str(self._commits),
                wanted="a folder, and no link",
                cure="give the folder of the run where it lies: run=...",
            )
        if writes:
            probe(self._commits / name_of(0))

    def lock(self) -> Lock:
        """Hold it for this process.

        Raises:
            NotReady: If another one does.
        """
        self._lock, self._mark = Lock(self.path / LOCK), identity(self._commits)
        if for_everybody(self._commits):
            self.notes.append(
                f"Everybody may write into {self._commits}, and so give this run other weights: chmod o-w."
            )
        return self._lock

    def clear(self) -> None:
        """Take away what a killed process left half written."""
        for folder in (self._commits, self.written.path, self.path):
            sweep(folder)
            with suppress(UnusableFile):
                clear_unfinished(folder)

    def steps(self) -> list[int]:
        """The steps that have a commit, in order; one that this process is writing is waited for."""
        settled(self.path)
        return steps_in(self._commits)

    def of(self, step: int) -> Path:
        """Where the commit of a step lies."""
        return self._commits / name_of(step)

    def read(self, step: int) -> Commit:
        """The commit of a step, with every digest looked at.

        Raises:
            UnusableFile: If it is not there, or is damaged.
        """
        commit = Commit(self.of(step), *read_commit(self.of(step)))
        if not isinstance(commit.document, dict) or commit.document.get("step") != step:
            raise UnusableFile(
                "This commit is not of the step that its name says.",
                given=str(commit.path),
                wanted=f"the run as it was after {step} steps",
                cure="remove it, or give it back its own name",
            )
        if self.id is not None and commit.document.get("id") != self.id:
            raise UnusableFile(
                "This commit is of another run.",
                given=str(commit.path),
                wanted="a commit of the run that began in this folder",
                cure="remove it: somebody has copied it here",
            )
        return commit

    def newest(self) -> Commit | None:
        """The newest commit that is whole; None if there never was one.

        A damaged one is told of by a warning, and the one before it is taken.

        Raises:
            UnusableFile: If there are commits, and all are damaged.
        """
        damaged: list[UnusableFile] = []
        for step in reversed(self.steps()):
            try:
                return self.read(step)
            except UnusableFile as error:
                if not exists(self.of(step)):  # whoever writes has let it go since it was listed
                    continue
                damaged.append(error)
                warnings.warn(
                    f"{error.what} ({self.of(step)}) The run goes on from the commit before it.", stacklevel=2
                )
        if damaged:
            raise damaged[0]
        return None

    def final(self) -> Commit | None:
        """How the run ended; None if it did not, or if that file is damaged."""
        path = self.path / FINAL
        if not path.exists():
            return None
        try:
            return Commit(path, *read_commit(path))
        except UnusableFile as error:
            warnings.warn(f"{error.what} ({path}) The end of the run is made again from its last commit.", stacklevel=2)
            return None

    def write(
        self,
        step: int,
        arrays: Mapping[str, Any],
        document: Mapping[str, Any],
        digests: Mapping[str, str] | None = None,
    ) -> None:
        """Write the commit of a step, its arrays from where they lie.

        Args:
            step: The step.
            arrays: The state.
            document: What else there is to know.
            digests: Those of the arrays, where they are known. None makes them.

        Raises:
            UnusableFile: If the disk refuses; all that was there is whole. Or if another folder has taken the place of
                that of the run, which is left alone.
        """
        self.find_again()
        write_commit(self.of(step), arrays, document, self._store, digests)
        self._last = step
        if self._mark is None:
            self._mark = identity(self._commits)

    def write_final(self, arrays: Mapping[str, Any], document: Mapping[str, Any]) -> None:
        """Write how the run ended."""
        self.find_again()
        write_commit(self.path / FINAL, arrays, document, self._store)

    def find_again(self) -> None:
        """See that commits get to where the others are; if somebody has removed these, begin a new folder."""
        there = identity(self._commits)
        if self._mark is None or there == self._mark:
            return
        if there is not None:
            raise UnusableFile(
                "Another folder lies where the commits of this run were.",
                given=str(self._commits),
                wanted="the folder that this run has written to; nothing is written into another one",
                cure="put it back where it was",
            )
        if self._lock is not None:
            self._lock.renew()
        self._mark = None
        self.notes.append(
            f"The commits of this run are gone: somebody has removed {self._commits}. The run goes on, and is "
            "committed anew into a folder of that name."
        )

    def put_away(self) -> None:
        """Another run begins here: what there is goes into a folder beside it, `before-1` and so on."""
        place = self.path / f"before-{_count_before(self.path) + 1}"
        for name in (FINAL, *(each.name for each in arrays_beside(self.path)), COMMITS, JOURNAL, WRITTEN):
            if exists(self.path / name):
                move(self.path / name, place)
        self._mark = None

    def thin(self, keep: float) -> None:
        """Let old commits go. One that the disk does not let go is noted, and tried again the next time.

        Args:
            keep: How many stay (an int), or how many bytes (a float).
        """
        try:
            # Beyond the last one there may be damaged ones, and such of other runs: they take nobody's room.
            steps = [step for step in self.steps() if self._last is None or step <= self._last]
            if isinstance(keep, int):
                stay = kept(steps, keep)
            else:
                stay = kept_within({step: commit_bytes(self.of(step)) for step in steps}, int(keep))
            for step in steps:
                if step not in stay:
                    remove_commit(self.of(step))
            if self.written.size:
                self.written.thin(self.size)
        except UnusableFile as error:
            if not self._crowded:
                self.notes.append(f"An old commit is still there, and should have gone: {error.what} The run goes on.")
            self._crowded = True
        else:
            self._crowded = False

    @property
    def journal(self) -> Path:
        """Where it is said what hooks wrote."""
        return self.path / JOURNAL

    @property
    def size(self) -> int:
        """Bytes of all commits."""
        return sum(commit_bytes(self.of(step)) for step in self.steps())


def reopen(folder: RunFolder) -> None:
    """The run goes on: it has no end any more."""
    remove_commit(folder.path / FINAL)


def whose(folder: RunFolder) -> str | None:
    """The id of the run that lies in a folder: that of its first commit that is whole; None if there is none.

    The records of the first two are enough, if they say the same: damage makes no two of them agree, and a commit whose
    arrays are damaged is of the same run as ever. One that stands alone is read whole by who goes on from it.
    """
    said = list(islice(_said_by(folder), 2))
    if said and said[0] == said[-1]:
        return said[0]
    for step in folder.steps():
        with suppress(UnusableFile):
            return folder.read(step).document.get("id")
    return None


def _said_by(folder: RunFolder) -> Iterator[Any]:
    """What the records of commits say of whose they are, of those that can be read."""
    for step in folder.steps():
        with suppress(UnusableFile):
            *_, document = peek_commit(folder.of(step), follow=False)
            if isinstance(document, dict) and document.get("step") == step:
                yield document.get("id")


def take_away(folder: RunFolder) -> None:
    """Take all commits of a run away, and how it ended; what others keep in its folder stays."""
    for step in folder.steps():
        remove_commit(folder.of(step))
    remove_commit(folder.path / FINAL)
    folder.written.forget(-1)
    remove(folder.journal)
    for path in (folder.path / COMMITS, folder.written.path):
        remove_if_empty(path)


def check_room(path: Path, need: int) -> None:
    """Find out before the first step whether commits have room.

    Args:
        path: The folder of the run.
        need: The bytes of one. While one takes another's place, both are there.

    Raises:
        UnusableFile: If they have not.
    """
    free = room(path)
    if free is not None and free < 2 * need:
        raise UnusableFile(
            "There is no room for the commits of this run.",
            given=f"{free:,} bytes free at {path}",
            wanted=f"{2 * need:,} bytes: for a commit, and for the one that takes its place",
            cure="make room, or give a folder on another disk: run=...",
        )


def tell(folder: RunFolder) -> None:
    """Warn of what was found out while the disk was written to in the background, of each thing once."""
    notes, folder.notes = folder.notes, []
    for note in notes:
        warnings.warn(note, stacklevel=3)


def last_put_away(folder: RunFolder) -> Commit | None:
    """The newest commit of what was put away last: the process that did so may have died before it wrote one."""
    count = _count_before(folder.path)
    before = RunFolder(folder.path / f"before-{count}")
    return (before.final() or before.newest()) if count else None


def _count_before(path: Path) -> int:
    count = 0
    while exists(path / f"before-{count + 1}"):
        count += 1
    return count
