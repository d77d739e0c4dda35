"""A durable fit that does something else: how the command line looks back through a program's own `fit(run=...)`."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from kibitz.checkpoint.files import local
from kibitz.errors import KibitzError, NotReady, code
from kibitz.models.core import Core

if TYPE_CHECKING:
    from kibitz.models.running import FitArguments

_asked: list[InPlace] = []


@dataclass
class InPlace:
    """What is done in place of the fits of one run.

    Args:
        run: The folder of that run.
        do: What is done.
        refuse: Takes the error where it cannot be done.
        seen: The folders of the durable fits that there were, in order.
    """

    run: str
    do: Callable[[Core, FitArguments], Any]
    refuse: Callable[[KibitzError], Any]
    seen: list[str] = field(default_factory=list)


@contextmanager
def in_place_of(
    run: Any, do: Callable[[Core, FitArguments], Any], refuse: Callable[[KibitzError], Any]
) -> Iterator[InPlace]:
    """While this lasts, do something in place of `fit(run=...)`, for one run; fits of other runs must have ended.

    Args:
        run: The folder of the run.
        do: What is done, with the parts of the model and what fit was given; its result is that of fit.
        refuse: Takes the error, if another run comes first that has not ended: to look back trains nothing.
    """
    place = InPlace(_real(run), do, refuse)
    _asked.append(place)
    try:
        yield place
    finally:
        _asked.remove(place)


def instead_of(given: FitArguments) -> Callable[[Core, FitArguments], Any] | None:
    """What is to be done in place of a durable fit; None if it is to be done itself."""
    if not _asked or given.durable is None:
        return None
    place, folder = _asked[-1], given.durable.run
    place.seen.append(folder)
    if _real(folder) == place.run:
        return place.do
    from kibitz.checkpoint.run_folder import RunFolder

    final = RunFolder(folder, writes=False).final()
    if final is None or final.document.get("epochs", 0) < int(given.epochs):
        error = NotReady(
            "The program comes to another run, and that one has not ended: to look back trains nothing.",
            given=code(f"fit(..., run={folder!r})"),
            wanted=f"runs that have ended, up to {place.run}",
            there_is=dict.fromkeys(place.seen),
            cure="the program's own arguments, behind --, with which it comes to that run; or another folder",
        )
        return lambda core, given: place.refuse(error)  # noqa: ARG005 - as what is done is called
    return None


def _real(run: Any) -> str:
    return os.path.realpath(local(run))
