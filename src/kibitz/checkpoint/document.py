"""What a commit says besides its arrays, looked through before anything is done with it.

A digest says that a file is as it was written, and not who wrote it: a stranger may write one too.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from kibitz.checkpoint.packed import unpack
from kibitz.errors import UnusableFile

FORMAT = 1
PACKED = ("logs", "own", "callbacks", "said", "latest", "made_of", "source")
"""What is packed, since it may hold what JSON does not."""


def _counts(value: Any) -> bool:
    return type(value) is int and value >= 0


def _flag(value: Any) -> bool:
    return isinstance(value, bool)


def _stop(value: Any) -> bool:
    return value is None or (isinstance(value, list) and list(map(type, value)) == [str, str, bool])


def _numbers(value: Any) -> bool:
    return isinstance(value, Mapping) and all(isinstance(name, str) for name in value)


def _latest(value: Any) -> bool:
    return _numbers(value) and (not value or (value.keys() == {"epoch", "last"} and all(map(_numbers, value.values()))))


def _pairs(value: Any) -> bool:
    return _numbers(value) and all(isinstance(each, tuple | list) and len(each) == 2 for each in value.values())


def _callbacks(value: Any) -> bool:
    return isinstance(value, list) and all(
        isinstance(each, tuple | list) and len(each) == 3 and isinstance(each[0], str) and _numbers(each[1])
        and isinstance(each[2], int | float) for each in value
    )  # fmt: skip


def _id(value: Any) -> bool:
    return isinstance(value, str) and re.fullmatch(r"[0-9a-f]{32}", value) is not None


FIELDS: dict[str, Callable[[Any], bool]] = {
    "id": _id, "step": _counts, "epoch": _counts, "batch": _counts, "begun": _flag, "epochs": _counts, "stop": _stop,
    "row_seed": _counts, "fits": _counts, "journal": _counts,
    "seconds": lambda value: isinstance(value, int | float) and value >= 0,
    "logs": _numbers, "own": _numbers, "callbacks": _callbacks, "said": _pairs, "latest": _latest, "made_of": _numbers,
    "trainable": lambda value: isinstance(value, str) and set(value) <= {"0", "1"},
    "source": lambda value: value is None or (isinstance(value, tuple) and len(value) == 1),
}  # fmt: skip


def check_document(document: Any, arrays: Mapping[str, np.ndarray], path: Path) -> None:
    """Refuse a document that no durable run writes.

    Args:
        document: The document of a commit.
        arrays: The arrays of the same commit.
        path: Where it lies, for the error.

    Raises:
        UnusableFile: If it is of another format, or a field is missing or no such thing.
    """
    found = document.get("format") if isinstance(document, dict) else None
    if type(found) is not int or found != FORMAT:
        raise UnusableFile(
            "This commit has a format that this version of Kibitz does not know.",
            given=found,
            wanted=f"format {FORMAT}",
            cure="go on with the version that began the run, or in another folder",
        )
    for name, fits in FIELDS.items():
        value = document.get(name)
        if name not in document or not fits(unpack(value, arrays) if name in PACKED else value):
            raise UnusableFile(
                f"This commit says of its {name} what no run writes.",
                given=str(path),
                wanted="a commit of a durable run",
                cure="take another copy of it, or begin in another folder",
            )
