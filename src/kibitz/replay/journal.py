"""The journal of a durable run: a file that only grows, each line with a checksum of its own.

It is written when a commit is, before it; so a commit knows how long the journal was, and whoever goes on from a commit
cuts the journal there. What a process did after its last commit it does again, and writes down again.
"""

from __future__ import annotations

import json
import warnings
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from kibitz.checkpoint.files import exists, local, reading, size, write_behind
from kibitz.checkpoint.strict_json import loads
from kibitz.errors import UnusableFile
from kibitz.replay.entry import Entry, packed, unpacked

LONGEST = 2**24
"""Bytes of a line: no run writes a longer one."""


class Journal:
    """The journal that a run writes.

    Args:
        path: The file.

    Attributes: `length`, its bytes up to the last commit.

    Example:
        >>> import os, tempfile
        >>> from kibitz.replay.entry import EpochEnded
        >>> from kibitz.replay.journal import Journal, read
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = os.path.join(folder, "journal.jsonl")
        ...     length = Journal(path).append([EpochEnded(0, 469, 1.5)])
        ...     length, list(read(path))
        (29, [EpochEnded(epoch=0, step=469, seconds=1.5)])
    """

    def __init__(self, path: Any):
        self.path = Path(path)
        self.length = 0

    def cut(self, length: int) -> bool:
        """Go on behind so many bytes; what stands there now is not as it was, or was never brought to the disk.

        If what stands before is damaged, it is said, and the run goes on behind what is not.

        Args:
            length: The bytes that a commit says there were.

        Returns:
            Whether all of it is there.
        """
        self.length = 0
        try:
            for line in _lines(self.path, length) if exists(self.path) else ():
                self.length += len(line)
        except UnusableFile as error:
            why = f"{error.what} ({error.given})"
        else:
            why = f"The journal is not as long as it was ({self.path})."
        if self.length != length:
            warnings.warn(f"{why} The run goes on; what hooks wrote there is not known any more.", stacklevel=2)
        return self.length == length

    def append(self, entries: Iterable[Entry]) -> int:
        """Write entries, and bring them to the disk; how long the journal is then.

        Raises:
            UnusableFile: If the disk refuses.
        """
        data = b"".join(_line(entry) for entry in entries)
        if not data and self.length:
            return self.length
        if size(self.path) < self.length:
            self.length = 0  # somebody has removed it: it begins anew
        write_behind(self.path, self.length, data)
        self.length += len(data)
        return self.length


def read(path: Any, length: int | None = None) -> Iterator[Entry]:
    """What a journal says, up to so many bytes.

    Args:
        path: The file; one that is not there says nothing.
        length: The bytes that a commit says there are. None reads to the end, or to a line that was not written whole.

    Raises:
        UnusableFile: If a line is damaged, or no run writes it.
    """
    if not exists(path):
        return
    for number, line in enumerate(_lines(local(path), length), start=1):
        yield unpacked(loads(line[9:], f"line {number} of the journal ({path})"), f"line {number}")


def _line(entry: Entry) -> bytes:
    text = json.dumps(packed(entry), separators=(",", ":"), allow_nan=False).encode()
    return b"%08x %s\n" % (zlib.crc32(text), text)


def _lines(path: Path, length: int | None) -> Iterator[bytes]:
    """Lines that are as they were written; behind the last commit one may be cut short."""
    at, number = 0, 0
    with reading(path) as file:
        while length is None or at < length:
            line, number = file.readline(LONGEST), number + 1
            if not line or (length is None and not line.endswith(b"\n") and len(line) < LONGEST):
                return
            text = line[9:-1]
            if not line.endswith(b"\n") or line[:9] != b"%08x " % zlib.crc32(text):
                raise UnusableFile(
                    f"Line {number} of the journal is not as it was written.",
                    given=str(path),
                    wanted="the line that its checksum is of",
                    cure="take another copy of it; or remove it: the run goes on, but cannot be looked back at",
                )
            at += len(line)
            yield line
