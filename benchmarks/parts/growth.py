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
from benchmarks.figures import Figures, contestants, ratio
from benchmarks.process import MEASURABLE, resident
from benchmarks.rounds import turns

STRETCHES, FIFTH = 100, 20
WIDTH, IN_EPOCH = 8, 100
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
        self.last = float(logs["loss"])
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
    long = {"steps": effort.of(1_000_000, 200_000, 1_000), "epochs": effort.of(1_000, 300, 102)}
    times: dict[str, list[float]] = {}
    memory: dict[str, list[float]] = {}
    for of in turns(list(long), effort.of(effort.rounds, 1, 1)):
        odometer = _steps(long[of]) if of == "steps" else _epochs(long[of])
        each = np.diff(odometer.times)[:STRETCHES] / odometer.stretch * 1e6
        for at, stretches in (("first", each[:FIFTH]), ("last", each[-FIFTH:])):
            times.setdefault(_named(at, of), []).append(median(stretches))
        for at, held in (("first", odometer.memory[0]), ("last", odometer.memory[-1])):
            memory.setdefault(_named(at, of), []).append(held / MIB)
    rows = [_row("microseconds of a step", times, of, many) for of, many in long.items()]
    if MEASURABLE:
        rows += [_row("resident memory", memory, of, many) for of, many in long.items()]
    return {"contestants": {**contestants(times, "us"), **_memory(memory)}, "rows": rows}


def _named(at: str, of: str) -> str:
    return f"{at} {of}"


def _row(what: str, measured: dict[str, list[float]], of: str, many: int) -> Figures:
    return ratio(f"{what}: end of {many:,} {of} / beginning", measured, _named("last", of), _named("first", of), 1.05)


def _memory(memory: dict[str, list[float]]) -> Figures:
    return contestants({f"resident, {name}": each for name, each in memory.items()}, "MiB") if MEASURABLE else {}


def _steps(many: int) -> Odometer:
    start = many // 1000
    odometer = Odometer((many - start - 1) // STRETCHES, "steps", start)
    _fit(odometer, many, 1)
    return odometer


def _epochs(many: int) -> Odometer:
    odometer = Odometer((many - 2) // STRETCHES, "epochs", 1)
    _fit(odometer, IN_EPOCH, many)
    odometer.times = [each / IN_EPOCH for each in odometer.times]
    return odometer


def _fit(odometer: Odometer, steps: int, epochs: int) -> Any:
    x = np.random.default_rng(0).random((steps, WIDTH), dtype="float32")
    model = kibitz.Sequential([kibitz.Input((WIDTH,)), kibitz.layers.Dense(1)])
    model.compile("sgd", "mse")
    return model.fit(x, x.sum(axis=1, keepdims=True), batch_size=1, epochs=epochs, verbose=0, callbacks=[odometer])
