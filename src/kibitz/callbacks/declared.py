"""What a callback declares of itself: how often it acts, whom it comes before, what becomes of the run if it fails.

Only a Kibitz callback declares anything. One that was written for Keras may keep a number or a word of its own under
each of these names; somebody else says for it how often it acts, with `kibitz.every`.
"""

from __future__ import annotations

import inspect
import re
from typing import Any

from kibitz.callbacks.base import Callback
from kibitz.clock import Beat, Cadence
from kibitz.errors import InvalidArgument, WrongType

FAILURES = ("raise", "warn", "detach")
"""What may be done with an exception of a callback: let it end the run, warn and go on, or do so without it."""

EVERY = "_kibitz_every"
"""The attribute in which a cadence stands that was given to a callback, and not only written down in it."""


def called(callback: Any) -> str:
    """What a callback is called in outcomes, notes and reports."""
    name = vars(callback).get("__name__") if hasattr(callback, "__dict__") else None
    return name if isinstance(name, str) else type(callback).__name__


def has(callback: Any, name: str) -> bool:
    """Whether a callback has a method that Keras's have not; a mock answers to any name, and knows nothing of these."""
    return name in getattr(callback, "__dict__", {}) or inspect.isroutine(getattr(callback, name, None))


def beat_of(callback: Any) -> Beat | None:
    """How often a callback acts; None if at every moment.

    Raises:
        InvalidArgument: If it is text that cannot be read.
    """
    given = getattr(callback, EVERY, None)  # a mock answers with another mock
    every = given if isinstance(given, str) else _declared(callback, "every", looks_like=r"\s*[\d.].*")
    return None if every is None else Beat(Cadence.read(every, called(callback)), called(callback))


def failure_of(callback: Any) -> str:
    """One of FAILURES.

    Raises:
        InvalidArgument: If it is text, and none of these.
    """
    wanted = _declared(callback, "on_error", looks_like="|".join(FAILURES))
    return "raise" if wanted is None else check_failure(wanted, called(callback))


def placed(callback: Any, side: str) -> tuple[Any, ...]:
    """The classes and names that a callback is called "before" or "after"."""
    declared = getattr(callback, side, ()) if _declares(callback) else ()
    return tuple(declared) if isinstance(declared, tuple | list) else (declared,)


def check_failure(wanted: Any, owner: str) -> str:
    """Refuse what is none of FAILURES.

    Raises:
        InvalidArgument: If it is none.
    """
    if wanted not in FAILURES:
        raise InvalidArgument(
            f"{owner} says what shall become of its errors, and it is none of three.",
            given=wanted,
            there_is=FAILURES,
            cure='on_error="detach": it warns once, and is not called again',
        )
    return wanted


def check_placed(given: Any, side: str, owner: str) -> None:
    """Refuse what can be no callback's place: neither a class nor a name, nor a tuple or list of these.

    Raises:
        WrongType: If it is none of these.
    """
    for each in given if isinstance(given, tuple | list) else (given,):
        if not isinstance(each, type | str):
            raise WrongType(
                f"{owner} says {side} whom it is called, and it is no class of callbacks.",
                given=given,
                wanted="a class, its name, or several",
                cure=f"{side}=CSVLogger, or {side}=(History, CSVLogger)",
            )


def _declares(callback: Any) -> bool:
    return issubclass(type(callback), Callback)  # a mock says that it is an instance of whatever it stands for


def _declared(callback: Any, name: str, looks_like: str) -> str | None:
    """The text under this name, if it is a declaration; in a class it is, in an instance if it looks like one."""
    if not _declares(callback):
        return None
    text = inspect.getattr_static(callback, name)
    if not isinstance(text, str) or (name in vars(callback) and not re.fullmatch(looks_like, text, re.DOTALL)):
        return None
    return text
