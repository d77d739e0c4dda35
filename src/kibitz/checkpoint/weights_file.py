"""`.weights.h5` in Keras's own layout: `layers/dense_1/vars/0`, `optimizer/vars/2`.

A group is named after a layer's class, counted (`dense`, `dense_1`), since names that nobody gave differ from one
program to the next; the layer's own name is the attribute `name` of its `vars`. Each array also carries a digest of its
bytes, which Keras does not look at.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, BinaryIO

import numpy as np
from jax import dtypes

from kibitz.errors import KibitzError, Unsupported, UnusableFile

BFLOAT16 = np.dtype(dtypes.bfloat16)
MOST_OBJECTS = 100_000
DEEPEST = 24
MOST_CHUNK = 16 * 2**20
"""Bytes of a chunk that may be larger than its array: a chunk is allocated whole."""


@dataclass
class Group:
    """The arrays of one layer, or of the optimizer, at their place in the file.

    Args:
        path: The place: "layers/dense"; "" for the model itself.
        name: The layer's own name.
        arrays: Anything with a shape and a dtype; to be written, real arrays.
        labels: What each array is called in errors: "kernel". None means its number.

    Example:
        >>> import numpy as np
        >>> from kibitz.checkpoint.weights_file import Group
        >>> Group("layers/dense", "logits", [np.zeros((3, 2), "float32")]).shown(0)
        'logits, array 0: float32[3, 2]'
    """

    path: str
    name: str
    arrays: Sequence[Any] = ()
    labels: Sequence[str] | None = None

    def shown(self, number: int) -> str:
        """One array in words."""
        array = self.arrays[number]
        label = self.labels[number] if self.labels else f"array {number}"
        return f"{self.name}, {label}: {np.dtype(array.dtype)}[{', '.join(map(str, array.shape))}]"


@dataclass
class Contents:
    """What a file gave to the groups that were wanted.

    Args:
        arrays: The arrays of each group that fits, by the group's path, with the dtypes that were wanted.
        differs: What is wrong with each group that does not fit, by its path, line by line.
        unexpected: Paths of arrays in the file that no group wants.
        counts: How many arrays the file has in the place of each group.
    """

    arrays: dict[str, list[np.ndarray]] = field(default_factory=dict)
    differs: dict[str, list[str]] = field(default_factory=dict)
    unexpected: list[str] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)


def write_weights(groups: Sequence[Group]) -> bytes:
    """The bytes of a `.weights.h5` file.

    Args:
        groups: What to write, each group with real arrays.

    Raises:
        Unsupported: If an array has a dtype that the file cannot hold.

    Example:
        >>> import io
        >>> import numpy as np
        >>> from kibitz.checkpoint.weights_file import Group, read_weights, write_weights
        >>> group = Group("layers/dense", "dense", [np.ones((3, 2), "float32")])
        >>> data = write_weights([group])
        >>> read_weights(io.BytesIO(data), [group], "a file").arrays["layers/dense"][0].shape
        (3, 2)

    Source: https://keras.io/api/models/model_saving_apis/weights_saving_and_loading/
    """
    import h5py

    # In memory first: a disk that fills up under HDF5's own hands is told in no words that help.
    image = io.BytesIO()
    with h5py.File(image, "w") as file:
        for group in groups:
            place = file.create_group(f"{group.path}/vars".lstrip("/"))
            place.attrs["name"] = group.name
            for number, array in enumerate(group.arrays):
                _write(place, str(number), np.asarray(array), group.shown(number))
    return image.getvalue()


def read_weights(file: BinaryIO, groups: Sequence[Group], source: str) -> Contents:
    """Read what the groups want. Nothing is allocated before its shape is known to be the one that is wanted.

    Args:
        file: An open file, or bytes in memory.
        groups: What is wanted; of their arrays only shapes and dtypes are looked at.
        source: The file's name, for errors.

    Raises:
        UnusableFile: If it is damaged, or holds links, arrays that lie elsewhere, or anything but numbers.
    """
    import h5py

    with _trusted(source), h5py.File(file, "r") as opened:
        datasets = _datasets(opened, source)
        contents = Contents()
        for group in groups:
            place = f"{group.path}/vars/".lstrip("/")
            numbers = {path.removeprefix(place) for path in datasets if path.startswith(place)}
            found = {number: datasets.pop(place + number) for number in numbers}
            contents.counts[group.path] = len(found)
            if lines := _unlike(group, found):
                contents.differs[group.path] = lines
            else:
                contents.arrays[group.path] = [
                    _array(found[str(number)], np.dtype(like.dtype), group.shown(number), source)
                    for number, like in enumerate(group.arrays)
                ]
        contents.unexpected = list(datasets)
    return contents


def _write(place: Any, number: str, array: np.ndarray, what: str) -> None:
    if array.dtype.kind not in "fiub" and array.dtype != BFLOAT16:
        raise Unsupported(
            f"A weights file cannot hold this array ({what}).",
            given=array,
            wanted="floats (bfloat16 among them), integers or booleans",
            cure="keep it in one of these dtypes",
        )
    dataset = place.create_dataset(number, data=array.view("V2") if array.dtype == BFLOAT16 else array)
    if array.dtype == BFLOAT16:
        dataset.attrs["dtype"] = "bfloat16"
    dataset.attrs["sha256"] = _digest(array)


def _digest(array: np.ndarray) -> str:
    digest = hashlib.sha256(f"{array.dtype.str}{array.shape}".encode())
    digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def _datasets(opened: Any, source: str) -> dict[str, Any]:
    """All arrays of a file by their paths, or an error; links are not followed, and nothing is reached twice."""
    import h5py

    found: dict[str, Any] = {}
    seen: set[Any] = set()
    waiting = [("", opened, 0)]
    while waiting:
        path, group, depth = waiting.pop()
        if depth > DEEPEST or len(group) + len(found) + len(waiting) > MOST_OBJECTS:
            raise _refused(source, "it holds too many groups, or they are nested too deeply")
        for name in group:
            here = f"{path}/{name}".lstrip("/")
            if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                raise _refused(source, f"{here} is a link to another place")
            item = group[name]
            if item in seen:
                raise _refused(source, f"{here} is reached twice")
            seen.add(item)
            if isinstance(item, h5py.Group):
                waiting.append((here, item, depth + 1))
            elif not isinstance(item, h5py.Dataset):
                raise _refused(source, f"{here} is neither a group nor an array")
            elif item.is_virtual or item.external:  # asked before its shape, which may lie in the other file too
                raise _refused(source, f"the numbers of {here} lie in another file")
            else:
                found[here] = item
    return found


def _unlike(group: Group, found: dict[str, Any]) -> list[str]:
    """What differs between a group that is wanted and what the file has in its place."""
    lines = []
    for number, like in enumerate(group.arrays):
        dataset = found.get(str(number))
        if dataset is None:
            lines.append(f"{group.shown(number)} is missing")
        elif dataset.shape != tuple(like.shape):
            lines.append(f"{group.shown(number)} is {_kind(dataset)} in the file")
    extra = sorted(set(found) - {str(number) for number in range(len(group.arrays))})
    return lines + [
        f"{group.name} has no array {number}, which is {_kind(found[number])} in the file" for number in extra
    ]


def _kind(dataset: Any) -> str:
    shape = "?" if dataset.shape is None else ", ".join(map(str, dataset.shape))
    return f"{'bfloat16' if _is_bfloat16(dataset) else dataset.dtype}[{shape}]"


def _is_bfloat16(dataset: Any) -> bool:
    return dataset.dtype.kind == "V" and dataset.dtype.itemsize == 2 and _said(dataset, "dtype") == "bfloat16"


def _said(dataset: Any, name: str) -> str | None:
    """A text that stands beside a dataset; None if there is none. HDF5 ends the process over some that are no text."""
    import h5py

    if name not in dataset.attrs:
        return None
    held = dataset.attrs.get_id(name)
    return dataset.attrs[name] if isinstance(held.get_type(), h5py.h5t.TypeStringID) and held.shape == () else ""


def _array(dataset: Any, wanted: np.dtype, what: str, source: str) -> np.ndarray:
    """The numbers of a dataset whose shape is right, in the dtype that is wanted."""
    bfloat16 = _is_bfloat16(dataset)
    if dataset.dtype.kind not in "fiub" and not bfloat16:
        raise _refused(source, f"{what} is {dataset.dtype} in the file, which is no number")
    _check_storage(dataset, what, source)
    array = np.empty(dataset.shape, dataset.dtype)
    if array.size:
        dataset.read_direct(array)
    array = array.view(BFLOAT16) if bfloat16 else array
    digest = _said(dataset, "sha256")
    if digest is not None and digest != _digest(array):
        raise _refused(source, f"the numbers of {what} are not those that were written")
    return _cast(array, wanted, what, source)


def _check_storage(dataset: Any, what: str, source: str) -> None:
    if dataset.id.get_create_plist().get_nfilters():  # HDF5 unpacks without a bound, and a plug-in is a program
        raise _refused(source, f"{what} is packed, and arrays should be stored as they are")
    chunk = math.prod(dataset.chunks or ()) * dataset.dtype.itemsize
    if chunk > max(dataset.nbytes, MOST_CHUNK):
        raise _refused(source, f"{what} is stored in pieces of {chunk} bytes, and has {dataset.nbytes}")


def _cast(array: np.ndarray, wanted: np.dtype, what: str, source: str) -> np.ndarray:
    if array.dtype == wanted:
        return array
    floats = [dtype == BFLOAT16 or dtype.kind == "f" for dtype in (array.dtype, wanted)]
    with np.errstate(over="ignore"):
        cast = array.astype(wanted)
    if not all(floats) and (any(floats) or not np.array_equal(cast, array)):
        raise _refused(source, f"{what} is {array.dtype} in the file, and its numbers are not that kind")
    return cast


@contextlib.contextmanager
def _trusted(source: str) -> Iterator[None]:
    """Whatever HDF5 stumbles over in a file is one thing to its reader: the file is damaged."""
    try:
        yield
    except KibitzError:
        raise
    except Exception as error:
        raise _refused(source, f"HDF5 says: {' '.join(str(error).split())[:200]}") from error


def _refused(source: str, why: str) -> UnusableFile:
    return UnusableFile(
        f"This weights file is damaged or cannot be trusted: {why}.",
        given=source,
        wanted="a file that save_weights wrote, here or in Keras",
        cure="take another copy of it, or save the weights again",
    )
