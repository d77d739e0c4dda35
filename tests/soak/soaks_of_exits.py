"""Very many processes that end: by themselves, and in the midst of a commit.

Run as a module it is the program that they are made from: it imports all that they need and begins nothing, and each
process is a fork of it that trains, and then leaves through the interpreter's own end, as any program does.
"""

from __future__ import annotations

import importlib
import logging
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from kibitz import callbacks
from kibitz.checkpoint.orbax_steps import orbax
from tests.soak import tiny
from tests.soak.figure import Figure

ROOT = Path(__file__).parents[2]
STORES = ("file", "orbax", "a callback of Orbax")
PATIENCE = 120
"""Seconds after which a process is taken to hang."""


class Mine(Exception):
    """Raised in a hook."""


def raises() -> None:
    raise Mine("in a hook")


def is_interrupted() -> None:
    signal.raise_signal(signal.SIGINT)


def leaves() -> None:
    sys.exit(7)


def goes_on() -> None:
    """It ends when it has trained."""


ENDS: dict[Callable[[], None], tuple[int, str]] = {
    goes_on: (0, ""), leaves: (7, ""), raises: (1, "Mine: in a hook"), is_interrupted: (-2, "KeyboardInterrupt"),
}  # fmt: skip
"""What happens in a hook; the code that the process ends with, and the one error that it tells of."""


class At(callbacks.Callback):
    """Acts at the third step, when the commit of the second has just begun to be written."""

    adds = ()

    def __init__(self, act: Callable[[], None]):
        super().__init__()
        self._act = act

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        if self.run.step == 3:
            self._act()


def program(store: str, act: Callable[[], None], folder: Path) -> None:
    """Train a little, with something that is written after each step; how long that takes is of no interest."""
    for whose in ("kibitz", "absl"):
        logging.getLogger(whose).setLevel(logging.ERROR)
    x, y = tiny.rows(8)
    durable: dict[str, Any] = {"run": folder / "run", "commit": "1 steps", "store": store}
    heard: list[Any] = []
    if store not in {"file", "orbax"}:
        durable, heard = {}, [callbacks.OrbaxCheckpoint(folder / "saved", save_freq=1)]
    tiny.model(64).fit(x, y, batch_size=2, verbose=0, callbacks=[*heard, At(act)], **durable)


def main(number: int, folder: Path) -> None:
    """Fork, one after the other; what each ended with is printed. Whoever comes back from here is one of them."""
    orbax("a soak")  # this and the next are imported now, and not in each of them
    importlib.import_module("kibitz.models.backed_up")
    for at in range(number):
        act, store = list(ENDS)[at % len(ENDS)], STORES[at % len(STORES)]
        place = folder / str(at)
        place.mkdir()
        child = os.fork()
        if not child:
            signal.signal(signal.SIGINT, signal.default_int_handler)
            os.dup2(os.open(place / "told", os.O_WRONLY | os.O_CREAT), sys.stderr.fileno())
            program(store, act, place)
            return
        code = _ended(child)
        lines = (place / "told").read_text(encoding="utf-8", errors="replace").splitlines()
        print("hangs" if code is None else "ends", _odd(act, code, lines), f"{store}, {act.__name__}", flush=True)


def _ended(child: int) -> int | None:
    """The code that a process ends with; None if it does not."""
    ends = time.monotonic() + PATIENCE
    while time.monotonic() < ends:
        found, status = os.waitpid(child, os.WNOHANG)
        if found:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.01)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return None


def _odd(act: Callable[[], None], code: int | None, lines: list[str]) -> str:
    """What was not to be: another code, or more told than the error that was raised, once; "right" if nothing was."""
    wanted, error = ENDS[act]
    if code != wanted:
        return f"wrong, {code}: {lines[-1:]}"
    told = [line for line in lines if line[:1].strip() and not line.startswith(("Traceback", "in "))]
    begun = sum(line.startswith("Traceback") for line in lines)
    return "right" if (told, begun) == (([error], 1) if error else ([], 0)) else f"wrong: {lines}"


def exits(number: int) -> Iterator[Figure]:
    """So many processes that end, a third of them for each store."""
    with tempfile.TemporaryDirectory() as folder:
        words = [sys.executable, "-m", "tests.soak.soaks_of_exits", str(number), folder]
        done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    ended = [line for line in done.stdout.splitlines() if line.startswith(("ends", "hangs"))]
    for line in ended:
        if " right " not in line:
            print("   ", line, flush=True)
    yield Figure("processes that were not begun", number - len(ended), 0)
    yield Figure("processes that did not end", sum(line.startswith("hangs") for line in ended), 0)
    yield Figure("processes that said what was not to be said", sum(" wrong" in line for line in ended), 0)


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
