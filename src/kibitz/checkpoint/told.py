"""What a disk refused, said in four parts."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Iterator
from pathlib import Path

from kibitz.errors import KibitzError, UnusableFile


@contextlib.contextmanager
def told(target: Path, verb: str) -> Iterator[None]:
    """Say what the disk refused in four parts; what Kibitz has said already goes on as it is."""
    try:
        yield
    except KibitzError:
        raise
    except OSError as error:
        told = UnusableFile(
            f"{target.name} could not be {verb}: {error.strerror or error}.",
            given=str(target),
            wanted=_wanted(error),
            cure=_cure(error, target, verb),
        )
        told.errno = error.errno
        raise told from error


def _wanted(error: OSError) -> str | None:
    return {
        errno.ENOSPC: "room on the disk",
        errno.EACCES: "a place where you may write",
        errno.EROFS: "a place where you may write",
        errno.ENOTDIR: "a folder above it, where there is a file",
        errno.EEXIST: "a folder above it, where there is a file",
    }.get(error.errno or 0)


def _cure(error: OSError, target: Path, verb: str) -> str:
    if error.errno == errno.ENOENT:
        beside: list[str] = []
        with contextlib.suppress(OSError):
            beside = sorted(each.name for each in target.parent.iterdir() if each.suffix == target.suffix)[:5]
        return f"in {target.parent} there is {', '.join(beside)}" if beside else "look for it elsewhere"
    if error.errno == errno.ENOSPC:
        return "make room, or write elsewhere; what was there before is whole"
    return "give another path" if verb == "read" else "give another path, or change who may write there"
