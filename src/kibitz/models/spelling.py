"""A misspelt argument of `fit` or `compile` is told, with the one that was probably meant."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from kibitz.errors import WrongType, nearest_name

P = ParamSpec("P")
R = TypeVar("R")


def spelled(method: Callable[P, R]) -> Callable[P, R]:
    """Let a method speak up when it is given an argument by a name that it does not have.

    Args:
        method: A method without `**kwargs`.

    Raises:
        WrongType: When the method is called with such a name: a TypeError, as Python's own.

    Example:
        >>> from kibitz.errors import WrongType
        >>> from kibitz.models.spelling import spelled
        >>> class Kettle:
        ...     @spelled
        ...     def boil(self, minutes):
        ...         return minutes
        >>> Kettle().boil(minutes=3)
        3
        >>> try:
        ...     Kettle().boil(minuts=3)
        ... except WrongType as error:
        ...     print(error)
        boil has no argument of this name.
          given    'minuts'
          there is minutes
          nearest  "minutes"
          cure     boil(minutes=...)
    """
    names = list(inspect.signature(method).parameters)[1:]

    @functools.wraps(method)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        for name in kwargs:
            if name not in names:
                near = nearest_name(name, names)
                cure = f"{method.__name__}({near}=...)" if near else f"help({method.__qualname__})"
                raise WrongType(
                    f"{method.__name__} has no argument of this name.", given=name, there_is=names, cure=cure
                )
        return method(*args, **kwargs)

    return call
