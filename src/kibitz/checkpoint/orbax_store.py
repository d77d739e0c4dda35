"""The arrays of a commit as Orbax writes them, and a table of what they are, without which they are nothing.

Orbax cuts what is sharded and writes piece by piece from where it lies. It promises less than a commit does: flipped
bits in its arrays are given back without a word, and neither its small files nor its folder are brought to the disk for
good. So whoever writes waits for it, brings every file to the disk, reads the arrays back, and gives out a table with
the digest of each piece of each array and of each file. Whoever reads compares all of it, the files first: what is not
as it was written is never taken for arrays.

They are read with TensorStore, which Orbax writes with, array by array and by a place of ours: what else Orbax has put
there says nothing that is needed, and may be a stranger's. (Where Orbax fails to read one array, it leaves the others
on their way, and these tell of it on the screen when their time has come.)

    step-000000000500.orbax-0/    an Orbax checkpoint; the arrays are called 0, 1, 2 ... there
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from kibitz.checkpoint.files import settle_folder
from kibitz.checkpoint.folders import file_digest, plain_files, remove_folder, sealed
from kibitz.checkpoint.leaf import DTYPES, NAMES, writable
from kibitz.checkpoint.orbax_steps import orbax
from kibitz.checkpoint.pieces import digests, grid
from kibitz.checkpoint.state_file import MOST_DIMENSIONS
from kibitz.errors import KibitzError, UnusableFile


class Leaf(NamedTuple):
    """What a table says of an array.

    Args:
        dtype: Its dtype; the table has it in the letters of safetensors.
        shape: Its shape.
        cut: In how many pieces it was cut along each axis.
        digests: The digest of each piece.
    """

    dtype: np.dtype
    shape: tuple[int, ...]
    cut: tuple[int, ...]
    digests: list[str]

    @property
    def nbytes(self) -> int:
        """Its bytes."""
        return math.prod(self.shape) * self.dtype.itemsize


def write_arrays(folder: Path, arrays: Mapping[str, Any]) -> dict[str, Any]:
    """Write arrays with Orbax, read them back, and give the table of what was written, as JSON.

    Args:
        folder: Where to; what lies there goes.
        arrays: Arrays by name, on the host or on devices; none of them empty.

    Raises:
        UnusableFile: If the disk or Orbax refuses, or gives back something else; nothing is left there.
        Unsupported: If an array has a dtype that a commit cannot hold, or lies in several processes.

    Example:
        >>> import pathlib, tempfile
        >>> import jax.numpy as jnp
        >>> from kibitz.checkpoint.orbax_store import read_arrays, write_arrays
        >>> with tempfile.TemporaryDirectory() as place:
        ...     table = write_arrays(pathlib.Path(place) / "arrays", {"kernel": jnp.ones((2, 3))})
        ...     read_arrays(pathlib.Path(place) / "arrays", table)["kernel"].shape
        (2, 3)

    Source: https://orbax.readthedocs.io/en/latest/guides/checkpoint/optimized_checkpointing.html
    """
    held = {name: value if hasattr(value, "addressable_shards") else writable(name, value)
            for name, value in arrays.items()}  # fmt: skip
    told = {}
    for name, value in held.items():
        writable(name, np.empty(0, value.dtype))
        cut = grid(value)
        told[name] = [NAMES[np.dtype(value.dtype)], list(value.shape), list(cut), digests(value, cut)]
    _clear(folder)
    settle_folder(folder.parent)
    try:
        with _heard(folder, "written"):
            _save(folder, dict(zip(map(str, range(len(held))), held.values(), strict=True)))
        sizes, found = plain_files(folder), sealed(folder)
        table = {"leaves": told, "files": {name: [sizes[name], found[name]] for name in sizes}}
        for _ in _restored(folder, leaves_of(table, folder)):  # what Orbax gives back is what it was given
            pass
    except BaseException:
        with contextlib.suppress(KibitzError):
            _clear(folder)
        raise
    return table


def read_arrays(folder: Path, table: Any) -> dict[str, np.ndarray]:
    """Read what `write_arrays` wrote, with every digest compared.

    Args:
        folder: Where it lies.
        table: What `write_arrays` gave.

    Raises:
        UnusableFile: If anything is missing, is too much, or is not as it was written.
    """
    leaves = leaves_of(table, folder)
    sizes, files = plain_files(folder), table["files"]
    if {name: size for name, (size, _) in files.items()} != sizes:
        odd = sorted(name for name in {*files, *sizes} if (files.get(name) or [None])[0] != sizes.get(name))
        raise _damaged(folder, f"{odd[0]} is missing, is of another length, or is too much")
    if sum(leaf.nbytes for leaf in leaves.values()) > sum(sizes.values()):  # nothing is packed in them
        raise _damaged(folder, "it says of more numbers than its files can hold")
    for name, (_, digest) in files.items():
        if file_digest(folder / name) != digest:
            raise _damaged(folder, f"{name} is not as it was written")
    return dict(_restored(folder, leaves))


def leaves_of(table: Any, folder: Path) -> dict[str, Leaf]:
    """What a table says of the arrays, by name.

    Args:
        table: What `write_arrays` gave, or what a stranger wrote instead.
        folder: What it is about, for the error.

    Raises:
        UnusableFile: If it is no such table.
    """
    leaves, files = (table.get(key) for key in ("leaves", "files")) if isinstance(table, dict) else (None, None)
    if not isinstance(leaves, dict) or not isinstance(files, dict) or not all(map(_is_file, files.values())):
        raise _damaged(folder, "there is no table of what it holds")
    found = {}
    for name, leaf in leaves.items():
        if not _is_leaf(leaf):
            raise _damaged(folder, f"its table says of {name!r} what cannot be")
        dtype, shape, cut, each = leaf
        found[name] = Leaf(DTYPES[dtype], tuple(shape), tuple(cut), each)
    return found


def _is_file(value: Any) -> bool:
    return isinstance(value, list) and list(map(type, value)) == [int, str]


def _is_leaf(value: Any) -> bool:
    if not (isinstance(value, list) and list(map(type, value)) == [str, list, list, list]):
        return False
    dtype, shape, cut, each = value
    return (
        dtype in DTYPES
        and len(shape) == len(cut) <= MOST_DIMENSIONS
        and all(type(size) is type(parts) is int and size >= parts >= 1 and size % parts == 0
                for size, parts in zip(shape, cut, strict=True))
        and all(isinstance(text, str) for text in each)
        and len(each) == math.prod(cut)
    )  # fmt: skip


def _clear(folder: Path) -> None:
    """Take a folder away, and what Orbax calls it until it is done."""
    for each in (folder, *folder.parent.glob(f"{folder.name}.*")):
        remove_folder(each)


def _save(folder: Path, tree: dict[str, Any]) -> None:
    ocp = orbax("A large or sharded commit")
    # Not packed: numbers of weights hardly are, and what is not packed cannot grow without bounds when it is read. The
    # rest says how they are laid out, so that they are found there whatever Orbax takes to be best some day.
    writer = ocp.Checkpointer(ocp.PyTreeCheckpointHandler(use_compression=False, use_ocdbt=True, use_zarr3=False))
    try:
        writer.save(folder.absolute(), args=ocp.args.PyTreeSave(tree))
    finally:
        writer.close()


def _restored(folder: Path, leaves: Mapping[str, Leaf]) -> Iterator[tuple[str, np.ndarray]]:
    """The arrays one by one, each compared with what the table says of it."""
    orbax("A large or sharded commit")
    import tensorstore

    together = tensorstore.Context()  # of this reading alone: nothing is remembered of a folder that lay there before
    for number, (name, leaf) in enumerate(leaves.items()):
        with _heard(folder, "read"):
            array = tensorstore.open(_place(folder, number), open=True, read=True, context=together).result()
        if not _fits(array, leaf):
            raise _damaged(folder, "its arrays are not those that its table names")
        with _heard(folder, "read"):
            numbers = _numbers(array)
        if digests(numbers, leaf.cut) != leaf.digests:
            raise _damaged(folder, f"{name} is not as it was written")
        yield name, numbers


def _place(folder: Path, number: int) -> dict[str, Any]:
    """Where an array lies, in TensorStore's words."""
    database = {"driver": "ocdbt", "base": {"driver": "file", "path": f"{folder.absolute()}/"}, "path": f"{number}/"}
    return {"driver": "zarr", "kvstore": database}


def _numbers(array: Any) -> np.ndarray:
    return np.asarray(array.read().result())


def _fits(array: Any, leaf: Leaf) -> bool:
    """Whether an array is what the table says, and no part of it unfolds to more than the whole, as far as it is known.

    Both are what the array itself says, and not the files of Orbax beside it.
    """
    part = array.chunk_layout.read_chunk.shape or ()
    alike = (tuple(array.shape), np.dtype(array.dtype.numpy_dtype)) == (leaf.shape, leaf.dtype)
    return alike and len(part) == len(leaf.shape) and all(map(int.__le__, part, leaf.shape))


@contextlib.contextmanager
def _heard(folder: Path, verb: str) -> Iterator[None]:
    """Say in four parts what Orbax, TensorStore or the disk refused."""
    whose = "TensorStore" if verb == "read" else "Orbax"
    try:
        yield
    except KibitzError:
        raise
    except Exception as error:
        told = UnusableFile(
            f"{folder.name} could not be {verb}: {whose} says {' '.join(str(error).split())[:200]}.",
            given=str(folder),
            wanted="arrays that Orbax wrote" if verb == "read" else "room on the disk, and a place where you may write",
            cure="take another commit" if verb == "read" else "make room, or write elsewhere; older commits are whole",
        )
        told.errno = getattr(error, "errno", None)
        raise told from error


def _damaged(folder: Path, why: str) -> UnusableFile:
    return UnusableFile(
        f"This commit is damaged or was not written by Kibitz: {why}.",
        given=str(folder),
        wanted="the arrays that belong to the commit, as they were written",
        cure="take another copy of it, or remove it to go on from the one before it",
    )
