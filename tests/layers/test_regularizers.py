"""Regularizers and constraints give Keras's values, and take Keras's names."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from kibitz.errors import InvalidArgument, ShapeMismatch, UnknownName
from kibitz.layers import constraints, regularizers
from tests.layers.twins import normal

PENALTIES = [
    ("L1", {}),
    ("L1", {"l1": 0.3}),
    ("L1", {"l1": None}),
    ("L2", {}),
    ("L2", {"l2": 2}),
    ("L1L2", {}),
    ("L1L2", {"l1": 0.1, "l2": 0.2}),
    ("OrthogonalRegularizer", {}),
    ("OrthogonalRegularizer", {"factor": 2.0, "mode": "columns"}),
]
PROJECTIONS = [
    ("MaxNorm", {}),
    ("MaxNorm", {"max_value": 1.0, "axis": [0, 1]}),
    ("NonNeg", {}),
    ("UnitNorm", {}),
    ("UnitNorm", {"axis": 1}),
    ("MinMaxNorm", {}),
    ("MinMaxNorm", {"min_value": 2.0, "max_value": 2.5, "rate": 0.3, "axis": 1}),
]


@pytest.mark.parametrize(("name", "kwargs"), PENALTIES)
def test_a_penalty_is_that_of_keras(name, kwargs):
    ours, theirs = getattr(regularizers, name)(**kwargs), getattr(keras.regularizers, name)(**kwargs)
    for x in (normal(4, 3), np.zeros((3, 2), "float32")):
        np.testing.assert_allclose(ours(x), theirs(keras.ops.convert_to_tensor(x)), rtol=1e-6)


@pytest.mark.parametrize(("name", "kwargs"), PROJECTIONS)
def test_a_projection_is_that_of_keras(name, kwargs):
    ours, theirs = getattr(constraints, name)(**kwargs), getattr(keras.constraints, name)(**kwargs)
    np.testing.assert_allclose(ours(normal(4, 3)), theirs(normal(4, 3)), rtol=1e-6)


@pytest.mark.parametrize(("module", "name", "kwargs"), [("regularizers", *each) for each in PENALTIES])
def test_a_penaltys_config_makes_it_again_here_and_in_keras(module, name, kwargs):
    ours, theirs = getattr(regularizers, name)(**kwargs), getattr(keras.regularizers, name)(**kwargs)
    written, expected = regularizers.serialize(ours), keras.regularizers.serialize(theirs)
    assert {**written, "config": None} == {**expected, "config": None}
    assert written["config"] == pytest.approx(expected["config"])  # Keras keeps a factor as a float32
    assert regularizers.deserialize(written).get_config() == ours.get_config()


@pytest.mark.parametrize(("name", "kwargs"), PROJECTIONS)
def test_a_projections_config_makes_it_again_here_and_in_keras(name, kwargs):
    ours, theirs = getattr(constraints, name)(**kwargs), getattr(keras.constraints, name)(**kwargs)
    assert constraints.serialize(ours) == keras.constraints.serialize(theirs)
    assert constraints.deserialize(constraints.serialize(ours)).get_config() == ours.get_config()


@pytest.mark.parametrize(
    ("module", "names"),
    [
        (regularizers, ["l1", "L1", "l2", "L2", "l1l2", "l1_l2", "L1L2", "orthogonal_regularizer"]),
        (constraints, ["max_norm", "MaxNorm", "non_neg", "unit_norm", "min_max_norm"]),
    ],
)
def test_names_classes_instances_and_functions_are_taken(module, names):
    for name in names:
        made = module.get(name)
        assert callable(made)
        assert module.get(made) is made
        assert type(module.get(type(made))) is type(made)
    function = np.sum
    assert module.get(function) is function
    assert module.get(None) is None
    assert module.serialize(None) is None


def test_errors_name_what_there_is():
    with pytest.raises(UnknownName) as raised:
        regularizers.get("l3")
    assert raised.value.there_is == ["l1", "l1l2", "l2", "orthogonal_regularizer"]
    with pytest.raises(UnknownName) as raised:
        constraints.get("max_nrom")
    assert raised.value.nearest == "max_norm"
    for wrong in (-0.1, np.nan, np.inf, "0.1", True):
        with pytest.raises(InvalidArgument, match="must be a number"):
            regularizers.L2(wrong)
    with pytest.raises(InvalidArgument, match="mode"):
        regularizers.OrthogonalRegularizer(mode="diagonal")
    with pytest.raises(ShapeMismatch, match="rows or columns of a matrix"):
        regularizers.OrthogonalRegularizer()(np.zeros(3))


def test_a_config_with_a_name_of_ones_own_is_made_only_from_custom_objects():
    class Mine(regularizers.Regularizer):
        pass

    written = regularizers.serialize(Mine())
    assert written["registered_name"] == "Mine"
    with pytest.raises(UnknownName):
        regularizers.deserialize(written)
    assert type(regularizers.deserialize(written, {"Mine": Mine})) is Mine


def test_a_function_is_written_by_name_and_read_only_from_custom_objects():
    def l2(x):
        return 5.0

    written = regularizers.serialize(l2)
    with pytest.raises(UnknownName, match="a name is no function"):
        regularizers.deserialize(written)  # although there is an l2 of ours
    assert regularizers.deserialize(written, {"l2": l2}) is l2
