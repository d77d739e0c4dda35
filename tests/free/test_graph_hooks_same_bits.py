"""A graph hook that only looks changes no bit: of the weights, of the optimizer, of the History."""

from __future__ import annotations

import functools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import kibitz as keras
from kibitz.engine import programs
from kibitz.engine.rule import Manner
from tests.free.test_same_bits import cut

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


@settings(max_examples=6)
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
