"""Very much time: a day that a clock of ours lets pass in a minute."""

from __future__ import annotations

import contextlib
import io
import re
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from kibitz import callbacks
from kibitz.checkpoint.background import Background
from kibitz.checkpoint.run_folder import RunFolder
from kibitz.clock import Beat
from kibitz.engine.lookahead import Lookahead
from tests.soak import tiny
from tests.soak.figure import Figure

HOUR, EPOCH = 3600, 900  # steps, each of which takes a second
WRITING = 10  # seconds that a commit takes
COMMIT = re.compile(r'^\w+ \["commit",(\d+),', re.MULTILINE)
ETA = re.compile(r"^\s*(\d+)/(\d+) - ETA ([\d:]+)s? - 1s/step", re.MULTILINE)


class SlowClock:
    """Stands where the system's clocks stood; a second passes with each step, and ten with each commit, in its thread.

    Attributes: `now`, in seconds.
    """

    def __init__(self) -> None:
        self.now = 1e9
        self._own = threading.local()

    def read(self) -> float:
        return self.now + getattr(self._own, "worked", 0)

    def second(self, _: int) -> None:
        self.now += 1

    def work(self) -> None:
        self._own.worked = getattr(self._own, "worked", 0) + WRITING

    @contextlib.contextmanager
    def instead(self) -> Iterator[None]:
        """While this lasts there is no other; a step of a second is run alone, and a commit is waited for."""
        begin, before = Background.begin, (time.time, time.monotonic, time.perf_counter, Beat.__init__.__defaults__)

        def wait(background: Background, job: Callable[[], None]) -> None:
            begin(background, lambda: (job(), self.work())[0])
            background._idle.wait()

        wanted, Lookahead._wanted, Background.begin = Lookahead._wanted, lambda _: 1, wait
        time.time = time.monotonic = time.perf_counter = self.read
        Beat.__init__.__defaults__ = (self.read,)
        try:
            yield
        finally:
            time.time, time.monotonic, time.perf_counter, Beat.__init__.__defaults__ = before
            Lookahead._wanted, Background.begin = wanted, begin


class Ticks(callbacks.Callback):
    """Acts by the clock, and writes down when."""

    adds = ()

    def on_train_begin(self, logs: Any = None) -> None:
        self.at: list[int] = []

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.at.append(self.run.step)


def a_day(hours: int) -> Iterator[Figure]:
    """So many hours: what the progress bar guesses; commits, a callback and a timer by the clock; commits that pay."""
    clock, ticks, end = SlowClock(), Ticks(every="10 min"), int(hours * HOUR * 0.96)

    def run(commit: str, verbose: int, *heard: Any) -> tuple[np.ndarray, str]:
        """The steps that were committed, and what was printed."""
        model, (x, y) = tiny.model(), tiny.rows(EPOCH)
        with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()) as out:
            model.fit(
                x, y, batch_size=1, epochs=hours * HOUR // EPOCH, verbose=verbose,
                callbacks=[tiny.Each(clock.second), *heard], run=folder, commit=commit,
            )  # fmt: skip
            journal = RunFolder(folder).journal.read_text(encoding="utf-8")
            return np.array(COMMIT.findall(journal), int), out.getvalue()

    with clock.instead():
        commits, printed = run("2 min", 1, ticks, timer := callbacks.Timer(end, clock=clock.read))
        auto, _ = run("auto", 0)
    wrong = [_seconds(left) - (int(of) - int(done)) for done, of, left in ETA.findall(printed)]
    between = np.diff(auto)[1:-1]  # those at the beginning and at the end there are in any case
    yield Figure("guesses of the time left that are missing", max(0, end // 15 - len(wrong)), 0)
    yield Figure("seconds by which one is wrong, at the most", max(map(abs, wrong)), 1)
    yield Figure("seconds by which a commit is late, of 120", int(max(abs(np.diff(commits)[:-1] - 120))), 1)
    yield Figure("seconds by which a callback is late, of 600", max(abs(np.diff([0, *ticks.at]) - 600)), 1)
    yield Figure("seconds by which a timer is late", abs(commits[-1] - end) + abs(timer.spent - end), 1)
    yield Figure("share of the time that commits take, in percent", 100 * WRITING / min(between), 1)
    yield Figure("commits that were not taken and would have paid", max(0, hours * HOUR // 1010 - 1 - len(between)), 0)


def _seconds(left: str) -> int:
    seconds = 0
    for part in left.split(":"):
        seconds = 60 * seconds + int(part)
    return seconds
