"""What a hook put into the logs, as the journal has it: numbers and texts as they are, and what holds more packed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from kibitz.callbacks.state import unplain
from kibitz.checkpoint.leaf import NAMES
from kibitz.checkpoint.packed import pack, unpack
from kibitz.checkpoint.strict_json import INT64, dumps
from kibitz.errors import InvalidArgument, UnusableFile

KINDS = {kind.__name__.removesuffix("_"): kind for kind in (
    np.bool_, np.int8, np.int16, np.int32, np.int64, np.uint8, np.uint16, np.uint32, np.uint64,
    np.float16, np.float32, np.float64,
)}  # fmt: skip
"""NumPy's numbers, of which logs may hold any."""

LONGEST = 2**16
"""Bytes of one value in a line of the journal; arrays are not among them."""


@dataclass(frozen=True)
class Packed:
    """A value that is no number and no text, such as an array, a tuple or None.

    Args:
        told: The value as `pack` writes it; its arrays are kept with those that were written to the state.
    """

    told: Any


@dataclass(frozen=True)
class Untold:
    """A value that is not written down.

    Args:
        why: Why not, in words.
    """

    why: str


LOGGED = (int, float, str, np.generic, Packed, Untold)


def as_logged(value: Any, place: str, held: dict[str, np.ndarray]) -> Any:
    """A value as a line of the journal has it.

    Args:
        value: Anything.
        place: What its arrays are called, with a number behind it.
        held: Where they are put.

    Example:
        >>> import numpy as np
        >>> from kibitz.replay.logged import as_logged
        >>> held = {}
        >>> as_logged(0.5, "", held), as_logged((1, np.ones(2)), "@logs/0", held)
        (0.5, Packed(told={'tuple': [1, {'array': '@logs/0/0'}]}))
        >>> as_logged(object(), "", held)
        Untold(why='a value of class object cannot be written down')
    """
    if type(value) in {bool, float} or (type(value) is int and value in INT64):
        return value
    if isinstance(value, np.generic) and value.dtype.name in KINDS:
        return value
    arrays: dict[str, np.ndarray] = {}
    cannot = Untold(f"a value of class {type(value).__name__} cannot be written down")
    try:
        if unplain(value) is not None or isinstance(value, np.character):
            return cannot
        packed = pack(value, place, arrays)
        length = len(dumps([[[[packed]]]], "the logs"))  # as deep as it will stand in its line
    except (InvalidArgument, RecursionError):
        return cannot
    if any(each.dtype.newbyteorder("<") not in NAMES for each in arrays.values()):
        return cannot
    if length > LONGEST:
        return Untold("it is too long to be written down")
    held |= arrays
    return value if type(value) is str else Packed(packed)


def from_logged(value: Any, arrays: Mapping[str, np.ndarray]) -> Any:
    """The value that `as_logged` was given, or `Untold` if it is not known any more.

    Args:
        value: What stands in the journal.
        arrays: Those that were kept with it.
    """
    if not isinstance(value, Packed):
        return value
    try:
        return unpack(value.told, arrays)
    except UnusableFile:
        return Untold("it is not kept any more")
