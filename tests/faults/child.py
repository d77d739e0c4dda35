"""A real process that trains a moment, and writes how it ended: `python -m tests.faults.child FOLDER CSV OUT OPTIONS`.

Options, as JSON: `silent` says nothing; `verbose` is fit's; `commit_takes` so many seconds before a commit gets to the
disk; `model` is another one; `source` feeds batches from a `thread` and a process, or `hangs` at the fifteenth; `gc`
is whether garbage is collected; `store` is fit's.
"""

from __future__ import annotations

import gc
import hashlib
import json
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from kibitz import callbacks, layers
from kibitz.checkpoint.run_folder import RunFolder
from tests.durable.program import MODELS, Patience, X, Y, program

STEPS = 9  # of an epoch


def say(line: str) -> None:
    """A line at once and whole: a commit is told of from another thread."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


class Slow(callbacks.Callback):
    """Gives whoever kills a moment, and says where the run is."""

    adds = ()

    def on_train_begin(self, logs: Any = None) -> None:
        say("begun")

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        say(f"step {self.run.step}")
        time.sleep(0.01)

    def on_test_batch_end(self, batch: int, logs: Any = None) -> None:
        say(f"test {batch}")
        time.sleep(0.01)


def slowly_committed(seconds: float) -> None:
    """Let each commit after the first wait before it gets to the disk, and say so."""
    write = RunFolder.write

    def waits(self: RunFolder, step: int, *args: Any) -> None:
        if step:
            say(f"committing {step}")
            time.sleep(seconds)
        write(self, step, *args)
        say(f"committed {step}")

    RunFolder.write = waits


def deep() -> Any:
    """A model that takes seconds to compile."""
    import kibitz as keras

    body = [layer for _ in range(12) for layer in (layers.Dense(8, activation="tanh"), layers.BatchNormalization())]
    return keras.Sequential([layers.Dense(8, input_shape=(6,)), *body, layers.Dropout(0.2), layers.Dense(1)])


MODELS["deep"] = deep
NUMBERS = """
import signal, sys
signal.signal(signal.SIGINT, signal.SIG_IGN)
for line in sys.stdin:
    print(int(line) % 8, flush=True)
"""


def batches(hangs_at: int | None) -> Iterator[Any]:
    """Batches by number, each asked for by a thread from a process that has been started for that."""
    worker = subprocess.Popen([sys.executable, "-c", NUMBERS], stdin=-1, stdout=-1, stderr=-1, text=True)
    ready: queue.Queue[Any] = queue.Queue(2)

    def fetch() -> None:
        assert worker.stdin is not None
        assert worker.stdout is not None
        for number in range(3 * STEPS):
            print(number, file=worker.stdin, flush=True)
            ready.put(int(worker.stdout.readline()))

    threading.Thread(target=fetch, daemon=True).start()
    for number in range(3 * STEPS):
        if number == hangs_at:
            say("hanging")
            time.sleep(1000)
        at = 8 * ready.get()
        yield X[at : at + 8], Y[at : at + 8]


def main(folder: str, csv: str, out: str, options: dict[str, Any]) -> None:
    if not options.get("gc", True):
        gc.disable()
    if "commit_takes" in options:
        slowly_committed(options["commit_takes"])

    def heard() -> list[Any]:
        more = [] if options.get("silent") else [Slow()]
        return [Patience(), callbacks.ReduceLROnPlateau("loss", patience=1), callbacks.CSVLogger(csv), *more]

    fit: dict[str, Any] = {"epochs": 3, "validation_split": 0.2, "verbose": options.get("verbose", 0)}
    if source := options.get("source"):
        fit |= {"validation_split": 0.0, "steps_per_epoch": STEPS, "batch_size": None}
        fit["data"] = lambda: (batches(15 if source == "hangs" else None), None)
    if folder != "-":
        fit |= {"commit": "2 steps", "store": options.get("store", "auto")}
    ended = program(None if folder == "-" else Path(folder), kind=options.get("model", "noisy"), heard=heard, **fit)
    state = {name: hashlib.sha256(data).hexdigest() for name, data in ended.state.items()}
    Path(out).write_text(json.dumps([state, ended.history, ended.callbacks]), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:4], json.loads(sys.argv[4]))
