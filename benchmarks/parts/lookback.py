"""Looking back at runs of B: a few steps in the midst of a long run, a whole run in two processes, a search.

What a durable run costs with its journal is measured by the part `durable`: that is its row of commit="auto".
"""

from __future__ import annotations

import os
import resource
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import kibitz
from benchmarks.effort import Effort
from benchmarks.figures import Figures, contestants, row
from benchmarks.rounds import turns
from benchmarks.workloads import BATCH, ROWS, dense, digits
from kibitz.replay.entry import Wrote
from kibitz.replay.journal import read

COMMIT = 500
"""Steps from one commit to the next of the long run."""

LOOKED = 20
"""Steps that are looked at in its midst."""

FEW = 2
"""Epochs of a short run: what its replay takes is start-up and compiling, and is taken off that of a longer one."""


class Loss(kibitz.callbacks.Callback):
    """Looks on at every batch."""

    adds = ()

    def on_train_batch_end(self, batch, logs=None):
        """Read the loss."""
        self.last = logs["loss"]


class Rates(kibitz.callbacks.Callback):
    """Writes one number every few steps."""

    adds = ()
    every = "10 steps"

    def on_train_batch_end(self, batch, logs=None):
        """Write a learning rate."""
        self.model.optimizer.learning_rate = 1e-3 / (1 + self.run.step)


def measure(effort: Effort) -> Figures:
    folder = Path(tempfile.mkdtemp(prefix="kibitz-bench-"))
    try:
        seconds, rows = _long(folder / "long", effort)
        beside, more = _side_by_side(folder, effort)
        return {
            "contestants": contestants({**seconds, **beside}, "s"),
            "rows": [*rows, *more, *_journal(folder, effort)],
        }
    finally:
        shutil.rmtree(folder, ignore_errors=True)


# -- a long run --------------------------------------------------------------------------------------------------------


def _long(folder: Path, effort: Effort) -> tuple[dict[str, list[float]], list[Figures]]:
    """A few steps in the midst of a run, and the first step after which something holds."""
    steps = effort.of(100_000, 10_000, 60)
    commit = effort.of(COMMIT, COMMIT, 10)
    x, y = digits(rows=BATCH * 10)
    model = dense(kibitz, "B")
    began = time.perf_counter()
    model.fit(x, y, batch_size=BATCH, epochs=steps // 10, verbose=0, run=folder, commit=f"{commit} steps",
              keep=steps // commit + 2)  # fmt: skip
    interval = (time.perf_counter() - began) * commit / steps
    middle = steps // 2 + commit // 2

    def look(length: int) -> float:
        began = time.perf_counter()
        model.replay(x, y, run=folder, steps=(middle, middle + length), callbacks=[Loss()], verbose=0)
        return time.perf_counter() - began

    look(LOOKED)  # compiles
    seconds = [look(LOOKED) for _ in range(effort.rounds)]
    beyond = [each - interval for each in seconds]
    rows = [row(f"{LOOKED} steps in the midst of {steps:,}, beyond the time of {commit} steps", median(beyond), 0.3,
                (min(beyond), max(beyond)), "s")]  # fmt: skip
    rows += _search(model, x, y, folder, steps, commit)
    return {f"looking at {LOOKED} steps of {steps:,}": seconds}, rows


def _search(model: Any, x: Any, y: Any, folder: Path, steps: int, commit: int) -> list[Figures]:
    """How many steps a search runs again; what it looks for is the number of steps itself."""
    bisect: Callable[..., Any] | None = getattr(model, "bisect", None)
    if bisect is None:
        return []
    at = steps // 3 + 7
    onset = bisect(x, y, run=folder, when=lambda model, _: int(model.optimizer.iterations) > at, verbose=0)
    note = f"{onset.evaluations} commits looked at" + ("" if onset.step == at else f"; found {onset.step}, not {at}")
    return [row(f"bisect over {steps:,} steps, a commit every {commit}: steps run again", onset.steps_run, 2 * commit,
                unit="count", note=note)]  # fmt: skip


# -- side by side ------------------------------------------------------------------------------------------------------


def _side_by_side(folder: Path, effort: Effort) -> tuple[dict[str, list[float]], list[Figures]]:
    """A whole run again, in this process and in two others; their start-up and compiling are taken off.

    Both do the same for a run of a few epochs, and that is what is taken off. This one has compiled before.
    """
    epochs = effort.of(20, 8, 3)
    x, y = digits(rows=effort.of(ROWS, ROWS // 4, 3 * BATCH))
    model = dense(kibitz, "B")
    runs = {count: folder / f"{count} epochs" for count in (FEW, epochs)}
    for count, run in runs.items():
        model.fit(x, y, batch_size=BATCH, epochs=count, verbose=0, run=run, commit="1 epoch", keep=count + 2)
    _taken(model, x, y, runs[FEW], 1)
    took: dict[tuple[int, int], list[tuple[float, float]]] = {}
    names = [f"{workers} {count}" for workers in (1, 2) for count in runs]
    for name in turns(names, effort.rounds):
        workers, count = map(int, name.split())
        took.setdefault((workers, count), []).append(_taken(model, x, y, runs[count], workers))
    wall, busy = {}, {}
    for workers in (1, 2):
        pairs = list(zip(took[workers, epochs], took[workers, FEW], strict=True))
        wall[workers] = [long[0] - short[0] for long, short in pairs]
        busy[workers] = [long[1] - short[1] for long, short in pairs]
    what = f"a whole run of {epochs} epochs again"
    rows = [
        _of(f"{what}: CPU time of 2 processes / of 1", busy, 1.1),
        _of(f"{what}: time with 2 processes / with 1, on {_cores()} cores", wall, 0.9 if _cores() == 2 else None),
    ]
    return {f"{what}, {workers} process{'es' * (workers > 1)}": wall[workers] for workers in (1, 2)}, rows


def _taken(model: Any, x: Any, y: Any, run: Path, workers: int) -> tuple[float, float]:
    """Seconds by the clock, and those that processors were at work, of one replay of a whole run."""
    began, worked = time.perf_counter(), _worked()
    model.replay(x, y, run=run, callbacks=[Loss()], workers=workers, verbose=0)
    return time.perf_counter() - began, _worked() - worked


def _worked() -> float:
    """Seconds that processors have been at work for this process, and for those that it has started and that ended."""
    found = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(each.ru_utime + each.ru_stime for each in found)


def _of(what: str, measured: dict[int, list[float]], aim: float | None) -> Figures:
    rounds = [two / one for one, two in zip(measured[1], measured[2], strict=True) if one > 0]
    least = max(median(measured[1]), 1e-9)  # next to nothing was run, if it only should run
    return row(what, median(measured[2]) / least, aim, (min(rounds), max(rounds)) if rounds else ())


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


# -- the journal -------------------------------------------------------------------------------------------------------


def _journal(folder: Path, effort: Effort) -> list[Figures]:
    """Bytes of the journal for each number that a hook writes, and what it says where none writes."""
    x, y = digits(rows=BATCH * effort.of(100, 50, 10))
    model = dense(kibitz, "B")
    sizes = {}
    for name, looking in (("none", []), ("rates", [Rates()])):
        run = folder / f"journal of {name}"
        model.fit(x, y, batch_size=BATCH, epochs=4, verbose=0, run=run, commit="1 epoch", callbacks=looking)
        path = run / "journal.jsonl"
        sizes[name] = path.stat().st_size, sum(isinstance(each, Wrote) for each in read(path))
    (least, none), (most, written) = sizes["none"], sizes["rates"]
    return [
        row(
            "bytes of the journal for each number that a hook writes",
            (most - least) / max(written, 1),
            100,
            unit="count",
        ),
        row("writes in the journal where no hook writes", none, 0, unit="count"),
    ]
