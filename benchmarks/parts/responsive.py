"""How soon Ctrl-C is answered, and how often whoever watches a progress bar sees it move."""

from __future__ import annotations

import _thread
import gc
import signal
import threading
import time

import numpy as np

import kibitz
from benchmarks.effort import Effort
from benchmarks.figures import Figures, contestants, row
from benchmarks.modules import workload
from benchmarks.workloads import BATCH, dense, digits, targets

LIMIT = 0.2  # seconds, beyond the one step that nobody can break off


def measure(effort: Effort) -> Figures:
    seconds: dict[str, list[float]] = {"A, Ctrl-C": [], "E, Ctrl-C": [], "E, a step": [], "A, bar": [], "E, bar": []}
    for kind in ("A", "E"):
        model, x, y, size = _given(kind, effort)
        began = time.perf_counter()
        steps = model.fit(x, y, batch_size=size, epochs=2, verbose=0) and model.run_report().steps
        if kind == "E":
            seconds["E, a step"].append((time.perf_counter() - began) / steps)
        for turn in range(effort.of(9, 5, 1)):
            seconds[f"{kind}, Ctrl-C"].append(_answered(model, x, y, size, 0.31 + 0.037 * turn))
        seconds[f"{kind}, bar"] = _gaps(model, x, y, size, effort.of(6, 3, 1))
    allowed = {"A": LIMIT, "E": LIMIT + seconds["E, a step"][0]}
    rows = [
        row(f"{kind}: the longest that Ctrl-C took", max(seconds[f"{kind}, Ctrl-C"]), allowed[kind], unit="s")
        for kind in ("A", "E")
    ]
    rows += [
        row(f"{kind}: the longest time that a progress bar stood still", max(seconds[f"{kind}, bar"]), 0.3, unit="s")
        for kind in ("A", "E")
    ]
    return {"contestants": contestants(seconds, "s"), "rows": rows}


def _given(kind: str, effort: Effort) -> tuple[kibitz.Model, np.ndarray, np.ndarray, int]:
    if kind == "A":
        x, y = digits(rows=effort.of(60_000, 60_000, 640))
        return dense(kibitz, "A"), x, targets("A", y), BATCH
    given = workload("E", effort)
    model = kibitz.Model(given.module)
    model.compile(given.optimizer, given.kibitz_loss)
    return model, given.x, given.y, given.batch_size


def _answered(model: kibitz.Model, x: np.ndarray, y: np.ndarray, size: int, after: float) -> float:
    """Seconds from an interruption in the midst of a fit to the exception that its caller gets."""
    asked: list[float] = []

    def interrupt() -> None:
        asked.append(time.perf_counter())
        _thread.interrupt_main()

    clock = threading.Timer(after, interrupt)
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)  # whoever started this may have it ignored
    gc.disable()  # JAX looks in when garbage is collected, and an interruption that comes just then is lost
    clock.start()
    try:
        model.fit(x, y, batch_size=size, epochs=1_000_000, verbose=0)
    except KeyboardInterrupt:
        return time.perf_counter() - asked[0]
    finally:
        gc.enable()
        signal.signal(signal.SIGINT, handler)
    raise RuntimeError("The fit ended before it was interrupted.")


def _gaps(model: kibitz.Model, x: np.ndarray, y: np.ndarray, size: int, epochs: int) -> list[float]:
    """Seconds between what a hook at every batch sees, which is what moves a bar."""
    seen: list[float] = []

    class Bar(kibitz.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            seen.append(time.perf_counter())

    model.fit(x, y, batch_size=size, epochs=epochs, verbose=0, callbacks=[Bar()])
    return np.diff(seen).tolist()
