"""What a right program may give is taken without a word, however it is written."""

from __future__ import annotations

import numpy as np
import pytest
from flax import nnx

import kibitz
from tests.speaks.case import LABELS, Scene, X, Y, put, stack


@pytest.fixture(scope="module")
def scene():
    scene = Scene()
    scene.column = stack("column", kibitz.layers.Dense(1), shape=(1,))
    loss = kibitz.losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=-1)
    scene.ignoring = stack("ignoring", kibitz.layers.Dense(3), loss=loss)
    scene.pair = kibitz.Model(Pair(nnx.Rngs(0)))
    scene.pair.compile("sgd", "mse")
    scene.own = Own([kibitz.Input((4,)), kibitz.layers.Dense(3)])
    scene.own.compile("sgd", "sparse_categorical_crossentropy")
    return scene


class Pair(nnx.Module):
    def __init__(self, rngs):
        self.linear = nnx.Linear(4, 1, rngs=rngs)

    def __call__(self, left, right):
        return self.linear(left) - self.linear(right)


class Own(kibitz.Sequential):
    """Means by y what it likes."""

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        return (y_pred**2).mean()


class Bare(kibitz.callbacks.Callback):
    def __init__(self):
        pass  # as many do


ACCEPTED = {
    "a batch larger than the data": lambda at: at.fit(batch_size=64),
    "no epochs": lambda at: at.fit(epochs=0),
    "NumPy's whole numbers": lambda at: at.fit(
        batch_size=np.int64(8), steps_per_epoch=np.int32(2), verbose=np.int64(0)
    ),
    "a targets' axis of size 1 left out": lambda at: at.fit(X, Y[:, 0]),
    "an inputs' axis of size 1 left out": lambda at: at.fit(X[:, 0], Y, at.column),
    "labels as a column": lambda at: at.fit(X, LABELS[:, None], at.classes),
    "labels as floats": lambda at: at.fit(X, LABELS.astype("float64"), at.classes),
    "labels as 8 bits": lambda at: at.fit(X, LABELS.astype("uint8"), at.classes),
    "yes and no as booleans": lambda at: at.fit(X, Y > 0, at.yes_or_no),
    "yes and no as shares": lambda at: at.fit(X, (Y + 4) / 8, at.yes_or_no),
    "an ignored label": lambda at: at.fit(X, put(LABELS, 4, -1), at.ignoring),
    "labels of a loss of one's own": lambda at: at.fit(X, LABELS + 100, at.own),
    "no targets for a loss of one's own": lambda at: at.own.predict(X, verbose=0),
    "plain lists": lambda at: at.fit(X.tolist(), Y.tolist()),
    "a list of one array": lambda at: at.fit([X], [Y]),
    "a list of two inputs": lambda at: at.fit([X, X], Y, at.pair),
    "a tuple of two inputs": lambda at: at.fit((X, X), Y, at.pair),
    "a dict of two inputs": lambda at: at.fit({"left": X, "right": X}, Y, at.sides),
    "targets as a list": lambda at: at.fit(X, [Y, X[:, :2]], at.two),
    "float64": lambda at: at.fit(X.astype("float64"), Y.astype("float64")),
    "float16": lambda at: at.fit(X.astype("float16")),
    "8 bits a number": lambda at: at.fit((X * 100).astype("uint8")),
    "booleans": lambda at: at.fit(X > 0),
    "an array of Python's numbers": lambda at: at.fit(X.astype(object)),
    "another byte order": lambda at: at.fit(X.astype(">f4"), Y.astype(">f8")),
    "Fortran's order": lambda at: at.fit(np.asfortranarray(X)),
    "a view backwards": lambda at: at.fit(X[::-1], Y[::-1]),
    "a view of every other column": lambda at: at.fit(np.repeat(X, 2, axis=1)[:, ::2]),
    "a mask without a masked value": lambda at: at.fit(np.ma.masked_array(X, np.zeros(X.shape, bool))),
    "numbers of 64 bits that fit 32": lambda at: at.fit(np.full((32, 4), 7, "int64")),
    "weights as a list": lambda at: at.fit(sample_weight=[1.0] * 32),
    "weights as whole numbers": lambda at: at.fit(sample_weight=np.arange(32)),
    "weights as a column": lambda at: at.fit(sample_weight=np.ones((32, 1))),
    "class weights by floats": lambda at: at.fit(X, LABELS, at.classes, class_weight={0.0: 1, 1.0: 2, 2.0: 3}),
    "class weights by NumPy's numbers": lambda at: at.fit(
        X, LABELS, at.classes, class_weight=dict.fromkeys(range(3), 1)
    ),
    "validation data as a list": lambda at: at.fit(validation_data=[X, Y]),
    "validation data with weights": lambda at: at.fit(validation_data=(X, Y, np.ones(32))),
    "a split of 0": lambda at: at.fit(validation_split=0),
    "validation at listed epochs": lambda at: at.fit(validation_split=0.5, validation_freq=[1, 3]),
    "shuffle as 1": lambda at: at.fit(shuffle=1),
    "verbose as a boolean": lambda at: at.fit(verbose=False),
    "one callback without a list": lambda at: at.line.fit(X, Y, epochs=0, verbose=0, callbacks=at.record),
    "a callback that forgot super().__init__": lambda at: at.fit(callbacks=[Bare()]),
    "the same callback twice": lambda at: at.fit(callbacks=[at.record]),
}


@pytest.mark.parametrize("give", ACCEPTED.values(), ids=ACCEPTED)
def test_what_may_be_given_is_taken_in_silence(give, scene, monkeypatch):
    fit = Scene.fit
    monkeypatch.setattr(Scene, "fit", lambda *args, **more: fit(*args, **{"epochs": 0, **more}))
    give(scene)


def test_a_read_only_array_is_trained_on(scene):
    x = X.copy()
    x.flags.writeable = False
    scene.fit(x)


def test_inputs_without_their_last_axis_are_the_inputs_with_it(scene):
    assert np.array_equal(scene.column.predict(X[:, 0], verbose=0), scene.column.predict(X[:, :1], verbose=0))
    assert np.array_equal(scene.column.predict_on_batch(X[:, 0]), scene.column.predict_on_batch(X[:, :1]))


def test_nothing_to_predict_gives_nothing_of_the_right_shape(scene):
    assert scene.line.predict(X[:0], verbose=0).shape == (0, 1)
    assert {name: part.shape for name, part in scene.two.predict(X[:0], verbose=0).items()} == {
        "a": (0, 1),
        "b": (0, 2),
    }


def test_a_second_metric_of_one_name_is_numbered(scene):
    scene.spare.compile("sgd", "mse", metrics=["mae", "mae"])
    scene.fit(model=scene.spare, epochs=0)
    assert scene.spare.metrics_names == ["loss", "mae", "mae_1"]


def test_a_penalty_alone_is_a_loss():
    model = stack("penalized", kibitz.layers.Dense(1, kernel_regularizer="l2"), loss=None)
    before = model.get_weights()[0]
    model.fit(X, Y, verbose=0)
    assert not np.array_equal(model.get_weights()[0], before)


def test_a_model_without_a_loss_can_be_measured(scene):
    scene.spare.compile("sgd", metrics=["mae"])
    assert scene.evaluate(model=scene.spare, return_dict=True)["mae"] > 0
