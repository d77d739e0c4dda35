"""File names with numbers in them: "{epoch:02d}-{val_loss:.2f}.keras".

The grammar is small on purpose: a name between braces, and after a colon the format of a number. Nothing is looked up
within a value, so a template cannot wander, and what fills it cannot either: it is always a number.
"""

from __future__ import annotations

import contextlib
import re
import string
from collections.abc import Collection, Mapping
from pathlib import PurePath
from typing import Any

import numpy as np

from kibitz.errors import InvalidArgument, UnknownKey, WrongType

SPEC = re.compile(r"[<>=^]?[+-]?0?(\d{1,2})?(\.\d{1,2})?([dfFeEgG%xX])?")
"""Formats of numbers; no fill character, since one could be a slash."""

WIDEST = 20
COUNTED = ("epoch", "batch")
"""Names that stand for whole numbers; the numbers in logs are floats."""


class Template:
    """A file name in which numbers of the run stand.

    Args:
        text: The path, with `{name}` or `{name:.2f}` where a number shall stand; `{{` and `}}` for braces.
        owner: The callback's name, for its errors.

    Raises:
        InvalidArgument: If a field is more than a name and a number's format, or the path climbs out of its folder.

    Example:
        >>> from kibitz.checkpoint.template import Template
        >>> name = Template("{epoch:02d}-{val_loss:.2f}.keras")
        >>> name.names, name.fill({"epoch": 3, "val_loss": 0.125})
        (('epoch', 'val_loss'), '03-0.12.keras')
    """

    def __init__(self, text: str, owner: str = "ModelCheckpoint"):
        self.text, self.owner = text, owner
        self._parts = self._parsed()
        self.names = tuple(dict.fromkeys(name for _, name, _ in self._parts if name is not None))
        self._check_climbing()

    def check(self, keys: Collection[str], *, open: bool = False) -> None:
        """Raise now what filling would raise later.

        Args:
            keys: All names that there will be when a file is written.
            open: Whether there may be others that nobody knows of yet.

        Raises:
            UnknownKey: If a field's name is none of them.
            InvalidArgument: If a field wants a whole number, and the name stands for another.
        """
        for _, name, spec in self._parts:
            if name is None:
                continue
            if name not in keys and not open:
                raise self.unknown(name, keys)
            if name in keys and spec and spec[-1] in "dxX" and name not in COUNTED:
                raise InvalidArgument(
                    f'{self.owner} cannot write "{name}" as a whole number: the numbers in the logs are floats.',
                    given=self.text,
                    wanted="a float's format",
                    cure=f"{{{name}:.2f}}",
                )

    def fill(self, values: Mapping[str, Any]) -> str:
        """The file name with its numbers in place.

        Args:
            values: Numbers by name; more than are needed are fine.

        Raises:
            UnknownKey: If a name is missing.
            WrongType: If a value is not a number.
        """
        return "".join(
            literal if name is None else literal + self._written(name, spec, values)
            for literal, name, spec in self._parts
        )

    def unknown(self, name: str, keys: Collection[str]) -> UnknownKey:
        """The error that a field names what is not there."""
        return UnknownKey(
            f'{self.owner} failed to format this filepath: "{self.text}" asks for "{name}".',
            given=name,
            there_is=sorted(keys, key=lambda key: (key not in COUNTED, key)),
            cure=self._cure(name, keys),
        )

    def _cure(self, name: str, keys: Collection[str]) -> str:
        if name == "batch":
            return 'save_freq=100 (only then does "batch" have a meaning), or leave it out'
        cure = "use a name that is there, or leave it out"
        if name.startswith("val_") and not any(key.startswith("val_") for key in keys):
            return f"fit(..., validation_split=0.1), or {cure}"
        return cure

    def _parsed(self) -> list[tuple[str, str | None, str]]:
        try:
            parts = list(string.Formatter().parse(self.text))
        except ValueError as error:
            raise self._refused(str(error)) from None
        for _, name, spec, conversion in parts:
            if name is None:
                continue
            if not name or name.isdigit() or re.search(r"[.\[\]{}]", name):
                raise self._refused(f"a field is a name, and {{{name}}} is not one")
            if conversion:
                raise self._refused(f"{{{name}!{conversion}}} asks for text, and a field is a number")
            form = SPEC.fullmatch(spec or "")
            if form is None or int(form[1] or 0) > WIDEST or int((form[2] or ".0")[1:]) > WIDEST:
                raise self._refused(f'"{spec}" is no format of a number')
        return [(literal, name, spec or "") for literal, name, spec, _ in parts]

    def _check_climbing(self) -> None:
        # A path may begin with ".." as the user likes; below the first number it may not climb again.
        stands = PurePath(self.text).parts
        first = next((place for place, part in enumerate(stands) if "{" in part), len(stands))
        if ".." in stands[first:]:
            raise self._refused('".." stands behind a number, and the file would leave its folder')

    def _refused(self, why: str) -> InvalidArgument:
        return InvalidArgument(
            f"{self.owner} cannot use this filepath: {why}.",
            given=self.text,
            wanted="{name} or {name:.2f}, with names of the logs, epoch and batch",
            cure='"{epoch:02d}-{val_loss:.2f}.keras"',
        )

    def _written(self, name: str, spec: str, values: Mapping[str, Any]) -> str:
        if name not in values:
            raise self.unknown(name, values.keys())
        value, text = values[name], None
        if not isinstance(value, str | bytes) and np.ndim(value) == 0:
            with contextlib.suppress(TypeError, ValueError):
                float(value)
                text = format(value, spec)
        if text is None:
            raise WrongType(
                f'{self.owner} writes numbers into a file\'s name, and "{name}" cannot be written so.',
                given=value,
                wanted=f"a number for {{{name}{':' + spec if spec else ''}}}",
                cure=f"leave {{{name}}} out of {self.text!r}",
            )
        return text
