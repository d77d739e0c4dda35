"""Durable runs: gone on with again and again, at a distant step, committed very often, large, and on a slow disk."""

from __future__ import annotations

import contextlib
import io
import os
import random
import resource
import signal
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import kibitz as keras
from kibitz import callbacks
from kibitz.checkpoint.run_folder import RunFolder
from tests.durable.program import program
from tests.soak import tiny
from tests.soak.apart import apart, begin, die
from tests.soak.figure import Figure
from tests.soak.memory import Growth, gap, told

MB = 2**20
AN_EPOCH, COMMIT = 11, 5  # steps
MANY = 40


def resumed(count: int) -> Iterator[Figure]:
    """A run that is killed so many times, each time some steps further on, and ends as if nothing had been."""
    drawn, epochs = random.Random(0), -(-count * 10 // AN_EPOCH) + 2
    whole, took = apart(_life, None, epochs, None)
    with tempfile.TemporaryDirectory() as name:
        folder, at, began = Path(name), 0, _of_children()
        for number in range(count):
            at = min(at + drawn.randrange(COMMIT + 1, 15), AN_EPOCH * epochs - 1)
            code, said = begin(_life, folder, epochs, at)
            assert code == -9, (number, code, said)
        ended, _ = apart(_life, folder, epochs, None)
        each = (_of_children() - began - took) / (count + 1)
        commits = len(list((folder / "commits").iterdir()))
        left = [path for path in folder.rglob("*") if path.name.startswith(".kibitz-")]
    yield Figure("states, histories and callbacks that are not the same", int(ended != whole), 0)
    yield Figure("files that were never finished", len(left), 0)
    yield Figure("commits that are kept", commits, 10)
    yield Figure("CPU time of a start, beyond what is trained", each, 3, "s")


def _life(folder: Path | None, epochs: int, death: int | None) -> tuple[Any, float]:
    """One process of a run; how it ended, and what CPU time it took."""

    class Dies(callbacks.Callback):
        adds = ()

        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            if self.run.step == death:
                die()

    given = {} if folder is None else {"commit": f"{COMMIT} steps"}
    listed = [callbacks.ReduceLROnPlateau("loss", patience=1, min_delta=0.5)]
    ended = program(folder, kind="noisy", heard=lambda: [*listed, *([Dies()] if death else [])], epochs=epochs, **given)
    return (ended.state, ended.history, ended.callbacks[: ended.callbacks.find("}")]), time.process_time()


def _of_children() -> float:
    """The CPU time of all processes that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def pieces(number: int) -> Iterator[Figure]:
    """A run as people have it, with a bar and validation; and the same ended by SIGTERM again and again."""
    whole, grows = apart(_piece, None, number, None)
    with tempfile.TemporaryDirectory() as name:
        for at in range(1, number):
            code, said = begin(_piece, Path(name), number, at)
            assert code == 1, (at, code, said)
            assert "SystemExit: 143" in said, said
        ended, _ = apart(_piece, Path(name), number, None)
    yield Figure("states and histories that are not the same", int(ended != whole), 0)
    yield Figure("memory grows by", grows / MB, 1, "MB")


def _piece(folder: Path | None, number: int, ends: int | None) -> tuple[Any, int]:
    """One of so many parts of a run, to the midst of an epoch; what it came to, and by how much its memory grew."""
    keras.utils.set_random_seed(1)
    model = keras.Sequential([
        keras.layers.Dense(32, "relu", input_shape=(64,)), keras.layers.Dropout(0.2), keras.layers.Dense(10),
    ])  # fmt: skip
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
    steps, growth = 20000 if number >= MANY else 200, Growth()
    x = np.random.default_rng(0).normal(size=(32 * steps // 20, 64)).astype("float32")
    y = (x[:, :10].argmax(1)).astype("int32")

    class Ends(callbacks.Callback):
        adds = ()

        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            if ends is not None and self.run.step == int((ends + 0.5) * steps):
                os.kill(os.getpid(), signal.SIGTERM)

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            growth.sample(epoch)

    given = {} if folder is None else {"run": folder}
    with contextlib.redirect_stdout(io.StringIO()):
        history = model.fit(
            x, y, steps_per_epoch=steps, epochs=number, validation_split=0.1, callbacks=[Ends()], **given
        )
    return (tiny.digest(model), history.history), growth.rise if growth.samples else 0


def deep(steps: int) -> Iterator[Figure]:
    """A run gone on with in the midst of an epoch, after so many steps, against one that has done ten."""
    with tempfile.TemporaryDirectory() as name:
        seconds = {}
        for done in (10, steps):
            folder = Path(name, str(done))
            code, said = begin(_to, folder, done, True)
            assert code == -9, said
            seconds[done] = apart(_to, folder, done, False)
    yield Figure("CPU time of a start, beyond one after 10 steps", max(0.0, seconds[steps] - seconds[10]), 1, "s")


def _to(folder: Path, done: int, dies: bool) -> float:
    """Train for so many steps, and die; or go on, and say what CPU time it took until the next step."""
    model, began, first = tiny.model(), time.process_time(), []
    x, y = tiny.rows(done + 10)

    class Looks(callbacks.Callback):
        adds = ()

        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            first.append(time.process_time())
            if dies and self.run.step == done + 1:
                while not RunFolder(folder).of(done).exists():
                    time.sleep(0.01)
                die()

    heard = Looks(every="1 steps") if not dies else Looks(every=f"{done + 1} steps")
    model.fit(x, y, batch_size=1, verbose=0, callbacks=[heard], run=folder, commit=f"{done} steps")
    return first[0] - began


def commits(count: int) -> Iterator[Figure]:
    """So many commits, one at each step, three of them kept."""
    x, y = tiny.rows(1000)
    model, times, seen, growth = tiny.model(), [], [], Growth()
    with tempfile.TemporaryDirectory() as folder:

        def look(step: int) -> None:
            times.append(time.monotonic())
            if step % gap(count) == 0:
                growth.sample(step)
                files = sum(1 for _ in Path(folder).rglob("*"))
                seen.append((files, len(os.listdir("/proc/self/fd")), threading.active_count()))  # noqa: PTH208
                times[-1] = time.monotonic()

        model.fit(
            x, y, batch_size=1, epochs=max(1, count // 1000), steps_per_epoch=min(count, 1000), verbose=0,
            callbacks=[tiny.Each(look)], run=folder, commit="1 steps", keep=3,
        )  # fmt: skip
    took = np.diff(times)
    files, descriptors, threads = (max(each) - min(each) for each in zip(*seen[len(seen) // 5 :], strict=True))
    yield Figure("files, from the fewest to the most", files, 3)
    yield Figure("open files, from the fewest to the most", descriptors, 3)
    yield Figure("threads, from the fewest to the most", threads, 2)
    yield Figure("a step and its commit, in the middle", float(np.median(took)) * 1e3, 50, "ms")
    yield Figure("the slowest in a hundred, against it", float(np.percentile(took, 99) / np.median(took)), 5, "times")
    yield Figure("memory grows each 1,000 commits by", growth.slope * 1000 / MB, 1, "MB")


def large(megabytes: int) -> Iterator[Figure]:
    """A large state, committed at every step, against the same run without commits."""
    alone = apart(_life_of_a_large, megabytes, {})
    kept = apart(_life_of_a_large, megabytes, {"commit": "1 steps", "keep": 2})
    yield Figure("memory at the most, above the same without commits", kept.above(alone), 1.2, "states")


def larger(megabytes: int) -> Iterator[Figure]:
    """A larger state still, committed in the midst of a run by each of the two stores."""
    alone = apart(_life_of_a_large, megabytes, {})
    for store in ("file", "orbax"):
        kept = apart(_life_of_a_large, megabytes, {"commit": "4 steps", "keep": 2, "store": store})
        yield Figure(f"{store}: memory above the same without commits", kept.above(alone), 1.2, "states")
        yield Figure(f"{store}: a commit delays the next step, against a copy", kept.stalled / kept.copied, 2, "times")


class Large(NamedTuple):
    """What became of a run: bytes of its state and of memory at the most, seconds of a commit's stall and of a copy."""

    state: int
    most: int
    stalled: float
    copied: float

    def above(self, other: Large) -> float:
        return (self.most - other.most) / self.state


def _life_of_a_large(megabytes: int, durable: dict[str, Any]) -> Large:
    width = int((megabytes * MB / 3 / 4) ** 0.5)
    keras.utils.set_random_seed(1)
    model = keras.Sequential([keras.layers.Dense(width, input_shape=(width,))])
    model.compile("adam", "mse")
    x, times = np.ones((8, width), "float32"), []

    class Between(callbacks.Callback):
        adds = ()

        def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
            times.append(time.monotonic())

        on_train_batch_end = on_train_batch_begin

    with tempfile.TemporaryDirectory() as folder:
        given = {"run": folder, **durable} if durable else {}
        model.fit(x, x, batch_size=2, epochs=2, verbose=0, callbacks=[Between()], **given)
    most, began = told("VmHWM"), time.monotonic()
    state = model.export_state()
    copied, stalled = time.monotonic() - began, (times[9] - times[7]) - (times[11] - times[9])  # the fifth, the sixth
    return Large(sum(value.nbytes for value in state.values()), most, max(0.0, stalled), copied)


def slow_disk(milliseconds: int) -> Iterator[Figure]:
    """A disk that takes so long for each file and folder that it must really have; commits as often as they can."""
    x, y = tiny.rows(1000)
    model, sync, stalls, last = tiny.model(), os.fsync, [], []

    def slowly(descriptor: int) -> None:
        time.sleep(milliseconds / 1000)
        sync(descriptor)

    def look(step: int) -> None:
        stalls.extend([time.monotonic() - last[0]] if last else [])
        last[:] = [time.monotonic()]
        time.sleep(0.001)
        last[:] = [time.monotonic()]

    os.fsync = slowly
    try:
        with tempfile.TemporaryDirectory() as folder:
            epochs = max(4, 40 * milliseconds // 1000)
            model.fit(x, y, batch_size=10, epochs=epochs, verbose=0, callbacks=[tiny.Each(look)], run=folder)
            count = len(RunFolder(folder).steps())
    finally:
        os.fsync = sync
    yield Figure("commits that are missing, of two", max(0, 2 - count), 0)
    yield Figure("the longest that a step was kept waiting", max(stalls) * 1e3, 2 * milliseconds + 50, "ms")
