"""A large state is never there twice: a step destroys what it is given, and nobody notices."""

from __future__ import annotations

import _thread
import gc
import signal
import threading

import jax
import numpy as np
import pytest
from flax import nnx

import kibitz as keras
from kibitz.engine import lookahead, programs
from kibitz.engine.rule import Manner
from kibitz.engine.timeline import exported

X = np.random.default_rng(3).normal(size=(30, 6)).astype("float32")
Y = X[:, :1] * 2


@pytest.fixture
def step_by_step(monkeypatch):
    """No step may stand in a loop; `True` has each destroy its state, as is done with large ones."""

    def choose(donates):
        monkeypatch.setattr(programs, "manner", lambda *_: Manner(loops=False, donates=donates))

    return choose


def build():
    keras.utils.set_random_seed(5)
    layers = [keras.layers.Dense(7), keras.layers.BatchNormalization(), keras.layers.Dropout(0.3)]
    model = keras.Sequential([keras.Input((6,)), *layers, keras.layers.Dense(1)])
    model.compile("adam", "mse", metrics=["mae"])
    return model


def fit(model, *callbacks, **others):
    given = {"batch_size": 8, "epochs": 2, "verbose": 0, "validation_data": (X, Y), **others}
    return model.fit(X, Y, callbacks=list(callbacks), **given).history


def state(model):
    return {name: value.tobytes() for name, value in model.export_state().items()}


class Reads(keras.callbacks.Callback):
    def on_train_begin(self, logs=None):
        self.held, self.copies, self.slots = [], [], []

    def on_train_batch_end(self, batch, logs=None):
        kernel = self.model.layers[0].kernel.value  # the array itself, and not a copy
        self.held.append(kernel)
        self.copies.append(np.array(kernel))
        self.slots.append(self.model.optimizer.variables[-1].value)


@pytest.mark.parametrize("callbacks", [[], [Reads()], [keras.callbacks.EarlyStopping(patience=3)]])
def test_the_bits_are_those_of_a_run_that_keeps_its_states(step_by_step, callbacks):
    found = []
    for donates in (False, True):
        step_by_step(donates)
        model = build()
        history = fit(model, *callbacks)
        assert model.core.programs.manner("train").donates is donates
        found.append((history, state(model)))
    assert found[0] == found[1]


def test_an_array_that_somebody_holds_stays(step_by_step):
    step_by_step(True)
    model, reads = build(), Reads()
    before = model.layers[0].kernel.value
    copy = np.array(before)
    fit(model, reads)
    assert np.array_equal(np.asarray(before), copy)
    assert all(np.array_equal(np.asarray(held), copy) for held, copy in zip(reads.held, reads.copies, strict=True))
    assert all(np.isfinite(np.asarray(slot)).all() for slot in reads.slots)
    assert not np.array_equal(reads.copies[0], reads.copies[-1])


class Holds(keras.callbacks.Callback):
    """Holds what `take` gives after every batch, and a copy of it."""

    def __init__(self, take):
        super().__init__()
        self.take = take

    def on_train_begin(self, logs=None):
        self.held, self.copies = [], []

    def on_train_batch_end(self, batch, logs=None):
        self.held.append(self.take(self.model))
        self.copies.append(jax.tree.map(np.array, self.held[-1]))

    def same(self):
        pairs = zip(jax.tree.leaves(self.held), jax.tree.leaves(self.copies), strict=True)
        return len(self.held) == 8 and all(np.array_equal(np.asarray(held), copy) for held, copy in pairs)


@pytest.mark.parametrize(
    "take",
    [
        lambda model: model.layers[0].kernel.value,
        lambda model: model.optimizer.variables[-1].value,
        lambda model: model.metrics[-1].variables[0].value,
        lambda model: model.get_state_tree()["optimizer_variables"],
    ],
    ids=["a weight", "a slot", "an accumulator", "the tree"],
)
def test_what_is_held_alone_stays(step_by_step, take):
    step_by_step(True)
    holds = Holds(take)
    fit(build(), holds)
    assert holds.same()


def test_a_state_that_is_kept_while_steps_go_on_stays_whole(step_by_step):
    step_by_step(True)
    model, states, arrays = build(), [], []

    class Keeps(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            states.append(self.model.core.timeline.kept)  # as a commit of a durable run does, to write it meanwhile
            arrays.append(exported(states[-1]))

    fit(model, Keeps())
    for state_then, before in zip(states, arrays, strict=True):
        now = exported(state_then)
        assert all(now[name].tobytes() == before[name].tobytes() for name in before)


def test_a_trial_leaves_the_model_and_what_was_held(step_by_step):
    step_by_step(True)
    model = build()
    held = model.layers[0].kernel.value
    before, copy = state(model), np.array(held)
    keras.overfit_one_batch(model, X[:8], Y[:8], steps=20)
    assert state(model) == before
    fit(model)
    assert np.array_equal(np.asarray(held), copy)


def test_what_is_held_of_ones_own_module_at_the_end_of_an_epoch_stays(step_by_step):
    step_by_step(True)
    module = nnx.Linear(6, 1, rngs=nnx.Rngs(0))
    model = keras.Model(module)
    model.compile("sgd", "mse")
    held, copies = [], []

    class Looks(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            held.append(module.kernel.get_value())
            copies.append(np.array(held[-1]))

    fit(model, Looks(), epochs=3)
    fit(model)
    assert all(np.array_equal(np.asarray(one), copy) for one, copy in zip(held, copies, strict=True))


def test_no_second_copy_of_the_state_is_there_in_any_fit(step_by_step):
    step_by_step(True)
    keras.utils.set_random_seed(5)
    model = keras.Sequential([keras.Input((6,)), keras.layers.Dense(23), keras.layers.Dense(1)])
    model.compile("adam", "mse", metrics=["mae"])
    found = []

    class Counts(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            found.append(sum(each.shape == (6, 23) for each in jax.live_arrays()))

    for _ in range(3):
        fit(model, Counts())
    assert found == [3] * 24  # the kernel, and Adam's two moments of it


def test_a_module_of_ones_own_is_up_to_date_at_every_batch(step_by_step):
    step_by_step(True)
    module = nnx.Linear(6, 1, rngs=nnx.Rngs(0))
    first = module.kernel.get_value()
    kept = np.array(first)
    model = keras.Model(module)
    model.compile("sgd", "mse")
    seen = []

    class Looks(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            seen.append((np.array(module.kernel.get_value()), self.model.get_weights()[0]))

    fit(model, Looks())
    assert all(np.array_equal(own, told) for own, told in seen)
    assert not np.array_equal(seen[0][0], seen[-1][0])
    assert np.array_equal(np.asarray(first), kept)


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_an_exception_in_a_hook_leaves_the_weights_of_that_batch(step_by_step, error):
    step_by_step(True)

    class Raises(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if batch == 2:
                self.weights = self.model.get_weights()
                raise error("here")

    model, raises = build(), Raises()
    with pytest.raises(error):
        fit(model, raises)
    assert all(np.array_equal(*pair) for pair in zip(model.get_weights(), raises.weights, strict=True))


def test_an_interruption_while_a_step_is_waited_for_leaves_weights(step_by_step, monkeypatch):
    step_by_step(True)
    model = build()
    fit(model)
    arrived = lookahead.Lookahead._arrived
    calls = []

    def interrupted(self, span):
        calls.append(span)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return arrived(self, span)

    monkeypatch.setattr(lookahead.Lookahead, "_arrived", interrupted)
    with pytest.raises(KeyboardInterrupt):
        fit(model, validation_data=None)
    assert all(np.isfinite(weight).all() for weight in model.get_weights())
    assert int(model.optimizer.iterations) == 8 + 3  # the step that was under way could not be undone


def test_an_interruption_at_any_moment_leaves_weights(step_by_step):
    step_by_step(True)
    model = build()
    fit(model)
    # JAX looks in when Python collects garbage, and an interruption that comes just then is lost.
    gc.disable()
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)  # a worker of pytest ignores it
    try:
        _interrupt_again_and_again(model)
    finally:
        signal.signal(signal.SIGINT, handler)
        gc.enable()


def _interrupted(clock, model):
    clock.start()
    fit(model, epochs=10_000, validation_data=None)


def _interrupt_again_and_again(model):
    for turn in range(25):
        clock = threading.Timer(0.003 + 0.0011 * turn, _thread.interrupt_main)
        with pytest.raises(KeyboardInterrupt):  # the clock within: on a busy machine it may come before fit
            _interrupted(clock, model)
        clock.join()
        assert all(np.isfinite(weight).all() for weight in model.get_weights())
        assert np.isfinite(model.evaluate(X, Y, verbose=0)).all()


@pytest.mark.parametrize("where", ["on_train_batch_end", "on_test_batch_end", "on_epoch_end"])
def test_a_fit_within_a_hook(step_by_step, where):
    found = []
    for donates in (False, True):
        step_by_step(donates)

        def inner(self, *_, **__):
            if not self.done:
                self.done = True
                self.model.fit(X[:8], Y[:8], batch_size=8, verbose=0)

        kind = type("Fits", (keras.callbacks.Callback,), {where: inner, "done": False})
        model = build()
        found.append((fit(model, kind()), state(model)))
    assert found[0] == found[1]
