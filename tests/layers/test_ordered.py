"""The weights of any NNX module stand in Keras's order, without random state, each once."""

from __future__ import annotations

import keras
import numpy as np
from flax import nnx

import kibitz.layers
from kibitz.layers.ordered import ordered


def names(module):
    return ["/".join(map(str, path)) for path, _ in ordered(module)]


def test_nnxs_own_modules_stand_as_keras_has_them():
    rngs = nnx.Rngs(0)
    assert names(nnx.Linear(2, 3, rngs=rngs)) == ["kernel", "bias"]
    assert names(nnx.Linear(2, 3, use_bias=False, rngs=rngs)) == ["kernel"]
    assert names(nnx.Conv(2, 3, (3, 3), rngs=rngs)) == ["kernel", "bias"]
    assert names(nnx.BatchNorm(3, rngs=rngs)) == ["scale", "bias", "mean", "var"]
    assert names(nnx.LayerNorm(3, rngs=rngs)) == ["scale", "bias"]
    assert names(nnx.Embed(3, 2, rngs=rngs)) == ["embedding"]
    assert names(nnx.Dropout(0.5, rngs=rngs)) == []


def test_they_stand_so_in_a_merged_copy_too():
    for module in (nnx.BatchNorm(3, rngs=nnx.Rngs(0)), kibitz.layers.BatchNormalization()):
        if isinstance(module, kibitz.layers.Layer):
            module.build((None, 3))
        assert names(nnx.merge(*nnx.split(module))) == names(module)


def test_the_shapes_are_those_of_the_same_model_in_keras():
    class Net(nnx.Module):
        def __init__(self, rngs):
            self.second = nnx.Conv(1, 4, (3, 3), rngs=rngs)
            self.first = nnx.BatchNorm(4, rngs=rngs)
            self.drop = nnx.Dropout(0.5, rngs=rngs)
            self.alpha = nnx.Linear(4, 2, rngs=rngs)

    model = keras.Sequential(
        [keras.Input((8, 8, 1)), keras.layers.Conv2D(4, 3), keras.layers.BatchNormalization(),
         keras.layers.GlobalAveragePooling2D(), keras.layers.Dropout(0.5), keras.layers.Dense(2)]
    )  # fmt: skip
    ours = [variable.get_value().shape for _, variable in ordered(Net(nnx.Rngs(0)))]
    assert ours == [weight.shape for weight in model.weights]


def test_ones_own_module_stands_in_the_order_in_which_it_was_written():
    class Block(nnx.Module):
        def __init__(self, rngs):
            self.zeta = nnx.Linear(2, 2, rngs=rngs)
            self.count = nnx.BatchStat(np.zeros(()))
            self.beta = nnx.Param(np.zeros(3))
            self.alpha = nnx.Param(np.zeros(2))
            self.blocks = nnx.List([nnx.Linear(2, 2, rngs=rngs) for _ in range(11)])
            self.again = self.zeta
            self.tied = self.beta
            self.rngs = rngs
            self.sown = nnx.Intermediate(np.zeros(1))
            self.nothing = nnx.Param(None)

    listed = names(Block(nnx.Rngs(0)))
    assert listed[:5] == ["beta", "alpha", "count", "zeta/kernel", "zeta/bias"]
    assert listed[5:9] == ["blocks/0/kernel", "blocks/0/bias", "blocks/1/kernel", "blocks/1/bias"]
    assert listed[-2:] == ["blocks/10/kernel", "blocks/10/bias"]
    assert len(listed) == 5 + 22


def test_paths_are_those_of_nnx_state():
    model = nnx.Sequential(nnx.Linear(2, 3, rngs=nnx.Rngs(0)), nnx.relu, nnx.BatchNorm(3, rngs=nnx.Rngs(0)))
    flat = dict(nnx.to_flat_state(nnx.state(model)))
    for path, variable in ordered(model):
        assert flat[path].get_value() is variable.get_value()
    assert len(ordered(model)) == len(flat)


def test_lists_and_dicts_of_modules_are_walked():
    layer = kibitz.layers.Dense(2)
    layer.build((None, 3))
    assert names([layer, {"head": nnx.Linear(2, 1, rngs=nnx.Rngs(0))}]) == [
        "0/kernel",
        "0/bias",
        "1/head/kernel",
        "1/head/bias",
    ]
