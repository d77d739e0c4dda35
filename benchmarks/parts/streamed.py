"""B with more data than may stay on the device, beside B with all of it there.

What may stay there is `kibitz.engine.supply.BUDGET`, in bytes; here it is a quarter of the data.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import jax

import kibitz
from benchmarks.effort import Effort
from benchmarks.figures import Figures, contestants, ratio
from benchmarks.rounds import timed
from benchmarks.workloads import BATCH, ROWS, dense, digits
from kibitz.engine import supply


class Placed(kibitz.callbacks.Callback):
    """Looks for the largest array on the device, to be sure of what is measured."""

    def on_epoch_end(self, epoch, logs=None):
        """Look, while the data is in use."""
        self.largest = max(each.nbytes for each in jax.live_arrays())


@contextmanager
def budget(size: int) -> Iterator[None]:
    before, supply.BUDGET = supply.BUDGET, size
    try:
        yield
    finally:
        supply.BUDGET = before


def measure(effort: Effort) -> Figures:
    x, y = digits(rows=effort.of(ROWS, ROWS // 2, 100 * BATCH))
    model, placed = dense(kibitz, "B"), Placed()

    def fit(epochs: int, *, whole: bool) -> None:
        model.fit(x, y, batch_size=BATCH, epochs=epochs, verbose=0, callbacks=[placed])
        if (placed.largest >= x.nbytes) != whole:
            raise RuntimeError(f"All of the data on the device should be {whole}: the budget was not heeded.")

    def streamed(epochs: int) -> None:
        with budget((x.nbytes + y.nbytes) // 4):
            fit(epochs, whole=False)

    found = {"in memory": lambda epochs: fit(epochs, whole=True), "streamed": streamed}
    seconds = timed(found, effort, effort.of(10, 2, 1))
    rows = [ratio("streamed / in memory", seconds, "streamed", "in memory", 1.20)]
    return {"contestants": contestants(seconds, "s"), "rows": rows}
