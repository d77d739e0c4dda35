"""`.keras`: one zip with three members, stored as they are: metadata.json, config.json and model.weights.h5.

The configuration is Kibitz's own and is JSON only; Keras cannot load the model from it, and Kibitz cannot load a model
that Keras saved. The weights within are in Keras's layout either way, so each reads the other's weights.
"""

from __future__ import annotations

import contextlib
import io
import zipfile
from collections.abc import Iterator
from typing import Any, BinaryIO

from kibitz.checkpoint.files import reading, replacing
from kibitz.checkpoint.strict_json import MOST_BYTES, dumps, loads
from kibitz.errors import KibitzError, UnusableFile

FORMAT = 1
METADATA, CONFIG, WEIGHTS = "metadata.json", "config.json", "model.weights.h5"
LONG_AGO = (1980, 1, 1, 0, 0, 0)
"""The date of every member, so that the same model is the same bytes."""


def write_archive(path: Any, config: dict[str, Any], weights: bytes | memoryview, version: str) -> None:
    """Write a model into one file, which is replaced whole or not at all.

    Args:
        path: The file.
        config: What rebuilds the model, as JSON.
        weights: The bytes of its weights file.
        version: The version of Kibitz that writes.

    Raises:
        UnusableFile: If the disk refuses.
        InvalidArgument: If the configuration is not JSON.

    Example:
        >>> import os, tempfile
        >>> from kibitz.checkpoint.archive import read_archive, write_archive
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = os.path.join(folder, "model.keras")
        ...     write_archive(path, {"class_name": "Sequential"}, b"...", "1.0")
        ...     read_archive(path)
        ({'class_name': 'Sequential'}, b'...')
    """
    metadata = dumps({"kibitz_version": version, "format": FORMAT}, "the file's metadata")
    members = {METADATA: metadata, CONFIG: dumps(config, "the model's configuration"), WEIGHTS: weights}
    with replacing(path) as file, zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name, data in members.items():
            with archive.open(zipfile.ZipInfo(name, LONG_AGO), "w", force_zip64=True) as member:
                member.write(data)


def read_archive(path: Any) -> tuple[dict[str, Any], bytes]:
    """Read a model's configuration and the bytes of its weights file.

    Raises:
        UnusableFile: If it is damaged, was saved by Keras, or by a version of Kibitz whose format is not known here.
    """
    with reading(path) as file, _opened(file, path) as archive:
        metadata = _json(archive, METADATA, path)
        if "keras_version" in metadata:
            raise UnusableFile(
                "This model was saved by Keras, and what rebuilds it there means nothing here.",
                given=str(path),
                wanted="a file that save wrote in Kibitz",
                cure=f"build the same layers as Sequential, then model.load_weights({str(path)!r})",
            )
        if type(metadata.get("format")) is not int or metadata["format"] != FORMAT:
            raise UnusableFile(
                "This file has a format that this version of Kibitz does not know.",
                given=metadata.get("format"),
                wanted=f"format {FORMAT}",
                cure=f"load it with the version that wrote it: kibitz {metadata.get('kibitz_version')}",
            )
        return _json(archive, CONFIG, path), _member(archive, WEIGHTS, path)


def read_archived_weights(path: Any) -> bytes:
    """Read the bytes of the weights file in a `.keras` file, whether Kibitz or Keras saved it.

    Raises:
        UnusableFile: If it is damaged, or has no weights.
    """
    with reading(path) as file, _opened(file, path) as archive:
        return _member(archive, WEIGHTS, path)


@contextlib.contextmanager
def _opened(file: BinaryIO, path: Any) -> Iterator[zipfile.ZipFile]:
    size = file.seek(0, io.SEEK_END)
    try:
        with zipfile.ZipFile(file) as archive:
            _check_members(archive.infolist(), size, path)
            yield archive
    except KibitzError:
        raise
    except Exception as error:
        raise _damaged(path, f"zip says: {error}") from error


def _check_members(infos: list[zipfile.ZipInfo], size: int, path: Any) -> None:
    if len({info.filename for info in infos}) < len(infos):
        raise _damaged(path, "it holds two members of one name")
    if any(info.compress_type != zipfile.ZIP_STORED or info.flag_bits & 1 for info in infos):
        raise _damaged(path, "its members are packed or locked, and they should be stored as they are")
    if sum(info.file_size for info in infos) > size:
        raise _damaged(path, "it says that it holds more than it does")


def _member(archive: zipfile.ZipFile, name: str, path: Any) -> bytes:
    if name not in archive.namelist():
        raise _damaged(path, f"it has no {name}")
    return archive.read(name)


def _json(archive: zipfile.ZipFile, name: str, path: Any) -> dict[str, Any]:
    if name in archive.namelist() and archive.getinfo(name).file_size > MOST_BYTES:
        raise _damaged(path, f"its {name} is too large")
    value = loads(_member(archive, name, path), f"{name} in {path}")
    if not isinstance(value, dict):
        raise _damaged(path, f"its {name} is no table")
    return value


def _damaged(path: Any, why: str) -> UnusableFile:
    return UnusableFile(
        f"This model file is damaged or cannot be trusted: {why}.",
        given=str(path),
        wanted="a file that save wrote",
        cure="take another copy of it, or save the model again",
    )
