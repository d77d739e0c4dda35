"""What a run asks of the disk, one operation after the other: written down, and the n-th of them refused."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, Self

import pytest

from kibitz.checkpoint.run_folder import RunFolder

ERRORS = {"ENOSPC": errno.ENOSPC, "EIO": errno.EIO, "EACCES": errno.EACCES}


class Operation(NamedTuple):
    """One thing that was asked of the disk, and was done."""

    kind: str  # open, write, fsync, sync folder, replace, unlink, mkdir; or committed, which is none but a moment
    path: str
    what: Any = None


class Disk:
    """Counts what is asked of one folder, and refuses operation `at`; with `for_good` all that come after it too.

    Args:
        patch: Pytest's monkeypatch.
        folder: Operations elsewhere are nobody's concern.
        at: The number of the operation that fails, from 1; 0 lets all succeed.
        error: The number of the error.
        for_good: Whether the disk stays as it is.
    """

    def __init__(self, patch: pytest.MonkeyPatch, folder: Path, at: int = 0, error: int = 0, *, for_good: bool = False):
        self.folder, self.at, self.error, self.for_good = str(folder), at, error, for_good
        self.count, self.trace, self.committed = 0, [], -1
        self._paths: dict[int, str] = {}
        for kind in ("open", "replace", "unlink", "mkdir", "fsync"):
            patch.setattr(os, kind, self._wrapped(kind, getattr(os, kind)))
        patch.setattr(os, "fdopen", self._opening(os.fdopen))
        patch.setattr(RunFolder, "write", self._committing(RunFolder.write))

    @property
    def reached(self) -> bool:
        return self.count >= self.at

    def ask(self, kind: str, path: str) -> None:
        self.count += 1
        if self.at and (self.count >= self.at if self.for_good else self.count == self.at):
            raise OSError(self.error, os.strerror(self.error), path)

    def done(self, kind: str, path: str, what: Any = None) -> None:
        self.trace.append(Operation(kind, path, what))

    def _wrapped(self, kind: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def operation(first: Any, *args: Any, **kwargs: Any) -> Any:
            path = self._paths.get(first, "") if kind == "fsync" else os.fspath(first)
            if not isinstance(path, str) or not path.startswith(self.folder):
                result = real(first, *args, **kwargs)
                if kind == "open":  # the number of a file that was closed may come again
                    self._paths.pop(result, None)
                return result
            named = kind
            if kind == "fsync" and stat.S_ISDIR(os.fstat(first).st_mode):
                named = "sync folder"
            self.ask(named, path)
            result = real(first, *args, **kwargs)
            if kind == "open":
                self._paths[result] = path
            if kind != "open" or args[0] & os.O_CREAT:
                self.done(named, path, os.fspath(args[0]) if kind == "replace" else None)
            return result

        return operation

    def _opening(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def fdopen(descriptor: int, *args: Any, **kwargs: Any) -> Any:
            file, path = real(descriptor, *args, **kwargs), self._paths.get(descriptor)
            return file if path is None else _Watched(file, path, self)

        return fdopen

    def _committing(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def write(folder: RunFolder, step: int, *args: Any) -> None:
            real(folder, step, *args)
            self.committed = step
            self.done("committed", self.folder, step)

        return write


class _Watched:
    """An open file whose writes are counted; half of the data of the one that fails gets to the disk."""

    def __init__(self, file: Any, path: str, disk: Disk):
        self._file, self._path, self._disk = file, path, disk

    def write(self, data: Any) -> int:
        data = bytes(data)
        try:
            self._disk.ask("write", self._path)
        except OSError:
            self._file.write(data[: len(data) // 2])
            raise
        self._disk.done("write", self._path, data)
        return self._file.write(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
