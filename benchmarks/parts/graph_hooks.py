"""What it costs to look on from within the step: workload B, gradient norms and histograms at cadences, beside none."""

from __future__ import annotations

import kibitz
from benchmarks.effort import Effort
from benchmarks.figures import Figures, contestants, ratio
from benchmarks.rounds import Contestant, timed
from benchmarks.workloads import BATCH, ROWS, dense, digits

NONE = "no graph hook"
EVERY, SELDOM = "gradient norms at every step", "gradient norms every 100 steps"
BARS = "histograms of all gradients every 100 steps"
AIMS = {EVERY: 1.25, SELDOM: 1.02, BARS: 1.06}


def measure(effort: Effort) -> Figures:
    x, y = digits(rows=effort.of(ROWS, ROWS // 4, 3 * BATCH + 7))

    def fit(*callbacks: kibitz.callbacks.Callback) -> Contestant:
        model = dense(kibitz, "B")  # each its own: the programs with hooks of one set are kept
        return lambda epochs: model.fit(
            x, y, batch_size=BATCH, epochs=epochs, verbose=0, callbacks=list(callbacks)
        )  # fmt: skip

    found = {
        NONE: fit(),
        EVERY: fit(kibitz.callbacks.GradientNorms()),
        SELDOM: fit(kibitz.callbacks.GradientNorms(every="100 steps")),
        BARS: fit(kibitz.callbacks.WeightHistograms("gradients", every="100 steps")),
    }
    seconds = timed(found, effort, effort.of(10, 3, 1))
    rows = [ratio(f"{what} / none", seconds, what, NONE, aim) for what, aim in AIMS.items()]
    return {"contestants": contestants(seconds, "s"), "rows": rows}
