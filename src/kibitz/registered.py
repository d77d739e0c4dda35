"""Classes and functions of the user's own by name, so that what was written down can be made again."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from kibitz.errors import KibitzError, UnusableFile, WrongType, describe

FAULTS = (TypeError, ValueError, LookupError, AttributeError, ArithmeticError, RecursionError, MemoryError)
"""What a constructor raises that is given what it has no argument for, or what is no such argument."""

_allowance: ContextVar[list[int] | None] = ContextVar("kibitz_allowance", default=None)

_registered: dict[str, Any] = {}
_in_scope: ContextVar[Mapping[str, Any] | None] = ContextVar("kibitz_custom_objects", default=None)


def register_keras_serializable(package: str = "Custom", name: str | None = None) -> Callable[[Any], Any]:
    """Decorate a class or a function of your own, so that files that name it can be loaded without `custom_objects`.

    Args:
        package: What stands in front of its name, to keep names of several programs apart.
        name: Its name. None takes that of the class or function.

    Example:
        >>> from kibitz.registered import get_custom_objects, get_registered_name, register_keras_serializable
        >>> @register_keras_serializable(package="mine")
        ... def halved(x):
        ...     return x / 2
        >>> get_registered_name(halved)
        'mine>halved'
        >>> _ = get_custom_objects().pop("mine>halved")  # forget it again

    Source: https://keras.io/api/models/model_saving_apis/serialization_utils/
    """

    def register(thing: Any) -> Any:
        _registered[f"{package}>{name or thing.__name__}"] = thing
        return thing

    return register


def get_registered_name(obj: Any) -> str:
    """The name under which something was registered; its own name if it was not.

    Args:
        obj: A class or a function.

    Example:
        >>> from kibitz.registered import get_registered_name
        >>> get_registered_name(dict)
        'dict'

    Source: https://keras.io/api/models/model_saving_apis/serialization_utils/
    """
    return next((name for name, thing in _registered.items() if thing is obj), obj.__name__)


def get_registered_object(
    name: str, custom_objects: Mapping[str, Any] | None = None, module_objects: Mapping[str, Any] | None = None
) -> Any:
    """What is known under a name; None if nothing is.

    Args:
        name: A name, with its package if it has one.
        custom_objects: More objects by name. None means none.
        module_objects: Still more, asked last. None means none.

    Example:
        >>> from kibitz.registered import get_registered_object
        >>> get_registered_object("nobody>knows") is None
        True

    Source: https://keras.io/api/models/model_saving_apis/serialization_utils/
    """
    return {**(module_objects or {}), **known(custom_objects)}.get(name)


def get_custom_objects() -> dict[str, Any]:
    """All that is registered, by name; what is put into this dict is registered.

    Example:
        >>> from kibitz.registered import get_custom_objects
        >>> isinstance(get_custom_objects(), dict)
        True

    Source: https://keras.io/api/models/model_saving_apis/serialization_utils/
    """
    return _registered


@contextmanager
def custom_object_scope(custom_objects: Mapping[str, Any]) -> Iterator[None]:
    """Within a `with` block, know classes and functions by these names.

    Args:
        custom_objects: Classes and functions by name.

    Example:
        >>> import kibitz
        >>> def twice(x):
        ...     return 2 * x
        >>> with kibitz.saving.custom_object_scope({"twice": twice}):
        ...     kibitz.layers.Dense(1, activation="twice").activation(3)
        6

    Source: https://keras.io/api/models/model_saving_apis/serialization_utils/
    """
    token = _in_scope.set({**(_in_scope.get() or {}), **custom_objects})
    try:
        yield
    finally:
        _in_scope.reset(token)


CustomObjectScope = custom_object_scope


def known(custom_objects: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """All of the user's own by name: what is registered (by its own name too), in scope, and given."""
    own = {getattr(thing, "__name__", name): thing for name, thing in _registered.items()}
    return {**own, **_registered, **(_in_scope.get() or {}), **(custom_objects or {})}


def made_again(noun: str, make: Callable[[Any], Any], config: Any) -> Any:
    """What a configuration makes; if it makes nothing, an error that says of what.

    Args:
        noun: What it should be: "layer".
        make: Makes it, such as a class's `from_config`.
        config: What was written down, perhaps by somebody else.

    Raises:
        WrongType: For whatever a constructor says of arguments that are none of its own.

    Example:
        >>> from kibitz.registered import made_again
        >>> made_again("number", lambda config: int(config["value"]), {"value": "3"})
        3
    """
    try:
        return make(config)
    except KibitzError:
        raise
    except FAULTS as error:
        raise WrongType(
            f"This configuration makes no {noun}: {type(error).__name__}: {error}.",
            given=config,
            wanted="what its get_config gives",
            cure="write it down again, with the version that reads it",
        ) from error


@contextmanager
def allowing(size: int) -> Iterator[None]:
    """Let what is made from a file take no more memory than so much: a file of 1 kB may ask for all there is.

    Args:
        size: Bytes that weights and metrics may take in all.
    """
    token = _allowance.set([size])
    try:
        yield
    finally:
        _allowance.reset(token)


def take(shape: Iterable[int], size: int, what: str) -> None:
    """Say that memory is about to be taken for numbers.

    Args:
        shape: The shape of the numbers.
        size: Bytes of each.
        what: What they are for.

    Raises:
        UnusableFile: If a file asks for it, and it is more than is left of what it may.

    Example:
        >>> from kibitz.registered import allowing, take
        >>> take([10**12], 4, "a kernel")
        >>> with allowing(1000):
        ...     take([10, 10], 4, "a kernel")
    """
    left = _allowance.get()
    if left is None:
        return
    left[0] -= math.prod(map(int, shape)) * size
    if left[0] < 0:
        raise UnusableFile(
            "This file describes a model that is much larger than the file.",
            given=f"{what}, {describe(tuple(shape))}",
            wanted="no more numbers than the file holds, and 64 MiB for metrics",
            cure="take another copy of the file",
        )
