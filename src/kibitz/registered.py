"""Classes and functions of the user's own by name, so that what was written down can be made again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

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
