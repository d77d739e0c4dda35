"""A loss is found by Keras's names, and comes back from its configuration as it was."""

from __future__ import annotations

import json
import os

os.environ.setdefault("KERAS_BACKEND", "jax")

import keras
import numpy as np
import pytest
from keras.src.losses import ALL_OBJECTS_DICT

import kibitz.losses
from kibitz.errors import InvalidArgument, MissingName, UnknownName, Unsupported, WrongType
from kibitz.losses.function_loss import LossFunctionWrapper
from tests.losses.exported import CLASSES, FUNCTIONS, batch, variants

NAMES = sorted(set(ALL_OBJECTS_DICT) - {"CTC", "ctc", "Circle", "circle", "Loss", "LossFunctionWrapper"})


def own(y_true, y_pred):
    return abs(y_true - y_pred)


class Own(kibitz.losses.Loss):
    def call(self, y_true, y_pred):
        return abs(y_true - y_pred)


@pytest.mark.parametrize("name", sorted({*NAMES, *CLASSES, *FUNCTIONS} - {"categorical_generalized_cross_entropy"}))
def test_a_name_of_keras_finds_the_same_loss(name):
    ours = kibitz.losses.get(name)
    if name in ALL_OBJECTS_DICT:
        theirs = keras.losses.get(name)
        assert getattr(ours, "name", None) == getattr(theirs, "name", None)
        assert getattr(ours, "__name__", None) == getattr(theirs, "__name__", None)
    else:
        assert getattr(ours, "__name__", type(ours).__name__) == name


def test_what_is_a_loss_already_is_given_back():
    for loss in (own, Own(), kibitz.losses.mean_squared_error, LossFunctionWrapper(own), None):
        assert kibitz.losses.get(loss) is loss
    assert isinstance(kibitz.losses.get(Own), Own)
    assert kibitz.losses.get({"class_name": "Huber", "config": {"delta": 2.0}}).get_config()["delta"] == 2.0


@pytest.mark.parametrize("name", CLASSES)
def test_a_loss_comes_back_from_its_configuration_as_it_was(name):
    for options in variants(name):
        loss = getattr(kibitz.losses, name)(**options, reduction="sum", name="mine", dtype="bfloat16")
        written = json.loads(json.dumps(kibitz.losses.serialize(loss)))
        again = kibitz.losses.deserialize(written)
        assert type(again) is type(loss)
        assert (again.name, again.reduction, again.dtype) == ("mine", "sum", "bfloat16")
        y_true, y_pred = batch(name, logits=options.get("from_logits", False))
        if not isinstance(options.get("axis"), tuple):  # JSON has no tuples, and `axis` no lists
            assert float(again(y_true, y_pred)) == float(loss(y_true, y_pred))


@pytest.mark.parametrize("name", CLASSES)
def test_a_configuration_is_that_of_keras_with_what_keras_loses(name):
    ours = kibitz.losses.serialize(getattr(kibitz.losses, name)())
    theirs = keras.losses.serialize(getattr(keras.losses, name)())
    lost = {"Huber": {"delta"}, "CosineSimilarity": {"axis"}, "SparseCategoricalCrossentropy": {"axis"}}.get(
        name, set()
    )
    assert {key: value for key, value in ours["config"].items() if key not in lost} == theirs["config"]
    assert set(ours["config"]) - set(theirs["config"]) == lost
    assert {**ours, "config": None} == {**theirs, "config": None}


@pytest.mark.parametrize("name", CLASSES)
def test_each_library_reads_the_configuration_of_the_other(name):
    ours = kibitz.losses.deserialize(keras.losses.serialize(getattr(keras.losses, name)(reduction="sum")))
    assert (type(ours).__name__, ours.reduction) == (name, "sum")
    if name == "CategoricalGeneralizedCrossEntropy":
        return  # Keras cannot read back its own: it is not in its table.
    theirs = keras.losses.deserialize(kibitz.losses.serialize(getattr(kibitz.losses, name)(reduction="sum")))
    assert (type(theirs).__name__, theirs.reduction) == (name, "sum")


def test_functions_come_back_by_their_names():
    for function in (kibitz.losses.huber, kibitz.losses.mean_squared_error):
        written = kibitz.losses.serialize(function)
        assert written == keras.losses.serialize(getattr(keras.losses, function.__name__))
        assert kibitz.losses.deserialize(written) is function
    assert kibitz.losses.deserialize("mse") is kibitz.losses.mean_squared_error
    assert kibitz.losses.deserialize(kibitz.losses.serialize(own), custom_objects={"own": own}) is own
    assert kibitz.losses.serialize(None) is None
    assert kibitz.losses.deserialize(None) is None


def test_a_wrapped_function_comes_back_wrapped():
    written = kibitz.losses.serialize(LossFunctionWrapper(kibitz.losses.huber, name="mine", delta=2.0))
    again = kibitz.losses.deserialize(json.loads(json.dumps(written)))
    assert isinstance(again, LossFunctionWrapper)
    np.testing.assert_allclose(again([0.0], [[4.0]]), 6.0)
    assert LossFunctionWrapper.from_config(written["config"]).fn is kibitz.losses.huber
    mine = kibitz.losses.serialize(LossFunctionWrapper(own))
    assert kibitz.losses.deserialize(mine, custom_objects={"own": own}).fn is own


def test_a_class_of_ones_own_comes_back_by_custom_objects():
    written = kibitz.losses.serialize(Own(reduction="sum"))
    assert written["registered_name"] == "Own"
    assert kibitz.losses.deserialize(written, custom_objects={"Own": Own}).reduction == "sum"
    with pytest.raises(UnknownName, match="There is no loss of this name"):
        kibitz.losses.deserialize(written)


def test_a_misspelt_name_is_told_with_the_nearest():
    with pytest.raises(UnknownName) as caught:
        kibitz.losses.get("msee")
    lines = str(caught.value).splitlines()
    assert lines[:2] == ["There is no loss of this name.", "  given    'msee'"]
    assert lines[2].startswith("  there is mean_squared_error, mean_absolute_error, ")
    assert lines[3:] == ['  nearest  "mse"', '  cure     loss="mse", or a function of (y_true, y_pred)']


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("sparse_categorical_cross_entropy", "sparse_categorical_crossentropy"),
        ("MeanSquareError", "MeanSquaredError"),
        ("cross_entropy", "crossentropy"),
        ("hubert", "huber"),
        ("binary-crossentropy", "BinaryCrossentropy"),
    ],
)
def test_the_nearest_name_is_found(name, nearest):
    with pytest.raises(UnknownName) as caught:
        kibitz.losses.get(name)
    assert caught.value.nearest == nearest


@pytest.mark.parametrize("name", ["ctc", "CTC", "circle", "Circle"])
def test_what_keras_has_and_kibitz_has_not_is_said_with_a_cure(name):
    assert hasattr(keras.losses, name)
    with pytest.raises(Unsupported, match=f"Keras has the loss {name}, and Kibitz has not"):
        kibitz.losses.get(name)
    with pytest.raises(Unsupported):
        kibitz.losses.deserialize({"class_name": name, "config": {}})
    with pytest.raises(MissingName, match=f"Keras has losses.{name}, and Kibitz has not") as caught:
        getattr(kibitz.losses, name)
    assert "optax.losses" in caught.value.cure
    assert not hasattr(kibitz.losses, name)


def test_a_name_that_nobody_has_is_missing_with_the_nearest():
    with pytest.raises(MissingName) as caught:
        kibitz.losses.MeanSquareError
    assert caught.value.nearest == "MeanSquaredError"


def test_crossentropy_without_shapes_is_told_to_go_to_compile():
    with pytest.raises(UnknownName, match="depends on the shapes") as caught:
        kibitz.losses.get("crossentropy")
    assert caught.value.cure == 'compile(loss="crossentropy"), or the full name'


@pytest.mark.parametrize("thing", [3, 2.5, ["mse"], {"config": {}}, {"class_name": 3}, True])
def test_what_cannot_be_a_loss_is_told(thing):
    with pytest.raises(WrongType, match=r"^This cannot be a loss\.\n"):
        kibitz.losses.get(thing)


def test_a_function_of_one_argument_is_told():
    with pytest.raises(WrongType) as caught:
        kibitz.losses.get(lambda y: y)
    with pytest.raises(WrongType, match=r"loss=CategoricalGeneralizedCrossEntropy\(\)$"):
        kibitz.losses.get("categorical_generalized_cross_entropy")
    assert "  given    <lambda>(y)\n  wanted   a function of (y_true, y_pred)\n" in str(caught.value)
    assert kibitz.losses.get(max) is max  # says nothing of what it takes


def test_a_class_that_needs_arguments_is_told():
    with pytest.raises(WrongType, match="LossFunctionWrapper cannot be made without arguments"):
        kibitz.losses.get("LossFunctionWrapper")


def test_a_lambda_is_not_saved():
    for loss in (lambda y_true, y_pred: y_true, LossFunctionWrapper(lambda y_true, y_pred: y_true)):
        with pytest.raises(InvalidArgument, match="without a name cannot be saved"):
            kibitz.losses.serialize(loss)
    with pytest.raises(WrongType):
        kibitz.losses.serialize(kibitz.losses.Huber)


def test_a_function_takes_no_configuration():
    with pytest.raises(InvalidArgument, match="huber is a function, and takes no configuration"):
        kibitz.losses.get({"class_name": "huber", "config": {"delta": 2.0}})
    assert kibitz.losses.get({"class_name": "mse", "config": {}}) is kibitz.losses.mean_squared_error
