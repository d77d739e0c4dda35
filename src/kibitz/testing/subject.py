"""The callback that is checked: an instance for each run, if that can be had."""

from __future__ import annotations

import copy
import functools
import inspect
from typing import Any

from kibitz.hooks import KNOWN


class Subject:
    """Makes the instances that a check runs with.

    Args:
        callback: An instance, or what makes one: a class or a function.
        given: Arguments for what makes one.
        named: Arguments by keyword.

    Example:
        >>> from kibitz.callbacks.early_stopping import EarlyStopping
        >>> from kibitz.testing.subject import Subject
        >>> subject = Subject(EarlyStopping, ("loss",), {"patience": 2})
        >>> subject.name, subject.make().patience, subject.fresh
        ('EarlyStopping', 2, True)
    """

    def __init__(self, callback: Any, given: tuple[Any, ...] = (), named: dict[str, Any] | None = None):
        self._given, self._named = given, named or {}
        self._maker = callback if _makes(callback) else None
        self._kept = callback
        self.fresh = True
        if self._maker is None:
            try:
                self._kept = copy.deepcopy(callback)
                copy.deepcopy(self._kept)
            except Exception:  # noqa: BLE001 - an open file, a lock, a connection: whatever cannot be copied
                self._kept, self.fresh = callback, False
        self.takes_arguments = self._maker is not None

    @property
    def name(self) -> str:
        """The callback's name, as its errors give it."""
        if inspect.isclass(self._maker):
            return self._maker.__name__
        return type(self.make()).__name__

    def make(self) -> Any:
        """An instance that has seen nothing yet; always the same one, if it cannot be copied."""
        if self._maker is not None:
            return self._maker(*self._given, **self._named)
        return copy.deepcopy(self._kept) if self.fresh else self._kept


def _makes(callback: Any) -> bool:
    if inspect.isclass(callback) or inspect.isroutine(callback) or isinstance(callback, functools.partial):
        return True
    return callable(callback) and not any(hasattr(callback, hook) for hook in KNOWN)
