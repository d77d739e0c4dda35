"""Very many fits: one after the other, side by side, and disturbed."""

from __future__ import annotations

import gc
import random
import signal
import threading
import weakref
from collections.abc import Iterator
from typing import Any

from kibitz.engine.compilations import compiled_meanwhile
from tests.soak import tiny
from tests.soak.figure import Figure
from tests.soak.memory import Growth, allocated, gap

MB = 2**20


def fits(count: int) -> Iterator[Figure]:
    """So many fits of one model, and a fifth as many new models, each with a program of its own."""
    x, y = tiny.rows(32)
    model, growth = tiny.model(), Growth()
    found: list[Any] = []
    model.fit(x, y, batch_size=8, verbose=0)
    with compiled_meanwhile(found):
        for number in range(count):
            model.fit(x, y, batch_size=8, verbose=0)
            if number % gap(count) == 0:
                growth.sample(number)
    yield Figure("programs compiled by fits of a model that was fitted before", len(found), 0)
    yield Figure("memory grows each 1,000 fits by", growth.slope * 1000 / MB, 1, "MB")
    models = max(1, count // 5)
    kept, before = [], allocated()
    for number in range(models):
        new = tiny.model(width=4 + number)
        new.fit(x, y, batch_size=8, verbose=0)
        kept.append(weakref.ref(new))
        del new
    gc.collect()
    yield Figure("memory that each new model leaves behind", (allocated() - before) / models / MB, 2, "MB")
    yield Figure("models that are still there", sum(each() is not None for each in kept), 0)


def threads(count: int) -> Iterator[Figure]:
    """So many fits side by side, each of a model of its own."""
    x, y = tiny.rows(96)
    models = [tiny.model() for _ in range(count)]
    wanted, ended = tiny.model(), [""] * count

    def train(model: Any) -> str:
        model.fit(x, y, batch_size=8, epochs=3, verbose=0)
        return tiny.digest(model)

    def one(number: int) -> None:
        ended[number] = train(models[number])

    whole = train(wanted)
    started = [threading.Thread(target=one, args=(number,)) for number in range(count)]
    for each in started:
        each.start()
    for each in started:
        each.join()
    yield Figure("fits that ended otherwise than alone", sum(each != whole for each in ended), 0)


def signals(count: int) -> Iterator[Figure]:
    """So many signals that mean nothing to a run."""
    x, y = tiny.rows(96)
    heard, ended = [], []
    which = [signal.SIGUSR1, signal.SIGCHLD, signal.SIGWINCH]
    before = {each: signal.signal(each, lambda number, _: heard.append(number)) for each in which}
    try:
        for disturbed in (False, True):
            model, sent = tiny.model(), 0

            def send(step: int, disturbed: bool = disturbed) -> None:
                for each in which if disturbed else ():
                    signal.pthread_kill(threading.main_thread().ident or 0, each)

            model.fit(x, y, batch_size=8, epochs=-(-count // 36), verbose=0, callbacks=[tiny.Each(send)])
            ended.append(tiny.digest(model))
            sent += len(heard)
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
    yield Figure("signals that were not heard", max(0, count - len(heard)), 0)
    yield Figure("runs that ended otherwise than undisturbed", int(ended[0] != ended[1]), 0)


def interrupted(count: int) -> Iterator[Figure]:
    """So many runs ended with Ctrl-C at random moments, as cells of a notebook are."""
    x, y = tiny.rows(64)
    model, growth, drawn = tiny.model(), Growth(), random.Random(0)
    model.fit(x, y, batch_size=8, verbose=0)
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)
    uninterrupted = unusable = left = 0
    try:
        for number in range(count):
            timer = threading.Timer(drawn.uniform(0.001, 0.03), signal.pthread_kill,
                                    (threading.main_thread().ident, signal.SIGINT))  # fmt: skip
            try:
                timer.start()
                model.fit(x, y, batch_size=8, epochs=10**6, verbose=0)
                uninterrupted += 1
            except KeyboardInterrupt:
                pass
            timer.join()
            unusable += len(model.fit(x, y, batch_size=8, verbose=0).history["loss"]) != 1
            left += signal.getsignal(signal.SIGINT) is not signal.default_int_handler
            if number % gap(count) == 0:
                growth.sample(number)
    finally:
        signal.signal(signal.SIGINT, handler)
    yield Figure("runs that went on", uninterrupted, 0)
    yield Figure("models that could not be trained afterwards", unusable, 0)
    yield Figure("handlers that were left behind", left, 0)
    yield Figure("memory grows each 100 times by", growth.slope * 100 / MB, 1, "MB")
