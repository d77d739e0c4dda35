"""One process at a time on a run: a lock that a crash does not leave behind."""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path
from typing import Any, BinaryIO
from weakref import WeakSet

from kibitz.checkpoint.confined import identity
from kibitz.checkpoint.files import reading, standing
from kibitz.errors import NotReady, UnusableFile

if os.name == "nt":
    import msvcrt
else:
    import fcntl

_held: WeakSet[Any] = WeakSet()


class Lock:
    """Holds a run's folder for this process; the system gives it back when the process ends, however it ends.

    Args:
        path: The lock's file.

    Raises:
        NotReady: If another process holds it, or another fit in this one.
        UnusableFile: If the disk refuses, or something else lies in the file's place.

    Example:
        >>> import pathlib, tempfile
        >>> from kibitz.checkpoint.lock import Lock
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     lock = Lock(pathlib.Path(folder) / "lock")
        ...     lock.release()
    """

    def __init__(self, path: Path):
        self._path = path
        self._file: BinaryIO | None = None
        self.renew()

    def renew(self) -> None:
        """Hold it again, if its file was removed: whoever came then would make a new one, and hold that.

        Raises:
            NotReady: If another process has done so.
            UnusableFile: If the disk refuses.
        """
        path = self._path
        if self._file is not None and identity(path) == _of(self._file):
            return
        self.release()
        self._file = standing(path)
        if not any(self._taken(self._file, wait) for wait in (0.0, 0.01, 0.02)):
            holder = self._file.read(20).decode(errors="replace").strip()
            holder = holder if holder.isdecimal() else "unknown"
            self.release()
            raise NotReady(
                "Another process is at work on this run.",
                given=str(path.parent),
                wanted=f"a run that nobody works on; process {holder} does",
                cure="wait until it ends, or give another folder: run=...",
            )
        _held.add(self)
        with contextlib.suppress(OSError):  # a courtesy to whoever is refused: a full disk is told of by the commits
            self._file.truncate(0)
            self._file.write(str(os.getpid()).encode())

    @staticmethod
    def _taken(file: BinaryIO, wait: float) -> bool:
        """Whether it could be taken; again after a moment, for `holder` takes it too, to see whether anybody has it."""
        time.sleep(wait)
        try:
            if os.name == "nt":
                msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)  # pyright: ignore[reportAttributeAccessIssue, reportPossiblyUnboundVariable] - Windows has it
            else:
                fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True

    def release(self) -> None:
        """Let others have it."""
        file, self._file = self._file, None
        if file is not None:
            with contextlib.suppress(OSError, ValueError):
                file.close()


def _of(file: BinaryIO) -> tuple[int, int]:
    found = os.fstat(file.fileno())
    return found.st_dev, found.st_ino


def holder(path: Path) -> str | None:
    """Which process holds a lock, as it wrote itself down; None if nobody does. Nothing is written.

    Args:
        path: The lock's file.

    Example:
        >>> import pathlib, tempfile
        >>> from kibitz.checkpoint.lock import holder
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     print(holder(pathlib.Path(folder) / "lock"))
        None
    """
    try:
        with reading(path) as file:
            return _holder(file)
    except UnusableFile:  # it is not there, or is no lock
        return None


def _holder(file: BinaryIO) -> str | None:
    try:
        if os.name == "nt":
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)  # pyright: ignore[reportAttributeAccessIssue, reportPossiblyUnboundVariable] - Windows has it
        else:
            fcntl.flock(file.fileno(), fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        with contextlib.suppress(OSError):  # Windows lets nobody read it meanwhile
            return file.read(20).decode(errors="replace").strip() or "unknown"
        return "unknown"
    return None


def _let_go() -> None:
    """A forked child must not hold what its parent holds: it may live on after the parent was killed."""
    for lock in list(_held):
        lock.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_let_go)
