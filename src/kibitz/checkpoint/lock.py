"""One process at a time on a run: a lock that a crash does not leave behind."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import IO, BinaryIO

from kibitz.checkpoint.files import reading
from kibitz.errors import NotReady, UnusableFile

if os.name == "nt":
    import msvcrt
else:
    import fcntl


class Lock:
    """Holds a run's folder for this process; the system gives it back when the process ends, however it ends.

    Args:
        path: The lock's file.

    Raises:
        NotReady: If another process holds it, or another fit in this one.

    Example:
        >>> import pathlib, tempfile
        >>> from kibitz.checkpoint.lock import Lock
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     lock = Lock(pathlib.Path(folder) / "lock")
        ...     lock.release()
    """

    def __init__(self, path: Path):
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file: IO[str] | None = path.open("a+", encoding="utf-8")
        try:
            if os.name == "nt":
                msvcrt.locking(self._file.fileno(), msvcrt.LK_NBLCK, 1)  # pyright: ignore[reportAttributeAccessIssue, reportPossiblyUnboundVariable] - Windows has it
            else:
                fcntl.flock(self._file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._file.seek(0)
            holder = self._file.read().strip() or "unknown"
            self._file.close()
            self._file = None
            raise NotReady(
                "Another process is at work on this run.",
                given=str(path.parent),
                wanted=f"a run that nobody works on; process {holder} does",
                cure="wait until it ends, or give another folder: run=...",
            ) from None
        self._file.truncate(0)
        self._file.write(str(os.getpid()))
        self._file.flush()

    def release(self) -> None:
        """Let others have it."""
        file, self._file = self._file, None
        if file is not None:
            with contextlib.suppress(OSError, ValueError):
                file.close()


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
