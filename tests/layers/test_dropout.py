"""Dropout drops what Keras drops with the same seed, and nothing when it predicts."""

from __future__ import annotations

import random

import jax
import jax.numpy as jnp
import keras
import numpy as np
import pytest
from flax import nnx

import kibitz.layers
from kibitz.errors import ShapeMismatch
from tests.layers.twins import normal

ONES = np.ones((4, 5, 6), "float32")


@pytest.mark.parametrize("rate", [0.0, 0.2, 0.9, 1.0, 1])
@pytest.mark.parametrize("noise_shape", [None, (4, 1, 6), (None, 1, None), [1, 5, 1], (1, 6)], ids=str)
def test_a_seed_gives_the_masks_of_keras_call_by_call(rate, noise_shape):
    ours = kibitz.layers.Dropout(rate, noise_shape, seed=7)
    theirs = keras.layers.Dropout(rate, noise_shape, seed=7)
    for _ in range(3):
        np.testing.assert_array_equal(np.asarray(ours(ONES, training=True)), np.asarray(theirs(ONES, training=True)))
        np.testing.assert_array_equal(np.asarray(ours(ONES)), ONES)


def test_the_sum_stays_and_the_share_is_the_rate():
    layer = kibitz.layers.Dropout(0.3, seed=1)
    kept = np.asarray(layer(np.ones((1000, 100), "float32"), training=True))
    assert set(np.unique(kept)) == {np.float32(0), np.float32(1) / np.float32(0.7)}
    # Five standard errors of a share of 100 000 draws.
    assert abs((kept == 0).mean() - 0.3) < 5 * (0.3 * 0.7 / 1e5) ** 0.5


def test_each_layer_without_a_seed_has_masks_of_its_own_that_pythons_random_decides():
    def masks(module):
        random.seed(3)
        layers = [module.Dropout(0.5), module.Dropout(0.0), module.Dropout(0.5)]
        return [np.asarray(layer(ONES, training=True)) for layer in layers]

    ours = masks(kibitz.layers)
    assert (ours[0] != ours[2]).any()
    for one, other in zip(ours, masks(keras.layers), strict=True):
        np.testing.assert_array_equal(one, other)


def test_rngs_decide_for_who_gave_no_seed_and_not_for_who_did():
    def mask(seed, key):
        layer = kibitz.layers.Dropout(0.5, seed=seed)
        layer.build(ONES.shape, nnx.Rngs(key))
        return np.asarray(layer(ONES, training=True))

    np.testing.assert_array_equal(mask(None, 1), mask(None, 1))
    assert (mask(None, 1) != mask(None, 2)).any()
    np.testing.assert_array_equal(mask(5, 1), mask(5, 2))


def test_the_stream_goes_on_from_step_to_step_of_a_compiled_program():
    layer = kibitz.layers.Dropout(0.5, seed=7)
    layer.train()
    graph, state = nnx.split(layer)

    @jax.jit
    def step(state, x):
        copy = nnx.merge(graph, state)
        return copy(x), nnx.state(copy)

    theirs = keras.layers.Dropout(0.5, seed=7)
    for _ in range(3):
        outputs, state = step(state, jnp.asarray(ONES))
        np.testing.assert_array_equal(np.asarray(outputs), np.asarray(theirs(ONES, training=True)))


def test_the_gradient_passes_where_a_number_was_kept():
    layer = kibitz.layers.Dropout(0.5, seed=7)
    layer.train()
    graph, state = nnx.split(layer)
    x = jnp.asarray(normal(4, 5))

    def run(x):
        return nnx.merge(graph, state, copy=True)(x)

    outputs, pull = jax.vjp(run, x)
    np.testing.assert_array_equal(np.asarray(pull(jnp.ones_like(x))[0]), np.where(np.asarray(outputs) == 0, 0.0, 2.0))


def test_nnx_finds_the_stream_as_it_finds_its_own():
    layer = kibitz.layers.Dropout(0.5, seed=7)
    first = np.asarray(layer(ONES, training=True))
    nnx.reseed(layer, dropout=3)
    assert int(layer.stream.count.get_value()) == 0
    assert (np.asarray(layer(ONES, training=True)) != first).any()
    assert layer.weights == []


def test_a_noise_shape_that_does_not_fit_is_refused():
    for noise_shape in ((3, 1, 6), (4, 1, 1, 6)):
        with pytest.raises(ShapeMismatch, match="cannot share its mask"):
            kibitz.layers.Dropout(0.5, noise_shape)(ONES, training=True)
