"""Rows that come batch by batch, laid down on the disk until they are a whole file: .npz or .csv."""

from __future__ import annotations

import csv
import io
import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, BinaryIO

import numpy as np

from kibitz.checkpoint.files import replacing
from kibitz.errors import ShapeMismatch, UnusableFile, WrongType

BLOCK = 1 << 20


class Spool:
    """Takes named arrays, rows first, as often as they come, and makes one file of them.

    Meanwhile they lie in nameless temporary files beside it, which go by themselves; in memory there is one batch.

    Args:
        path: The file to be: ".npz" holds an array by each name, ".csv" a line for each row.
        owner: The callback's name, for its errors.

    Raises:
        ShapeMismatch: If a batch has other names, shapes or dtypes than the first.
        WrongType: If a row of a .csv would be more than a list of numbers.
        UnusableFile: If the disk refuses.

    Example:
        >>> import os, tempfile, numpy as np
        >>> from pathlib import Path
        >>> from kibitz.callbacks.spool import Spool
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     spool = Spool(Path(folder, "out.npz"), "PredictionWriter")
        ...     spool.add({"outputs": np.zeros((2, 3))}); spool.add({"outputs": np.ones((1, 3))})
        ...     spool.write()
        ...     np.load(Path(folder, "out.npz"))["outputs"].shape
        (3, 3)
    """

    def __init__(self, path: Path, owner: str):
        self.path, self.owner = path, owner
        self.rows = 0
        self._files: dict[str, IO[bytes]] = {}
        self._kinds: dict[str, tuple[np.dtype, tuple[int, ...]]] = {}

    def add(self, batch: dict[str, np.ndarray]) -> None:
        """Lay a batch down."""
        arrays = {name: _plain(value) for name, value in batch.items()}
        kinds = {name: (value.dtype, value.shape[1:]) for name, value in arrays.items()}
        if not self._kinds:
            self.check(arrays)
            self._begin(kinds)
        elif kinds != self._kinds:
            raise ShapeMismatch(
                f"{self.owner} puts batches together, and this one is unlike those before.",
                given=next(iter(arrays.values()), None),
                wanted=", ".join(f"{name} {dtype}{list(shape)} a row" for name, (dtype, shape) in self._kinds.items()),
                cure="inputs of one shape, or a file for each shape",
            )
        with self._told():
            if self._csv:
                self._add_lines(arrays)
            else:
                for name, value in arrays.items():
                    self._files[name].write(np.ascontiguousarray(value).tobytes())
        self.rows += len(next(iter(arrays.values())))

    def write(self) -> None:
        """Put the file in its place, whole; the spool is empty then."""
        with replacing(self.path) as file:
            if self._csv:
                self._copy("", file)
            else:
                self._zip(file)
        self.drop()

    def drop(self) -> None:
        """Forget what was laid down."""
        for file in self._files.values():
            file.close()
        self._files, self._kinds, self.rows = {}, {}, 0

    @property
    def _csv(self) -> bool:
        return self.path.suffix == ".csv"

    def check(self, batch: dict[str, np.ndarray]) -> None:
        """Refuse what could not be laid down, before anything is."""
        for value in batch.values():
            if self._csv and np.ndim(value) > 2:
                raise WrongType(
                    f"{self.owner} writes a line for each row, and an output has more axes than that.",
                    given=value,
                    wanted="outputs of the shape [rows] or [rows, numbers]",
                    cure=f'"{self.path.with_suffix(".npz")}"',
                )

    def _begin(self, kinds: dict[str, tuple[np.dtype, tuple[int, ...]]]) -> None:
        with self._told():
            self.path.parent.mkdir(parents=True, exist_ok=True)
            for name in [""] if self._csv else kinds:
                self._files[name] = tempfile.TemporaryFile(dir=self.path.parent)  # noqa: SIM115 - drop closes it
        self._kinds = kinds
        if self._csv:
            columns = [column for name, (_, shape) in kinds.items() for column in _columns(name, shape)]
            self._lines([["row", *columns]])

    def _add_lines(self, arrays: dict[str, np.ndarray]) -> None:
        flat = [value.reshape(len(value), -1) for value in arrays.values()]
        # A NumPy number's text is the shortest that gives it again, in its own dtype.
        self._lines(
            [self.rows + row, *(str(number) for value in flat for number in value[row])] for row in range(len(flat[0]))
        )

    def _lines(self, lines: Any) -> None:
        text = io.StringIO(newline="")
        csv.writer(text).writerows(lines)
        self._files[""].write(text.getvalue().encode())

    def _zip(self, file: BinaryIO) -> None:
        with zipfile.ZipFile(file, "w", allowZip64=True) as archive:
            for name, (dtype, shape) in self._kinds.items():
                header = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False,
                          "shape": (self.rows, *shape)}  # fmt: skip
                entry = zipfile.ZipInfo(f"{name}.npy")  # dated 1980, so that the same numbers give the same bytes
                with archive.open(entry, "w", force_zip64=True) as member:
                    np.lib.format.write_array_header_2_0(member, header)
                    self._copy(name, member)

    def _copy(self, name: str, into: Any) -> None:
        if name in self._files:
            self._files[name].seek(0)
            shutil.copyfileobj(self._files[name], into, BLOCK)

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise UnusableFile(
                f"{self.owner} cannot lay its rows down: {error.strerror or error}.",
                given=str(self.path),
                wanted="room, in a folder where you may write",
                cure="give another path",
            ) from error


def _plain(value: Any) -> np.ndarray:
    array = np.asarray(value)
    return array.astype(np.float32) if array.dtype.kind == "V" else array  # bfloat16, which NumPy's files do not know


def _columns(name: str, shape: tuple[int, ...]) -> list[str]:
    width = int(np.prod(shape))
    return [name] if width == 1 else [f"{name}_{place}" for place in range(width)]
