"""Hooks that are heard only where there is something to do: steps can then be done together where there is not."""

from __future__ import annotations

from collections.abc import Callable
from types import MethodType
from typing import Any, TypeVar, cast

Hook = TypeVar("Hook", bound=Callable[..., Any])


class HeardWhere:
    """A hook that a callback has only where a condition holds; elsewhere it has that of the class above.

    Whoever fires hooks leaves out those that are not overridden. So a callback that may act at batches, and in this run
    does not, is not called there at all. Subclasses may override it and call `super()`, as with any method; called by
    its class, it is the function itself.

    Args:
        function: The hook.
        holds: Whether there is something to do, given the callback. It is asked when a run or an epoch begins.
    """

    def __init__(self, function: Callable[..., Any], holds: Callable[[Any], bool]):
        self.function, self.holds = function, holds
        self.__doc__ = function.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self._owner, self._name = owner, name

    def __get__(self, callback: Any, kind: type | None = None) -> Any:
        if callback is None:
            return self.function
        if self.holds(callback):
            return MethodType(self.function, callback)
        return getattr(super(self._owner, callback), self._name)


def heard_where(holds: Callable[[Any], bool]) -> Callable[[Hook], Hook]:
    """Have a hook heard only where a condition holds.

    Args:
        holds: Whether there is something to do, given the callback.

    Example:
        >>> from kibitz.callbacks.base import Callback
        >>> from kibitz.callbacks.overrides import overrides
        >>> from kibitz.callbacks.heard_where import heard_where
        >>> class Show(Callback):
        ...     def __init__(self, batches):
        ...         self.batches = batches
        ...     @heard_where(lambda self: self.batches)
        ...     def on_train_batch_end(self, batch, logs=None):
        ...         print(batch, logs)
        >>> [overrides(Show(batches), "on_train_batch_end") for batches in (True, False)]
        [True, False]
    """
    return lambda function: cast("Hook", HeardWhere(function, holds))


def conditional(callback: Any) -> list[HeardWhere]:
    """The hooks of a callback that are heard only where a condition holds."""
    return [each for kind in type(callback).__mro__ for each in vars(kind).values() if isinstance(each, HeardWhere)]


def by_hand(callback: Any) -> bool:
    """Whether nobody counts for a callback: hooks are called in a loop of the user's own, and not by a run."""
    run = getattr(callback, "run", None)
    return run is None or run.outcome is not None
