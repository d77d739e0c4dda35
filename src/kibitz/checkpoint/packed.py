"""Plain values as JSON and arrays, and back: numbers, texts, bytes, None, arrays, and lists, tuples and dicts of these.

What JSON does not know is written as a dict of one key: `{"tuple": [...]}`, `{"float": "nan"}`, `{"array": "name"}`;
and so are long lists of numbers, which are arrays to a file: `{"numbers": "name"}`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from kibitz.errors import Unsupported, UnusableFile

KEYS = str | int
INT64 = range(-(2**63), 2**63)  # what a file of ours has as a number; a larger one is a text there
LARGE = re.compile(r"-?0x[0-9a-f]{16,1024}")
LONG = 32  # numbers; a shorter list is as fast to write as a text
NUMBERS = {float: np.dtype(np.float64), int: np.dtype(np.int64)}
FLOATS = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}


def pack(value: Any, place: str, arrays: dict[str, np.ndarray]) -> Any:
    """A value as JSON; its arrays are put aside by name.

    Args:
        value: A plain value.
        place: What its arrays are called, with a number behind it where there are several.
        arrays: Where arrays are put.

    Raises:
        Unsupported: If it is not plain.

    Example:
        >>> import numpy as np
        >>> from kibitz.checkpoint.packed import pack, unpack
        >>> arrays = {}
        >>> packed = pack({"best": (1, float("inf")), "weights": [np.ones(2)]}, "stop", arrays)
        >>> packed["dict"][0], sorted(arrays)
        (['best', {'tuple': [1, {'float': 'inf'}]}], ['stop/0'])
        >>> unpack(packed, arrays)["best"]
        (1, inf)
    """
    kind = type(value)
    if value is None or kind is bool or isinstance(value, str) or (kind is int and value in INT64):
        return value
    if isinstance(value, bytes):
        return {"bytes": _put(np.frombuffer(value, np.uint8), place, arrays)}
    if kind is int and LARGE.fullmatch(hex(value)):
        return {"int": hex(value)}
    if isinstance(value, np.generic | np.ndarray):
        kept = np.array(value)  # it is written later, and a hook may fill it anew meanwhile
        return {"scalar" if isinstance(value, np.generic) else "array": _put(kept, place, arrays)}
    if isinstance(value, float):
        return value if math.isfinite(value) else {"float": str(float(value))}
    if kind is dict or isinstance(value, Mapping):
        return {"dict": [[pack(key, place, arrays), pack(each, place, arrays)] for key, each in value.items()]}
    if isinstance(value, list | tuple):
        if kind is list and len(value) >= LONG and (numbers := _numbers(value)) is not None:
            return {"numbers": _put(numbers, place, arrays)}
        packed = [pack(each, place, arrays) for each in value]
        return packed if isinstance(value, list) else {"tuple": packed}
    raise Unsupported(
        "This cannot be written down.",
        given=value,
        wanted="numbers, texts, bytes, None, NumPy arrays, and lists, tuples and dicts of these",
        cure="keep it under a name that begins with an underscore, or say what to keep in get_state",
    )


def _put(array: np.ndarray, place: str, arrays: dict[str, np.ndarray]) -> str:
    """Put an array aside; what it is called there."""
    name = f"{place}/{len(arrays)}"
    arrays[name] = array
    return name


def _numbers(values: Sequence[Any]) -> np.ndarray | None:
    """A list of floats, or of whole numbers, as an array from which the very same come back; None if it is neither."""
    (kind, *others) = set(map(type, values))
    if others or kind not in NUMBERS:
        return None
    try:
        return np.array(values, NUMBERS[kind])
    except OverflowError:  # a whole number of more than 64 bits
        return None


def unpack(packed: Any, arrays: Mapping[str, np.ndarray]) -> Any:
    """The value that `pack` made JSON of.

    Raises:
        UnusableFile: If nothing that `pack` writes looks so.
    """
    if packed is None or isinstance(packed, bool | str | int | float):
        return packed
    if isinstance(packed, list):
        return [unpack(each, arrays) for each in packed]
    if isinstance(packed, Mapping) and len(packed) == 1:
        ((kind, inner),) = packed.items()
        if kind in {"array", "scalar"} and isinstance(inner, str) and inner in arrays:
            return arrays[inner] if kind == "array" else arrays[inner][()]
        numbers = arrays.get(inner) if kind == "numbers" and isinstance(inner, str) else None
        if numbers is not None and numbers.ndim == 1 and numbers.dtype in NUMBERS.values():
            return numbers.tolist()
        if kind == "bytes" and isinstance(inner, str) and inner in arrays:
            return arrays[inner].tobytes()
        if kind == "int" and isinstance(inner, str) and LARGE.fullmatch(inner):
            return int(inner, 16)
        if kind == "float" and isinstance(inner, str) and inner in FLOATS:
            return FLOATS[inner]
        if kind == "tuple" and isinstance(inner, list):
            return tuple(unpack(each, arrays) for each in inner)
        if (
            kind == "dict"
            and isinstance(inner, list)
            and all(isinstance(each, list) and len(each) == 2 and isinstance(each[0], KEYS) for each in inner)
        ):
            return {key: unpack(each, arrays) for key, each in inner}
    raise UnusableFile(
        "A value in this file is in no form that Kibitz writes.",
        given=packed,
        wanted="what pack wrote",
        cure="take another commit",
    )
