"""Finding a thing by what a user may write for it: a name, a class, a config, or the thing itself.

Initializers, regularizers, constraints, activations and layers each have one `Table`. Nothing is ever imported by a
name that stands in a config: what is not in the table, or in `custom_objects`, is an error.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Self

from kibitz.errors import InvalidArgument, UnknownName
from kibitz.naming import to_snake_case
from kibitz.registered import get_registered_name, known, made_again


class Configured:
    """What can be made again from a dict of its arguments; the base of initializers, regularizers, constraints.

    Example:
        >>> from kibitz.layers.regularizers import L2
        >>> L2.from_config(L2(0.5).get_config())
        L2(l2=0.5)
    """

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments, by name."""
        return {}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """Make one from what `get_config` gave."""
        return cls(**config)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in self.get_config().items())})"


class Table:
    """All things of one kind by name, in Keras's two spellings: "GlorotUniform" and "glorot_uniform".

    Args:
        noun: What an entry is called in messages, such as "initializer".
        module: Where Keras keeps them; written into configs so that Keras can read them.
        entries: Classes or functions.
        cure: A right use, for messages.
        aliases: Further names. None means none.
        spell: How messages spell an entry's name.

    Example:
        >>> from kibitz.layers.lookup import Table
        >>> table = Table("shape", "keras.shapes", [int, float], cure="shape=int")
        >>> table.find("float")
        <class 'float'>
    """

    def __init__(
        self,
        noun: str,
        module: str,
        entries: Iterable[Any],
        *,
        cure: str,
        aliases: Mapping[str, Any] | None = None,
        spell: Callable[[str], str] = to_snake_case,
    ):
        self.noun, self.module, self.cure = noun, module, cure
        entries = list(entries)
        self.names = sorted(spell(entry.__name__) for entry in entries)
        self.by_name: dict[str, Any] = {entry.__name__: entry for entry in entries}
        self.by_name |= {to_snake_case(entry.__name__): entry for entry in entries}
        self.by_name |= aliases or {}

    def find(self, name: str, custom_objects: Mapping[str, Any] | None = None) -> Any:
        """The entry of this name, or of `custom_objects`.

        Raises:
            UnknownName: If there is none.
        """
        entry = known(custom_objects).get(name, self.by_name.get(name))
        if entry is None:
            raise UnknownName(f"There is no {self.noun} of this name.", given=name, there_is=self.names, cure=self.cure)
        return entry

    def get(self, identifier: Any) -> Any:
        """The thing that an argument means: by name, config, class, or itself; None stays None.

        Raises:
            UnknownName: For a name that is not in the table.
            InvalidArgument: For what can be none of these.
        """
        if identifier is None:
            return None
        if isinstance(identifier, dict):
            return self.deserialize(identifier)
        found = self.find(identifier) if isinstance(identifier, str) else identifier
        if not callable(found):
            raise InvalidArgument(
                f"This is no {self.noun}.",
                given=identifier,
                wanted="a name, a class, an instance, or a function",
                cure=self.cure,
            )
        return found() if inspect.isclass(found) else found

    def serialize(self, thing: Any) -> dict[str, Any] | None:
        """Write a thing down as Keras does; a function by its name only, never its code."""
        if thing is None:
            return None
        if not hasattr(thing, "get_config"):
            name = getattr(thing, "__name__", type(thing).__name__)
            return {"module": "builtins", "class_name": "function", "config": name, "registered_name": name}
        kind = type(thing)
        ours = self.by_name.get(kind.__name__) is kind
        return {
            "module": self.module if ours else kind.__module__,
            "class_name": kind.__name__,
            "config": thing.get_config(),
            "registered_name": None if ours else get_registered_name(kind),
        }

    def deserialize(self, config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None) -> Any:
        """Make a thing from what `serialize` gave; only names in the table or in `custom_objects` are made.

        Raises:
            UnknownName: If the class or function is in neither.
            InvalidArgument: If the config has no class.
        """
        name = config.get("class_name") if isinstance(config, Mapping) else None
        if not isinstance(name, str):
            raise InvalidArgument(
                f"This config makes no {self.noun}.",
                given=config,
                wanted='{"class_name": ..., "config": {...}}',
                cure=self.cure,
            )
        if name == "function":
            # Not from the table: a user's own gelu is not ours because it has the same name.
            own, called = known(custom_objects), str(config.get("config"))
            if called in own:
                return own[called]
            raise UnknownName(
                f"A config names a function of your own as {self.noun}, and a name is no function.",
                given=called,
                there_is=sorted(own),
                cure=f"custom_objects={{{called!r}: the function}}",
            )
        found = self.find(name, custom_objects)
        return made_again(self.noun, lambda given: found.from_config(dict(given or {})), config.get("config"))
