"""Which event files one callback has written in a run, and how long they were: so that they can be cut back."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kibitz.checkpoint.files import cut, remove
from kibitz.errors import UnusableFile

BEGINNING, END = "events.out.tfevents.", ".v2"


class Written:
    """Knows its files by a mark in their names; a run that goes on goes on with the mark.

    What a process wrote after its last commit is written again by the next one. Its files are cut back before that to
    what they held at the commit, and those that were begun after it are taken away. No other file is touched.

    Args:
        log_dir: The folder that the files lie below.
        folders: The names of the folders within it that have files.

    Attributes: `mark`, which stands in the names of this run's files.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> from kibitz.callbacks.board.written import Written
        >>> folder = Path(tempfile.mkdtemp())
        >>> written = Written(folder, ("train",))
        >>> (folder / "train").mkdir()
        >>> path = folder / "train" / f"events.out.tfevents.1.{written.mark}.v2"
        >>> _ = path.write_bytes(b"before")
        >>> state = written.get_state()
        >>> _ = path.write_bytes(b"before and after")
        >>> written.set_state(state)
        >>> path.read_bytes()
        b'before'
    """

    def __init__(self, log_dir: Path, folders: tuple[str, ...]):
        self._log_dir, self._folders = log_dir, folders
        self.begin()

    def begin(self) -> None:
        """Another run begins: no file is its own yet."""
        self.mark = secrets.token_hex(8)

    def of(self, folder: str) -> list[Path]:
        """The files of this run in one of the folders."""
        return sorted((self._log_dir / folder).glob(f"{BEGINNING}*.{self.mark}{END}"))

    def get_state(self) -> dict[str, Any]:
        """The mark, and the bytes of each file by its path within `log_dir`."""
        files = {f"{folder}/{path.name}": path.stat().st_size for folder in self._folders for path in self.of(folder)}
        return {"mark": self.mark, "files": files}

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Cut the files back to what `get_state` gave.

        Raises:
            UnusableFile: If it names a file that is none of ours, or a link stands in the place of one.
        """
        mark, files = state.get("mark"), state.get("files")
        if not (isinstance(mark, str) and re.fullmatch("[0-9a-f]{16}", mark) and isinstance(files, Mapping)):
            raise _refused(mark, "the mark of a run, and the lengths of its files")
        for name, length in files.items():
            self._require_ours(name, length, mark)
        self.mark = mark
        for folder in self._folders:
            for path in self.of(folder):
                if path.parent.is_symlink() or path.is_symlink():
                    raise _refused(str(path), "a file that TensorBoard has written, and no link")
                name = f"{folder}/{path.name}"
                if name in files:
                    cut(path, files[name])
                else:
                    remove(path)

    def _require_ours(self, name: Any, length: Any, mark: str) -> None:
        folders = "|".join(map(re.escape, self._folders))
        ours = rf"({folders})/{re.escape(BEGINNING)}[^/\\\0]+\.{mark}{re.escape(END)}"
        if not (isinstance(name, str) and re.fullmatch(ours, name) and type(length) is int and length >= 0):
            raise _refused(name, "the path of an event file within log_dir, and its length")


def _refused(given: Any, wanted: str) -> UnusableFile:
    return UnusableFile(
        "The commit speaks of an event file that TensorBoard has not written.",
        given=given,
        wanted=wanted,
        cure="another commit, or TensorBoard(log_dir=...) with another folder",
    )
