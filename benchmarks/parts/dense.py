"""A and B: small dense models, where dispatch is the cost: what hooks cost, beside loops by hand and Keras."""

from __future__ import annotations

from typing import Any

import keras

import kibitz
from benchmarks.effort import Effort
from benchmarks.figures import Figures, contestants, ratio
from benchmarks.hand import Hand
from benchmarks.rounds import Contestant, timed
from benchmarks.watchers import idle, reading_loss, reading_weights
from benchmarks.workloads import BATCH, ROWS, dense, digits, targets

HOOK, NONE = "kibitz, a hook reads the loss", "kibitz, no hook"
SCAN, LOOP = "by hand, lax.scan", "by hand, a jitted step"
KERAS, KERAS_32 = "keras, a hook reads the loss", "keras, the same, 32 steps per execution"
IDLE = "kibitz, 100 callbacks without a batch hook"
EPOCHS = {"A": 20, "B": 10}
QUICK = {"A": 8, "B": 3}


def measure(kind: str, effort: Effort) -> Figures:
    x, y = digits(rows=effort.of(ROWS, ROWS // 4, 3 * BATCH + 7))
    seconds = timed(_found(kind, x, targets(kind, y)), effort, effort.of(EPOCHS[kind], QUICK[kind], 1))

    def over(what: str, one: str, other: str, aim: float | None = None) -> Figures:
        return ratio(what, seconds, one, other, aim)

    rows = [
        over("a hook at every batch / lax.scan by hand", HOOK, SCAN, 1.05),
        over("a hook at every batch / a jitted step by hand", HOOK, LOOP),
        over("a hook at every batch / Keras with the same", HOOK, KERAS, {"A": 0.35, "B": 0.70}[kind]),
        over("a hook at every batch / Keras with the same, 32 steps per execution", HOOK, KERAS_32),
        over("a hook at every batch / no hook", HOOK, NONE, 1.05),
        over("100 callbacks without a batch hook / none", IDLE, NONE, 1.02),
        over("weights read every 100 batches / no hook", _reading(100), NONE, 1.10),
        over("weights read every 10 batches / no hook", _reading(10), NONE, 1.25),
        over("weights read at every batch / no hook", _reading(1), NONE, 2.5),
    ]
    return {"contestants": contestants(seconds, "s"), "rows": rows}


def _reading(every: int) -> str:
    return f"kibitz, weights read every {every}"


def _found(kind: str, x: Any, y: Any) -> dict[str, Contestant]:
    ours, theirs, packed = dense(kibitz, kind), dense(keras, kind), dense(keras, kind)
    packed.steps_per_execution = 32
    scan, loop = Hand(kind, scan=True), Hand(kind, scan=False)

    def fit(model: Any, *callbacks: Any) -> Contestant:
        return lambda epochs: model.fit(
            x, y, batch_size=BATCH, epochs=epochs, verbose=0, callbacks=list(callbacks)
        )  # fmt: skip

    return {
        SCAN: lambda epochs: scan.fit(x, y, epochs),
        LOOP: lambda epochs: loop.fit(x, y, epochs),
        NONE: fit(ours),
        HOOK: fit(ours, reading_loss(kibitz)),
        IDLE: fit(ours, *idle(kibitz, 100)),
        **{_reading(every): fit(ours, reading_weights(kibitz, every)) for every in (100, 10, 1)},
        KERAS: fit(theirs, reading_loss(keras)),
        KERAS_32: fit(packed, reading_loss(keras)),
    }
