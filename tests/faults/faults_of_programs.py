"""Programs that fail by themselves: callbacks that raise or hang, losses that are no numbers, data that end."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import kibitz as keras
from kibitz import callbacks
from kibitz.checkpoint.run_folder import RunFolder
from kibitz.errors import NotReady
from kibitz.hooks import KNOWN
from tests.durable.program import X, Y
from tests.faults.faults_of_disks import ends_as_undisturbed, folder, program

HOOKS = ["on_train_begin", "on_epoch_begin", "on_train_batch_begin", "on_train_batch_end", "on_epoch_end",
         "on_train_end", "on_run_end"]  # fmt: skip
ERRORS = (ValueError, StopIteration, MemoryError, KeyboardInterrupt, SystemExit)


class Closed(callbacks.Callback):
    """Counts how often its run was closed."""

    adds = ()

    def __init__(self) -> None:
        super().__init__()
        self._closed = 0

    def on_run_end(self, outcome: Any) -> None:
        self._closed += 1


def raising(hook: str, error: type[BaseException]) -> Any:
    """A callback that raises when this hook is fired, from the fourth step on where it is of batches."""
    assert hook in KNOWN

    def act(self: Any, *args: Any, **kwargs: Any) -> None:
        if "batch" not in hook or self.run.step >= 3:
            raise error("of a program")

    return type("Raises", (callbacks.Callback,), {hook: act, "adds": ()})()


def raises_in_each_hook(every: int) -> Iterator[str]:
    """It comes to the caller as it is, with the place in a note; everybody is closed once; the run goes on later."""
    for number, hook in enumerate(HOOKS):
        for turn, error in enumerate(ERRORS):
            if (number + turn) % every:
                continue
            for durable in (True, False):
                first, last = Closed(), Closed()
                with folder() as place:
                    with pytest.raises(error) as raised:
                        program().start(place if durable else None, first, raising(hook, error), last)
                    assert any(f"in Raises.{hook}" in each for each in raised.value.__notes__)
                    assert (first._closed, last._closed) == (1, 1)
                    ends_as_undisturbed(place)
                yield f"{error.__name__} in {hook}, {'durable' if durable else 'without run='}"


def hangs(count: int) -> Iterator[str]:
    """A callback hangs after a commit; whoever looks at the folder finds it whole, and the lock held."""
    held, go = threading.Event(), threading.Event()

    class Hangs(callbacks.Callback):
        adds = ()

        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            if self.run.step == 5:
                held.set()
                go.wait(20)

    with folder() as place:
        thread = threading.Thread(target=lambda: program().start(place, Hangs()))
        thread.start()
        try:
            assert held.wait(20)
            for _ in range(200):  # the commit of step 4 is written in the background
                if (found := RunFolder(place).newest()) is not None and found.document["step"] == 4:
                    break
                time.sleep(0.05)
            assert found is not None
            assert found.document["step"] == 4
            with pytest.raises(NotReady, match="Another process"):
                RunFolder(place).lock()
        finally:
            go.set()
            thread.join()
        ends_as_undisturbed(place)
    yield "a callback hangs: commits are read, and a second run is refused"


def no_numbers(count: int) -> Iterator[str]:
    """NaN and infinities in the data: the end is that of the same run without a folder, however often it is begun."""
    for bad in (np.nan, np.inf):
        x = X[:24].copy()
        x[11, 2] = bad
        with folder() as place:
            whole = program().start(None, data=(x, Y[:24]))
            with pytest.raises(ValueError, match="of a program"):
                program().start(place, raising("on_train_batch_end", ValueError), data=(x, Y[:24]))
            assert program().start(place, data=(x, Y[:24])) == whole
        with folder() as place:
            heard = callbacks.TerminateOnNaN()
            program().start(place, heard, data=(x, Y[:24]))
            again = program().start(place, callbacks.TerminateOnNaN(), data=(x, Y[:24]))
            assert "NaN" in repr(again.history)
        yield f"{bad} in the data"


def batches(fails_at: int | None = None, ends_at: int = 99, error: type[Exception] = ValueError) -> Iterator[Any]:
    """The same batches at each start, but for one that does not come."""
    for number in range(6):
        if number == fails_at:
            raise error("of the data")
        if number == ends_at:
            return
        at = slice(4 * number, 4 * number + 4)
        yield X[at], Y[at]


def data_that_fail(count: int) -> Iterator[str]:
    """A generator raises, or ends too early: told with the batch; with good data the run goes on to the same bits."""
    given = {"batch_size": None, "steps_per_epoch": 3}
    whole = program().start(None, data=(batches(), None), **given)
    for fails_at in range(6):
        with folder() as place:
            with pytest.raises(ValueError, match="of the data"):
                program().start(place, data=(batches(fails_at), None), **given)
            assert program().start(place, data=(batches(), None), **given) == whole, fails_at
        yield f"the data raise at batch {fails_at}"
    with folder() as place:  # never taken for the end of the data
        with pytest.raises(RuntimeError, match="generator raised StopIteration"):
            program().start(place, data=(batches(3, error=StopIteration), None), **given)
        assert program().start(place, data=(batches(), None), **given) == whole
    yield "the data raise StopIteration"
    with folder() as place:
        short = program().start(None, data=(batches(ends_at=4), None), **given)
        assert program().start(place, data=(batches(ends_at=4), None), **given) == short
    yield "the data end early"


def clock_set_back(count: int) -> Iterator[str]:
    """The clock on the wall goes back, forward and stands still, and so do the times of files."""
    for name, clock in {
        "back": lambda n: 2e9 - 3600 * n,
        "a year on": lambda n: 1e9 + 3e7 * n,
        "still": lambda n: 1e9,
    }.items():
        ticks = iter(range(10**9))
        with folder() as place, pytest.MonkeyPatch.context() as patch:
            patch.setattr(time, "time", lambda clock=clock, ticks=ticks: clock(next(ticks)))
            with pytest.raises(ValueError, match="of a program"):
                program().start(place, raising("on_train_batch_end", ValueError))
            for number, path in enumerate(sorted((place / "commits").iterdir())):
                os.utime(path, (1e9 - number, 1e9 - number))
            assert program().start(place) == program().whole
        yield f"the clock goes {name}"


def two_at_once(count: int) -> Iterator[str]:
    """A second one on the same folder is refused before it trains, and the first is none the worse."""
    refused = []

    class Second(callbacks.Callback):
        adds = ()

        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            if self.run.step == 3:
                other = keras.Sequential([keras.layers.Dense(1, input_shape=(6,))])
                other.compile("sgd", "mse")
                with pytest.raises(NotReady, match=f"process {os.getpid()} does"):
                    other.fit(X[:8], Y[:8], run=self.run.dir, verbose=0)
                refused.append(self.run.step)

    with folder() as place:
        # What makes a layer draws from the seeds, which is why only the bits of the folder's run are compared.
        program().start(place, Second())
        assert refused == [3]
        ends_as_undisturbed(place)
    yield "two at once: the second is refused, with the number of the first"


def forked(count: int) -> Iterator[str]:
    """A child that was forked within a hook, and outlives the run, does not hold its folder."""
    if not hasattr(os, "fork"):
        return
    told, tell = os.pipe()
    children = []

    class Forks(callbacks.Callback):
        adds = ()

        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            if self.run.step == 3:
                child = os.fork()
                if not child:
                    os.close(tell)
                    os.read(told, 1)  # until the test is over
                    os._exit(0)
                children.append(child)

    with folder() as place:
        with pytest.raises(ValueError, match="of a program"):
            program().start(place, Forks(), raising("on_epoch_end", ValueError))
        ends_as_undisturbed(place)
    os.close(tell)
    os.waitpid(children[0], 0)
    os.close(told)
    yield "a forked child outlives the run"
