"""The first fit, of one step, in a new process: what is compiled there is compiled for the first time."""

from __future__ import annotations

import importlib
import json
import sys
import time

from benchmarks.effort import Effort
from benchmarks.figures import Figures, contestants, ratio
from benchmarks.process import in_new_process
from benchmarks.rounds import turns
from benchmarks.workloads import BATCH, dense, digits

LIBRARIES = ("kibitz", "keras")


def measure(effort: Effort) -> Figures:
    seconds: dict[str, list[float]] = {f"{name}, {what}": [] for name in LIBRARIES for what in ("fit", "process")}
    if effort.kind != "check":
        for name in LIBRARIES:  # once before, so that nobody reads from a cold disk
            in_new_process("benchmarks.parts.cold", name)
    for name in turns(list(LIBRARIES), effort.of(effort.rounds, 2, 1)):
        found = {**first_fit(name), "process": 1.0} if effort.kind == "check" else _fresh(name)
        for what in ("fit", "process"):
            seconds[f"{name}, {what}"].append(found[what])
    rows = [
        ratio("B: a first fit of one step / Keras", seconds, "kibitz, fit", "keras, fit", 0.65),
        ratio("B: the whole process, imports included / Keras", seconds, "kibitz, process", "keras, process"),
    ]
    return {"contestants": contestants(seconds, "s"), "rows": rows}


def _fresh(name: str) -> dict[str, float]:
    return in_new_process("benchmarks.parts.cold", name)


def first_fit(name: str) -> dict[str, float]:
    """Seconds of the first fit in this process, of a model that has no weights before it."""
    model = dense(importlib.import_module(name), "B", told=False)
    x, y = digits(rows=BATCH)
    began = time.perf_counter()
    model.fit(x, y, batch_size=BATCH, epochs=1, verbose=0)
    return {"fit": time.perf_counter() - began}


if __name__ == "__main__":
    print(json.dumps(first_fit(sys.argv[1])))
