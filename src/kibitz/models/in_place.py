"""B. A durable fit that does something else: how the command line looks back through a program's own `fit(run=...)`."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from kibitz.checkpoint.files import local
from kibitz.checkpoint.run_folder import RunFolder
from kibitz.errors import NotReady, code
from kibitz.models.core import Core

if TYPE_CHECKING:
    from kibitz.models.running import FitArguments

_asked: list[InPlace] = []


@dataclass
class InPlace:
    """What is done in place of the fits of one run.

    Args:
        run: The folder of that run.
        do: What is done; it does not come back.
        seen: The folders of the durable fits that there were, in order.
    """

    run: str
    do: Callable[[Core, FitArguments], Any]
    seen: list[str] = field(default_factory=list)


@contextmanager
def in_place_of(run: Any, do: Callable[[Core, FitArguments], Any]) -> Iterator[InPlace]:
    """While this lasts, do something in place of `fit(run=...)`, for one run; fits of other runs must have ended.

    Args:
        run: The folder of the run.
        do: What is done, with the parts of the model and what fit was given; its result is that of fit.
    """
    place = InPlace(_real(run), do)
    _asked.append(place)
    try:
        yield place
    finally:
        _asked.remove(place)


def instead_of(given: FitArguments) -> Callable[[Core, FitArguments], Any] | None:
    """What is to be done in place of a durable fit; None if it is to be done itself.

    Raises:
        NotReady: If it is the fit of another run, which would be trained on.
    """
    if not _asked or given.durable is None:
        return None
    place, folder = _asked[-1], given.durable.run
    place.seen.append(folder)
    if _real(folder) == place.run:
        return place.do
    final = RunFolder(folder, writes=False).final()
    if final is None or final.document.get("epochs", 0) < int(given.epochs):
        raise NotReady(
            "The program comes to another run first, and that one has not ended: to look back trains nothing.",
            given=code(f"fit(..., run={folder!r})"),
            wanted="runs that have ended, up to the one that is looked back at",
            cure="start the program itself first, so that this run ends; or leave it out, by an argument of the program",
        )
    return None


def _real(run: Any) -> str:
    return os.path.realpath(local(run))
