"""What a callback declares of itself: how often it acts, and what becomes of the run if it fails."""

from __future__ import annotations

import inspect
from typing import Any

from kibitz.clock import Beat, Cadence
from kibitz.errors import InvalidArgument

FAILURES = ("raise", "warn", "detach")
"""What may be done with an exception of a callback: let it end the run, warn and go on, or do so without it."""


def called(callback: Any) -> str:
    """What a callback is called in outcomes, notes and reports."""
    name = vars(callback).get("__name__") if hasattr(callback, "__dict__") else None
    return name if isinstance(name, str) else type(callback).__name__


def has(callback: Any, name: str) -> bool:
    """Whether a callback has a method that Keras's have not; a mock answers to any name, and knows nothing of these."""
    return name in getattr(callback, "__dict__", {}) or inspect.isroutine(getattr(callback, name, None))


def beat_of(callback: Any) -> Beat | None:
    """How often a callback acts; None if at every moment.

    Only text counts as declared: a callback written for Keras may keep a number of its own under this name.

    Raises:
        InvalidArgument: If it is text that cannot be read.
    """
    every = _plain(callback, "every")
    if not isinstance(every, str):
        return None
    return Beat(Cadence.read(every, called(callback)), called(callback))


def failure_of(callback: Any) -> str:
    """One of FAILURES.

    Raises:
        InvalidArgument: If it is text, and none of these.
    """
    wanted = _plain(callback, "on_error")
    if not isinstance(wanted, str):  # a method of this name is the user's own
        return "raise"
    if wanted not in FAILURES:
        raise InvalidArgument(
            f"{called(callback)} says what shall become of its errors, and it is none of three.",
            given=wanted,
            there_is=FAILURES,
            cure='on_error="detach": it warns once, and is not called again',
        )
    return wanted


def _plain(callback: Any, name: str) -> Any:
    """An attribute that somebody has set; a mock answers to any name, and has declared nothing."""
    try:
        return inspect.getattr_static(callback, name)
    except AttributeError:
        return None
