"""Looking on changes no bit, and neither does the way in which steps are cut into spans."""

from __future__ import annotations

from contextlib import contextmanager

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import kibitz as keras
from kibitz.engine import lookahead
from kibitz.testing import Recorder
from tests.drawn import examples

ROWS, SIZE = 97, 8
DATA = np.random.default_rng(3)
X = DATA.normal(size=(ROWS, 6)).astype("float32")
Y = DATA.integers(0, 3, ROWS).astype("int32")
CUTS = (1, 2, 7, 256)


@contextmanager
def cut(most):
    """Spans of at most so many steps, and of so many if nobody touches: no clock shortens them."""
    init, piece = lookahead.Lookahead.__init__, lookahead.SLICE

    def shorter(self, run, supply, base, longest=lookahead.LONGEST, **kwargs):
        init(self, run, supply, base, min(most, longest), **kwargs)

    lookahead.Lookahead.__init__, lookahead.SLICE = shorter, 1e9
    try:
        yield
    finally:
        lookahead.Lookahead.__init__, lookahead.SLICE = init, piece


def build(kind):
    keras.utils.set_random_seed(11)
    layers = {
        "dense": [keras.layers.Dense(5, activation="relu")],
        "dropout": [keras.layers.Dense(5, activation="relu"), keras.layers.Dropout(0.4)],
        "norm": [keras.layers.Dense(5), keras.layers.BatchNormalization(), keras.layers.Dropout(0.2)],
    }[kind]
    model = keras.Sequential([keras.Input((6,)), *layers, keras.layers.Dense(3, activation="softmax")])
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


class Hand(keras.callbacks.Callback):
    """Reads, writes and stops at the steps that it is told."""

    def __init__(self, reads=(), writes=(), rates=(), stop=None):
        super().__init__()
        self.reads, self.writes, self.rates, self.stop = set(reads), set(writes), set(rates), stop
        self.seen, self.step = [], 0

    def on_train_batch_end(self, batch, logs=None):
        if self.step in self.reads:
            self.seen.append([weight.tobytes() for weight in self.model.get_weights()])
        if self.step in self.writes:
            self.model.set_weights([0.5 * weight for weight in self.model.get_weights()])
        if self.step in self.rates:
            self.model.optimizer.learning_rate = float(self.model.optimizer.learning_rate) * 0.5
        if self.step == self.stop:
            self.model.stop_training = True
        self.step += 1


class Look(keras.callbacks.Callback):
    """Reads the logs at every batch, and nothing else."""

    def on_train_begin(self, logs=None):
        self.losses = []

    def on_train_batch_end(self, batch, logs=None):
        self.losses.append((logs["loss"], logs.batch["loss"], logs["accuracy"]))


def run(kind, callbacks):
    model = build(kind)
    history = model.fit(
        X, Y, batch_size=SIZE, epochs=2, verbose=0, callbacks=callbacks, validation_data=(X[:30], Y[:30])
    )
    return {name: value.tobytes() for name, value in model.export_state().items()}, history.history


@pytest.mark.parametrize("kind", ["dense", "dropout", "norm"])
def test_the_cut_into_spans_changes_no_bit(kind):
    results = []
    for most in CUTS:
        look = Look()
        with cut(most):
            results.append((*run(kind, [look]), look.losses))
    assert all(other == results[0] for other in results[1:])


@pytest.mark.parametrize("kind", ["dropout", "norm"])
def test_looking_on_changes_no_bit(kind):
    alone = run(kind, [])
    assert run(kind, [Look()]) == alone
    assert run(kind, [Hand(reads=range(40))]) == alone
    assert run(kind, [Recorder(), Hand(reads=[3, 4, 17])]) == alone


@examples(6)
@given(
    reads=st.sets(st.integers(0, 25), max_size=6),
    writes=st.sets(st.integers(0, 25), max_size=3),
    rates=st.sets(st.integers(0, 25), max_size=2),
    stop=st.one_of(st.none(), st.integers(0, 25)),
    most=st.sampled_from(CUTS[1:]),
)
def test_hands_in_the_run_see_and_do_the_same_however_it_is_cut(reads, writes, rates, stop, most):
    found = []
    for longest in (1, most):
        hand, look = Hand(reads, writes, rates, stop), Look()
        with cut(longest):
            found.append((*run("norm", [hand, look]), hand.seen, look.losses))
    assert found[0] == found[1]


def test_a_hook_that_reads_sees_the_state_of_a_run_that_was_stopped_there():
    for step in (0, 5, 11):
        reader, stopper = Hand(reads=[step]), Hand(stop=step)
        run("norm", [reader])
        model = build("norm")
        model.fit(X, Y, batch_size=SIZE, epochs=2, verbose=0, callbacks=[stopper])
        assert reader.seen[0] == [weight.tobytes() for weight in model.get_weights()]


def test_iterations_and_learning_rate_are_those_of_the_batch_and_cost_no_step_run_again():
    counts = []

    class Counts(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            counts.append((int(self.model.optimizer.iterations), float(self.model.optimizer.learning_rate)))

    model = build("dense")
    model.fit(X, Y, batch_size=SIZE, epochs=1, verbose=0, callbacks=[Counts()])
    assert [count for count, _ in counts] == list(range(1, 14))
    assert {rate for _, rate in counts} == {float(np.float32(0.001))}
    assert model.run_report().rewinds == {}
