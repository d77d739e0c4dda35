"""Letting callbacks go through a rehearsal, and finding them afterwards as they were."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np

OURS = "kibitz.callbacks."


@contextmanager
def as_they_were(callbacks: Iterable[Any]) -> Iterator[None]:
    """Put the attributes of callbacks back at the end, whatever happened.

    Lists, dicts, sets and arrays among them get their contents back and stay the same objects, also within one
    another. What a callback has elsewhere, in a file or a variable of its program, is its own affair.

    Args:
        callbacks: The callbacks.

    Example:
        >>> import kibitz
        >>> from kibitz.callbacks.as_they_were import as_they_were
        >>> stop = kibitz.callbacks.EarlyStopping("loss")
        >>> with as_they_were([stop]):
        ...     _ = kibitz.testing.drive(stop, epochs=[{"loss": 1.0}])
        >>> stop.best is None
        True
    """
    with ExitStack() as stack:
        for callback in callbacks:
            stack.callback(_kept(callback))
        yield


def _kept(callback: Any) -> Callable[[], None]:
    """What puts an object's attributes back."""
    if not hasattr(callback, "__dict__"):
        return lambda: None
    attributes, seen = vars(callback), set()
    held = dict(attributes)
    contents = [_contents(value, seen) for value in held.values()]

    def put_back() -> None:
        attributes.clear()
        attributes.update(held)
        for restore in contents:
            restore()

    return put_back


def _contents(value: Any, seen: set[int]) -> Callable[[], None]:
    """What gives a container its contents back."""
    if id(value) in seen:
        return lambda: None
    seen.add(id(value))
    if isinstance(value, np.ndarray):
        copied = value.copy()
        return (lambda: np.copyto(value, copied)) if value.flags.writeable else (lambda: None)
    if isinstance(value, list | dict | set):
        inside = [_contents(each, seen) for each in (value.values() if isinstance(value, dict) else value)]
        return _filled(value, value.copy(), inside)
    if type(value).__module__.startswith(OURS) and not isinstance(value, type):
        return _kept(value)  # such as a Monitor
    return lambda: None


def _filled(value: Any, copied: Any, inside: list[Callable[[], None]]) -> Callable[[], None]:
    def fill() -> None:
        value.clear()
        value.extend(copied) if isinstance(value, list) else value.update(copied)
        for restore in inside:
            restore()

    return fill
