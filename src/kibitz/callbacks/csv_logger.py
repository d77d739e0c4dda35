"""The numbers of every epoch, in a file that any table program reads."""

from __future__ import annotations

import contextlib
import csv
import io
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import IO, Any, BinaryIO

from kibitz.callbacks.base import Callback, Numbers
from kibitz.callbacks.forecast import Forecast
from kibitz.checkpoint.files import exists, local, reading, replacing, to_append
from kibitz.errors import InvalidArgument, Unbalanced, UnusableFile, code

MISSING = "NA"
FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What a table program takes for the beginning of a formula."""


class CSVLogger(Callback):
    """Write the numbers of every epoch into a CSV file, one row an epoch, on disk at once.

    The first column is the epoch (from 0), the others are the keys of the logs in alphabetical order; keys that come
    later get columns at the end. What is missing is "NA". Text that a table program would take for a formula gets an
    apostrophe before it; numbers never do.

    Args:
        filename: The file. Its folder is made if it is not there.
        separator: One character between the cells.
        append: Go on in the file if it is there, under its own header. False begins it anew in every fit.

    Raises:
        WrongType: If `filename` is not a path.
        InvalidArgument: If `separator` is not one character, or one that cells may hold.
        Unbalanced: If an epoch ends and training has not begun.
        UnusableFile: Before the first step, if the file cannot be written, or with `append=True` holds something else.

    Attributes: `filename`, `sep`, `append`, `keys` (the columns but the epoch; None before the first row).

    Reads: logs, once an epoch.
    Changes: the file.
    Keeps: nothing; `append=True` goes on with the file.
    Unlike Keras: columns are what the logs hold and none is invented; new keys get new columns (the file is replaced
        whole); the file is closed after an exception too.

    Example:
        >>> import kibitz, tempfile, pathlib
        >>> path = pathlib.Path(tempfile.mkdtemp(), "log.csv")
        >>> epochs = [{"loss": 2.0}, {"loss": 1.0, "val_loss": 3.0}]
        >>> _ = kibitz.testing.drive(kibitz.callbacks.CSVLogger(path), epochs=epochs)
        >>> print(path.read_text())
        epoch,loss,val_loss
        0,2.0,NA
        1,1.0,3.0

    Source: https://keras.io/api/callbacks/csv_logger/
    """

    adds = ()

    def __init__(self, filename: str | os.PathLike[str], separator: str = ",", append: bool = False):
        super().__init__()
        if not isinstance(separator, str) or len(separator) != 1 or separator in '"\r\n':
            raise InvalidArgument("CSVLogger needs one character between cells.", given=separator,
                                  wanted="one character, no quote and no line end",
                                  cure='CSVLogger(filename, separator=",")')  # fmt: skip
        self.filename = str(local(filename))
        self.sep = separator
        self.append = append
        self.keys: list[str] | None = None
        self.csv_file: IO[str] | None = None

    def settle(self, forecast: Forecast) -> None:
        """Check before the first step that the file can be written."""
        self._begin("a").close()

    def on_train_begin(self, logs: Numbers = None) -> None:
        """Open the file."""
        self._close()
        goes_on = self.run is not None and self.run.resumed
        self.csv_file = self._begin("a" if self.append or goes_on else "w")

    def on_epoch_end(self, epoch: int, logs: Numbers = None) -> None:
        """Write a row."""
        logs = logs or {}
        if self.csv_file is None:
            raise Unbalanced(
                "CSVLogger has no open file: an epoch ends, and training has not begun.",
                given=code(f"on_epoch_end({epoch}, logs)"),
                wanted="on_train_begin first",
                cure="callbacks.on_train_begin(), the epochs, callbacks.on_train_end()",
            )
        new = sorted(key for key in logs if key != "epoch" and key not in (self.keys or ()))
        if self.keys is not None and new:
            self._grow(new)
        before, length = self.keys, os.fstat(self.csv_file.fileno()).st_size
        try:
            if self.keys is None:
                self.keys = new
                self._write(self.csv_file, ["epoch", *map(_text, new)])
            self._write(self.csv_file, [epoch, *(_cell(logs.get(key, MISSING)) for key in self.keys)])
            self.csv_file.flush()
        except OSError as error:
            self.keys = before
            self._cut(length)
            raise self._refused(error) from error

    def get_state(self) -> dict[str, Any]:
        """How far the file is written."""
        if self.csv_file is None or self.csv_file.closed:
            return {}
        self.csv_file.flush()
        return {"bytes": os.fstat(self.csv_file.fileno()).st_size, "keys": self.keys}

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on there: rows that were written after it will be written again."""
        if "bytes" not in state or self.csv_file is None:
            return
        self.keys = state["keys"]
        if os.fstat(self.csv_file.fileno()).st_size >= state["bytes"]:
            self.csv_file.truncate(state["bytes"])

    def on_train_end(self, logs: Numbers = None) -> None:
        """Close the file."""
        self._close()

    def on_run_end(self, outcome: object) -> None:
        """Close the file, whatever ended the run."""
        self._close()

    def _begin(self, mode: str) -> IO[str]:
        self.keys, cut_off = None, False
        if self.append and exists(self.filename):
            with reading(self.filename) as old:  # its header and its last byte: the rows between may be very many
                with _as_text(old) as text:
                    self.keys = self._old_keys(text)
                cut_off = old.seek(0, os.SEEK_END) > 0 and old.seek(-1, os.SEEK_END) >= 0 and old.read(1) != b"\n"
        file = self._open(mode)
        if cut_off:
            file.write("\r\n")  # a process that died within a row must not have the next one glued to it
        return file

    def _old_keys(self, text: Iterable[str]) -> list[str] | None:
        header = next(self._rows(text), None)
        if header is None:
            return None
        if header[:1] != ["epoch"]:
            raise UnusableFile(
                "CSVLogger cannot go on in this file: its first column is not the epoch.",
                given=self.filename,
                wanted=f'a header that begins with "epoch{self.sep}"',
                cure="CSVLogger(filename, append=False), another filename, or the separator that the file has",
            )
        return [cell[1:] if cell.startswith("'") and cell[1:].startswith(FORMULA) else cell for cell in header[1:]]

    def _open(self, mode: str) -> IO[str]:
        try:
            return to_append(self.filename).open(mode, newline="", encoding="utf-8")
        except OSError as error:
            raise self._refused(error) from error

    def _cut(self, length: int) -> None:
        """Take back what the disk has of a row that it did not take whole: the next one must not be glued to it."""
        with contextlib.suppress(OSError):
            self._close()  # tries once more to write what it holds
        self.csv_file = self._open("a")
        with contextlib.suppress(OSError):
            self.csv_file.truncate(length)

    def _refused(self, error: OSError) -> UnusableFile:
        return UnusableFile(
            f"CSVLogger cannot write its file: {error.strerror or error}.",
            given=self.filename,
            wanted="a file that can be written, in a folder that is there or can be made",
            cure='CSVLogger("training.csv")',
        )

    def _rows(self, text: Iterable[str]) -> Iterator[list[str]]:
        try:
            yield from csv.reader(text, delimiter=self.sep)
        except csv.Error as error:
            raise UnusableFile(
                f"CSVLogger cannot read what is in its file already: {error}.",
                given=self.filename,
                wanted="a file that CSVLogger wrote",
                cure="CSVLogger(filename, append=False), or another filename",
            ) from error

    def _write(self, file: IO[str], *rows: list[Any]) -> None:
        csv.writer(file, delimiter=self.sep).writerows(rows)

    def _grow(self, new: list[str]) -> None:
        """Give the file more columns: it is replaced whole, so that no moment sees half of it."""
        self._close()
        path = os.path.realpath(local(self.filename))
        with reading(path) as file, _as_text(file) as text:
            header, *rows = self._rows(text)
        grown = io.StringIO(newline="")
        self._write(grown, [*header, *map(_text, new)], *([*row, *[MISSING] * len(new)] for row in rows))
        with replacing(path) as file:
            file.write(grown.getvalue().encode())
        self.keys = [*(self.keys or ()), *new]
        self.csv_file = self._open("a")

    def _close(self) -> None:
        file, self.csv_file = self.csv_file, None
        if file is not None:
            file.close()


def _cell(value: Any) -> Any:
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, Iterable) and getattr(value, "ndim", 1):
        return f'"[{", ".join(map(str, value))}]"'
    return value


def _text(value: str) -> str:
    if not value.startswith(FORMULA):
        return value
    try:
        float(value)
    except ValueError:
        return "'" + value
    return value


@contextmanager
def _as_text(file: BinaryIO) -> Iterator[IO[str]]:
    """A file's text, read as far as it is asked for; the file stays open."""
    text = io.TextIOWrapper(file, "utf-8", errors="replace", newline="")
    try:
        yield text
    finally:
        text.detach()
