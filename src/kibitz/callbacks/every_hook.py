"""Hearing every hook with one method: for those who pass hooks on or write them down."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from kibitz.hooks import KNOWN, arguments

Kind = TypeVar("Kind", bound=type)


def every_hook(hear: str) -> Callable[[Kind], Kind]:
    """Give a class every hook there is; each calls one method with the hook's name and arguments.

    Args:
        hear: The name of the method, which takes `(hook, *arguments)`.

    Example:
        >>> from kibitz.callbacks.every_hook import every_hook
        >>> @every_hook("write_down")
        ... class Diary:
        ...     def write_down(self, hook, *arguments):
        ...         print(hook, *arguments)
        >>> Diary().on_epoch_end(3, {"loss": 1.0})
        on_epoch_end 3 {'loss': 1.0}
    """

    def equip(kind: Kind) -> Kind:
        for hook in KNOWN:
            method = _method(hook, hear)
            method.__name__, method.__qualname__ = hook, f"{kind.__name__}.{hook}"
            method.__doc__ = f"The hook `{hook}`; hooks.py draws when it is called."
            setattr(kind, hook, method)
        return kind

    return equip


def _method(hook: str, hear: str) -> Callable[..., None]:
    # The names of the arguments are part of the contract: batch hooks are given `logs` by keyword.
    takes = arguments(hook)
    if takes == "outcome":
        return lambda self, outcome: getattr(self, hear)(hook, outcome)
    if takes == "logs":
        return lambda self, logs=None: getattr(self, hear)(hook, logs)
    if takes == "epoch, logs":
        return lambda self, epoch, logs=None: getattr(self, hear)(hook, epoch, logs)
    return lambda self, batch, logs=None: getattr(self, hear)(hook, batch, logs)
