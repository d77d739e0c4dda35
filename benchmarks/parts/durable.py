"""B as a durable run: what commits cost in time, how long they keep a step waiting, how large they are."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from statistics import median
from typing import Any

import kibitz
from benchmarks.effort import Effort
from benchmarks.figures import Figures, contestants, ratio, row
from benchmarks.rounds import Contestant, timed
from benchmarks.workloads import BATCH, ROWS, dense, digits, targets
from kibitz.checkpoint.run_folder import RunFolder
from kibitz.models.durable import Durable

NONE, OFTEN, AUTO = "no commits", "a commit every 500 steps", 'commit="auto"'


@contextmanager
def waits() -> Iterator[list[float]]:
    """How long each commit keeps the training waiting."""
    found: list[float] = []
    commit = Durable._commit  # noqa: SLF001 - what it costs is what is measured

    def watched(self: Any, *given: Any, wait: bool = False, **named: Any) -> None:
        began = time.perf_counter()
        commit(self, *given, wait=wait, **named)
        if not wait:  # the first one, before the first step, is waited for
            found.append(time.perf_counter() - began)

    Durable._commit = watched  # noqa: SLF001 - as above
    try:
        yield found
    finally:
        Durable._commit = commit  # noqa: SLF001 - as above


def measure(effort: Effort) -> Figures:
    x, y = digits(rows=effort.of(ROWS, ROWS // 4, 3 * BATCH + 7))
    y, model, numbers = targets("B", y), dense(kibitz, "B"), count()
    folder = Path(tempfile.mkdtemp(prefix="kibitz-bench-"))

    def fit(**durable: Any) -> Contestant:
        def run(epochs: int) -> None:
            place = {"run": folder / str(next(numbers))} if durable else {}
            model.fit(x, y, batch_size=BATCH, epochs=epochs, verbose=0, **place, **durable)

        return run

    found = {NONE: fit(), OFTEN: fit(commit="500 steps"), AUTO: fit(commit="auto")}
    try:
        with waits() as waited:
            seconds = timed(found, effort, effort.of(10, 4, 1))
            # A short fit is mostly its first and its last commit, which are waited for.
            steady = timed({name: found[name] for name in (NONE, AUTO)}, effort, effort.of(40, 8, 2))
        last = RunFolder(folder / str(next(numbers) - 1))
        newest = last.newest()
        size = 0 if newest is None else newest.path.stat().st_size
        state = sum(each.nbytes for each in model.export_state().values())
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    delay = 1e3 * median(waited) if waited else 0.0
    return {
        "contestants": contestants(seconds, "s"),
        "rows": [
            ratio("B, a commit every 500 steps / no commits", seconds, OFTEN, NONE, 1.03),
            ratio('B, commit="auto" / no commits, 40 epochs', steady, AUTO, NONE, 1.01),
            ratio(
                'B, commit="auto" / no commits, 10 epochs with the first and the last commit', seconds, AUTO, NONE, 1.01
            ),
            row(
                "a step that commits waits", delay, 1.0, (1e3 * min(waited), 1e3 * max(waited)) if waited else (), "ms"
            ),
            row("size on disk / size of the state", size / state, 1.1),
        ],
    }
