"""L. Validation within fit: with which sets, when it is due, and the numbers under their names in the logs."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Collection, Mapping, Sequence

from kibitz.clock import Beat, Clock
from kibitz.logs import Logs
from kibitz.run import Run

Due = int | Collection[int] | Beat
"""When validation is due: after every how many epochs, after which epochs (counted from 1), or at a cadence."""


class Validation:
    """The validations of one fit.

    Args:
        sets: Measures the model on each set of data; the only one may be called "".
        freq: When it is due.
        run: Told which set is under way, and the latest numbers.
        go_on: Called where an epoch goes on afterwards, with its own running means.
    """

    def __init__(self, sets: Mapping[str, Callable[[], Logs]], freq: Due, run: Run, go_on: Callable[[], None]):
        self._sets, self._freq, self._run, self._go_on = sets, freq, run, go_on
        self._beat: Beat | _Steps | None = freq if isinstance(freq, Beat) and not freq.cadence.in_epochs else None
        self._latest: dict[str, float] = {}  # of this epoch
        self.tell: Callable[[], None] | None = None
        """Told where a clock on the wall has decided that it is due. None: nobody."""
        run.sets, run.validate = tuple(sets), self.measure
        run.acts.append(self.until)

    def until(self, step: int) -> float:
        """Steps to the next one after which it is due, within an epoch; infinity if only ends of epochs count."""
        return math.inf if self._beat is None else self._beat.until(step)

    def quiet(self) -> float:
        """How many steps may be done at once."""
        return self.until(self._run.clock.step) - 1

    @property
    def timed(self) -> bool:
        """Whether a clock on the wall decides."""
        return isinstance(self._freq, Beat) and self._freq.cadence.timed

    def go_by(self, steps: Sequence[int]) -> None:
        """Let it be due at these steps, in order, whatever a clock says."""
        self._beat = _Steps(steps)

    def due_at_step(self) -> bool:
        """Whether it is due now, before the batch that was just trained on is at its end for the callbacks."""
        due = self._beat is not None and self._beat.due(self._run.clock)
        if due and self.timed and self.tell is not None:
            self.tell()
        return due

    def due_at_epoch(self) -> bool:
        """Whether it is due at the end of this epoch."""
        return self._due_in(self._run.clock.epoch)

    def _due_in(self, epoch: int) -> bool:
        if isinstance(self._freq, Beat):
            return self._beat is None and self._freq.due(Clock(epoch=epoch))
        return (epoch + 1) % self._freq == 0 if isinstance(self._freq, int) else epoch + 1 in self._freq

    def due_next(self, ends: Mapping[int, int]) -> float:
        """The step after which it is due again; infinity if nobody knows of one.

        Args:
            ends: The step behind each epoch that is known to come to its end, by its number.
        """
        clock = self._run.clock
        if self._beat is not None:
            return clock.step + self._beat.until(clock.step)
        due = (end for epoch, end in ends.items() if epoch > clock.epoch and self._due_in(epoch))
        return min(due, default=math.inf)

    def measure(self, names: Collection[str] | None = None) -> dict[str, float]:
        """Validate, and give the numbers by the names that they have in the logs; an epoch under way goes on."""
        found = self._measured(names)
        if self._run.clock.in_epoch:
            self._latest |= found
            self._go_on()
        return found

    def of_epoch(self) -> dict[str, float]:
        """The numbers that belong to the epoch that ends: those that are due now, or its latest."""
        latest, self._latest = self._latest, {}
        return {**latest, **self._measured(None)} if self.due_at_epoch() else latest

    def get_state(self) -> dict[str, dict[str, float]]:
        """What was measured in this epoch, and last of all."""
        return {"epoch": dict(self._latest), "last": dict(self._run.validation)}

    def set_state(self, state: Mapping[str, Mapping[str, float]]) -> None:
        """Go on with what another process has measured."""
        self._latest, self._run.validation = dict(state["epoch"]), dict(state["last"])

    def _measured(self, names: Collection[str] | None) -> dict[str, float]:
        found: dict[str, float] = {}
        for name, measure in self._sets.items():
            if names is None or name in names:
                self._run.validating = name
                prefix = f"val_{name}_" if name else "val_"
                found |= {f"{prefix}{key}": value for key, value in measure().items()}
        self._run.validating = ""
        self._run.validation = found
        return found


class _Steps:
    """What is due at steps that are known; as a `Beat` tells it."""

    def __init__(self, steps: Sequence[int]):
        self._steps = steps

    def until(self, step: int) -> float:
        at = bisect_right(self._steps, step)
        return self._steps[at] - step if at < len(self._steps) else math.inf

    def due(self, clock: Clock) -> bool:
        at = bisect_left(self._steps, clock.step)
        return at < len(self._steps) and self._steps[at] == clock.step
