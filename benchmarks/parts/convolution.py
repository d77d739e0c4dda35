"""C: Keras's own convolutional example, beside Keras. A step takes long, so a few dozen say enough."""

from __future__ import annotations

from typing import Any

import keras

import kibitz
from benchmarks.effort import Effort
from benchmarks.figures import Figures, contestants, ratio
from benchmarks.rounds import Contestant, timed
from benchmarks.workloads import BATCH, convolutional, digits


def measure(effort: Effort) -> Figures:
    x, y = digits(rows=BATCH * effort.of(60, 8, 1))
    x = x.reshape(-1, 28, 28, 1)

    def fit(model: Any) -> Contestant:
        return lambda epochs: model.fit(x, y, batch_size=BATCH, epochs=epochs, verbose=0)

    seconds = timed({"kibitz": fit(convolutional(kibitz)), "keras": fit(convolutional(keras))}, effort)
    return {"contestants": contestants(seconds, "s"), "rows": [ratio("fit / Keras", seconds, "kibitz", "keras", 0.55)]}
