"""How many programs a fit compiles, and that changing a learning rate or restoring a state compiles none."""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jax

import kibitz
from benchmarks.effort import Effort
from benchmarks.figures import Figures, row
from benchmarks.process import in_new_process
from benchmarks.workloads import BATCH, dense, digits

COMPILED = "/jax/core/compile/backend_compile_duration"  # JAX reports it once for each program, with its name


def measure(effort: Effort) -> Figures:
    found = programs() if effort.kind == "check" else in_new_process("benchmarks.parts.compilations")
    rows = [
        _row("a first fit with validation and a short last batch", found["first"], 4),
        _row("a fit after a changed learning rate", found["rate"], 0),
        _row("a fit whose hook changes it", found["hook"], 0),
        _row("a fit after load_weights", found["weights"], 0),
        _row("a fit that goes on from a backup", found["backup"], 0),
    ]
    return {"contestants": {}, "rows": rows}


def _row(what: str, heard: list[str], aim: int) -> Figures:
    names = ", ".join(f"{many} {name}" for name, many in Counter(heard).most_common())
    return row(f"programs compiled by {what}", len(heard), aim, unit="count", note=names)


@contextmanager
def _listening(heard: list[str]) -> Iterator[None]:
    def hear(event: str, _: float, **said: Any) -> None:
        if event == COMPILED:
            heard.append(str(said.get("fun_name", "a program")))

    jax.monitoring.register_event_duration_secs_listener(hear)
    try:
        yield
    finally:
        jax.monitoring.unregister_event_duration_listener(hear)


class Breaks(kibitz.callbacks.Callback):
    """Ends a run in the middle, as a fault would."""

    def on_epoch_begin(self, epoch, logs=None):
        """Break in the third epoch."""
        if epoch == 2:
            raise ConnectionError("The machine is gone.")


def programs() -> dict[str, list[str]]:
    """The names of what is compiled during each of a few fits."""
    x, y = digits(rows=3 * BATCH + 7)
    model = dense(kibitz, "B", told=False)

    def compiled(run: Callable[[], Any]) -> list[str]:
        heard: list[str] = []
        with _listening(heard):
            run()
        return heard

    def fit(*callbacks: Any) -> None:
        model.fit(
            x, y, batch_size=BATCH, epochs=3, verbose=0, validation_data=(x, y), callbacks=list(callbacks)
        )  # fmt: skip

    found = {"first": compiled(fit)}
    model.optimizer.learning_rate = 0.01
    found["rate"] = compiled(fit)
    schedule = kibitz.callbacks.LearningRateScheduler(lambda _, rate: rate * 0.9)
    found["hook"] = compiled(lambda: fit(schedule))
    with tempfile.TemporaryDirectory() as folder:
        model.save_weights(Path(folder) / "a.weights.h5")
        model.load_weights(Path(folder) / "a.weights.h5")
        found["weights"] = compiled(fit)
        backup = kibitz.callbacks.BackupAndRestore(Path(folder) / "backup")
        try:
            fit(backup, Breaks())
        except ConnectionError:
            found["backup"] = compiled(lambda: fit(backup))
    return found


if __name__ == "__main__":
    print(json.dumps(programs()))
