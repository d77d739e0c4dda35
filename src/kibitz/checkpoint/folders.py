"""A folder of files that belong together: what lies in it, brought to the disk for good, and taken away.

Nothing in it is followed: a link, a pipe or a device among the files is refused, and a link is removed as a link.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from kibitz.checkpoint.files import local, reading, settle_folder
from kibitz.checkpoint.told import told
from kibitz.errors import UnusableFile

PIECE = 2**20


def plain_files(folder: Any) -> dict[str, int]:
    """The bytes of each file in a folder and below it, by its path there, in order.

    Args:
        folder: The folder.

    Raises:
        UnusableFile: If it is not there or is a link, or if there is anything in it but folders and plain files.

    Example:
        >>> import pathlib, tempfile
        >>> from kibitz.checkpoint.folders import plain_files
        >>> with tempfile.TemporaryDirectory() as place:
        ...     (pathlib.Path(place) / "data").mkdir()
        ...     _ = (pathlib.Path(place) / "data" / "a").write_bytes(b"abc")
        ...     plain_files(place)
        {'data/a': 3}
    """
    root, found = local(folder), {}
    with told(root, "read"):
        if not stat.S_ISDIR(root.lstat().st_mode):
            raise _no_folder(root)
        for path, status in _within(root):
            if stat.S_ISREG(status.st_mode):
                found[path.relative_to(root).as_posix()] = status.st_size
            elif not stat.S_ISDIR(status.st_mode):
                raise _no_folder(path)
    return dict(sorted(found.items()))


def folder_bytes(folder: Any) -> int:
    """The bytes of all that lies in a folder; none if it is not there. What goes meanwhile was not there."""
    try:
        return sum(plain_files(folder).values())
    except UnusableFile:
        return 0


def sealed(folder: Any) -> dict[str, str]:
    """Bring every file of a folder, and every name in it, to the disk for good; what the files hold, as digests.

    Args:
        folder: The folder.

    Raises:
        UnusableFile: If the disk refuses, or it holds anything but folders and plain files.
    """
    root = local(folder)
    found = {name: file_digest(root / name, sync=True) for name in plain_files(root)}
    for path, status in reversed(list(_within(root))):
        if stat.S_ISDIR(status.st_mode):
            settle_folder(path)
    settle_folder(root)
    settle_folder(root.parent)
    return found


def file_digest(path: Any, *, sync: bool = False) -> str:
    """What a plain file holds, as a digest.

    Args:
        path: The file.
        sync: Whether it is brought to the disk for good as well.

    Raises:
        UnusableFile: If it cannot be read.
    """
    found = hashlib.sha256()
    with reading(path) as file, told(local(path), "read"):
        while piece := file.read(PIECE):
            found.update(piece)
        if sync and os.name != "nt":  # where only a file that is open for writing can be synced
            os.fsync(file.fileno())
    return found.hexdigest()


def remove_folder(folder: Any) -> None:
    """Take away a folder and all that lies in it, if it is there; a link or a file in its place is taken away itself.

    Raises:
        UnusableFile: If the disk refuses.
    """
    root = local(folder)
    with told(root, "removed"):
        if not os.path.lexists(root):
            return
        if not stat.S_ISDIR(root.lstat().st_mode):
            root.unlink()
            return
        for path, status in reversed(list(_within(root))):
            path.rmdir() if stat.S_ISDIR(status.st_mode) else path.unlink()
        root.rmdir()


def _within(folder: Path) -> Iterator[tuple[Path, os.stat_result]]:
    """All that lies in a folder and below it, each before what it holds; links are not followed."""
    with os.scandir(folder) as entries:
        names = sorted(entry.name for entry in entries)
    for name in names:
        path = folder / name
        status = path.lstat()
        yield path, status
        if stat.S_ISDIR(status.st_mode):
            yield from _within(path)


def _no_folder(path: Path) -> UnusableFile:
    return UnusableFile(
        "Here lies something that is neither a folder nor a plain file.",
        given=str(path),
        wanted="folders and plain files, and no links",
        cure="take another copy of it, or remove it",
    )
