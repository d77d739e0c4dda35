"""Ctrl-C: once, and a run ends after the batch under way with everything closed; twice, and it ends at once."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import textwrap
import threading

import numpy as np
import pytest

import kibitz as keras
from kibitz.engine import programs
from kibitz.engine.rule import Manner
from kibitz.hooks import HOOKS

X = np.random.default_rng(4).normal(size=(24, 3)).astype("float32")
Y = X[:, :1] * 2


def press():
    signal.raise_signal(signal.SIGINT)


@pytest.fixture(autouse=True)
def handler():
    """Python's own handler: a worker of pytest ignores the signal."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield signal.default_int_handler
    signal.signal(signal.SIGINT, before)


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(1)
    made = keras.Sequential([keras.layers.Dense(3, input_shape=(3,)), keras.layers.Dense(1)])
    made.compile("adam", "mse")
    return made


class Watch(keras.callbacks.Callback):
    """Presses Ctrl-C, once or several times, at the second call of a hook, and notes what is called from then on."""

    def __init__(self, hook, times=1, call=2):
        super().__init__()
        self.heard, self.outcome, self.cut_through, self.weights = [], None, False, None
        self._at, self._times, self._left = hook, times, call

    def hook(self, name):
        if self._left < 1:
            self.heard.append(name)
        if name == self._at:
            self._left -= 1
            if self._left == 0:
                self.cut_through = True
                for _ in range(self._times):
                    press()
                self.cut_through = False
        if name == "on_train_batch_end":
            self.weights = self.model.get_weights()


def _named(name):
    def hook(self, *given, **_):
        if name == "on_run_end":
            self.outcome = given[0]
        self.hook(name)

    return hook


for each in HOOKS:
    setattr(Watch, each, _named(each))


def fit(model, *callbacks, **others):
    given = {"batch_size": 8, "epochs": 4, "verbose": 0, "validation_data": (X, Y), **others}
    return model.fit(X, Y, callbacks=list(callbacks), **given)


IN_FIT = [hook for hook in HOOKS if "predict" not in hook]
ONCE = {"on_train_begin", "on_train_end", "on_run_end"}


def calls(hook):
    return 1 if hook in ONCE else 2


@pytest.mark.parametrize("hook", IN_FIT)
def test_pressed_once_no_hook_is_cut_through_and_all_is_closed(model, handler, hook):
    watch = Watch(hook, call=calls(hook))
    with pytest.raises(KeyboardInterrupt):
        fit(model, watch)
    assert not watch.cut_through
    assert watch.heard.count("on_run_end") == (hook != "on_run_end")
    assert watch.outcome.kind == ("completed" if hook == "on_run_end" else "interrupted")
    steps = watch.heard.count("on_train_batch_end") + watch.heard.count("on_test_batch_end")
    assert steps == (hook in {"on_train_batch_begin", "on_test_batch_begin"})
    assert signal.getsignal(signal.SIGINT) is handler
    if watch.weights is not None:
        assert all((one == other).all() for one, other in zip(watch.weights, model.get_weights(), strict=True))


@pytest.mark.parametrize("hook", IN_FIT)
def test_pressed_twice_a_hook_is_cut_through(model, handler, hook):
    watch = Watch(hook, times=2, call=calls(hook))
    with pytest.raises(KeyboardInterrupt):
        fit(model, watch)
    assert watch.cut_through
    assert set(watch.heard) <= {"on_run_end", "on_train_end"}
    assert signal.getsignal(signal.SIGINT) is handler
    assert len(fit(model, epochs=1).history["loss"]) == 1


@pytest.mark.parametrize("kind", ["test", "predict"])
@pytest.mark.parametrize("at", ["begin", "batch_begin", "batch_end", "end"])
def test_evaluate_and_predict_too(model, handler, kind, at):
    hook = f"on_{kind}_{at}"
    watch = Watch(hook, call=1)
    go = model.evaluate if kind == "test" else model.predict
    with pytest.raises(KeyboardInterrupt):
        go(*((X, Y) if kind == "test" else (X,)), batch_size=8, verbose=0, callbacks=[watch])
    assert not watch.cut_through
    assert watch.outcome.kind == "interrupted"
    assert watch.heard.count(f"on_{kind}_batch_end") == (at == "batch_begin")
    assert signal.getsignal(signal.SIGINT) is handler


def test_while_garbage_is_collected_it_is_not_lost(model, monkeypatch):
    """JAX has a function called then; what is raised within one is printed, and gone."""
    monkeypatch.setattr(gc, "callbacks", gc.callbacks)
    pressed = []

    def collecting(phase, _):
        if not pressed:
            pressed.append(phase)
            press()

    class Collects(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            gc.callbacks.append(collecting)
            try:
                gc.collect()
            finally:
                gc.callbacks.remove(collecting)

    watch = Watch("never", call=0)
    with pytest.raises(KeyboardInterrupt):
        fit(model, Collects(), watch)
    assert pressed == ["start"]
    assert watch.heard.count("on_train_batch_end") == 1


@pytest.mark.parametrize("own", [lambda *_: None, signal.SIG_IGN, signal.SIG_DFL])
def test_a_handler_of_ones_own_is_left_alone(model, own):
    seen = []

    class Looks(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            seen.append(signal.getsignal(signal.SIGINT) is own or signal.getsignal(signal.SIGINT) == own)
            if own is not signal.SIG_DFL:
                press()

    signal.signal(signal.SIGINT, own)
    fit(model, Looks(), epochs=1)
    assert seen == [True] * 3
    assert signal.getsignal(signal.SIGINT) == own


def test_a_handler_that_a_hook_sets_stays(model):
    def own(*_):
        pass

    class Sets(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            signal.signal(signal.SIGINT, own)

    fit(model, Sets(), epochs=1)
    assert signal.getsignal(signal.SIGINT) is own


def test_a_run_in_a_thread_is_no_concern_of_it(model, handler):
    at_batch, pressed, found = threading.Event(), threading.Event(), []

    class Waits(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            found.append(signal.getsignal(signal.SIGINT) is handler)
            at_batch.set()
            assert pressed.wait(60)

        def on_run_end(self, outcome):
            found.append(outcome.kind)

    thread = threading.Thread(target=lambda: fit(model, Waits(), epochs=1))
    thread.start()
    assert at_batch.wait(60)
    with pytest.raises(KeyboardInterrupt):
        press()
    pressed.set()
    thread.join()
    assert found == [True, True, True, "completed"]


def test_a_fit_within_a_hook_ends_with_the_one_around_it(model, handler):
    inner, outer = Watch("on_train_batch_begin"), Watch("never", call=0)

    class Fits(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            fit(self.model, inner, epochs=1)

    with pytest.raises(KeyboardInterrupt):
        fit(model, outer, Fits())
    assert inner.heard == ["on_train_batch_end", "on_run_end"]
    assert (inner.outcome.kind, outer.outcome.kind) == ("interrupted", "interrupted")
    assert outer.heard[-2:] == ["on_epoch_end", "on_run_end"]
    assert signal.getsignal(signal.SIGINT) is handler


def test_a_hook_that_catches_it_has_had_it(model):
    class Catches(keras.callbacks.Callback):
        caught = 0

        def on_epoch_end(self, epoch, logs=None):
            try:
                fit(self.model, Watch("on_train_batch_end", call=1), epochs=1)
            except KeyboardInterrupt:
                self.caught += 1

    catches = Catches()
    assert len(fit(model, catches, epochs=2).history["loss"]) == 2
    assert catches.caught == 2


def test_while_a_run_is_closed_pressing_again_cuts_through(model):
    reached = []

    class Closes(keras.callbacks.Callback):
        def on_run_end(self, outcome):
            reached.append("begun")
            press()
            reached.append("done")

    with pytest.raises(KeyboardInterrupt):
        fit(model, Watch("on_train_batch_end"), Closes())
    assert reached == ["begun"]


@pytest.mark.parametrize("times", [1, 2])
def test_in_a_run_that_destroys_its_states(monkeypatch, model, times):
    monkeypatch.setattr(programs, "manner", lambda *_: Manner(loops=False, donates=True))
    run, pressed = programs.Programs.run, []

    def pressing(self, *given):
        pressed.append(len(pressed))
        if len(pressed) == 5:
            for _ in range(times):
                press()
        return run(self, *given)

    monkeypatch.setattr(programs.Programs, "run", pressing)
    before, watch = int(model.optimizer.iterations), Watch("never", call=0)
    with pytest.raises(KeyboardInterrupt):
        fit(model, watch, validation_data=None)
    assert watch.heard.count("on_train_batch_end") == (5 if times == 1 else 4)
    assert int(model.optimizer.iterations) == before + 5  # the step that was under way could not be undone
    assert all(np.isfinite(weight).all() for weight in model.get_weights())


PROGRAM = """
    import os, signal, sys, threading, time
    import numpy as np, kibitz as keras

    class Tells(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if self.run.step == 20:
                threading.Timer(0.2, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
            if SLOW and self.run.step > 20:
                time.sleep(0.5)
                os.kill(os.getpid(), signal.SIGINT)
                time.sleep(60)
        def on_run_end(self, outcome):
            print("closed:", outcome.kind, flush=True)

    SLOW = sys.argv[1] == "twice"
    signal.signal(signal.SIGINT, signal.default_int_handler)
    x = np.ones((64, 4), "float32")
    model = keras.Sequential([keras.layers.Dense(1, input_shape=(4,))])
    model.compile("sgd", "mse")
    try:
        model.fit(x, x[:, :1], epochs=10**9, batch_size=8, verbose=0, callbacks=[Tells()])
    except KeyboardInterrupt:
        print("reached the caller", model.run_report().steps > 20, flush=True)
    signal.raise_signal(signal.SIGINT)  # and Python's own handler is there again
    print("never")
"""


@pytest.mark.parametrize("how", ["once", "twice"])
def test_a_program_that_gets_the_signal_from_outside(how):
    found = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(PROGRAM), how], capture_output=True, text=True, timeout=120, check=False,
        env={**os.environ, "JAX_PLATFORMS": "cpu"},
    )  # fmt: skip
    assert found.stdout.splitlines() == ["closed: interrupted", "reached the caller True"]
    assert "KeyboardInterrupt" in found.stderr
    assert "Exception ignored" not in found.stderr
