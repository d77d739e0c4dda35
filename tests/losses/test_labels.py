"""Labels that a loss cannot mean are told before the first step: which, where, how many, and what to do."""

from __future__ import annotations

import os

os.environ.setdefault("KERAS_BACKEND", "jax")

import keras
import ml_dtypes
import numpy as np
import pytest

import kibitz.losses
from kibitz.errors import BadData, ShapeMismatch
from kibitz.losses.function_loss import LossFunctionWrapper
from kibitz.losses.labels import check_labels
from tests.losses.exported import CLASSES, FUNCTIONS, WIDTH, batch

SPARSE = kibitz.losses.SparseCategoricalCrossentropy()
CATEGORICAL = kibitz.losses.CategoricalCrossentropy()
BINARY = kibitz.losses.BinaryCrossentropy()
MSE = kibitz.losses.MeanSquaredError()
CLASSES_OF_3 = np.tile([0, 1, 2, 1], 8)


def told(kind, loss, y_true, output_shape, **more):
    with pytest.raises(kind) as caught:
        check_labels(loss, y_true, output_shape, **more)
    return str(caught.value)


def with_labels(**places):
    """32 class numbers from 0 to 2, and others in the rows named `r5` and so on."""
    y_true = CLASSES_OF_3.copy()
    for place, value in places.items():
        y_true[int(place[1:])] = value
    return y_true


@pytest.mark.parametrize("name", [*CLASSES, *FUNCTIONS])
def test_labels_of_the_right_kind_pass(name):
    loss = getattr(kibitz.losses, name)
    y_true, y_pred = batch(name)
    for copy in (y_true, y_true.astype("float32"), y_true.astype(ml_dtypes.bfloat16)):
        if copy.dtype.kind != "V" or "Poisson" not in name:
            check_labels(loss() if name in CLASSES else loss, copy, (None, *y_pred.shape[1:]))


def test_a_label_outside_the_classes_is_told_with_its_row_and_how_many():
    assert told(BadData, SPARSE, with_labels(r7=3, r9=3, r30=5), (None, 3)) == (
        "y has a label outside the classes 0 to 2: 3, in row 7 (3 of 32 rows).\n"
        "  given    int64[32]\n"
        "  wanted   the classes 0 to 2\n"
        "  cure     a last layer of 6 units, or labels from 0 to 2"
    )


def test_keras_counts_such_a_label_as_nothing():
    loss = keras.losses.SparseCategoricalCrossentropy(reduction="none")
    assert loss(np.array([3]), np.full((1, 3), 1 / 3)).tolist() == [0.0]


def test_a_label_of_minus_one_asks_for_ignore_class():
    text = told(BadData, SPARSE, with_labels(r0=-1), (None, 3))
    assert text.startswith("y has a label outside the classes 0 to 2: -1, in row 0 (1 of 32 rows).")
    assert text.endswith("SparseCategoricalCrossentropy(ignore_class=-1) if it means no label, or labels from 0 to 2")
    assert "ignore_class=255" in told(BadData, SPARSE, with_labels(r4=255), (None, 3))
    generalized = kibitz.losses.CategoricalGeneralizedCrossEntropy()
    assert "ignore_class" not in told(BadData, generalized, with_labels(r0=-1), (None, 3))


def test_an_ignored_class_is_let_pass_and_no_other():
    loss = kibitz.losses.SparseCategoricalCrossentropy(ignore_class=-1)
    check_labels(loss, with_labels(r3=-1), (None, 3))
    assert "-2, in row 4 (1 of 32 rows)" in told(BadData, loss, with_labels(r3=-1, r4=-2), (None, 3))
    function = LossFunctionWrapper(kibitz.losses.sparse_categorical_crossentropy, ignore_class=9)
    check_labels(function, with_labels(r3=9), (None, 3))


def test_labels_that_begin_at_one_are_told_so():
    assert told(BadData, SPARSE, CLASSES_OF_3 + 1, (None, 3)).endswith("y - 1, since classes are counted from 0")


def test_one_class_too_many_is_told_to_need_a_unit():
    text = told(BadData, SPARSE, with_labels(r7=3), (None, 3))
    assert text.endswith("cure     a last layer of 4 units, or labels from 0 to 2")


def test_rows_are_counted_and_not_labels():
    assert ": 3, in row 1, column 0 (1 of 2 rows)" in told(BadData, BINARY, np.array([[0, 1], [3, 4]]), (None, 2))


def test_two_classes_in_one_unit_are_told_to_be_binary():
    text = told(BadData, SPARSE, CLASSES_OF_3 % 2, (None, 1))
    assert text.startswith("y has a label outside class 0, the only one: 1, in row 1")
    assert text.endswith('loss="binary_crossentropy" for two classes in one unit')


def test_a_class_number_with_a_fraction_is_told():
    y_true = CLASSES_OF_3.astype("float32")
    check_labels(SPARSE, y_true, (None, 3))
    y_true[11] = 0.5
    text = told(BadData, SPARSE, y_true, (None, 3))
    assert text.startswith("y has a class number with a fraction: 0.5, in row 11 (1 of 32 rows).")
    assert 'cure     loss="mse"' in text


@pytest.mark.parametrize("loss", [SPARSE, BINARY, MSE, CATEGORICAL])
def test_a_nan_is_let_pass(loss):
    shape = (4,) if loss is SPARSE else (4, 2)
    check_labels(loss, np.full(shape, np.nan), (None, 2))
    check_labels(loss, np.full(shape, np.nan, ml_dtypes.bfloat16), (None, 2))


def test_infinity_is_no_class_and_no_share():
    assert ": inf, in row 1" in told(BadData, SPARSE, np.array([0, np.inf]), (None, 3))
    assert ": inf, in row 1" in told(BadData, BINARY, np.array([0, np.inf]), (None, 1))


def test_one_hot_labels_for_a_sparse_loss_are_told():
    assert told(ShapeMismatch, SPARSE, np.eye(3)[CLASSES_OF_3], (None, 3)) == (
        '"sparse_categorical_crossentropy" wants class numbers, and y has a value for each class.\n'
        "  given    y of shape (32, 3), an output of shape (None, 3)\n"
        "  wanted   y of shape (32,)\n"
        '  cure     loss="categorical_crossentropy", or y.argmax(-1)'
    )


@pytest.mark.parametrize("shape", [(32,), (32, 1)])
def test_class_numbers_for_a_categorical_loss_are_told(shape):
    assert told(ShapeMismatch, CATEGORICAL, CLASSES_OF_3.reshape(shape), (None, 3)) == (
        '"categorical_crossentropy" wants a value for each class, and y has class numbers.\n'
        f"  given    y of shape {shape}, an output of shape (None, 3)\n"
        "  wanted   y of shape (32, 3)\n"
        '  cure     loss="sparse_categorical_crossentropy", or to_categorical(y, 3)'
    )
    for name in ("KLDivergence", "CategoricalHinge", "CategoricalFocalCrossentropy"):
        loss = getattr(kibitz.losses, name)()
        text = told(ShapeMismatch, loss, CLASSES_OF_3.reshape(shape), (None, 3))
        assert text.endswith("cure     to_categorical(y, 3)")


def test_each_step_of_a_sequence_has_a_class_number():
    y_true = CLASSES_OF_3.reshape(8, 4)
    check_labels(SPARSE, y_true, (None, 4, 3))
    check_labels(SPARSE, y_true[..., None], (None, 4, 3))
    assert "wants one class number for each row" in told(ShapeMismatch, SPARSE, y_true, (None, 5, 3))
    assert ": 2, in row 0, column 2 (8 of 8 rows)" in told(BadData, SPARSE, y_true, (None, 4, 2))
    first = kibitz.losses.SparseCategoricalCrossentropy(axis=1)
    check_labels(first, y_true, (None, 3, 4))
    check_labels(first, y_true[:, None, :], (None, 3, 4))
    assert "wants class numbers" in told(ShapeMismatch, first, np.zeros((8, 3, 4)), (None, 3, 4))


WIDTHS_THAT_FIT = [
    ((32, 5), (5,)),
    ((32,), (1,)),
    ((32, 1), ()),
    ((32, 4), (4, 1)),
    ((32, 4, 1), (4,)),
    ((32, 2), (None,)),
]
WIDTHS_THAT_DO_NOT = [
    ((32, 5), (1,)),
    ((32, 1), (5,)),
    ((32,), (5,)),
    ((32, 4, 1), (1, 4)),
    ((32, 3), (4,)),
    ((32, 1, 1), ()),
]
COMPARING = [name for name in CLASSES if "Categorical" not in name and name != "KLDivergence"]


@pytest.mark.parametrize("name", COMPARING)
def test_a_width_may_differ_by_one_trailing_1_only(name):
    loss = getattr(kibitz.losses, name)()
    for labels, output in WIDTHS_THAT_FIT:
        check_labels(loss, np.zeros(labels), (None, *output))
    for labels, output in WIDTHS_THAT_DO_NOT:
        told(ShapeMismatch, loss, np.zeros(labels), (None, *output))


def test_a_width_that_keras_broadcasts_is_told():
    assert np.isfinite(float(keras.losses.MeanSquaredError()(np.zeros((4, 5)), np.ones((4, 1)))))
    assert told(ShapeMismatch, kibitz.losses.get("mse"), np.zeros((32, 5)), (None, 1)) == (
        '"mean_squared_error" compares each output with one label, and y has another width.\n'
        "  given    y of shape (32, 5), an output of shape (None, 1)\n"
        "  wanted   y of shape (32, 1)\n"
        "  cure     a last layer of 5 units, or y with 1 column"
    )
    text = told(ShapeMismatch, MSE, np.zeros(32), (None, 10))
    assert text.endswith('a last layer of 1 unit, or loss="sparse_categorical_crossentropy" for class numbers')


@pytest.mark.parametrize(
    ("labels", "first", "cure"),
    [
        ([0, 1, 2, 1], "2, in row 2 (1 of 4 rows)", "a last layer of 3 units"),
        ([1, -1, -1, 1], "-1, in row 1 (2 of 4 rows)", '(y + 1) / 2 for labels of -1 and 1, or loss="hinge"'),
        ([0, 17, 255, 3], "17, in row 1 (3 of 4 rows)", "y / 255"),
        ([0.5, 1.25, 1, 0], "1.25, in row 1 (1 of 4 rows)", 'loss="mse" for numbers'),
    ],
)
def test_a_label_outside_yes_and_no_is_told(labels, first, cure):
    for loss in (BINARY, kibitz.losses.BinaryFocalCrossentropy(), kibitz.losses.binary_crossentropy):
        text = told(BadData, loss, np.array(labels), (None, 1))
        assert f"y has a label outside 0 to 1: {first}." in text
        assert cure in text


def test_the_words_and_the_rows_are_those_of_the_caller():
    text = told(BadData, SPARSE, with_labels(r2=3), (32, 3), name="validation_data y['digit']", first_row=128)
    assert text.startswith("validation_data y['digit'] has a label outside the classes 0 to 2: 3, in row 130 (1 of 32")


def test_labels_that_are_no_numbers_are_told():
    assert "np.unique(y, return_inverse=True)[1]" in told(BadData, SPARSE, np.array(["cat", "dog"]), (None, 2))
    assert "y.astype('float32')" in told(BadData, MSE, np.array([1, None]), (None, 1))
    assert "y has no rows" in told(ShapeMismatch, MSE, np.float32(1), (None, 1))


def test_losses_of_ones_own_may_mean_anything():
    class Own(kibitz.losses.SparseCategoricalCrossentropy):
        def call(self, y_true, y_pred):
            return super().call(abs(y_true), y_pred)

    for loss in (lambda y_true, y_pred: y_pred, LossFunctionWrapper(lambda y_true, y_pred: y_pred), Own()):
        check_labels(loss, np.array(["a", "b"]), (None, WIDTH))


def test_the_labels_are_not_touched():
    y_true = with_labels(r5=1)
    y_true.setflags(write=False)
    check_labels(SPARSE, y_true, (None, 3))
