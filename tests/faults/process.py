"""The child as a process of its own: begun, listened to, sent signals, and waited for."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

MOST = 240  # seconds that anybody waits for a process: beyond that it hangs


@contextmanager
def hearing_ctrl_c() -> Iterator[None]:
    """What is begun meanwhile hears Ctrl-C, though this process may not: a shell begins so what it puts aside."""
    before = signal.getsignal(signal.SIGINT)
    if before is not signal.SIG_IGN:
        yield
        return
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


class Process:
    """A child at work in a place of its own.

    Args:
        place: Where the run, the log and what comes out lie.
        durable: Whether it has a folder for its run.
        env: Variables of its environment, beside those that there are.
        flags: Flags of the interpreter.
        options: What `child.py` is told.
        popen: For subprocess.Popen.
    """

    def __init__(self, place: Path, *, durable: bool = True, env: Any = None, flags: Any = (), options: Any = None,
                 **popen: Any):  # fmt: skip
        self.place, self.lines, self._over = place, [], False
        self._more = threading.Condition()
        told = [sys.executable, *flags, "-m", "tests.faults.child", str(place / "run") if durable else "-",
                str(place / "log.csv"), str(place / "out"), json.dumps(options or {})]  # fmt: skip
        self._errors = (place / "errors").open("w+b")
        given = {"stdout": subprocess.PIPE, "stderr": self._errors, **popen}
        with hearing_ctrl_c():
            self.process = subprocess.Popen(told, env={**os.environ, **(env or {})}, **given)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        for line in self.process.stdout or ():
            with self._more:
                self.lines.append(line.decode().strip())
                self._more.notify_all()
        with self._more:
            self._over = True  # nothing comes any more
            self._more.notify_all()

    def said(self, *beginnings: str) -> bool:
        """Whether it has said a line that begins with one of these."""
        return any(line.startswith(beginnings) for line in self.lines)

    def until(self, *beginnings: str) -> None:
        """Wait for such a line."""
        with self._more:
            assert self._more.wait_for(lambda: self.said(*beginnings) or self._over, MOST), "it hangs"
        assert self.said(*beginnings), f"it ended with {self.process.wait()} before {beginnings}: {self.told}"

    def until_lines(self, count: int) -> None:
        """Wait for so many lines of whatever kind, or for the end."""
        with self._more:
            assert self._more.wait_for(lambda: len(self.lines) >= count or self._over, MOST), "it hangs"

    def send(self, number: signal.Signals) -> None:
        os.kill(self.process.pid, number)

    def within(self, seconds: float) -> bool:
        """Whether it ends in that time."""
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def end(self) -> int:
        """Wait for its end, which must come; the code that it ends with."""
        ended = self.within(MOST)
        self.process.kill()
        self.process.wait()
        if self.process.stdout is not None:
            self._reader.join()
            self.process.stdout.close()
        assert ended, f"it hangs: {self.told}"
        return self.process.returncode

    @property
    def told(self) -> str:
        """What it wrote to the standard error."""
        return (self.place / "errors").read_text(errors="replace")[-3000:]

    @property
    def result(self) -> tuple[str, str]:
        """How it ended, and the rows of its log."""
        return (self.place / "out").read_text(encoding="utf-8"), (self.place / "log.csv").read_text(encoding="utf-8")
