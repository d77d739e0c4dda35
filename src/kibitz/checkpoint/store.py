"""The one door to the commits of a run, whichever of the two stores holds them.

A commit is known by its record, `step-000000000500.safetensors`. In the store "file" the record holds everything. In
the store "orbax" the arrays lie beside it, in `step-000000000500.orbax-0`, and the record has the table of them; it is
written last, and what has no record was never finished. There are two places for the arrays, -0 and -1, so that a step
that is committed once more is not taken away before it is there again.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from kibitz.checkpoint.files import remove, settle_folder, size
from kibitz.checkpoint.folders import folder_bytes, remove_folder
from kibitz.checkpoint.orbax_store import leaves_of, read_arrays, write_arrays
from kibitz.checkpoint.state_file import peek_state, read_state, write_state
from kibitz.errors import UnusableFile
from kibitz.layers.spread import spread

STORES = ("auto", "file", "orbax")
MODERATE = 256_000_000
"""Bytes of arrays that "auto" still writes as one file."""

HELD = "document/"
"""How the names of arrays begin that belong to the document, and not to the state; they are the record's."""

ORBAX, PLACES = "orbax", (0, 1)
_ARRAYS = re.compile(r"(step-\d{12}|final)\.orbax-([01])(\..*)?")


def chosen(store: str, arrays: Mapping[str, Any]) -> str:
    """Which store it is to be: "auto" looks at the arrays, and at nothing else.

    Args:
        store: "auto", "file" or "orbax".
        arrays: Arrays by name, on the host or on devices.

    Example:
        >>> import numpy as np
        >>> from kibitz.checkpoint.store import chosen
        >>> chosen("auto", {"kernel": np.zeros(3)})
        'file'
    """
    if store != "auto":
        return store
    cut = any(spread(value) is not None and not value.is_fully_replicated for value in arrays.values())
    return ORBAX if cut or sum(value.nbytes for value in arrays.values()) > MODERATE else "file"


def write_commit(
    record: Path,
    arrays: Mapping[str, Any],
    document: Mapping[str, Any],
    store: str,
    digests: Mapping[str, str] | None = None,
) -> None:
    """Write a commit; one that was there is whole until the new one is.

    Args:
        record: Its record.
        arrays: Arrays by name, on the host or on devices.
        document: What else there is to know, as JSON.
        store: "auto", "file" or "orbax".
        digests: Those of the arrays, where they are known. None makes them.

    Raises:
        UnusableFile: If the disk refuses; all that was there is whole.
        Unsupported: If an array is none that a commit can hold.
    """
    if chosen(store, arrays) == ORBAX:
        place = 1 if _place(record) == 0 else 0
        apart = {name: value for name, value in arrays.items() if value.size and not name.startswith(HELD)}
        table = write_arrays(_folder(record, place), apart)
        document = {**document, ORBAX: {"place": place, **table}}
        arrays = {name: value for name, value in arrays.items() if name not in apart}
    else:
        place = None
    try:
        write_state(record, arrays, document, digests=digests)
    except BaseException:
        if place is not None:
            with suppress(UnusableFile):
                remove_folder(_folder(record, place))
        raise
    for other in PLACES:
        if other != place:
            remove_folder(_folder(record, other))


def read_commit(record: Path) -> tuple[dict[str, np.ndarray], Any]:
    """A commit's arrays and its document, with every digest compared.

    Args:
        record: Its record.

    Raises:
        UnusableFile: If it is not there, or anything of it is not as it was written.
    """
    arrays, document = read_state(record, follow=False)
    if not isinstance(document, dict) or ORBAX not in document:
        return arrays, document
    folder = _folder(record, _place_in(document, record))
    return {**read_arrays(folder, document.pop(ORBAX)), **arrays}, document


def peek_commit(
    record: Path, *, follow: bool = True
) -> tuple[dict[str, tuple[np.dtype, tuple[int, ...]]], dict[str, np.ndarray], Any]:
    """What a commit says, without its weights: dtype and shape of all arrays, those of the document, the document.

    Args:
        record: Its record.
        follow: Whether that may be a link, or lie in a folder that is one, or be a stranger's.

    Raises:
        UnusableFile: If it is not there, is cut short, or is none.
    """
    layout, held, document = peek_state(record, HELD, follow=follow)
    if isinstance(document, dict) and ORBAX in document:
        leaves = leaves_of(document.pop(ORBAX), record)
        layout = {**{name: (leaf.dtype, leaf.shape) for name, leaf in leaves.items()}, **layout}
    return layout, held, document


def commit_bytes(record: Path) -> int:
    """All its bytes."""
    return size(record) + sum(folder_bytes(_folder(record, place)) for place in PLACES)


def remove_commit(record: Path) -> None:
    """Take a commit away, if it is there: first its record, for what has none is nothing.

    Args:
        record: Its record.

    Raises:
        UnusableFile: If the disk refuses.
    """
    remove(record)
    folders = [folder for place in PLACES if os.path.lexists(folder := _folder(record, place))]
    if folders:
        settle_folder(record.parent)
    for folder in folders:
        remove_folder(folder)


def arrays_beside(folder: Path) -> list[Path]:
    """The folders of arrays that lie in a folder, finished or not."""
    return sorted(each for each in folder.glob("*.orbax-*") if _ARRAYS.fullmatch(each.name))


def clear_unfinished(folder: Path) -> None:
    """Take away the arrays that no record speaks of.

    Those beside a record that cannot be read are left as they are, for a person to look at.

    Args:
        folder: Where they lie.

    Raises:
        UnusableFile: If the disk refuses.
    """
    for each in arrays_beside(folder):
        name, place, unfinished = _ARRAYS.fullmatch(each.name).groups()  # pyright: ignore[reportOptionalMemberAccess] - they were chosen so
        record = folder / f"{name}.safetensors"
        if unfinished or not os.path.lexists(record) or _place(record) not in {int(place), None}:
            remove_folder(each)


def _folder(record: Path, place: int) -> Path:
    return record.with_name(f"{record.stem}.orbax-{place}")


def _place(record: Path) -> int | None:
    """Where the arrays of a commit lie; -1 if they are in the record; None if there is none, or it is damaged.

    Raises:
        UnusableFile: If the disk refuses: the record may be whole, and what it speaks of must stay.
    """
    if not os.path.lexists(record):
        return None
    try:
        _, _, document = peek_state(record, HELD)
        return _place_in(document, record) if isinstance(document, dict) and ORBAX in document else -1
    except UnusableFile as error:
        if error.errno is not None:
            raise
        return None


def _place_in(document: Mapping[str, Any], record: Path) -> int:
    place = document[ORBAX].get("place") if isinstance(document[ORBAX], dict) else None
    if type(place) is not int or place not in PLACES:
        raise UnusableFile(
            "This commit does not say where its arrays lie.",
            given=place,
            wanted=f"0 or 1 in {record.name}",
            cure="take another copy of it, or remove it to go on from the one before it",
        )
    return place
