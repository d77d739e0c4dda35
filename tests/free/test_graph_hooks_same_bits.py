"""A graph hook that only looks changes no bit: of the weights, of the optimizer, of the History."""

from __future__ import annotations

import functools

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import kibitz as keras
from kibitz.engine import programs
from kibitz.engine.rule import Manner
from tests.drawn import examples
from tests.free.test_same_bits import Hand, cut
from tests.free.test_same_bits import run as run_dense

ROWS, SIZE, STEPS = 24, 8, 6
DATA = np.random.default_rng(7)
X = DATA.normal(size=(ROWS, 6, 6, 2)).astype("float32")
Y = DATA.integers(0, 3, ROWS).astype("int32")
LAYERS = {
    "dense": lambda: [keras.layers.Flatten(), keras.layers.Dense(9, activation="relu")],
    "norm": lambda: [keras.layers.Flatten(), keras.layers.Dense(7), keras.layers.BatchNormalization()],
    "dropout": lambda: [keras.layers.Flatten(), keras.layers.Dense(8, activation="tanh"), keras.layers.Dropout(0.3)],
    "convolution": lambda: [keras.layers.Conv2D(4, 3), keras.layers.MaxPooling2D(2), keras.layers.Flatten()],
}


def run(kind, optimizer, callbacks):
    keras.utils.set_random_seed(3)
    model = keras.Sequential([keras.Input((6, 6, 2)), *LAYERS[kind](), keras.layers.Dense(3, activation="softmax")])
    model.compile(optimizer, "sparse_categorical_crossentropy")
    history = model.fit(X, Y, batch_size=SIZE, epochs=2, verbose=0, callbacks=callbacks)
    numbers = {name: values for name, values in history.history.items() if not name.startswith("gradient_norm")}
    return {name: value.tobytes() for name, value in model.export_state().items()}, numbers


@functools.cache
def alone(kind, optimizer, looped):
    return run(kind, optimizer, [])


norms = st.builds(
    lambda each, every: keras.callbacks.GradientNorms(each, every=every and f"{every} steps"),
    st.booleans(), st.none() | st.integers(1, STEPS + 1),
)  # fmt: skip
histograms = st.builds(
    lambda of, bins, every: keras.callbacks.WeightHistograms(of, bins, every=f"{every} steps"),
    st.sampled_from(["weights", "gradients", "updates"]), st.integers(1, 9), st.integers(1, STEPS + 1),
)  # fmt: skip


@examples(5)
@given(
    kind=st.sampled_from(list(LAYERS)),
    optimizer=st.sampled_from(["sgd", "adam", "rmsprop"]),
    looped=st.booleans(),
    norms=norms | st.none(),
    histograms=histograms | st.none(),
    most=st.sampled_from([2, 256]),
)
def test_hooks_that_look_change_no_bit_at_any_cadence(kind, optimizer, looped, norms, histograms, most):
    callbacks = [each for each in (norms, histograms) if each is not None]
    with pytest.MonkeyPatch.context() as patch:
        if not looped:
            patch.setattr(programs, "manner", lambda *_: Manner(loops=False))
        expected = alone(kind, optimizer, looped)
        with cut(most):
            assert run(kind, optimizer, callbacks) == expected


class Carries(keras.callbacks.Callback):
    """Adds up the gradients that it has seen, at a cadence, and reads the sum at some steps."""

    def __init__(self, every, reads):
        super().__init__(every=f"{every} steps")
        self.reads, self.seen = keras.callbacks.LambdaCallback(on_train_batch_end=self.read), []
        self.steps = reads

    def init_graph_state(self, params):
        return {name: jnp.zeros_like(value) for name, value in params.items()}

    def on_gradients(self, grads, params, state):
        total = {name: state[name] + grad for name, grad in grads.items()}
        return grads, total, {"total": jnp.sum(jnp.stack([jnp.sum(each) for each in total.values()]))}

    def read(self, batch, logs=None):
        if self.run.step in self.steps:
            state = self.run.graph_state(self)  # by the layers' names, which count on from model to model
            self.seen.append((sorted(value.tobytes() for value in state.values()), logs.get("total")))


@examples(2)
@given(
    every=st.integers(1, 5),
    reads=st.sets(st.integers(1, 26), max_size=5),
    writes=st.sets(st.integers(0, 25), max_size=3),
    stop=st.none() | st.integers(0, 25),
    most=st.sampled_from([2, 7, 256]),
)
def test_what_hooks_carry_along_is_the_same_however_steps_are_cut_and_undone(every, reads, writes, stop, most):
    found = []
    for longest in (1, most):
        carries, hand = Carries(every, reads), Hand(writes=writes, stop=stop)
        with cut(longest):
            found.append((*run_dense("norm", [carries, carries.reads, hand]), carries.seen))
    assert found[0] == found[1]
