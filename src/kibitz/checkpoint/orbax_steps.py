"""A folder of steps that Orbax writes: each a tree of arrays, and a record with a digest beside it.

    directory/
        4/pytree/...            the arrays, as Orbax writes them and as Keras lays them out
        4/record/metadata       JSON: the format, a document of ours, and a digest over both it and the arrays
        4/_CHECKPOINT_METADATA  Orbax's own; a step takes its name only once it is whole

Orbax gives flipped bits back without a word, so whoever reads compares the digest. Steps that Keras wrote have no
record, and are read as they are.
"""

from __future__ import annotations

import contextlib
import math
import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from kibitz.checkpoint.files import exists, local, reading
from kibitz.checkpoint.leaf import digest_of, leaf_digests
from kibitz.checkpoint.strict_json import MOST_BYTES, dumps, loads
from kibitz.errors import InvalidArgument, KibitzError, MissingExtra, UnusableFile, code

FORMAT = 1
ARRAYS, RECORD, WHOLE, LAYOUT = "pytree", "record", "_CHECKPOINT_METADATA", "_METADATA"
SMALL, PACKED = 2**26, 1100
"""So many bytes may be made of a few, and so many of each further one: zeros are packed like that, weights are not."""


class OrbaxSteps:
    """Writes steps into a folder, in the background if wanted, and keeps as many as are wanted.

    Args:
        directory: The folder; it is made if it is not there.
        most: How many steps to keep, the latest ones. None keeps all.
        background: Whether `save` comes back before the step is on the disk.

    Raises:
        MissingExtra: If Orbax is not installed.
        UnusableFile: If the disk refuses.

    Example:
        >>> import tempfile
        >>> import numpy as np
        >>> from kibitz.checkpoint.orbax_steps import OrbaxSteps, latest, read_step
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     steps = OrbaxSteps(folder, most=1)
        ...     steps.save(0, {"trainable_variables": {"kernel": np.ones((2, 3))}}, {"epoch": 1})
        ...     steps.close()
        ...     arrays, document = read_step(latest(folder))
        >>> arrays["trainable_variables"]["kernel"].shape, document
        ((2, 3), {'epoch': 1})

    Source: https://orbax.readthedocs.io/en/latest/guides/checkpoint/api_refactor.html
    """

    def __init__(self, directory: Any, *, most: int | None = None, background: bool = True):
        ocp = orbax()
        self.directory = local(directory).absolute()
        options = ocp.CheckpointManagerOptions(max_to_keep=most, enable_async_checkpointing=background)
        with _told(self.directory, "made"):
            self._manager: Any = ocp.CheckpointManager(self.directory, options=options)
        self._writing: int | None = None

    @property
    def last(self) -> int:
        """The number of the last step that is there or is being written; -1 if there is none."""
        found = self._manager.latest_step()
        return max(-1 if found is None else found, -1 if self._writing is None else self._writing)

    def save(self, step: int, tree: Mapping[str, Any], document: Mapping[str, Any]) -> None:
        """Write a step; a step before it that failed in the background speaks now.

        Args:
            step: Its number, more than that of any step that is there.
            tree: Nested dicts of NumPy arrays that nobody else changes.
            document: What else there is to know, as JSON.

        Raises:
            UnusableFile: If this step, or the one before, could not be written.
        """
        ocp = orbax()
        self.wait()
        args = ocp.args.Composite(
            **{ARRAYS: ocp.args.PyTreeSave(dict(tree)), RECORD: ocp.args.JsonSave(_record(tree, document))}
        )
        with _told(self.directory / str(step), "written"):
            written = self._manager.save(step, args=args, force=True)
        if not written:
            raise UnusableFile(
                f"Orbax did not write step {step}.",
                given=str(self.directory),
                wanted=f"a number above those that are there: {self._manager.all_steps()}",
                cure="give a folder of its own to each run",
            )
        self._writing = step

    def wait(self) -> None:
        """Wait until what is being written is on the disk.

        Raises:
            UnusableFile: If it could not be written.
        """
        step, self._writing = self._writing, None
        if step is not None:
            with _told(self.directory / str(step), "written"):
                self._manager.wait_until_finished()
                self._manager.check_for_errors()

    def close(self) -> None:
        """Wait, then let go of the folder."""
        try:
            self.wait()
        finally:
            with _told(self.directory, "closed"):
                self._manager.close()


def orbax(whose: str = "OrbaxCheckpoint") -> Any:
    """The package `orbax.checkpoint`, imported when it is first needed.

    Args:
        whose: Who needs it, for the message.

    Raises:
        MissingExtra: If it is not installed.
    """
    try:
        import orbax.checkpoint
    except ImportError as error:
        raise MissingExtra(
            f"{whose} requires the 'orbax-checkpoint' package.",
            given=code("import orbax.checkpoint"),
            wanted="the package",
            cure="pip install orbax-checkpoint",
        ) from error
    return orbax.checkpoint


def has_steps(path: Any) -> bool:
    """Whether a folder holds steps, or is one."""
    try:
        return bool(numbers(path)) or (local(path) / WHOLE).is_file()
    except (KibitzError, OSError):
        return False


def numbers(directory: Any) -> list[int]:
    """The steps in a folder that are whole, in order."""
    folder = local(directory)
    names = [each.name for each in folder.iterdir() if (each / WHOLE).is_file()] if folder.is_dir() else []
    return sorted(int(name) for name in names if name.isascii() and name.isdigit())


def latest(path: Any) -> Path:
    """The folder of the latest step in a folder; of a step's own folder, that folder.

    Raises:
        InvalidArgument: If there is none.
    """
    folder = local(path)
    if (folder / WHOLE).is_file():
        return folder.absolute()
    found = numbers(folder)
    if not found:
        raise InvalidArgument(
            f"No valid checkpoints found in {folder}.",
            given=str(path),
            wanted="a folder that OrbaxCheckpoint wrote",
            cure="look for it elsewhere",
        )
    return (folder / str(found[-1])).absolute()


def read_step(folder: Any) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """Read a step: its arrays, in nested dicts, and its document; None for one that Keras wrote.

    Raises:
        UnusableFile: If it is damaged, or not as it was written.
    """
    folder = local(folder)
    tree, record = _arrays(folder), folder / RECORD / "metadata"
    if not exists(record):
        return tree, None
    with reading(record) as file:
        found = loads(file.read(MOST_BYTES + 1), f"the record of step {folder.name}")
    document = found.get("document") if isinstance(found, dict) else None
    if not isinstance(document, dict) or found.get("format") != FORMAT:
        raise _damaged(folder, "its record is of no format that is known here")
    if found != _record(tree, document):
        raise _damaged(folder, "its digest is not that of what it holds")
    return tree, document


def flat(tree: Mapping[str, Any], above: str = "") -> dict[str, Any]:
    """The leaves of nested dicts by their paths.

    Args:
        tree: Nested dicts.
        above: What the paths begin with.

    Example:
        >>> from kibitz.checkpoint.orbax_steps import flat
        >>> flat({"dense": {"bias": 1, "kernel": 2}})
        {'dense/bias': 1, 'dense/kernel': 2}
    """
    found: dict[str, Any] = {}
    for name, item in tree.items():
        found |= flat(item, f"{above}{name}/") if isinstance(item, Mapping) else {f"{above}{name}": item}
    return found


def _arrays(folder: Path) -> dict[str, Any]:
    ocp, handler = orbax(), orbax().PyTreeCheckpointHandler()
    import jax

    stored = _looked_through(folder)
    try:
        known = handler.metadata(folder / ARRAYS)
        known = getattr(known, "tree", known)
        _refuse_bombs(jax.tree.leaves(known), stored, folder)
        # As NumPy's, so that it does not matter on which devices they were.
        how = jax.tree.map(lambda _: ocp.RestoreArgs(restore_type=np.ndarray), known)
        return handler.restore(folder / ARRAYS, args=ocp.args.PyTreeRestore(restore_args=how))
    except KibitzError:
        raise
    except Exception as error:
        raise _damaged(folder, f"Orbax says: {' '.join(str(error).split())[:200]}") from error
    finally:
        handler.close()


def _looked_through(folder: Path) -> int:
    """The bytes of a step, all in files and folders of its own; Orbax would follow links, and wait for pipes."""
    stored = 0
    for above, folders, files in os.walk(folder):
        for name in (*folders, *files):
            found = Path(above, name).lstat()
            if not (stat.S_ISREG(found.st_mode) or stat.S_ISDIR(found.st_mode)):
                raise _damaged(folder, f"{name} is a link, a pipe or a device")
            stored += found.st_size if stat.S_ISREG(found.st_mode) else 0
    with reading(folder / ARRAYS / LAYOUT) as file:
        layout = loads(file.read(MOST_BYTES + 1), f"the layout of step {folder.name}")
    # In Orbax's other layout the names of arrays are paths, and they may lead anywhere.
    if not isinstance(layout, dict) or layout.get("use_ocdbt") is not True:
        raise _damaged(folder, "its arrays are not in the one database that Orbax keeps them in")
    return stored


def _refuse_bombs(leaves: list[Any], stored: int, folder: Path) -> None:
    """Refuse arrays that say to be larger than their files can hold, before there is room made for them."""
    said = 0
    for leaf in leaves:
        whole = getattr(leaf, "shape", None) or ()
        pieces = getattr(getattr(leaf, "storage", None), "chunk_shape", None) or ()
        said += max(math.prod(whole), math.prod(pieces)) * np.dtype(getattr(leaf, "dtype", None) or "f4").itemsize
    if said > SMALL + PACKED * stored:
        raise _damaged(folder, f"it says to hold {said:,} bytes, in files of {stored:,}")


def _record(tree: Mapping[str, Any], document: Mapping[str, Any]) -> dict[str, Any]:
    text = dumps(dict(document), "the step's document").decode()
    arrays = {name: np.asarray(array) for name, array in sorted(flat(tree).items())}
    return {"format": FORMAT, "document": dict(document), "sha256": digest_of(leaf_digests(arrays), text)}


@contextlib.contextmanager
def _told(target: Path, verb: str) -> Iterator[None]:
    """Say in four parts what Orbax or the disk refused."""
    try:
        yield
    except KibitzError:
        raise
    except Exception as error:
        raise UnusableFile(
            f"The checkpoint {target.name} could not be {verb}: {' '.join(str(error).split())[:200]}.",
            given=str(target),
            wanted="room on the disk, and a folder where you may write",
            cure="OrbaxCheckpoint(another folder); the steps before it are as they were",
        ) from error


def _damaged(folder: Path, why: str) -> UnusableFile:
    return UnusableFile(
        f"This step is damaged or cannot be trusted: {why}.",
        given=str(folder),
        wanted="a step that OrbaxCheckpoint wrote",
        cure=f"take an earlier one: {', '.join(map(str, numbers(folder.parent)[:-1])) or 'there is none'}",
    )
