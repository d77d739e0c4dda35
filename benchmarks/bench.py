"""Times whole calls of fit, in turns, and prints ratios: `make bench`, `make bench-quick`.

Every round runs every contestant once, in an order that moves on by one each round; a figure is a median over rounds,
a ratio is of medians within one run. Nothing here is a test: a clock decides nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

os.environ.setdefault("KERAS_BACKEND", "jax")
os.environ.setdefault("JAX_PLATFORMS", "cpu")

import jax
import keras
import numpy as np

import kibitz
from benchmarks.hand import BATCH, Hand
from benchmarks.workloads import ROWS, convolutional, dense, digits, targets

Contestant = Callable[[], Any]


def looking(library: Any) -> Any:
    """A callback that reads the loss at every batch."""

    class ReadsLoss(library.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            self.last = logs["loss"]

    return ReadsLoss()


def reading_weights(library: Any, every: int) -> Any:
    """A callback that reads the weights after every so many batches."""

    class ReadsWeights(library.callbacks.Callback):
        def on_train_begin(self, logs=None):
            self.step = 0

        def on_train_batch_end(self, batch, logs=None):
            self.step += 1
            if self.step % every == 0:
                self.last = self.model.get_weights()

    return ReadsWeights()


def contestants(kind: str, x: np.ndarray, y: np.ndarray, epochs: int, *, slow: bool) -> dict[str, Contestant]:
    """Workload A or B by every way there is."""
    ours, theirs, scan, loop = dense(kibitz, kind), dense(keras, kind), Hand(kind, scan=True), Hand(kind, scan=False)

    def fit(model: Any, *callbacks: Any) -> Contestant:
        return lambda: model.fit(x, y, batch_size=BATCH, epochs=epochs, verbose=0, callbacks=list(callbacks))

    found = {
        "hand scan": lambda: scan.fit(x, y, epochs),
        "hand loop": lambda: loop.fit(x, y, epochs),
        "kibitz": fit(ours),
        "kibitz, hook reads loss": fit(ours, looking(kibitz)),
        "kibitz, 100 idle callbacks": fit(ours, *[kibitz.callbacks.Callback() for _ in range(100)]),
        "kibitz, weights every 100": fit(ours, reading_weights(kibitz, 100)),
        "kibitz, weights every 10": fit(ours, reading_weights(kibitz, 10)),
        "kibitz, weights every 1": fit(ours, reading_weights(kibitz, 1)),
        "keras, hook reads loss": fit(theirs, looking(keras)),
    }
    if slow:
        packed = dense(keras, kind)
        packed.steps_per_execution = 32
        found["keras, 32 steps per execution"] = fit(packed, looking(keras))
    return found


def timed(found: dict[str, Contestant], rounds: int) -> dict[str, float]:
    """Median seconds of each contestant; each runs once before, so that compiling is in nobody's time."""
    times: dict[str, list[float]] = {name: [] for name in found}
    for run in found.values():
        run()
    names = list(found)
    for turn in range(rounds):
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            began = time.perf_counter()
            found[name]()
            times[name].append(time.perf_counter() - began)
    return {name: median(each) for name, each in times.items()}


AIMS = {
    ("kibitz, hook reads loss", "hand scan"): {"A": 1.05, "B": 1.05},
    ("kibitz, hook reads loss", "keras, hook reads loss"): {"A": 0.35, "B": 0.70},
    ("kibitz, hook reads loss", "kibitz"): {"A": 1.05, "B": 1.05},
    ("kibitz, 100 idle callbacks", "kibitz"): {"A": 1.02, "B": 1.02},
    ("kibitz, weights every 100", "kibitz"): {"A": 1.10, "B": 1.10},
    ("kibitz, weights every 10", "kibitz"): {"A": 1.25, "B": 1.25},
    ("kibitz, weights every 1", "kibitz"): {"A": 2.5, "B": 2.5},
    ("kibitz C", "keras C"): {"C": 0.55},
    ("evaluate", "hand evaluate"): {"E": 1.05},
}


def ratios(kind: str, seconds: dict[str, float]) -> list[dict[str, Any]]:
    """The rows of the table that this workload has figures for."""
    rows = []
    for (one, other), aims in AIMS.items():
        if kind in aims and one in seconds and other in seconds:
            ratio = seconds[one] / seconds[other]
            rows.append({"workload": kind, "what": f"{one} / {other}", "ratio": round(ratio, 3), "aim": aims[kind]})
    return rows


def convolution(rounds: int, rows: int) -> dict[str, float]:
    """Workload C on fewer rows: a step takes long, so a few hundred say enough."""
    x, y = digits(rows=rows)
    x = x.reshape(-1, 28, 28, 1)
    ours, theirs = convolutional(kibitz), convolutional(keras)

    def fit(model: Any) -> Contestant:
        return lambda: model.fit(x, y, batch_size=BATCH, epochs=1, verbose=0)

    return timed({"kibitz C": fit(ours), "keras C": fit(theirs)}, rounds)


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer epochs and rounds: under three minutes")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/latest.json"))
    given = parser.parse_args()
    rounds = 3 if given.quick else 5
    x, y = digits(rows=ROWS // 4 if given.quick else ROWS)
    report: dict[str, Any] = {"machine": platform.platform(), "cores": os.cpu_count(), "jax": jax.__version__,
                              "keras": keras.__version__, "kibitz": kibitz.__version__, "rounds": rounds,
                              "quick": given.quick, "seconds": {}, "ratios": []}  # fmt: skip
    for kind, epochs in (("A", 20), ("B", 10)):
        found = contestants(kind, x, targets(kind, y), 4 if given.quick else epochs, slow=not given.quick)
        seconds = timed(found, rounds)
        report["seconds"][kind] = seconds
        report["ratios"] += ratios(kind, seconds)
    seconds = convolution(rounds, 2_560 if given.quick else 12_800)
    report["seconds"]["C"] = seconds
    report["ratios"] += ratios("C", seconds)
    show(report)
    given.out.parent.mkdir(parents=True, exist_ok=True)
    given.out.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


def show(report: dict[str, Any]) -> None:
    """Print seconds and ratios."""
    for kind, seconds in report["seconds"].items():
        for name, each in seconds.items():
            print(f"{kind}  {name:<34}{each:8.3f} s")
    print()
    for row in report["ratios"]:
        met = "met" if row["ratio"] <= row["aim"] else "not met"
        print(f"{row['workload']}  {row['what']:<58}{row['ratio']:7.3f}  aim {row['aim']:<5} {met}")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
