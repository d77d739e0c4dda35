"""A loss of one's own, as a function or as a class, is weighted, reduced and compiled as in Keras."""

from __future__ import annotations

import os

os.environ.setdefault("KERAS_BACKEND", "jax")

import jax
import jax.numpy as jnp
import keras
import numpy as np
import pytest
from keras.src.losses.losses import LossFunctionWrapper as KerasWrapper
from keras.src.trainers.compile_utils import get_loss as keras_get_loss

import kibitz.losses
from kibitz.errors import InvalidArgument, ShapeMismatch, UnknownName, Unsupported, WrongType
from kibitz.losses.function_loss import LossFunctionWrapper
from kibitz.losses.registry import get_loss

Y_TRUE = np.linspace(-1, 1, 6, dtype="float32")
Y_PRED = np.linspace(2, 0, 6, dtype="float32")[:, None]
WEIGHTS = np.arange(6, dtype="float32")


def fourth(y_true, y_pred, scale=1.0):
    return scale * jnp.mean((y_true - y_pred) ** 4, axis=-1)


def one_number(y_true, y_pred):
    return jnp.max(jnp.abs(y_true - y_pred))


@pytest.mark.parametrize("function", [fourth, one_number])
def test_a_function_is_brought_to_one_rank_weighted_and_reduced_as_in_keras(function):
    for reduction in ("sum_over_batch_size", "sum", "mean_with_sample_weight", "none"):
        ours, theirs = (kind(function, reduction=reduction) for kind in (LossFunctionWrapper, KerasWrapper))
        for weights in (None, WEIGHTS):
            mine, other = ours(Y_TRUE, Y_PRED, weights), theirs(Y_TRUE, Y_PRED, weights)
            np.testing.assert_allclose(mine, other, rtol=1e-6)
            assert mine.shape == other.shape


def test_a_function_is_handed_its_arguments():
    loss = LossFunctionWrapper(fourth, scale=3.0, name="thrice")
    np.testing.assert_allclose(loss(Y_TRUE, Y_PRED), 3 * LossFunctionWrapper(fourth)(Y_TRUE, Y_PRED), rtol=1e-6)
    assert loss.name == "thrice"


def test_a_structure_of_outputs_reaches_a_function_as_it_is():
    def both(y_true, y_pred):
        return jnp.mean(jnp.abs(y_true["a"] - y_pred["a"]), axis=-1) + y_true["b"] * 0 + y_pred["b"]

    y_true, y_pred = {"a": Y_TRUE, "b": Y_TRUE}, {"a": Y_PRED, "b": WEIGHTS}
    np.testing.assert_allclose(LossFunctionWrapper(both)(y_true, y_pred), KerasWrapper(both)(y_true, y_pred), rtol=1e-6)
    with pytest.raises(ShapeMismatch, match="same structure"):
        LossFunctionWrapper(both)(Y_TRUE, y_pred)


def test_a_function_that_hands_on_ignored_labels_keeps_their_mask_as_in_keras():
    y_true, y_pred = np.array([0, 2, 1, 2]), np.array([[0.2, 0.8], [0.5, 0.5], [0.3, 0.7], [0.9, 0.1]], "float32")

    def handed_on(library):
        return lambda t, p: library.losses.sparse_categorical_crossentropy(t, p, ignore_class=2)

    def changed(library):
        return lambda t, p: library.losses.sparse_categorical_crossentropy(t, p, ignore_class=2) * 1.5

    values = []
    for made in (handed_on, changed):
        values.append(float(LossFunctionWrapper(made(kibitz))(y_true, y_pred)))
        np.testing.assert_allclose(values[-1], KerasWrapper(made(keras))(y_true, y_pred), rtol=1e-6)
        np.testing.assert_allclose(jax.jit(LossFunctionWrapper(made(kibitz)))(y_true, y_pred), values[-1], rtol=1e-6)
    assert values[1] == pytest.approx(values[0] * 1.5 / 2)


def test_a_loss_within_a_loss_keeps_its_mask_to_itself():
    inner = kibitz.losses.SparseCategoricalCrossentropy(ignore_class=2, reduction="none")
    y_true, y_pred = np.array([0, 2]), np.array([[0.5, 0.5], [0.5, 0.5]], "float32")
    outer = LossFunctionWrapper(lambda t, p: inner(t, p) + 0.0)
    np.testing.assert_allclose(outer(y_true, y_pred), np.log(2) / 2, rtol=1e-6)


def test_a_loss_called_before_does_not_take_the_mask_of_the_one_that_calls():
    y_true, y_pred = np.array([0, 2]), np.array([[0.5, 0.5], [0.5, 0.5]], "float32")

    def made(library):
        def two_losses(t, p):
            library.losses.MeanSquaredError()(p, p)
            return library.losses.sparse_categorical_crossentropy(t, p, ignore_class=2)

        return two_losses

    ours = LossFunctionWrapper(made(kibitz))(y_true, y_pred)
    np.testing.assert_allclose(ours, KerasWrapper(made(keras))(y_true, y_pred), rtol=1e-6)
    np.testing.assert_allclose(ours, np.log(2), rtol=1e-6)


def test_a_subclass_writes_call_and_inherits_the_rest():
    def made(library):
        class Asymmetric(library.losses.Loss):
            def __init__(self, under=2.0, **settings):
                super().__init__(**settings)
                self.under = under

            def call(self, y_true, y_pred):
                gap = y_true - y_pred
                return jnp.where(gap > 0, self.under * gap, -gap)

            def get_config(self):
                return {**super().get_config(), "under": self.under}

        return Asymmetric

    for settings in ({}, {"reduction": "sum", "name": "mine"}, {"under": 3.0, "dtype": "bfloat16"}):
        ours, theirs = made(kibitz)(**settings), made(keras)(**settings)
        assert ours.name in {"asymmetric", "mine"}
        np.testing.assert_allclose(
            np.float32(ours(Y_TRUE, Y_PRED[:, 0], WEIGHTS)),
            np.float32(theirs(Y_TRUE, Y_PRED[:, 0], WEIGHTS)),
            rtol=1e-6,
        )
        again = made(kibitz).from_config(ours.get_config())
        assert again.get_config() == ours.get_config()


def test_what_call_gives_is_cast_to_the_dtype_of_the_loss_as_in_keras():
    def made(library):
        class Wrong(library.losses.Loss):
            def call(self, y_true, y_pred):
                return (y_true > 0) != (y_pred > 1)

        return Wrong

    for dtype in (None, "bfloat16"):
        ours, theirs = (made(library)(dtype=dtype)(Y_TRUE, Y_PRED[:, 0], WEIGHTS) for library in (kibitz, keras))
        assert ours.dtype == theirs.dtype
        assert float(ours) == float(theirs) > 0


def test_a_subclass_without_call_is_told():
    class Empty(kibitz.losses.Loss):
        pass

    with pytest.raises(Unsupported, match="Empty does not say what its loss is") as caught:
        Empty()(Y_TRUE, Y_PRED)
    assert isinstance(caught.value, NotImplementedError)


def test_a_function_that_returns_nothing_is_told():
    with pytest.raises(WrongType) as caught:
        LossFunctionWrapper(lambda y_true, y_pred: None, name="mine")(Y_TRUE, Y_PRED)
    assert str(caught.value).startswith('The loss "mine" returned None.\n  given    LossFunctionWrapper.call\n')


def test_an_unknown_dtype_is_told():
    with pytest.raises(UnknownName, match="no dtype of this name"):
        kibitz.losses.Huber(dtype="flaot32")


@pytest.mark.parametrize(
    ("made", "wrong"),
    [
        (lambda: kibitz.losses.BinaryCrossentropy(0.1), "from_logits"),
        (lambda: kibitz.losses.CategoricalCrossentropy("yes"), "from_logits"),
        (lambda: kibitz.losses.BinaryFocalCrossentropy(0.25), "apply_class_balancing"),
        (lambda: kibitz.losses.BinaryCrossentropy(label_smoothing=1.5), "label_smoothing"),
        (lambda: kibitz.losses.CategoricalCrossentropy(label_smoothing=True), "label_smoothing"),
        (lambda: kibitz.losses.CategoricalGeneralizedCrossEntropy(q=1), "q"),
        (lambda: kibitz.losses.CategoricalGeneralizedCrossEntropy(q=0.0), "q"),
    ],
)
def test_an_argument_that_cannot_be_is_told_by_its_name(made, wrong):
    with pytest.raises(InvalidArgument, match=f"^`{wrong}` is a "):
        made()


def test_an_axis_of_true_is_refused():
    for name in ("categorical_crossentropy", "categorical_focal_crossentropy", "sparse_categorical_crossentropy"):
        with pytest.raises(WrongType, match="`axis` is the number of a dimension"):
            getattr(kibitz.losses, name)(np.eye(2), np.eye(2), axis=True)


@pytest.mark.parametrize("name", ["binary_crossentropy", "categorical_crossentropy", "binary_focal_crossentropy"])
def test_a_crossentropy_of_two_shapes_is_a_ValueError_as_in_keras(name):
    for library in (keras, kibitz):
        with pytest.raises(ValueError, match="same"):
            getattr(library.losses, name)(np.ones((2, 1), "float32"), np.full((2, 3), 0.3, "float32"))


def test_class_numbers_that_fit_no_row_are_a_ValueError_as_in_keras():
    for library in (keras, kibitz):
        with pytest.raises(ValueError, match="shape"):
            library.losses.sparse_categorical_crossentropy(np.zeros((2, 3)), np.full((2, 3), 0.3, "float32"))


def test_classes_may_stand_in_another_dimension():
    y_pred = np.random.default_rng(0).dirichlet(np.ones(3), (4, 5)).astype("float32")
    labels = np.random.default_rng(1).integers(0, 3, (4, 5))
    last = kibitz.losses.sparse_categorical_crossentropy(labels, y_pred, ignore_class=1)
    first = kibitz.losses.sparse_categorical_crossentropy(labels, np.moveaxis(y_pred, -1, 1), ignore_class=1, axis=1)
    np.testing.assert_allclose(first, last, rtol=1e-6)


@pytest.mark.parametrize("word", ["crossentropy", "ce", "CE"])
@pytest.mark.parametrize(
    ("labels", "output"),
    [((8, 1), (8, 1)), ((8,), (8, 1)), ((8,), (8, 3)), ((8, 1), (8, 3)), ((8, 3), (8, 3)), ((8, 5), (8, 5, 3))],
)
def test_crossentropy_is_chosen_by_the_shapes_as_in_keras(word, labels, output):
    y_true, y_pred = np.zeros(labels), np.zeros(output)
    ours, theirs = get_loss(word, y_true, y_pred), keras_get_loss(word, y_true, y_pred)
    assert ours.fn.__name__ == theirs.fn.__name__
    assert ours.name == theirs.name == word


@pytest.mark.parametrize("identifier", ["mse", "MAE", "Huber", "kl_divergence", fourth])
def test_what_compile_is_given_becomes_a_loss_of_keras_name(identifier):
    ours, theirs = get_loss(identifier, None, None), keras_get_loss(identifier, None, None)
    assert isinstance(ours, kibitz.losses.Loss)
    assert ours.name == theirs.name


def test_no_loss_is_no_loss():
    assert get_loss(None, None, None) is None


@pytest.mark.parametrize("flag", [1, 0, np.True_, np.False_])
def test_1_and_0_are_true_and_false_as_in_keras(flag):
    y_true, y_pred = np.array([[0.0], [1.0]], "float32"), np.array([[0.25], [0.75]], "float32")
    ours, theirs = (module.losses.BinaryCrossentropy(from_logits=flag) for module in (kibitz, keras))

    assert float(ours(y_true, y_pred)) == pytest.approx(float(theirs(y_true, y_pred)))
    assert float(ours(y_true, y_pred)) == float(kibitz.losses.BinaryCrossentropy(bool(flag))(y_true, y_pred))


def test_several_flags_are_no_flag():
    with pytest.raises(InvalidArgument, match="`from_logits` is a switch"):
        kibitz.losses.BinaryCrossentropy(from_logits=np.array([True, False]))
