"""Whether a step costs at the end of a long fit what it costs at its beginning, in time and in memory.

One fit, cut into a hundred stretches; what is compared are the medians of the first and of the last fifth. Beginning
and end of the fit, which are paid once, are in no stretch.
"""

from __future__ import annotations

import time
from statistics import median
from typing import Any

import numpy as np

import kibitz
from benchmarks.effort import Effort
from benchmarks.figures import Figures, contestants, row
from benchmarks.process import MEASURABLE, resident

STRETCHES, FIFTH = 100, 20
WIDTH = 8
MIB = 2**20


class Odometer(kibitz.callbacks.Callback):
    """Notes the time and the memory at the end of each stretch.

    Args:
        stretch: How many steps, or epochs, a stretch has.
        of: "steps" or "epochs".
        start: How many go before the first stretch.
    """

    def __init__(self, stretch: int, of: str, start: int):
        super().__init__()
        self.stretch, self.of, self.start = stretch, of, start

    def on_train_begin(self, logs=None):
        """Begin to count."""
        self.passed, self.times, self.memory = -self.start, [], []

    def on_train_batch_end(self, batch, logs=None):
        """Look at the loss, and count the step."""
        self.last = logs["loss"]
        if self.of == "steps":
            self._pass()

    def on_epoch_end(self, epoch, logs=None):
        """Count the epoch."""
        if self.of == "epochs":
            self._pass()

    def _pass(self) -> None:
        if self.passed >= 0 and self.passed % self.stretch == 0:
            self.times.append(time.perf_counter())
            self.memory.append(resident() if MEASURABLE else 0)
        self.passed += 1


def measure(effort: Effort) -> Figures:
    rows: list[Figures] = []
    measured: dict[str, list[float]] = {}
    steps = effort.of(1_000_000, 200_000, 1_000)
    _long(rows, measured, "steps", steps, stretch=(steps - steps // 1000 - 1) // STRETCHES, start=steps // 1000)
    epochs = effort.of(1_000, 300, 102)
    _long(rows, measured, "epochs", epochs, stretch=(epochs - 2) // STRETCHES, start=1)
    return {"contestants": contestants(measured, "us"), "rows": rows}


def _long(
    rows: list[Figures], measured: dict[str, list[float]], of: str, many: int, *, stretch: int, start: int
) -> None:  # fmt: skip
    in_epoch = 1 if of == "steps" else 100
    odometer = Odometer(stretch, of, start)
    _fit(odometer, *((many, 1) if of == "steps" else (in_epoch, many)))
    each = np.diff(odometer.times)[:STRETCHES] / stretch / in_epoch * 1e6
    first, last = median(each[:FIFTH]), median(each[-FIFTH:])
    measured[f"a step, first fifth of {many:,} {of}"] = each[:FIFTH].tolist()
    measured[f"a step, last fifth of {many:,} {of}"] = each[-FIFTH:].tolist()
    rows.append(row(f"time of a step: last fifth of {many:,} {of} / first fifth", last / first, 1.05))
    if MEASURABLE:
        begin, end = odometer.memory[0], odometer.memory[-1]
        what = f"resident memory: after {many:,} {of} / after {start:,}"
        rows.append(row(what, end / begin, 1.05, note=f"{(end - begin) / MIB:+.1f} MiB"))


def _fit(odometer: Odometer, steps: int, epochs: int) -> Any:
    x = np.random.default_rng(0).random((steps, WIDTH), dtype="float32")
    model = kibitz.Sequential([kibitz.Input((WIDTH,)), kibitz.layers.Dense(1)])
    model.compile("sgd", "mse")
    return model.fit(x, x.sum(axis=1, keepdims=True), batch_size=1, epochs=epochs, verbose=0, callbacks=[odometer])
