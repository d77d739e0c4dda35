"""A whole state in one file: arrays by name, and one small document about them, with a digest of each and over all.

The format is safetensors (a length, a header in JSON, the bytes), written leaf by leaf so that nothing is copied whole.
Any safetensors reader opens it; the document and the digest stand in its metadata.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Iterable, Mapping
from typing import Any, BinaryIO

import numpy as np

from kibitz.checkpoint.files import reading, replacing
from kibitz.checkpoint.leaf import DTYPES, NAMES, bytes_of, digest_of, leaf_digests, writable
from kibitz.checkpoint.strict_json import MOST_BYTES, dumps, loads
from kibitz.errors import Unsupported, UnusableFile

FORMAT = "kibitz-state-1"
MOST_DIMENSIONS = 64
"""What NumPy can hold; the product of very many sizes would take for ever."""


def write_state(
    path: Any,
    arrays: Mapping[str, Any],
    document: Mapping[str, Any],
    *,
    keep: Any = None,
    digests: Mapping[str, str] | None = None,
) -> None:
    """Write a state; the file at `path` is replaced whole or not at all.

    Args:
        path: The file.
        arrays: Arrays by name, on the host or on a device.
        document: What else there is to know, as JSON.
        keep: Where the old file goes. None lets it go.
        digests: Those of the arrays, where `leaf_digests` has made them already: each byte is looked at once. None
            makes them.

    Raises:
        UnusableFile: If the disk refuses.
        Unsupported: If an array has a dtype that the file cannot hold.

    Example:
        >>> import os, tempfile
        >>> import numpy as np
        >>> from kibitz.checkpoint.state_file import read_state, write_state
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = os.path.join(folder, "backup.safetensors")
        ...     write_state(path, {"kernel": np.ones((2, 3))}, {"epoch": 1})
        ...     arrays, document = read_state(path)
        >>> arrays["kernel"].shape, document
        ((2, 3), {'epoch': 1})

    Source: https://huggingface.co/docs/safetensors (the format).
    """
    host = {name: writable(name, array) for name, array in arrays.items()}
    text = dumps(dict(document), "the state's document").decode()
    known = leaf_digests(host) if digests is None else {name: digests[name] for name in host}
    metadata = {
        "format": FORMAT,
        "document": text,
        "leaves": " ".join(known.values()),
        "sha256": digest_of(known, text),
    }
    header: dict[str, Any] = {"__metadata__": metadata}
    offset = 0
    for name, array in host.items():
        end = offset + array.nbytes
        header[name] = {"dtype": NAMES[array.dtype], "shape": list(array.shape), "data_offsets": [offset, end]}
        offset = end
    head = json.dumps(header, separators=(",", ":")).encode()
    head += b" " * (-len(head) % 8)
    if len(head) > MOST_BYTES:
        raise Unsupported(
            "There is more to write down about this state than could be read back.",
            given=f"{len(head)} bytes besides the arrays",
            wanted=f"{MOST_BYTES} at the most",
            cure="keep long lists of numbers as NumPy arrays",
        )
    with replacing(path, keep=keep) as file:
        file.write(struct.pack("<Q", len(head)) + head)
        for array in host.values():
            file.write(bytes_of(array))


def read_state(path: Any, *, follow: bool = True) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Read a state that was written whole: the arrays, and the document.

    Args:
        path: The file.
        follow: Whether it may be a link, or lie in a folder that is one.

    Raises:
        UnusableFile: If it is not there, is no such file, or is not as it was written.
    """
    with reading(path, follow=follow) as file:
        metadata, layout, _ = _opened(file, path)
        arrays = {name: _array(file, dtype, shape, path) for name, (dtype, shape) in layout.items()}
    text, leaves = metadata.get("document"), str(metadata.get("leaves")).split(" ")
    known = leaf_digests(arrays)
    for (name, found), wanted in zip(known.items(), leaves, strict=False):
        if found != wanted:
            raise _damaged(path, f"{name!r} is not the array that the digest is of")
    if not isinstance(text, str) or metadata.get("sha256") != digest_of(known, text):
        raise _damaged(path, "its digest is not that of what it holds")
    document = loads(text.encode(), "the state's document")
    return arrays, document


def peek_state(
    path: Any, beginning: str, *, follow: bool = True
) -> tuple[dict[str, tuple[np.dtype, tuple[int, ...]]], dict[str, np.ndarray], Any]:
    """What a state holds, without reading it whole: its digest cannot be looked at then.

    Args:
        path: The file.
        beginning: How the names of those arrays begin that are read all the same.
        follow: Whether it may be a link, or lie in a folder that is one.

    Returns:
        Dtype and shape of every array by name, the arrays that were asked for, and the document.

    Raises:
        UnusableFile: If it is not there, is no such file, or is cut short.

    Example:
        >>> import os, tempfile
        >>> import numpy as np
        >>> from kibitz.checkpoint.state_file import peek_state, write_state
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = os.path.join(folder, "backup.safetensors")
        ...     write_state(path, {"kernel": np.ones((2, 3)), "small": np.ones(1)}, {"epoch": 1})
        ...     layout, arrays, document = peek_state(path, "small")
        >>> layout["kernel"][1], list(arrays), document
        ((2, 3), ['small'], {'epoch': 1})
    """
    arrays = {}
    with reading(path, follow=follow) as file:
        metadata, layout, place = _opened(file, path)
        for name, (dtype, shape) in layout.items():
            if name.startswith(beginning):
                file.seek(place)
                arrays[name] = _array(file, dtype, shape, path)
            place += math.prod(shape) * dtype.itemsize
    text = metadata.get("document")
    if not isinstance(text, str):
        raise _damaged(path, "it has no document")
    return layout, arrays, loads(text.encode(), "the state's document")


def _opened(file: BinaryIO, path: Any) -> tuple[dict[str, Any], dict[str, tuple[np.dtype, tuple[int, ...]]], int]:
    """The metadata, the layout, and where the first array begins."""
    size = file.seek(0, 2)
    file.seek(0)
    header, start = _header(file, size, str(path))
    metadata = header.pop("__metadata__", None)
    if not isinstance(metadata, dict) or metadata.get("format") != FORMAT:
        raise _damaged(path, f"it is no state that Kibitz wrote ({FORMAT})")
    return metadata, _layout(header, size - start, path), start


def differences(wanted: Mapping[str, Any], found: Mapping[str, Any]) -> list[str]:
    """What a state in a file lacks, has too much, or has in another shape or dtype, line by line.

    Args:
        wanted: Arrays by name, as the model has them.
        found: Arrays by name, as the file has them.

    Example:
        >>> import numpy as np
        >>> from kibitz.checkpoint.state_file import differences
        >>> differences({"a": np.zeros(2), "b": np.zeros(1)}, {"a": np.zeros(3)})
        ['a is float64[3], not float64[2]', 'b is missing']
    """
    lines = []
    for name, array in wanted.items():
        if name not in found:
            lines.append(f"{name} is missing")
        elif (found[name].shape, found[name].dtype) != (array.shape, array.dtype):
            lines.append(f"{name} is {_kind(found[name])}, not {_kind(array)}")
    return lines + [f"{name} is unexpected" for name in found if name not in wanted]


def shortened(lines: Iterable[str], most: int = 6) -> str:
    """The first few of many lines, in one."""
    lines = list(lines)
    more = f"; and {len(lines) - most} more" if len(lines) > most else ""
    return "; ".join(lines[:most]) + more


def _kind(array: Any) -> str:
    return f"{array.dtype}[{', '.join(map(str, array.shape))}]"


def _header(file: BinaryIO, size: int, path: str) -> tuple[dict[str, Any], int]:
    first = file.read(8)
    length = struct.unpack("<Q", first)[0] if len(first) == 8 else size
    if length > min(size - 8, MOST_BYTES):
        raise _damaged(path, "it is cut short, or its header's length is wrong")
    header = loads(file.read(length), f"the header of {path}")
    if not isinstance(header, dict):
        raise _damaged(path, "its header is no table of arrays")
    return header, 8 + length


def _layout(header: dict[str, Any], room: int, path: Any) -> dict[str, tuple[np.dtype, tuple[int, ...]]]:
    """The dtype and shape of each array in order; every byte of the file must be one array's, and be there."""
    layout, offset = {}, 0
    for name, entry in header.items():
        shape, dtype = (entry.get("shape"), DTYPES.get(str(entry.get("dtype")))) if isinstance(entry, dict) else (0, 0)
        sizes = isinstance(shape, list) and all(type(each) is int and each >= 0 for each in shape[:MOST_DIMENSIONS])
        if not (isinstance(dtype, np.dtype) and isinstance(shape, list) and sizes) or len(shape) > MOST_DIMENSIONS:
            raise _damaged(path, f"its header says of {name!r} what cannot be")
        end = offset + math.prod(shape) * dtype.itemsize
        if entry.get("data_offsets") != [offset, end] or end > room:
            raise _damaged(path, f"the bytes of {name!r} are not where they should be")
        layout[name], offset = (dtype, tuple(shape)), end
    if offset != room:
        raise _damaged(path, f"it is {room - offset} bytes too long")
    return layout


def _array(file: BinaryIO, dtype: np.dtype, shape: tuple[int, ...], path: Any) -> np.ndarray:
    try:
        array = np.empty(shape, dtype)
    except ValueError as error:  # too many dimensions, or a huge one beside an empty one
        raise _damaged(path, str(error)) from None
    if array.nbytes and file.readinto(array.reshape(-1).view(np.uint8)) != array.nbytes:  # pyright: ignore[reportAttributeAccessIssue] - a plain file's reader has it
        raise _damaged(path, "it is cut short")
    return array


def _damaged(path: Any, why: str) -> UnusableFile:
    return UnusableFile(
        f"This file is damaged or was not written by Kibitz: {why}.",
        given=str(path),
        wanted="a state that write_state wrote",
        cure="take another copy of it, or remove it to begin anew",
    )
