"""How fast training goes, epoch by epoch, and where its time went."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from kibitz.callbacks.base import Callback, Numbers
from kibitz.callbacks.number import number
from kibitz.callbacks.say import say
from kibitz.errors import WrongType

NAME = "ThroughputMonitor"
PARTS = ("device_seconds", "data_seconds", "hooks_seconds")


class Moment(NamedTuple):
    """What was there at a moment: the time, the steps done, the seconds of each part so far."""

    at: float
    steps: int
    parts: tuple[float, ...]


class ThroughputMonitor(Callback):
    """Log how many steps and samples a second training does, without validation, epoch by epoch.

    The first step of a run compiles; it is left out of the first epoch's figures, unless it is the only one. What else
    is compiled meanwhile, such as the program for a short last batch, counts. `model.run_report()` tells of the whole
    run.

    Args:
        samples: Rows in an epoch, such as `len(x)`: a run does not tell how many rows its batches have. Each step then
            counts the same share of them. None logs steps alone.
        parts: Whether to log the seconds that were spent waiting for the device, on data, and in all hooks.
        verbose: 1 prints a line at the end of each epoch, 0 is silent.
        clock: Gives the present in seconds; only differences count. Give one of your own to test with.

    Raises:
        InvalidArgument: If `samples` is not a number of 1 or more.
        WrongType: If `parts` is not True or False.

    Reads: the clock, at both ends of an epoch's training; the run's report.
    Changes: nothing in the model; puts "steps_per_second", "samples_per_second" with `samples`, and "device_seconds",
        "data_seconds" and "hooks_seconds" with `parts`, into the epoch's logs. These are measured, and never the same
        twice.
    Keeps: nothing.
    Unlike Keras: there is none in Keras.

    Example:
        >>> import kibitz
        >>> ticks = iter([0.0, 3.0, 4.0, 10.0, 12.0])  # begin, first step, end; begin, end
        >>> speed = kibitz.callbacks.ThroughputMonitor(samples=96, verbose=1, clock=lambda: next(ticks))
        >>> _ = kibitz.testing.drive(speed, epochs=[{"loss": 1.0}] * 2, batches=3)
        Epoch 1: 2 steps/s, 64 samples/s (without the first step)
        Epoch 2: 1.5 steps/s, 48 samples/s

    Source: https://lightning.ai/docs/pytorch/stable/api_references.html (the idea: Lightning's ThroughputMonitor).
    """

    adds = measures = ("steps_per_second",)

    def __init__(
        self,
        *,
        samples: int | None = None,
        parts: bool = False,
        verbose: int = 0,
        clock: Callable[[], float] = time.perf_counter,
    ):
        super().__init__()
        if not isinstance(parts, bool):
            raise WrongType("parts is yes or no.", given=parts, wanted="True or False", cure=f"{NAME}(parts=True)")
        self.samples = None if samples is None else number(NAME, "samples", samples, least=1, such_as=60000)
        self.parts, self.verbose = parts, verbose
        with_samples = () if samples is None else ("samples_per_second",)
        self.adds = self.measures = ("steps_per_second", *with_samples, *(PARTS if parts else ()))
        self._clock = clock
        self._warm = False
        self._steps = 0
        self._begun: Moment | None = None
        self._ended: Moment | None = None
        self._partial = False

    def on_train_begin(self, logs: Numbers = None) -> None:
        """The next step will be the first."""
        self._warm, self._steps, self._begun = False, 0, None

    def on_epoch_begin(self, epoch: int, logs: Numbers = None) -> None:
        """Begin to measure."""
        self._begun, self._ended, self._partial = self._now(), None, False
        self._first = self._steps

    def on_train_batch_end(self, batch: int, logs: Numbers = None) -> None:
        """Count; after the first step of the run begin anew, for that one compiled."""
        self._steps += 1
        if not self._warm:
            self._warm, self._warmed = True, self._now()
            self._partial = True

    def on_test_begin(self, logs: Numbers = None) -> None:
        """The epoch's training is over, if this is its validation."""
        if self._begun is not None and self._ended is None:
            self._ended = self._now()

    def on_epoch_end(self, epoch: int, logs: Numbers = None) -> None:
        """Log what was measured."""
        end = self._ended or self._now()
        begun, self._begun = self._begun, None
        if begun is None:
            return
        if self._partial and end.steps > self._warmed.steps:
            begun = self._warmed
        else:
            self._partial = False
        found = self._figures(begun, end)
        if logs is not None:
            logs.update(found)
        if self.verbose > 0:
            say(f"Epoch {epoch + 1}: {self._line(found)}")

    def _now(self) -> Moment:
        report = None if self.run is None else self.run.report
        if report is None:
            return Moment(self._clock(), self._steps, (0.0, 0.0, 0.0))
        parts = (report.seconds["device"], report.seconds["data"], sum(report.hooks.values()))
        return Moment(self._clock(), self._steps, parts)

    def _figures(self, begun: Moment, end: Moment) -> dict[str, float]:
        seconds, steps = end.at - begun.at, end.steps - begun.steps
        found = {"steps_per_second": steps / seconds if seconds > 0 else math.nan}
        if self.samples is not None:
            each = self.samples / ((self.params or {}).get("steps") or end.steps - self._first)
            found["samples_per_second"] = found["steps_per_second"] * each
        if self.parts:
            found |= {name: after - before for name, after, before in zip(PARTS, end.parts, begun.parts, strict=True)}
        return found

    def _line(self, found: dict[str, Any]) -> str:
        line = f"{_shown(found['steps_per_second'])} steps/s"
        if self.samples is not None:
            line += f", {_shown(found['samples_per_second'])} samples/s"
        for name in PARTS if self.parts else ():
            line += f", {name.removesuffix('_seconds')} {found[name]:.1f} s"
        return line + " (without the first step)" * self._partial


def _shown(rate: float) -> str:
    return f"{rate:,.0f}" if rate >= 100 else f"{rate:.3g}"
