"""Where a run is: epoch, batch and step, counted in one place."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Clock:
    """The counters of a run.

    Args:
        epoch: The epoch that is running, from 0; the first epoch's number before any has begun.
        batch: The batch within the epoch that hooks have reached, from 0.
        step: Steps done in this run (a step is one update of the weights).

    Example:
        >>> from kibitz.clock import Clock
        >>> clock = Clock()
        >>> clock.tick(); clock.tick()
        >>> clock.step, clock.batch
        (2, 2)
    """

    epoch: int = 0
    batch: int = 0
    step: int = 0

    def start_epoch(self, epoch: int) -> None:
        """Begin an epoch: its batches are counted from 0."""
        self.epoch, self.batch = epoch, 0

    def tick(self, steps: int = 1) -> None:
        """So many steps are done."""
        self.batch += steps
        self.step += steps
