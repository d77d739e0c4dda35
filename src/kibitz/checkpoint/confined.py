"""Files of a folder, and of that folder alone: no link leads out of it, and no stranger puts one in unseen."""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
from pathlib import Path

from kibitz.errors import UnusableFile


def open_confined(target: Path, flags: int) -> int:
    """Open a file in the very folder that its path names: between two looks at a path it may come to mean another.

    Args:
        target: The file. Neither it nor its folder may be a link.
        flags: As for os.open.

    Raises:
        OSError: If one is a link, or the disk refuses.
        UnusableFile: If it belongs to somebody who is neither this user, nor root, nor whoever owns the folder.
    """
    if os.open not in os.supports_dir_fd:
        return os.open(target, flags)
    folder = os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        file = os.open(target.name, flags | os.O_NOFOLLOW, dir_fd=folder)
        owner = os.fstat(file).st_uid
        if owner not in (os.geteuid(), 0, os.fstat(folder).st_uid):
            os.close(file)
            raise UnusableFile(
                "This file is a stranger's, who could write into the folder.",
                given=f"user {owner}: {target}",
                wanted="a file of yours, or of whoever owns the folder",
                cure=f"chown {os.geteuid()} {target}, if you trust it; and look who may write there",
            )
        return file
    finally:
        os.close(folder)


def for_everybody(folder: Path) -> bool:
    """Whether everybody may write into a folder, and remove from it what is another's."""
    with contextlib.suppress(OSError):
        mode = folder.stat().st_mode
        return os.name != "nt" and bool(mode & stat.S_IWOTH) and not mode & stat.S_ISVTX
    return False


def identity(folder: Path) -> tuple[int, int] | None:
    """What tells a folder from every other one, whatever it is called; None if there is none."""
    with contextlib.suppress(OSError):
        found = folder.lstat()
        return found.st_dev, found.st_ino
    return None


def room(folder: Path) -> int | None:
    """How many bytes may still be written where a folder is, or will be; None if nobody can say."""
    place = folder.absolute()
    while not place.exists() and place != place.parent:
        place = place.parent
    with contextlib.suppress(OSError):
        return shutil.disk_usage(place).free
    return None
