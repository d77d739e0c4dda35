"""How a metric is found: by name, class, configuration, function, and by the shapes; what is said if there is none."""

from __future__ import annotations

from functools import partial
from types import SimpleNamespace

import keras
import numpy as np
import pytest
from keras.src.metrics import ALL_OBJECTS_DICT
from keras.src.trainers.compile_utils import get_metric

import kibitz.losses
import kibitz.metrics
from kibitz.errors import InvalidArgument, UnknownName, WrongType
from kibitz.metrics.base import Metric
from kibitz.metrics.choose import choose_metric
from kibitz.metrics.reduction import MeanMetricWrapper
from tests.metrics.cases import NEEDED, exported_functions

NAMES = sorted(name for name, thing in ALL_OBJECTS_DICT.items() if thing.__name__ not in NEEDED)
SHAPES = [
    ((4,), (4, 1)), ((4, 1), (4, 1)), ((4, 3), (4, 1)), ((4, 3), (4, 3)), ((4, 1), (4, 3)), ((4,), (4, 3)),
    ((4, 2), (4, 2, 3)), ((4, 2, 1), (4, 2, 3)), ((4, 2, 3), (4, 2, 3)), ((4,), (4,)), ((1,), (1,)),
    ((4, 2, 1), (4, 2, 1)),
]  # fmt: skip


def of_shape(shape):
    return SimpleNamespace(shape=shape)


def doubled_error(y_true, y_pred):
    return 2 * abs(y_true - y_pred)


@pytest.mark.parametrize("name", NAMES)
def test_every_name_of_keras_finds_the_same_metric(name):
    theirs, ours = keras.metrics.get(name), kibitz.metrics.get(name)
    assert type(ours).__name__ == type(theirs).__name__
    assert choose_metric(name, of_shape((4, 3)), of_shape((4, 3))).name == name


@pytest.mark.parametrize(("labels", "output"), SHAPES, ids=str)
@pytest.mark.parametrize("word", ["accuracy", "acc", "ACC"])
def test_accuracy_is_chosen_by_the_shapes_as_in_keras(word, labels, output):
    ours = choose_metric(word, of_shape(labels), of_shape(output))
    theirs = get_metric(word, of_shape(labels), of_shape(output))
    assert (type(ours).__name__, ours.name) == (type(theirs).__name__, theirs.name)


@pytest.mark.parametrize("word", ["crossentropy", "ce"])
def test_crossentropy_is_chosen_likewise(word):
    kinds = [type(choose_metric(word, of_shape(y), of_shape(p))).__name__ for y, p in SHAPES[1:6]]
    crossed = ["Binary", "Binary", "Categorical", "SparseCategorical", "SparseCategorical"]
    assert kinds == [f"{kind}Crossentropy" for kind in crossed]
    assert choose_metric(word, of_shape((4, 1)), of_shape((4, 1))).name == word


GIVEN = {
    "a function": (doubled_error, "doubled_error", None),
    "a function of the losses": (kibitz.losses.mean_squared_error, "mean_squared_error", "down"),
    "a function of the metrics": (kibitz.metrics.binary_accuracy, "binary_accuracy", "up"),
    "a partial function": (partial(kibitz.metrics.top_k_categorical_accuracy, k=2), "partial", "up"),
    "a loss": (kibitz.losses.Huber(name="h"), "h", "down"),
    "a class of losses": (kibitz.losses.LogCosh, "log_cosh", "down"),
    "a metric": (kibitz.metrics.AUC(name="area"), "area", "up"),
    "a class": (kibitz.metrics.MeanSquaredError, "mean_squared_error", "down"),
    "a lambda": (lambda y_true, y_pred: y_pred, "lambda", None),
    "a configuration": ({"class_name": "Precision", "config": {"name": "p", "top_k": 2}}, "p", "up"),
    "a name that only a loss has": ("huber", "huber", "down"),
}


@pytest.mark.parametrize(("given", "name", "direction"), GIVEN.values(), ids=GIVEN)
def test_whatever_can_be_a_metric_becomes_one(given, name, direction):
    metric = choose_metric(given, of_shape((4, 3)), of_shape((4, 3)))
    assert isinstance(metric, Metric)
    assert (metric.name, metric._direction) == (name, direction)


@pytest.mark.parametrize("name", sorted(exported_functions()))
def test_a_function_knows_which_way_is_better(name):
    risen = ("accuracy", "correlation")
    assert MeanMetricWrapper(exported_functions()[name])._direction == ("up" if name.endswith(risen) else "down")


def test_a_metric_of_ones_own_comes_back_with_custom_objects():
    class Own(kibitz.metrics.Mean):
        pass

    written = kibitz.metrics.serialize(Own(name="own"))
    assert type(kibitz.metrics.deserialize(written, custom_objects={"Own": Own})) is Own
    with pytest.raises(UnknownName, match="There is no metric of this name"):
        kibitz.metrics.deserialize(written)


def test_a_function_of_ones_own_comes_back_with_custom_objects():
    written = kibitz.metrics.serialize(MeanMetricWrapper(doubled_error, name="twice"))
    assert written["config"]["fn"]["config"] == "doubled_error"
    again = kibitz.metrics.deserialize(written, custom_objects={"doubled_error": doubled_error})
    assert (again.name, float(again(np.zeros(2), np.ones(2)))) == ("twice", 2.0)
    with pytest.raises(UnknownName, match="custom_objects"):
        kibitz.metrics.deserialize(written)


REFUSED = {
    "a misspelt name": (lambda: kibitz.metrics.get("acuracy"), UnknownName, 'nearest  "accuracy"'),
    "a name in other capitals": (lambda: kibitz.metrics.get("Auc"), UnknownName, 'nearest  "auc"'),
    "a name that is nothing": (lambda: kibitz.metrics.get("zzz"), UnknownName, 'cure     metrics=["accuracy"]'),
    "acc without shapes": (lambda: kibitz.metrics.get("acc"), UnknownName, "only `compile` knows them"),
    "a number": (lambda: kibitz.metrics.get(3), WrongType, "given    3"),
    "a bool": (lambda: kibitz.metrics.get(True), WrongType, "given    True"),
    "None": (lambda: choose_metric(None, None, None), WrongType, "A metric is None"),
    "a metric of Keras": (lambda: kibitz.metrics.get(keras.metrics.Mean()), WrongType, "kibitz.metrics.Metric"),
    "a class that needs arguments": (lambda: kibitz.metrics.get(kibitz.metrics.MeanIoU), WrongType, "MeanIoU(...)"),
    "its name": (lambda: kibitz.metrics.get("MeanIoU"), WrongType, "MeanIoU(...)"),
    "a function of one": (lambda: kibitz.metrics.get(abs), WrongType, "abs(x, /)"),
    "a configuration of nothing": (lambda: kibitz.metrics.get({"config": {}}), WrongType, "a configuration"),
    "accuracy without labels": (
        lambda: choose_metric("accuracy", None, of_shape((4, 1))), WrongType, "sparse_categorical_accuracy"
    ),
    "a lambda to be written": (
        lambda: kibitz.metrics.serialize(MeanMetricWrapper(lambda y, p: p)), InvalidArgument, "without a name"
    ),
    "a number to be written": (lambda: kibitz.metrics.serialize(3), WrongType, "cannot be a metric"),
}  # fmt: skip


@pytest.mark.parametrize(("act", "error", "text"), REFUSED.values(), ids=REFUSED)
def test_what_is_no_metric_is_refused_with_a_cure(act, error, text):
    with pytest.raises(error) as caught:
        act()
    assert text in str(caught.value)
    assert "\n  cure     " in str(caught.value)
