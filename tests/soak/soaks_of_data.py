"""Very much data: arrays that lie on the disk, and logs that are long."""

from __future__ import annotations

import os
import resource
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

import kibitz as keras
from kibitz import callbacks
from tests.soak import tiny
from tests.soak.figure import Figure
from tests.soak.memory import Growth, allocated, told

MB = 2**20
WIDTH, BATCH = 1024, 256
ROOM = 768 * MB  # that the process may allocate beyond what it has when the run begins


def mapped(megabytes: int) -> Iterator[Figure]:
    """A shuffled pass over an array on the disk, larger than the memory that the process may allocate."""
    rows = megabytes * MB // 4 // WIDTH
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "x.npy")
        x = np.lib.format.open_memmap(path, "w+", "float32", (rows, WIDTH))  # sparse: it takes no room on the disk
        x[:: max(1, rows // 1000)] = 1
        del x
        x = np.load(path, mmap_mode="r")
        y = np.zeros((rows, 1), "float32")
        keras.utils.set_random_seed(1)
        model = keras.Sequential([keras.layers.Dense(1, input_shape=(WIDTH,))])
        model.compile("sgd", "mse")
        model.fit(np.zeros((BATCH, WIDTH), "float32"), y[:BATCH], batch_size=BATCH, verbose=0)
        _only_on_the_disk(path)
        growth, first, before, began = Growth(), [], allocated(), time.monotonic()
        limit = resource.getrlimit(resource.RLIMIT_DATA)
        resource.setrlimit(resource.RLIMIT_DATA, (told("VmData") + ROOM, limit[1]))
        try:
            sees = tiny.Each(lambda _: first or first.append(time.monotonic()))
            look = tiny.Each(growth.sample, max(1, rows // 20000))
            model.fit(x, y, batch_size=BATCH, epochs=1, verbose=0, callbacks=[sees, look])
        finally:
            resource.setrlimit(resource.RLIMIT_DATA, limit)
        took = time.monotonic() - began
    yield Figure("memory allowed, against the array", ROOM / MB / megabytes, 1, "times")
    yield Figure("memory above that before the run, at the most", _most(growth, before), 300, "MB")
    yield Figure("seconds until the first batch is done", first[0] - began, 2, "s")
    yield Figure("seconds for each GB", took / megabytes * 1024, 20, "s")


def _only_on_the_disk(path: Path) -> None:
    """Let the system forget what it has of a file in memory: nobody has read it yet today."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def _most(growth: Growth, before: int) -> float:
    return max(held - before for _, held in growth.samples) / MB


def long_logs(rows: int) -> Iterator[Figure]:
    """A CSV file of so many rows, gone on with: neither its beginning nor its end is looked for through all of it."""
    x, y = tiny.rows(64)
    model = tiny.model()
    model.fit(x, y, verbose=0)

    def seconds(path: Path) -> float:
        began = time.process_time()
        model.fit(x, y, verbose=0, callbacks=[callbacks.CSVLogger(path, append=True)])
        return time.process_time() - began

    with tempfile.TemporaryDirectory() as folder:
        short, long = Path(folder, "short.csv"), Path(folder, "long.csv")
        with long.open("w", encoding="utf-8", newline="") as file:
            file.write("epoch,loss,mae\r\n")
            for first in range(0, rows, 1000):
                file.writelines(f"{first + each},0.5,0.25\r\n" for each in range(min(1000, rows - first)))
        seconds(short)
        quick, before = min(seconds(short) for _ in range(3)), told("VmHWM")
        slow, after = min(seconds(long) for _ in range(3)), told("VmHWM")
        with long.open(encoding="utf-8") as file:
            held = sum(1 for _ in file)
    yield Figure("rows that are not there", rows + 4 - held, 0)
    yield Figure("CPU time beyond that with a file that is new", max(0.0, slow - quick) * 1e3, 20, "ms")
    yield Figure("memory at the most, above what it was", (after - before) / MB, 16, "MB")
