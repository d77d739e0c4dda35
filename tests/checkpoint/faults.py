"""A disk that fails: at the n-th write, fsync, rename or opening, with the error that a real one gives."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Self

import pytest

from kibitz.errors import UnusableFile

OPERATIONS = ("open", "write", "fsync", "replace")
ERRORS = {"write": errno.ENOSPC, "fsync": errno.EIO, "replace": errno.EIO, "open": errno.EACCES}


class Disk:
    """Counts the operations of one kind, and makes one of them fail.

    Args:
        patch: Pytest's monkeypatch.
        operation: One of `OPERATIONS`.
        at: The number of the operation that fails, from 1; 0 lets all succeed.
    """

    def __init__(self, patch: pytest.MonkeyPatch, operation: str, at: int):
        self.done, self.operation, self.at = 0, operation, at
        if operation == "write":
            real = os.fdopen
            patch.setattr(os, "fdopen", lambda *args, **kwargs: _Failing(real(*args, **kwargs), self))
        else:
            patch.setattr(os, operation, self.wrapped(getattr(os, operation)))

    def tick(self) -> None:
        self.done += 1
        if self.done == self.at:
            number = ERRORS[self.operation]
            raise OSError(number, os.strerror(number))

    def wrapped(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def operation(*args: Any, **kwargs: Any) -> Any:
            self.tick()
            return real(*args, **kwargs)

        return operation


class _Failing:
    """An open file whose writes are counted; half of the data of the write that fails gets to the disk."""

    def __init__(self, file: Any, disk: Disk):
        self._file, self._disk = file, disk

    def write(self, data: Any) -> int:
        try:
            self._disk.tick()
        except OSError:
            self._file.write(bytes(data)[: len(bytes(data)) // 2])
            raise
        return self._file.write(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()


def every_failure(write: Callable[[], Any], before: Callable[[], Any]) -> Iterator[tuple[str, int]]:
    """Let each operation on the disk that `write` makes fail once, and stop after each so that a test can look.

    Args:
        write: What is to fail.
        before: Puts all back as it was; called before each attempt.
    """
    for operation in OPERATIONS:
        for at in range(1, 1000):
            before()
            with pytest.MonkeyPatch.context() as patch:
                disk = Disk(patch, operation, at)
                told = attempt(write)
            if disk.done < at:
                assert told is None
                break
            assert told is not None, f"{operation} {at} failed in silence"
            assert told.errno == ERRORS[operation]
            yield operation, at


def attempt(write: Callable[[], Any]) -> UnusableFile | None:
    """The error with which it fails; None if it does not."""
    try:
        write()
    except UnusableFile as error:
        return error
    return None


def names(folder: Path) -> list[str]:
    """What lies in a folder, hidden files too."""
    return sorted(each.name for each in folder.iterdir())
