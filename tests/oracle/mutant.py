"""A mutant: Kibitz with one small thing wrong, and the scenarios that must notice.

Each is a function that patches Kibitz through pytest's `monkeypatch`; its docstring says what is wrong, and the
patterns of its decorator name the scenarios that catch it. Together the mutants name every scenario: one that no mutant
can make fail proves nothing.
"""

from __future__ import annotations

import functools
import importlib
import pkgutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fnmatch import fnmatch
from typing import Any

import jax

from kibitz.callbacks.dispatch import Dispatch


@dataclass(frozen=True)
class Mutant:
    """What is patched, and which scenarios catch it."""

    name: str
    patch: Callable[[Any], None]
    caught_by: tuple[str, ...]

    def scenarios(self, names: Iterable[str]) -> list[str]:
        """The names that its patterns mean."""
        return [name for name in names if any(fnmatch(name, pattern) for pattern in self.caught_by)]


MUTANTS: dict[str, Mutant] = {}


def mutant(*caught_by: str) -> Callable[[Callable], Callable]:
    """Enter a function among the mutants."""

    def enter(patch: Callable) -> Callable:
        MUTANTS[patch.__name__] = Mutant(patch.__name__, patch, caught_by)
        return patch

    return enter


def load() -> dict[str, Mutant]:
    """Import every mutants_of_*.py of this folder, and give all that they entered."""
    for module in pkgutil.iter_modules(importlib.import_module("tests.oracle").__path__):
        if module.name.startswith("mutants_of_"):
            importlib.import_module(f"tests.oracle.{module.name}")
    return MUTANTS


def wrap(patch: Any, owner: Any, name: str, make: Callable[[Callable], Callable]) -> None:
    """Put `make(old)` in the place of `owner.name`."""
    old = getattr(owner, name)
    patch.setattr(owner, name, functools.wraps(old)(make(old)))


def fire(patch: Any, make: Callable[[Callable], Callable]) -> None:
    """Change how hooks are fired: `make` is given the old `fire(self, hook, *args)`."""
    wrap(patch, Dispatch, "fire", make)


def skipping(*hooks: str) -> Callable[[Callable], Callable]:
    """A `fire` that leaves hooks out."""
    return lambda old: lambda self, hook, *args: None if hook in hooks else old(self, hook, *args)


def nothing(*_: Any, **__: Any) -> None:
    """Do nothing, whatever is asked."""


def larger(value: Any) -> Any:
    """A number, or numbers, a hundredth too large."""
    return jax.tree.map(lambda leaf: leaf * 1.01, value)


def kinds(kind: type) -> list[type]:
    """A class and all that come from it."""
    return [kind, *(each for sub in kind.__subclasses__() for each in kinds(sub))]
