"""How fast training goes, epoch by epoch, and where its time went."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from kibitz.callbacks.base import Callback, Numbers
from kibitz.callbacks.heard_where import by_hand, heard_where
from kibitz.callbacks.number import number
from kibitz.callbacks.say import say
from kibitz.errors import WrongType
from kibitz.run import Run

NAME = "ThroughputMonitor"
RATES = ("steps_per_second", "samples_per_second")
PARTS = ("device_seconds", "data_seconds", "hooks_seconds")


class Moment(NamedTuple):
    """What was there at a moment: the time, the steps done, their samples, the seconds of each part so far."""

    at: float
    steps: float
    samples: float
    device: float = 0.0
    data: float = 0.0
    hooks: float = 0.0

    def since(self, before: Moment) -> Moment:
        """What has come since another moment."""
        return Moment(*(now - then for now, then in zip(self, before, strict=True)))


class ThroughputMonitor(Callback):
    """Log how many steps and samples a second training does, without validation, epoch by epoch.

    The first step of a run compiles; it is left out of the first epoch's figures, unless it is the only one. What else
    is compiled meanwhile, such as the program for a short last batch, counts. `model.run_report()` tells of the whole
    run.

    Args:
        samples: Rows in an epoch, such as `len(x)`, of which each step then counts the same share: for a loop of your
            own. None takes the rows that were trained on from the run itself.
        parts: Whether to log the seconds that were spent waiting for the device, on data, and in all hooks.
        verbose: 1 prints a line at the end of each epoch, 0 is silent.
        clock: Gives the present in seconds; only differences count. Give one of your own to test with.

    Raises:
        InvalidArgument: If `samples` is not a number of 1 or more.
        WrongType: If `parts` is not True or False.

    Reads: the clock, at both ends of an epoch's training, and at the batches of a run's first epoch; the run's report.
    Changes: nothing in the model; puts "steps_per_second", "samples_per_second" where somebody knows of samples, and
        "device_seconds", "data_seconds" and "hooks_seconds" with `parts`, into the epoch's logs. These are measured,
        and never the same twice.
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

    adds = measures = RATES

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
        self.adds = self.measures = (*RATES, *(PARTS if parts else ()))
        self._clock = clock
        self._run: Run | None = None
        self._warm = self._partial = False
        self._steps, self._first = 0, 0.0
        self._since: Moment | None = None
        self._stretches: list[tuple[Moment, Moment]] = []
        self._cold: list[tuple[Moment, Moment]] = []

    def on_train_begin(self, logs: Numbers = None) -> None:
        """The next step will be the first."""
        self._run = None if by_hand(self) else self.run
        self._warm, self._steps, self._since = False, 0, None

    def on_epoch_begin(self, epoch: int, logs: Numbers = None) -> None:
        """Begin to measure."""
        self._stretches, self._cold, self._partial = [], [], False
        self._since = self._now()
        self._first = self._since.steps

    @heard_where(lambda self: not self._warm or by_hand(self))
    def on_train_batch_end(self, batch: int, logs: Numbers = None) -> None:
        """After the first step of the run begin anew, for that one compiled."""
        self._steps += 1
        if not self._warm:
            self._pause()
            self._cold, self._stretches = self._stretches, []
            self._warm = self._partial = True
            self._since = self._cold[-1][1] if self._cold else None

    def on_test_begin(self, logs: Numbers = None) -> None:
        """What comes now is validation."""
        self._pause()

    def on_test_end(self, logs: Numbers = None) -> None:
        """If the epoch goes on, what comes now is training again."""
        if self._stretches or self._cold:
            self._since = self._now()

    def on_epoch_end(self, epoch: int, logs: Numbers = None) -> None:
        """Log what was measured."""
        self._pause()
        # Behind the last validation of an epoch there are no steps.
        done = [stretch for stretch in self._stretches if stretch[1].steps > stretch[0].steps]
        if not done:
            done, self._partial = self._cold + self._stretches[:1], False
        self._stretches, self._cold = [], []
        if not done:
            return
        found = self._figures(done)
        if logs is not None:
            logs.update(found)
        if self.verbose > 0:
            say(f"Epoch {epoch + 1}: {self._line(found)}")

    def _pause(self) -> None:
        if self._since is not None:
            self._stretches.append((self._since, self._now()))
            self._since = None

    def _now(self) -> Moment:
        if self._run is None:
            return Moment(self._clock(), self._steps, 0)
        report = self._run.report
        device, data, hooks = report.seconds["device"], report.seconds["data"], sum(report.hooks.values())
        return Moment(self._clock(), self._run.step, report.samples, device, data, hooks)

    def _figures(self, done: list[tuple[Moment, Moment]]) -> dict[str, float]:
        seconds, steps, samples, *parts = map(sum, zip(*(after.since(before) for before, after in done), strict=True))
        if self.samples is not None:
            samples = steps * self.samples / ((self.params or {}).get("steps") or done[-1][1].steps - self._first)
        found = {"steps_per_second": steps / seconds if seconds > 0 else math.nan}
        if samples:
            found["samples_per_second"] = samples / seconds if seconds > 0 else math.nan
        return found | (dict(zip(PARTS, parts, strict=True)) if self.parts else {})

    def _line(self, found: dict[str, Any]) -> str:
        line = f"{_shown(found['steps_per_second'])} steps/s"
        if "samples_per_second" in found:
            line += f", {_shown(found['samples_per_second'])} samples/s"
        for name in PARTS if self.parts else ():
            line += f", {name.removesuffix('_seconds')} {found[name]:.1f} s"
        return line + " (without the first step)" * self._partial


def _shown(rate: float) -> str:
    return f"{rate:,.0f}" if rate >= 100 else f"{rate:.3g}"
