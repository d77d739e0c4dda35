"""evaluate and predict on 60,000 rows beside scans by hand; and what validation adds to a fit beside its evaluate."""

from __future__ import annotations

from statistics import median
from typing import Any

import numpy as np

import kibitz
from benchmarks.effort import Effort
from benchmarks.figures import Figures, contestants, ratio, row
from benchmarks.hand import Hand
from benchmarks.rounds import timed
from benchmarks.workloads import BATCH, ROWS, dense, digits


def evaluate(effort: Effort) -> Figures:
    x, y = digits(rows=effort.of(ROWS, ROWS, 3 * BATCH + 7))
    model, hand = dense(kibitz, "B"), Hand("B", scan=True)
    found: dict[str, Any] = {
        "kibitz, evaluate": lambda _: model.evaluate(x, y, batch_size=BATCH, verbose=0),
        "by hand, evaluate": lambda _: hand.evaluate(x, y),
        "kibitz, predict": lambda _: model.predict(x, batch_size=BATCH, verbose=0),
        "by hand, predict": lambda _: hand.predict(x),
    }
    # Calls of a fraction of a second: more rounds cost little.
    seconds = timed(found, Effort(effort.kind, effort.of(3, 1, 1) * effort.rounds))
    rows = [
        ratio(f"{verb} / lax.scan by hand", seconds, f"kibitz, {verb}", f"by hand, {verb}", 1.05)
        for verb in ("evaluate", "predict")
    ]
    return {"contestants": contestants(seconds, "s"), "rows": rows}


def validation(effort: Effort) -> Figures:
    """Little training and much validation, so that a difference of two times says something about the latter."""
    x, y = digits(rows=effort.of(ROWS, ROWS // 2, 3 * BATCH))
    few, epochs = 10 * BATCH, effort.of(10, 4, 1)
    model = dense(kibitz, "B")

    def fit(validation_data: Any) -> Any:
        return lambda epochs: model.fit(
            x[:few], y[:few], batch_size=BATCH, epochs=epochs, verbose=0, validation_data=validation_data
        )  # fmt: skip

    without, with_it, alone = "fit", "fit with validation", "evaluate, once for each epoch"
    found = {
        without: fit(None),
        with_it: fit((x, y)),
        alone: lambda epochs: [model.evaluate(x, y, batch_size=BATCH, verbose=0) for _ in range(epochs)],
    }
    seconds = timed(found, effort, epochs)
    added = (np.array(seconds[with_it]) - np.array(seconds[without])) / np.array(seconds[alone])
    measured = (median(seconds[with_it]) - median(seconds[without])) / median(seconds[alone])
    rows = [row("what validation adds to fit / evaluate", measured, 1.0, (added.min(), added.max()))]
    return {"contestants": contestants(seconds, "s"), "rows": rows}
