"""Every exported loss gives Keras's numbers: values, reductions, weights, dtypes, logits and gradients."""

from __future__ import annotations

import inspect
import itertools
import os

os.environ.setdefault("KERAS_BACKEND", "jax")

import jax
import jax.numpy as jnp
import keras
import numpy as np
import pytest

import kibitz.losses
from tests.losses.exported import CLASSES, FUNCTIONS, ROWS, WIDTH, batch, variants

REDUCTIONS = ("sum_over_batch_size", "mean", "sum", "mean_with_sample_weight", "none", None)
WEIGHTS = {
    "no": None,
    "one a row": np.linspace(0.0, 2.0, ROWS, dtype="float32"),
    "a column": np.linspace(0.0, 2.0, ROWS, dtype="float32")[:, None],
    "a number": 0.5,
    "all zero": np.zeros(ROWS, "float32"),
}
TRIED = [(name, options) for name in CLASSES for options in variants(name)]


def both(name, options, **more):
    return getattr(kibitz.losses, name)(**options, **more), getattr(keras.losses, name)(**options, **more)


def batch_for(name, options, **more):
    y_true, y_pred = batch(name, logits=options.get("from_logits", False), **more)
    if options.get("ignore_class") == -1:
        y_true[::3] = -1
    return y_true, y_pred


def near(ours, theirs, rtol=1e-6, noise=0.0):
    ours, theirs = np.asarray(ours), np.asarray(theirs)
    assert ours.dtype == theirs.dtype
    size = np.abs(theirs[np.isfinite(theirs)]).max(initial=0).astype("float64")
    np.testing.assert_allclose(ours.astype("float64"), theirs.astype("float64"), rtol=rtol, atol=rtol * size + noise)
    assert ours.shape == theirs.shape


def label(value):
    return "-".join(f"{key}={item}" for key, item in value.items()) if isinstance(value, dict) else None


def test_every_loss_of_keras_is_here_but_ctc_and_circle():
    theirs = {name for name in dir(keras.losses) if not name.startswith("_")}
    assert theirs - set(kibitz.losses.__all__) == {"CTC", "ctc", "Circle", "circle"}
    assert set(kibitz.losses.__all__) - theirs == set()
    assert len(CLASSES) == len(FUNCTIONS) == 20


@pytest.mark.parametrize("name", [*CLASSES, *FUNCTIONS, "Loss", "get", "serialize", "deserialize"])
def test_a_loss_is_called_as_in_keras(name):
    def called(thing):
        return [(each.name, each.default, each.kind) for each in inspect.signature(thing).parameters.values()]

    ours, theirs = getattr(kibitz.losses, name), getattr(keras.losses, name)
    assert called(ours) == called(theirs)
    if inspect.isclass(ours):
        assert called(ours.call) == called(theirs.call)
        assert called(ours.__call__)[:4] == called(theirs.__call__)
        assert all(each[2] is inspect.Parameter.KEYWORD_ONLY for each in called(ours.__call__)[4:])


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
@pytest.mark.parametrize(("name", "options"), TRIED, ids=label)
def test_each_sample_has_keras_value(name, options, dtype):
    ours, theirs = both(name, options, reduction="none")
    y_true, y_pred = batch_for(name, options)
    y_pred = jnp.asarray(y_pred, dtype)
    near(ours(y_true, y_pred), theirs(y_true, y_pred))


@pytest.mark.parametrize("name", CLASSES)
def test_every_reduction_weighs_as_in_keras(name):
    y_true, y_pred = batch_for(name, {})
    for reduction, (kind, weights) in itertools.product(REDUCTIONS, WEIGHTS.items()):
        ours, theirs = both(name, {}, reduction=reduction)
        try:
            near(ours(y_true, y_pred, sample_weight=weights), theirs(y_true, y_pred, sample_weight=weights))
        except AssertionError as error:
            error.add_note(f"reduction {reduction}, weights: {kind}")
            raise


@pytest.mark.parametrize(("name", "options"), TRIED, ids=label)
def test_the_gradient_is_keras_gradient(name, options):
    ours, theirs = both(name, options)
    weights = np.linspace(0.5, 2, ROWS, dtype="float32")
    if name in {"Dice", "Tversky"} or options.get("axis") is not None:
        weights = None
    y_true, y_pred = batch_for(name, options)
    slopes = [
        jax.jit(jax.grad(lambda p, loss=loss: jnp.sum(loss(y_true, p, weights))))(y_pred) for loss in (ours, theirs)
    ]
    near(*slopes, rtol=2e-6)
    assert np.abs(slopes[0]).max() > 0


EDGES = {
    "tiny": np.full((ROWS, WIDTH), 1e-9, "float32"),
    "nought": np.zeros((ROWS, WIDTH), "float32"),
    "one": np.ones((ROWS, WIDTH), "float32"),
    "sure": np.eye(WIDTH, dtype="float32")[np.arange(ROWS) % WIDTH],
    "huge": np.full((ROWS, WIDTH), 1e4, "float32"),
    "low": np.full((ROWS, WIDTH), -1e4, "float32"),
}


@pytest.mark.parametrize("name", CLASSES)
def test_values_and_gradients_at_the_edges_are_finite_where_keras_are(name):
    logits = [options for options in variants(name) if options.get("from_logits")][:1]
    slopes = {
        len(options): [jax.jit(jax.value_and_grad(loss, argnums=1)) for loss in both(name, options)]
        for options in ({}, *logits)
    }
    for options, (edge, y_pred) in itertools.product([{}, *logits], EDGES.items()):
        labels = [batch_for(name, options)[0]]
        if labels[0].shape == y_pred.shape:
            labels += [np.zeros_like(y_pred), y_pred]
        for y_true in labels:
            mine, other = (slope(y_true.astype("float32"), y_pred) for slope in slopes[len(options)])
            for one, two in zip(map(np.asarray, mine), map(np.asarray, other), strict=True):
                there = np.isfinite(two)
                try:
                    # Between parallel vectors a cosine's slope is 0, and what is left there is rounding.
                    near(one[there], two[there], rtol=5e-6, noise=1e-12)
                except AssertionError as error:
                    error.add_note(f"{options}, predictions: {edge}")
                    raise


def test_a_vector_of_zeros_has_a_gradient_of_zeros_where_keras_has_nan():
    y_true, y_pred = np.ones((1, 3), "float32"), np.zeros((1, 3), "float32")
    ours, theirs = both("CosineSimilarity", {})
    assert np.isnan(jax.grad(lambda p: theirs(y_true, p))(y_pred)).all()
    assert jax.grad(lambda p: ours(y_true, p))(y_pred).tolist() == [[0.0, 0.0, 0.0]]


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_keeps_the_dtype_of_the_predictions_as_in_keras(name, dtype):
    y_true, y_pred = batch(name)
    y_true, y_pred = jnp.asarray(y_true), jnp.asarray(y_pred, dtype)
    more = {"q": 0.5} if name == "categorical_generalized_cross_entropy" else {}
    ours = getattr(kibitz.losses, name)(y_true, y_pred, **more)
    theirs = getattr(keras.losses, name)(y_true, y_pred, **more)
    near(ours, theirs, rtol=1e-6 if dtype == "float32" else float(jnp.finfo(dtype).eps) * 2)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_takes_lists(name):
    y_true, y_pred = batch(name)
    more = {"q": 0.5} if name == "categorical_generalized_cross_entropy" else {}
    found = getattr(kibitz.losses, name)(y_true.tolist(), y_pred.tolist(), **more)
    near(found, getattr(keras.losses, name)(jnp.asarray(y_true), jnp.asarray(y_pred), **more))


@pytest.mark.parametrize("name", CLASSES)
def test_a_loss_is_the_same_inside_jit(name):
    loss = getattr(kibitz.losses, name)()
    y_true, y_pred = batch(name)
    weights = np.linspace(0.5, 2, ROWS, dtype="float32")
    near(jax.jit(loss)(y_true, y_pred, weights), loss(y_true, y_pred, weights))


@pytest.mark.parametrize("name", CLASSES)
def test_sequences_and_pictures_are_reduced_as_in_keras(name):
    ours, theirs = both(name, {})
    y_true, y_pred = batch(name)
    y_true, y_pred = np.stack([y_true] * 3, axis=1), np.stack([y_pred, y_pred[::-1], y_pred], axis=1)
    weights = np.linspace(0, 1, ROWS * 3, dtype="float32").reshape(ROWS, 3)
    near(ours(y_true, y_pred, weights), theirs(y_true, y_pred, weights))


@pytest.mark.parametrize("name", sorted(set(CLASSES) - {"CategoricalCrossentropy", "CategoricalFocalCrossentropy"}))
def test_a_trailing_dimension_of_one_may_be_left_out_as_in_keras(name):
    ours, theirs = both(name, {})
    column = np.array([[0.25], [0.5], [1.0]], "float32")
    y_true = np.array([0, 1, 1]) if "crossentropy" in name.lower() else np.array([0.5, 2.0, 1.0], "float32")
    if "Sparse" in name:
        y_true = y_true * 0
    if "Generalized" in name:
        y_true = np.zeros(3, int)
    for one, other in ((y_true, column), (y_true[:, None], column)):
        if "Generalized" in name:
            assert ours(one, other).shape == ()
        else:
            near(ours(one, other), theirs(one, other))


def test_generalized_crossentropy_gives_one_value_a_row_where_keras_gives_a_table():
    y_true, y_pred = batch("CategoricalGeneralizedCrossEntropy")
    ours, theirs = both("CategoricalGeneralizedCrossEntropy", {}, reduction="none")
    assert theirs(y_true[:, None], y_pred).shape == (ROWS, ROWS)
    near(ours(y_true[:, None], y_pred), theirs(y_true, y_pred))


def test_binary_labels_of_a_hinge_become_signs_as_in_keras():
    for name in ("Hinge", "SquaredHinge"):
        ours, theirs = both(name, {})
        y_pred = batch(name)[1]
        for y_true in (np.eye(ROWS, WIDTH), np.full((ROWS, WIDTH), 2.0), np.zeros((ROWS, WIDTH))):
            near(ours(y_true, y_pred), theirs(y_true, y_pred))


def test_a_dtype_is_computed_in_as_in_keras():
    y_true, y_pred = batch("MeanSquaredError")
    for dtype in ("float16", "bfloat16", "mixed_bfloat16", jnp.float16, keras.DTypePolicy("mixed_float16")):
        ours, theirs = both("MeanSquaredError", {}, dtype=dtype)
        assert ours.dtype == theirs.dtype
        near(ours(y_true, y_pred), theirs(y_true, y_pred), rtol=float(jnp.finfo(ours.dtype).eps))


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_ignored_labels_are_left_out_of_the_mean_as_in_keras(reduction):
    y_true, y_pred = batch_for("SparseCategoricalCrossentropy", {"ignore_class": -1})
    ours, theirs = both("SparseCategoricalCrossentropy", {"ignore_class": -1}, reduction=reduction)
    for weights in WEIGHTS.values():
        near(ours(y_true, y_pred, weights), theirs(y_true, y_pred, weights))
    near(ours(y_true * 0 - 1, y_pred), theirs(y_true * 0 - 1, y_pred))


def test_one_class_warns_as_in_keras():
    for name in ("categorical_crossentropy", "categorical_focal_crossentropy"):
        with pytest.warns(SyntaxWarning, match="single class"):
            getattr(kibitz.losses, name)(np.ones((2, 1)), np.ones((2, 1)))


def test_a_label_that_is_nan_makes_the_loss_nan_and_is_not_class_0():
    for name in ("SparseCategoricalCrossentropy", "CategoricalGeneralizedCrossEntropy"):
        ours, _ = both(name, {}, reduction="none")
        values = ours(np.array([0.0, np.nan]), np.array([[0.5, 0.5], [0.5, 0.5]]))
        assert np.isnan(values).tolist() == [False, True]
