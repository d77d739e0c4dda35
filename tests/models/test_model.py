"""What a model offers beside fit: being frozen, and metric objects that tell what was measured."""

from __future__ import annotations

import numpy as np
import pytest

import kibitz

X, Y = np.ones((8, 2), "float32"), np.zeros((8, 1), "float32")


def stack():
    return kibitz.Sequential([kibitz.Input((2,)), kibitz.layers.Dense(2), kibitz.layers.Dense(1)])


def test_a_frozen_model_does_not_move():
    model = stack()
    model.trainable = False
    model.compile("sgd", "mse")
    before = model.get_weights()
    assert model.trainable is False
    assert model.trainable_weights == []
    with pytest.warns(UserWarning, match="no trainable weights"):
        model.fit(X, Y, verbose=0)
    assert all((one == other).all() for one, other in zip(before, model.get_weights(), strict=True))


def test_a_model_that_is_thawed_moves_again():
    model = stack()
    model.trainable = False
    model.trainable = True
    model.compile("sgd", "mse")
    before = model.get_weights()
    model.fit(X, Y, verbose=0)
    assert any((one != other).any() for one, other in zip(before, model.get_weights(), strict=True))


def test_a_metric_object_tells_what_the_run_measured():
    metric = kibitz.metrics.MeanAbsoluteError()
    model = stack()
    model.compile("sgd", "mse", metrics=[metric])
    history = model.fit(X, Y, epochs=2, verbose=0)
    assert float(metric.result()) == history.history["mean_absolute_error"][-1]
    _, measured = model.evaluate(X, Y, verbose=0)
    assert float(metric.result()) == measured


def test_a_list_can_be_added_to_a_weight():
    model = stack()
    bias = model.layers[1].bias
    bias.assign_add([0.5])
    assert model.get_weights()[-1].tolist() == [0.5]
