"""Where a durable run was left, and what must be done to go on from there."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from kibitz.logs import Logs


@dataclass(frozen=True)
class Place:
    """A moment between two steps, after all callbacks have had their hooks.

    Args:
        epoch: The epoch that has begun, or the next one.
        batch: How many of its batches are done.
        step: How many steps of the whole run are done.
        begun: Whether the epoch has begun.
        logs: The numbers as they stood.
        ended: Whether the run has ended there: nothing is left to train.
    """

    epoch: int
    batch: int
    step: int
    begun: bool
    logs: Logs = field(default_factory=Logs)
    ended: bool = False

    @property
    def begins(self) -> bool:
        """Whether it is where the run began: the state is that of then, and nothing has come of it yet."""
        return self.step == 0 and not self.begun


class Keeper(Protocol):
    """Keeps a run, so that another process can go on with it; models/durable.py has the one there is."""

    place: Place | None
    """Where the run before this one was left; None if there was none."""

    def restore(self) -> None:
        """Put everything back as it was there, once what was open is open again."""
        ...

    def end(self, logs: Logs) -> None:
        """Training has ended as it should; commit that."""
        ...
