"""The moving averages of BatchNormalization move as in Keras, and stand still when they must."""

from __future__ import annotations

import jax
import keras
import numpy as np
import pytest
from flax import nnx

import kibitz.layers
from kibitz.errors import InvalidArgument, ShapeMismatch, Unsupported
from tests.layers.twins import normal, twins


@pytest.mark.parametrize("dtype", ["float32", "mixed_bfloat16", "bfloat16"])
@pytest.mark.parametrize(("axis", "shape"), [(-1, (8, 3)), (1, (4, 3, 5, 5))])
def test_averages_after_several_steps_are_those_of_keras(axis, shape, dtype):
    pair = twins("BatchNormalization", axis, 0.8, shape=(None, *shape[1:]), dtype=dtype)
    for step in range(5):
        x = normal(*shape, seed=step) * 3 + 10
        for one, other in [pair.outputs(x, training=True), pair.outputs(x, training=False)]:
            np.testing.assert_allclose(one.astype("float32"), other.astype("float32"), rtol=1e-5, atol=1e-5)
    for name in ("moving_mean", "moving_variance"):
        ours, theirs = getattr(pair.ours, name), getattr(pair.keras, name)
        assert ours.dtype == theirs.dtype
        np.testing.assert_allclose(ours.numpy().astype("float32"), np.asarray(theirs.value, "float32"), rtol=1e-6)


def test_the_variance_is_that_of_the_batch_and_not_of_a_sample():
    layer = kibitz.layers.BatchNormalization(momentum=0.0)
    layer(np.array([[0.0], [2.0]], "float32"), training=True)
    assert layer.moving_variance.numpy().tolist() == [1.0]


def test_a_frozen_layer_predicts_while_the_rest_trains():
    layer = kibitz.layers.BatchNormalization()
    layer.build((None, 3))
    layer.trainable = False
    x = normal(8, 3) + 5
    theirs = keras.layers.BatchNormalization(trainable=False)
    np.testing.assert_allclose(layer(x, training=True), theirs(x, training=True), rtol=1e-6)
    np.testing.assert_array_equal(np.asarray(layer(x, training=True)), np.asarray(layer(x)))
    assert layer.moving_mean.numpy().tolist() == [0.0, 0.0, 0.0]
    layer.trainable = True
    layer(x, training=True)
    assert layer.moving_mean.numpy().min() > 0


def test_predicting_moves_nothing():
    layer = kibitz.layers.BatchNormalization()
    layer(normal(8, 3))
    layer.train()
    layer(normal(8, 3), training=False)
    assert layer.moving_mean.numpy().tolist() == [0.0, 0.0, 0.0]


def test_averages_move_within_a_gradient_of_a_compiled_step():
    pair = twins("BatchNormalization", shape=(None, 3))
    pair.ours.train()
    graph, params, rest = nnx.split(pair.ours, nnx.Param, ...)

    @jax.jit
    def step(params, rest, x):
        def loss(params):
            copy = nnx.merge(graph, params, rest, copy=True)
            return copy(x).sum(), nnx.split(copy, nnx.Param, ...)[2]

        return jax.grad(loss, has_aux=True)(params)[1]

    for seed in range(3):
        rest = step(params, rest, normal(6, 3, seed=seed))
        pair.keras(normal(6, 3, seed=seed), training=True)
    np.testing.assert_allclose(rest["moving_mean"].get_value(), np.asarray(pair.keras.moving_mean.value), rtol=1e-5)


def test_what_cannot_be_normalized_is_refused():
    for kind in ("BatchNormalization", "LayerNormalization"):
        with pytest.raises(InvalidArgument, match="cannot normalize"):
            getattr(kibitz.layers, kind)(axis=3).build((None, 3))
        with pytest.raises(InvalidArgument, match="cannot normalize"):
            getattr(kibitz.layers, kind)().build((None, None))
    layer = kibitz.layers.BatchNormalization()
    layer.build((None, 3))
    with pytest.raises(Unsupported, match="no masks"):
        layer(normal(8, 3), mask=np.ones(8, bool))
    with pytest.raises(ShapeMismatch, match="2 dimensions"):
        layer(normal(8, 3, 3))
