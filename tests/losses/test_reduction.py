"""Values, weights and masks become one number as in Keras."""

from __future__ import annotations

import itertools
import os

os.environ.setdefault("KERAS_BACKEND", "jax")

import keras
import numpy as np
import pytest
from keras.src.losses import loss as keras_loss

import kibitz.losses
from kibitz.errors import InvalidArgument, ShapeMismatch, UnknownName
from kibitz.losses.align import squeeze_or_expand_to_same_rank
from kibitz.losses.reduction import REDUCTIONS, reduce_weighted_values

SHAPES = [(4,), (4, 1), (4, 3), (4, 3, 1), (4, 1, 1), ()]
VALUES = {
    "a row each": np.array([1.0, -2.0, 4.0], "float32"),
    "a sequence each": np.arange(6, dtype="float32").reshape(3, 2),
    "one": np.float32(3.0),
    "none": np.zeros((0,), "float32"),
}
WEIGHTS = {
    "a row each": [None, np.array([0.5, 0, 2]), np.array([[0.5], [0], [2]]), np.float32(2)],
    "a sequence each": [None, np.array([[0.5], [0], [2]]), np.arange(6).reshape(3, 2), np.array([1.0, 3.0])],
    "one": [None, np.float32(2)],
    "none": [None, np.zeros((0,))],
}
MASKS = {
    "a row each": [None, np.array([True, False, True]), np.zeros(3, bool), np.array([[True], [False], [True]])],
    "a sequence each": [None, np.arange(6).reshape(3, 2) % 3 > 0],
    "one": [None],
    "none": [None],
}


@pytest.mark.parametrize("kind", VALUES)
def test_values_are_weighted_masked_and_reduced_as_in_keras(kind):
    for reduction, weight, mask in itertools.product((*REDUCTIONS, None), WEIGHTS[kind], MASKS[kind]):
        given = {"sample_weight": weight, "mask": mask, "reduction": reduction}
        ours = reduce_weighted_values(VALUES[kind], **given, dtype="float32")
        theirs = keras_loss.reduce_weighted_values(VALUES[kind], **given, dtype="float32")
        np.testing.assert_allclose(ours, theirs, rtol=1e-6, err_msg=str(given))
        assert ours.shape == theirs.shape
        assert ours.dtype == theirs.dtype


@pytest.mark.parametrize(("one", "two"), list(itertools.product(SHAPES, repeat=2)))
def test_ranks_are_made_equal_as_in_keras(one, two):
    for expand in (True, False):
        given = np.zeros(one), np.zeros(two)
        ours = squeeze_or_expand_to_same_rank(*given, expand_rank_1=expand)
        theirs = keras_loss.squeeze_or_expand_to_same_rank(*given, expand_rank_1=expand)
        assert [each.shape for each in ours] == [each.shape for each in theirs]


def test_weights_that_fit_no_value_are_told_apart():
    with pytest.raises(ShapeMismatch) as caught:
        kibitz.losses.MeanSquaredError()(np.zeros((4, 3, 1)), np.zeros((4, 3, 1)), sample_weight=np.ones(4))
    assert str(caught.value) == (
        "`sample_weight` does not fit the values of the loss, one for each sample or for each step of a sequence.\n"
        "  given    sample_weight of shape (4,), loss values of shape (4, 3)\n"
        "  wanted   a shape that broadcasts to (4, 3)\n"
        "  cure     sample_weight.reshape(-1, 1) for one weight a sample"
    )


def test_an_unknown_reduction_is_told_with_those_there_are():
    with pytest.raises(UnknownName) as caught:
        kibitz.losses.MeanSquaredError(reduction="means")
    assert str(caught.value) == (
        "There is no reduction of this name.\n"
        "  given    'means'\n"
        "  there is sum_over_batch_size, sum, mean, mean_with_sample_weight, none, None\n"
        '  nearest  "mean"\n'
        '  cure     reduction="sum_over_batch_size"'
    )
    with pytest.raises(InvalidArgument, match="named by a string"):
        kibitz.losses.MeanSquaredError(reduction=["sum"])


def test_a_mask_given_to_a_loss_is_that_of_keras_predictions():
    y_true, y_pred = np.arange(6.0).reshape(3, 2), keras.ops.ones((3, 2))
    mask = np.array([True, False, True])
    theirs = keras.losses.MeanSquaredError()
    keras.src.backend.set_keras_mask(y_pred, mask)
    ours = kibitz.losses.MeanSquaredError()(y_true, np.ones((3, 2)), mask=mask)
    np.testing.assert_allclose(ours, theirs(y_true, y_pred), rtol=1e-6)
    assert float(ours) != float(theirs(y_true, keras.ops.ones((3, 2))))


def test_a_mask_given_and_a_class_ignored_are_both_left_out():
    y_true, y_pred = np.array([0, -1, 1, 1]), np.full((4, 2), 0.5)
    loss = kibitz.losses.SparseCategoricalCrossentropy(ignore_class=-1)
    only_last = loss(y_true, y_pred, np.array([1, 1, 1, 3.0]), mask=np.array([False, True, False, True]))
    np.testing.assert_allclose(only_last, 3 * np.log(2), rtol=1e-6)
