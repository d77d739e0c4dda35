"""A stretch of a run: which of its steps are meant, as a person writes it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Integral
from typing import Any

from kibitz.errors import InvalidArgument, WrongType, code, describe

_COUNT = r"-?(?:[0-9]{1,3}(?:[,_][0-9]{3}){1,4}|[0-9]{1,15})"
_ONE = re.compile(rf"\s*({_COUNT})\s*")
_PAIR = re.compile(rf"\s*({_COUNT})?\s*:\s*({_COUNT})?\s*")
_TWO = re.compile(rf"\s*({_COUNT})\s*(?:-|\u2013|\.\.+|\bto\b|,?\s)\s*({_COUNT})\s*")  # what somebody else may write
FORMS = '"8300:8320" as in Python, "8300" for one, "8300:", ":20", "-20:", "all", or (8300, 8320)'

Bounds = tuple[int | None, int | None]


@dataclass(frozen=True)
class Stretch:
    """Some steps of a run that follow one another, counted over the whole run from 0.

    Args:
        start: The first of them.
        stop: The one behind the last, as in Python's slices.

    Example:
        >>> from kibitz.replay.stretch import Stretch
        >>> stretch = Stretch.read("8300:8320", last=100_000)
        >>> stretch, len(stretch), 8320 in stretch
        (Stretch(start=8300, stop=8320), 20, False)
        >>> print(Stretch.read(epochs="3:5", ends={3: (30, 40), 4: (40, 50)}, last=50))
        steps 30 to 49
    """

    start: int
    stop: int

    @classmethod
    def read(
        cls,
        steps: Any = None,
        epochs: Any = None,
        *,
        ends: Mapping[int, tuple[int, int]] | None = None,
        first: int = 0,
        last: int,
    ) -> Stretch:
        """Read what a user gave; nothing means all.

        Args:
            steps: Such as "8300:8320", "8300" or 8300 for one step, "8300:", ":20", "-20:" for the last twenty, "all",
                (8300, 8320), or a range. None means that `epochs` says it.
            epochs: The same in epochs, counted from 0. None means that `steps` says it.
            ends: Both ends of each epoch that began, by its number: its first step, and the step behind its last. None
                means that there is none.
            first: The step that the run began with: not 0 in one that branched off from another.
            last: How many steps the run did.

        Raises:
            InvalidArgument: If both are given, or it cannot be read, holds no step, or goes beyond the run.
            WrongType: If it is something else than a text, a number, a pair or a range.
        """
        if steps is not None and epochs is not None:
            raise InvalidArgument("A stretch is given in steps or in epochs, and these are both.",
                                  given=code(f"{_given('steps', steps)}, {_given('epochs', epochs)}"),
                                  wanted="one of the two, or none for the whole run",
                                  cure=_given("steps", steps))  # fmt: skip
        if last <= first:
            raise InvalidArgument("This run did not do one step, so there is no stretch of it.",
                                  given=code(_given("steps", "all" if steps is None else steps) if epochs is None
                                             else _given("epochs", epochs)),
                                  there_is=[], cure="a run that was trained")  # fmt: skip
        if epochs is None:
            return cls(*_within("steps", steps, range(first, last)))
        known = dict(ends or {})
        begin, behind = _within("epochs", epochs, range(min(known, default=0), max(known, default=-1) + 1))
        return cls(known[begin][0], known[behind - 1][1])

    def __len__(self) -> int:
        return self.stop - self.start

    def __contains__(self, step: object) -> bool:
        return step in range(self.start, self.stop)

    def __str__(self) -> str:
        return f"step {self.start:,}" if len(self) == 1 else f"steps {self.start:,} to {self.stop - 1:,}"


def _within(name: str, written: Any, there: range) -> tuple[int, int]:
    """The first and the one behind the last of what is meant, all of them among those that there are."""
    first, behind = _bounds(name, written)
    start = there.start if first is None else first + (there.stop if first < 0 else 0)
    stop = there.stop if behind is None else behind + (there.stop if behind < 0 else 0)
    if start < there.start or start >= there.stop or stop > there.stop:
        raise InvalidArgument(
            f"The run has no such {name}." if len(there) else f"The run has no {name}.",
            given=code(_given(name, written)),
            wanted=f"{name} that it did",
            there_is=[_all(name, there)] if there else [],
            cure=f'{name}="{max(there.start, there.stop - 20)}:{there.stop}"' if there else 'steps="all"',
        )
    if start >= stop:
        least, most = min(start, stop), max(start, stop)
        raise InvalidArgument(
            f"This stretch holds none of the {name}.",
            given=code(_given(name, written)),
            wanted="the first, a colon, and the one behind the last, as in Python",
            cure=f'{name}="{max(least, there.start)}:{most + (least == most)}"',
        )
    return start, stop


def _bounds(name: str, written: Any) -> Bounds:
    """What is written, with None where an end is left open; one number alone is a stretch of one."""
    if written is None:
        return None, None
    if isinstance(written, str):
        return _of_text(name, written)
    if _whole(written):
        return _one(int(written))
    if isinstance(written, range | slice):
        pair, by = (written.start, written.stop), written.step
    else:
        pair, by = tuple(written) if isinstance(written, tuple | list) else (), None
    if len(pair) != 2 or by not in (None, 1) or not all(each is None or _whole(each) for each in pair):
        raise WrongType(f"The {name} of a stretch follow one another, and this names no such.",
                        given=code(_given(name, written)), wanted=_forms(name), cure=_cure(name))  # fmt: skip
    first, behind = (None if each is None else int(each) for each in pair)
    return first, behind


def _of_text(name: str, written: str) -> Bounds:
    if written.strip() == "all":
        return None, None
    if one := _ONE.fullmatch(written):
        return _one(_number(one[1]))
    if pair := _PAIR.fullmatch(written):
        first, behind = (None if each is None else _number(each) for each in pair.groups())
        return first, behind
    two = _TWO.fullmatch(written)
    meant = f'{name}="{two[1]}:{two[2]}"' if two else _cure(name)
    raise InvalidArgument(f"This names no {name} of a run.", given=code(_given(name, written)),
                          wanted=_forms(name), cure=meant)  # fmt: skip


def _one(number: int) -> Bounds:
    return number, None if number == -1 else number + 1


def _number(written: str) -> int:
    return int(re.sub("[,_]", "", written))


def _whole(value: Any) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool)


def _given(name: str, written: Any) -> str:
    return f'{name}="{written}"' if isinstance(written, str) else f"{name}={describe(written)}"


def _all(name: str, there: range) -> str:
    if len(there) == 1:
        return f"{name.removesuffix('s')} {there.start:,} alone"
    return f"{name} {there.start:,} to {there[-1]:,}, which are {len(there):,}"


def _forms(name: str) -> str:
    return FORMS if name == "steps" else FORMS.replace("8300", "3").replace("8320", "5").replace("20", "2")


def _cure(name: str) -> str:
    return 'steps="8300:8320"' if name == "steps" else 'epochs="3:5"'
