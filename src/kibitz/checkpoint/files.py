"""M. How a file gets to the disk and back: replaced whole or not at all, read only if it is a plain file.

Everything that Kibitz keeps goes through here, so that one layer of faults in a test covers all of it.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from kibitz.checkpoint.background import settled
from kibitz.checkpoint.confined import open_confined
from kibitz.checkpoint.told import told
from kibitz.errors import UnusableFile, WrongType
from kibitz.report import spent_on

TEMPORARY = (".kibitz-", ".tmp")
"""How the name of a file begins and ends that is not yet in its place."""

_elsewhere: list[Path] = []
"""Folders that stand for the whole disk while something is rehearsed; the last one counts, in every thread."""


def local(path: Any) -> Path:
    """The place on this machine's disk that a path means; `~` is the home folder.

    Raises:
        WrongType: If it is no path.
        UnusableFile: If it is empty, or names another machine.

    Example:
        >>> from kibitz.checkpoint.files import local
        >>> local("runs/best.keras").name
        'best.keras'
    """
    if not isinstance(path, str | os.PathLike) or not isinstance(os.fspath(path), str):
        raise WrongType(
            "A file is named by a path.", given=path, wanted="a string or a pathlib.Path", cure='"best.keras"'
        )
    text = os.fspath(path)
    if not text or "\0" in text:
        raise UnusableFile("This names no file.", given=text, wanted="a path", cure='"best.keras"')
    if "://" in text:
        raise UnusableFile(
            "Files are kept on this machine's disk, and this names another place.",
            given=text,
            wanted="a path",
            cure="write to a path, then copy the file",
        )
    return _redirected(Path(text).expanduser())


@contextlib.contextmanager
def elsewhere(folder: Any) -> Iterator[None]:
    """Keep what is written while this lasts in a folder, each file under its own path there, and nothing outside of it.

    What was not written anew is read where it is. `probe` asks the place itself, for it leaves nothing behind.

    Example:
        >>> import os, tempfile
        >>> from kibitz.checkpoint.files import elsewhere, exists, reading, replacing
        >>> with tempfile.TemporaryDirectory() as disk, tempfile.TemporaryDirectory() as instead:
        ...     with elsewhere(instead), replacing(os.path.join(disk, "note.txt")) as file:
        ...         _ = file.write(b"done")
        ...     with elsewhere(instead), reading(os.path.join(disk, "note.txt")) as file:
        ...         file.read(), os.listdir(disk)
        (b'done', [])
    """
    settled()  # what is being written belongs where it is
    _elsewhere.append(Path(folder).resolve())
    try:
        yield
    finally:
        _elsewhere.pop()


def to_append(path: Any) -> Path:
    """The place of a file that is to be opened and gone on with, its folder made; a copy, while it is kept elsewhere.

    What the disk refuses is left to the caller, who opens the file.
    """
    target, meant = local(path), _meant(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    if target != meant and meant.is_file() and not target.exists():
        shutil.copyfile(meant, target)
    return target


@contextlib.contextmanager
def replacing(path: Any, *, keep: Any = None) -> Iterator[BinaryIO]:
    """Give an open file that takes the place of `path` once it is written and on the disk.

    Until that moment, and if anything fails, the old file is as it was and nothing is left beside it. Missing folders
    are made. A symbolic link is replaced, not followed.

    Args:
        path: The file to replace or to make.
        keep: Where the old file goes. None lets it go.

    Raises:
        UnusableFile: If the disk refuses, or the path is a folder.

    Example:
        >>> import os, tempfile
        >>> from kibitz.checkpoint.files import replacing
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     with replacing(os.path.join(folder, "new", "note.txt")) as file:
        ...         _ = file.write(b"done")
        ...     os.listdir(os.path.join(folder, "new"))
        ['note.txt']
    """
    target = local(path)
    _refuse_folder(target)
    with spent_on("files"), told(target, "written"):
        _make_folder(target.parent)
        descriptor, temporary = _temporary(target.parent)
        try:
            with os.fdopen(descriptor, "w+b") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            if keep is not None and target.exists():
                target.replace(local(keep))
            temporary.replace(target)
        except BaseException:
            with contextlib.suppress(OSError):
                temporary.unlink()
            raise
        _sync_folder(target.parent)


@contextlib.contextmanager
def reading(path: Any, *, follow: bool = True) -> Iterator[BinaryIO]:
    """Open a plain file to read it.

    Args:
        path: The file.
        follow: Whether it may be a link, or lie in a folder that is one, or be a stranger's. False refuses all that,
            whoever puts it there at whichever moment.

    Raises:
        UnusableFile: If it is not there, cannot be read, or is a folder, a pipe or a device.
    """
    target = _read_from(path)
    with told(target, "read"):
        # Without O_NONBLOCK a pipe in the file's place would be waited for, for ever.
        flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
        descriptor = os.open(target, flags) if follow else open_confined(target, flags)
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise _not_plain(target)
            yield file


def probe(path: Any) -> None:
    """Find out now whether `path` could be written later; nothing is left behind.

    Raises:
        UnusableFile: If it is a folder, or nothing can be written where it would lie.

    Example:
        >>> import os, tempfile
        >>> from kibitz.checkpoint.files import probe
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     probe(os.path.join(folder, "runs", "best.keras"))
        ...     os.listdir(folder)
        []
    """
    target = _meant(path)
    _refuse_folder(target)
    folder = target.parent
    while not os.path.lexists(folder) and folder != folder.parent:
        folder = folder.parent
    with told(target, "written"):
        descriptor, temporary = _temporary(folder)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(b"kibitz")
                file.flush()
                os.fsync(file.fileno())
        finally:
            temporary.unlink()


def standing(path: Any) -> BinaryIO:
    """Open a plain file that stays where it is, to read and to write, made if it is not there; the caller closes it.

    A link in its place is refused: what is written must not get into a file elsewhere.

    Raises:
        UnusableFile: If the disk refuses, or it is a link, a folder, a pipe or a device.
    """
    target = local(path)
    with told(target, "opened"):
        _make_folder(target.parent)
        flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0)
        flags |= getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
        file = os.fdopen(os.open(target, flags, 0o666), "r+b", buffering=0)
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            file.close()
            raise _not_plain(target)
    return file


def cut(path: Any, length: int) -> None:
    """Cut a plain file back to so many bytes, if it has more; a link in its place is refused.

    Raises:
        UnusableFile: If the disk refuses, or it is a link, a folder, a pipe or a device.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> from kibitz.checkpoint.files import cut
        >>> path = Path(tempfile.mkdtemp()) / "note.txt"
        >>> _ = path.write_bytes(b"before and after")
        >>> cut(path, 6)
        >>> path.read_bytes()
        b'before'
    """
    with told(local(path), "cut back"), standing(path) as file:
        if os.fstat(file.fileno()).st_size > length:
            file.truncate(length)


def write_behind(path: Any, length: int, data: bytes) -> None:
    """Write behind the first bytes of a plain file that stays where it is, in place of what was there, and to the disk.

    Args:
        path: The file; it is made if it is not there.
        length: How many bytes stay.
        data: What stands behind them.

    Raises:
        UnusableFile: If the disk refuses; the bytes that stay are as they were.
    """
    with told(local(path), "written"), standing(path) as file:
        file.seek(length)
        left = memoryview(data)
        while left:  # a disk that is almost full takes a part, and refuses the next
            left = left[file.write(left) :]
        file.truncate()
        os.fsync(file.fileno())


def exists(path: Any) -> bool:
    """Whether anything lies at a path."""
    return os.path.lexists(_read_from(path))


def names(folder: Any) -> list[str]:
    """What lies in a folder, in order; nothing if there is no folder.

    Raises:
        UnusableFile: If the disk refuses.
    """
    target = local(folder)
    with told(target, "listed"):
        try:
            return sorted(each.name for each in target.iterdir())
        except (FileNotFoundError, NotADirectoryError):
            return []


def remove(path: Any) -> None:
    """Take a file away, if it is there.

    Raises:
        UnusableFile: If the disk refuses.
    """
    target = local(path)
    with told(target, "removed"):
        target.unlink(missing_ok=True)


def size(path: Any) -> int:
    """The bytes of a file; none if it is not there.

    Raises:
        UnusableFile: If the disk refuses.
    """
    target = local(path)
    with told(target, "looked at"):
        return target.stat().st_size if target.exists() else 0


def move(path: Any, into: Any) -> None:
    """Move a file or a folder into a folder of the same disk, which is made.

    Raises:
        UnusableFile: If the disk refuses.
    """
    target, folder = local(path), local(into)
    with told(target, "moved"):
        _make_folder(folder)
        target.replace(folder / target.name)
        _sync_folder(folder)
        _sync_folder(target.parent)


def sweep(folder: Any) -> None:
    """Take away what a killed process left half written in a folder that is one callback's own."""
    with contextlib.suppress(OSError):
        for left in local(folder).glob("*".join(TEMPORARY)):
            left.unlink()


def settle_folder(folder: Any) -> None:
    """Make a folder if it is not there, and let the names in it survive a power cut.

    Raises:
        UnusableFile: If the disk refuses.
    """
    target = local(folder)
    with told(target, "made"):
        _make_folder(target)
        _sync_folder(target)


def remove_if_empty(folder: Any) -> None:
    """Take a folder away, unless somebody keeps something in it."""
    with contextlib.suppress(OSError):
        local(folder).rmdir()


def _redirected(path: Path) -> Path:
    if not _elsewhere:
        return path
    full = Path(os.path.abspath(path))  # noqa: PTH100 - resolve would follow links, which are replaced and not followed
    return path if full.is_relative_to(_elsewhere[-1]) else _elsewhere[-1].joinpath(*full.parts[1:])


def _meant(path: Any) -> Path:
    """The place itself, wherever things are kept at present."""
    local(path)  # refuses what is no path
    return Path(path).expanduser()


def _read_from(path: Any) -> Path:
    target = local(path)
    return target if os.path.lexists(target) else _meant(path)


def _temporary(folder: Path) -> tuple[int, Path]:
    # In the same folder, since a rename is whole only within one file system. The name does not hold the target's,
    # which may already be as long as a name can be.
    path = folder / secrets.token_hex(8).join(TEMPORARY)
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
    return os.open(path, flags, 0o666), path


def _make_folder(folder: Path) -> None:
    """Make a folder and those above it; each stands in the one above it for good, or a power cut takes all within."""
    if folder.is_dir():
        return
    _make_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    _sync_folder(folder.parent)


def _sync_folder(folder: Path) -> None:
    """Let the new name survive a power cut too."""
    if os.name == "nt":
        return  # folders cannot be opened there
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # a file system that does not know it
            raise
    finally:
        os.close(descriptor)


def _refuse_folder(target: Path) -> None:
    if target.is_dir():
        raise UnusableFile(
            "This is a folder, and a file is to be written.",
            given=str(target),
            wanted="the path of a file",
            cure=f'"{target / "model.keras"}"',
        )


def _not_plain(target: Path) -> UnusableFile:
    return UnusableFile(
        "This is a folder, a pipe or a device.", given=str(target), wanted="a plain file", cure="give the file's path"
    )
