"""The names that a user types, and how each is called. `make names` writes them down anew.

A public folder says its names in `__all__`; a module named there is public in its turn.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from kibitz.callbacks.heard_where import HeardWhere

SNAPSHOT = Path(__file__).with_name("public_names.txt")


HANDED_ON = "kibitz.ops."
"""Functions of JAX that are handed on as they are: JAX describes them, and says how they are called."""


@dataclass(frozen=True)
class Name:
    """One public name: where it is typed, and what it is."""

    path: str
    thing: Any

    @property
    def short(self) -> str:
        return self.path.rpartition(".")[2]


@functools.cache
def public_modules() -> dict[str, ModuleType]:
    """Every public module by its dotted name, `kibitz` first."""
    found: dict[str, ModuleType] = {}
    waiting = ["kibitz"]
    while waiting:
        path = waiting.pop(0)
        module = importlib.import_module(path) if path == "kibitz" else _reached(path)
        found[path] = module
        waiting += [f"{path}.{name}" for name in exported(module) if isinstance(getattr(module, name), ModuleType)]
    return found


@functools.cache
def public_names() -> list[Name]:
    """Every public class, function and value, once for each place where it is typed."""
    return [
        Name(f"{path}.{name}", getattr(module, name))
        for path, module in public_modules().items()
        for name in sorted(exported(module))
        if not isinstance(getattr(module, name), ModuleType)
    ]


@functools.cache
def homes() -> dict[int, Name]:
    """For each thing the one name that it is described under: its own, as deep in the tree as it stands."""
    best: dict[int, Name] = {}
    for name in public_names():
        if name.path.startswith(HANDED_ON):
            continue
        rank = (name.short == getattr(name.thing, "__name__", ""), name.path.count("."))
        held = best.get(id(name.thing))
        if held is None or rank > (held.short == getattr(held.thing, "__name__", ""), held.path.count(".")):
            best[id(name.thing)] = name
    return best


def methods(thing: type) -> dict[str, Any]:
    """The public methods and properties that a class of ours itself defines."""
    own = {key: value.function if isinstance(value, HeardWhere) else value for key, value in vars(thing).items()}
    return {key: value for key, value in own.items() if not key.startswith("_") and _is_method(value)}


def signature(thing: Any) -> inspect.Signature:
    """How something is called, without the types."""
    plain = inspect.signature(thing)
    empty = inspect.Parameter.empty
    named = [each.replace(annotation=empty) for each in plain.parameters.values()]
    return plain.replace(parameters=named, return_annotation=inspect.Signature.empty)


def lines() -> list[str]:
    """The snapshot: one line a name, and one for each method of a class."""
    described = homes()
    found = []
    for name in public_names():
        here = described.get(id(name.thing))
        if here is None:
            found.append(f"{name.path}: JAX's or NumPy's own")
        elif here.path != name.path:
            found.append(f"{name.path} = {here.path}")
        elif inspect.isclass(name.thing):
            found.append(name.path + _called(name.thing))
            found += [f"{name.path}.{key}{_member(value)}" for key, value in sorted(methods(name.thing).items())]
        elif callable(name.thing):
            found.append(name.path + _called(name.thing))
        else:
            found.append(f"{name.path}: {type(name.thing).__name__}")
    return sorted(found)


def _reached(path: str) -> ModuleType:
    above, _, name = path.rpartition(".")
    return getattr(_reached(above) if above != "kibitz" else sys.modules["kibitz"], name)


def exported(module: ModuleType) -> list[str]:
    """The names of a public module: its `__all__`, or what a plain file itself defines."""
    if hasattr(module, "__all__"):
        return list(module.__all__)
    if hasattr(module, "__path__"):
        raise AssertionError(f"{module.__name__} is a public folder and has no __all__")
    return [
        name for name, thing in vars(module).items() if not name.startswith("_") and _defined_in(module, name, thing)
    ]


def _defined_in(module: ModuleType, name: str, thing: Any) -> bool:
    return name.isupper() or getattr(thing, "__module__", None) == module.__name__


def _is_method(value: Any) -> bool:
    return inspect.isfunction(value) or isinstance(value, property | classmethod | staticmethod)


def _called(thing: Any) -> str:
    try:
        return re.sub(r" at 0x[0-9a-f]+", "", str(signature(thing)))
    except (TypeError, ValueError):
        return "(...)"


def _member(value: Any) -> str:
    if isinstance(value, property):
        return "" if value.fset is None else " (can be set)"
    return _called(value.__func__ if isinstance(value, classmethod | staticmethod) else value)


if __name__ == "__main__":
    SNAPSHOT.write_text("\n".join(lines()) + "\n", encoding="utf-8")
    print(f"{len(lines())} public names in {SNAPSHOT.name}")
