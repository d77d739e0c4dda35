"""Very many hooks, steps, epochs, callbacks and metrics."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax
import numpy as np

from kibitz import callbacks
from kibitz.engine import lookahead
from kibitz.engine.compilations import compiled_meanwhile
from tests.soak import tiny
from tests.soak.figure import Figure
from tests.soak.memory import Growth, gap

MB, MANY = 2**20, 1000


class Idle(callbacks.Callback):
    """Is called, and does nothing."""

    adds = ()

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        pass


class Silent(callbacks.Callback):
    """Is never called."""

    adds = ()


def hooks(steps: int) -> Iterator[Figure]:
    """1,000 callbacks at each of so many steps."""
    x, y = tiny.rows(steps)
    model, growth = tiny.model(), Growth()

    class Begins(callbacks.Callback):
        adds = ()

        def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
            if batch == 0:
                first[:] = [time.process_time()]

    first: list[float] = []

    def seconds(heard: list[Any]) -> float:
        """From the first batch to the end."""
        model.fit(x, y, batch_size=1, verbose=0, callbacks=[*heard, Begins()])
        return time.process_time() - first[0]

    seconds([Idle()])
    rounds = [(seconds([]), seconds(_many(Silent)), seconds(_many(Idle))) for _ in range(3 if steps >= MANY else 1)]
    alone, silent, idle = map(min, zip(*rounds, strict=True))
    seconds([*_many(Idle), tiny.Each(growth.sample, gap(steps))])
    yield Figure("CPU time of a hook that does nothing", max(0.0, idle - alone) / steps / 1000 * 1e6, 0.5, "us")
    yield Figure("CPU time of a callback without hooks", max(0.0, silent - alone) / steps / 1000 * 1e6, 0.05, "us")
    yield Figure("memory grows by", growth.rise / MB, 5, "MB")


def _many(kind: Any) -> list[Any]:
    return [kind() for _ in range(MANY)]


def steps(count: int) -> Iterator[Figure]:
    """So many steps, with a callback that reads the loss after each of them."""
    x, y = tiny.rows(count // 10)
    model, growth, losses = tiny.model(), Growth(), []
    arrays, programs = [], []

    def look(step: int) -> None:
        growth.sample(step)
        arrays.append(len(jax.live_arrays()))
        programs.append(len(found))

    class Reads(callbacks.Callback):
        adds = ()

        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            losses[:] = [logs["loss"]]

    found: list[Any] = []
    began = time.process_time()
    with compiled_meanwhile(found):
        heard = [Reads(), tiny.Each(look, gap(count))]
        model.fit(x, y, batch_size=1, epochs=10, verbose=0, callbacks=heard)
    took = time.process_time() - began - growth.spent
    yield Figure("CPU time of a step and its hook", took / count * 1e6, 100, "us")
    yield Figure("memory grows each 1,000 steps by", growth.slope * 1000, 1024, "bytes")
    yield Figure("memory grows by", growth.rise / MB, 5, "MB")
    yield Figure(
        "arrays on the device at the end, against the middle", arrays[-1] / arrays[len(arrays) // 2], 1.25, "times"
    )
    yield Figure("programs compiled after the first samples", programs[-1] - programs[len(programs) // 5], 0)


def epochs(count: int) -> Iterator[Figure]:
    """So many epochs of four steps with validation, History, a CSV file, and a commit after each 100."""
    x, y = tiny.rows(32)
    model, growth, times = tiny.model(), Growth(), []

    class Looks(callbacks.Callback):
        adds = ()

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            times.append(time.process_time())
            if epoch % gap(count) == gap(count) // 2:  # and not while a commit is being written
                growth.sample(epoch)
                times[-1] = time.process_time()

    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        heard = [callbacks.CSVLogger(place / "log.csv"), Looks()]
        history = model.fit(
            x, y, batch_size=8, epochs=count, verbose=0, validation_data=(x, y), callbacks=heard, run=place / "run",
            commit=f"{count // 100} epochs",
        )  # fmt: skip
        rows = len((place / "log.csv").read_text(encoding="utf-8").splitlines()) - 1
    took, tenth = np.diff(times), count // 10
    values = sum(map(len, history.history.values()))
    assert rows == count
    assert values == 4 * count
    yield Figure("CPU time of an epoch", float(np.median(took)) * 1e3, 20, "ms")
    slower = float(np.median(took[-tenth:]) / np.median(took[:tenth]))
    yield Figure("the last tenth of the epochs, against the first", slower, 1.1, "times")
    with_commits = float(np.sum(took[-tenth:]) / np.sum(took[:tenth]))
    yield Figure("the same with commits, whose History grows", with_commits, 1.5, "times")
    yield Figure("memory grows for each value of History by", growth.slope / 4, 200, "bytes")


class Remembers(callbacks.Callback):
    """Has a state of 1 kB."""

    adds = ()

    def on_train_begin(self, logs: Any = None) -> None:
        self.seen = np.zeros(256, "float32")

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.seen[epoch % 256] = logs["loss"]


def many_callbacks(count: int) -> Iterator[Figure]:
    """So many callbacks with a state of 1 kB each, in a durable run."""
    x, y = tiny.rows(64)
    model, commits, rounds = tiny.model(), 20, 3 if count >= MANY else 1

    def run(number: int, commit: str) -> tuple[float, float]:
        """Seconds until the first epoch begins, and those after."""
        first: list[float] = []

        class Begins(callbacks.Callback):
            adds = ()

            def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
                first.append(time.process_time())

        with tempfile.TemporaryDirectory() as folder:
            began = time.process_time()
            heard = [*(Remembers() for _ in range(number)), Begins()]
            model.fit(x, y, epochs=commits, verbose=0, callbacks=heard, run=folder, commit=commit)
            return first[0] - began, time.process_time() - first[0]

    def commit(number: int) -> float:
        """Seconds of CPU time for each commit."""
        often, once = (min(run(number, each)[1] for _ in range(rounds)) for each in ("1 epoch", f"{commits} epochs"))
        return max(0.0, often - once) / (commits - 1)

    run(10, "1 epoch")
    few, many, start = commit(10), commit(count), min(run(count, "1 epoch")[0] for _ in range(rounds))
    yield Figure("CPU time until the first epoch begins", start, 1, "s")
    yield Figure("CPU time of a commit", many * 1e3, 100, "ms")
    yield Figure("the same, against 10 callbacks", many / max(few, 1e-4), 2, "times")


class Fetches:
    """NumPy, as far as rows of numbers are fetched with it; counts how often."""

    count = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(np, name)

    def asarray(self, value: Any) -> Any:
        self.count += isinstance(value, jax.Array)
        return np.asarray(value)


def many_metrics(count: int) -> Iterator[Figure]:
    """So many metrics: their numbers come from the device together."""
    import kibitz as keras

    x, y = tiny.rows(64)
    model = tiny.model()
    model.compile("sgd", "mse", metrics=[keras.metrics.MeanSquaredError(name=f"m{number}") for number in range(count)])
    model.fit(x, y, batch_size=8, verbose=0)
    fetches = Fetches()
    lookahead.np, numpy = fetches, lookahead.np
    try:
        history = model.fit(x, y, batch_size=8, verbose=0)
    finally:
        lookahead.np = numpy
    assert len(history.history) == count + 1
    assert fetches.count > 0
    yield Figure("fetches from the device in 8 steps", fetches.count, 8)
