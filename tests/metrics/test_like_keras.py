"""Every exported metric beside Keras's: numbers after each batch, both forms, signatures, configurations."""

from __future__ import annotations

import inspect
import json
import warnings

import jax
import keras
import numpy as np
import pytest

import kibitz.metrics
from kibitz.metrics.base import Metric
from tests.metrics.cases import CASES, DATA, ONE_EACH, SHAPES, VARIANTS, Case, exported_classes, exported_functions

FUNCTION_DATA = {
    "binary_accuracy": "yes or no",
    "binary_crossentropy": "yes or no",
    "binary_focal_crossentropy": "yes or no",
    "categorical_accuracy": "one-hot",
    "categorical_crossentropy": "one-hot",
    "categorical_focal_crossentropy": "one-hot",
    "categorical_hinge": "one-hot",
    "sparse_categorical_accuracy": "classes",
    "sparse_categorical_crossentropy": "classes",
    "sparse_top_k_categorical_accuracy": "steps",
    "top_k_categorical_accuracy": "one-hot steps",
    "kl_divergence": "one-hot",
    "hinge": "signs",
    "squared_hinge": "signs",
}
CLEARER_CONFIGS = {"CosineSimilarity": {"axis"}, "SparseTopKCategoricalAccuracy": {"from_sorted_ids"}}
"""Arguments that our configurations keep and Keras's lose."""


def close(ours, theirs):
    ours, theirs = np.asarray(ours), np.asarray(theirs)
    assert ours.shape == theirs.shape
    assert ours.dtype == theirs.dtype
    np.testing.assert_allclose(ours, theirs, rtol=1e-6, atol=1e-6)


def after_each(metric, batches):
    """The result after each batch, the object being changed."""
    found = []
    for batch in batches:
        metric.update_state(*batch)
        found.append(np.asarray(metric.result()))
    return found


def keras_after_each(metric, batches):
    """As `after_each`, deaf to what Keras's own code is warned of (it asks for int64)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return after_each(metric, batches)


@pytest.mark.parametrize(
    ("case", "weighted"),
    [*((each, True) for each in CASES), *((each, False) for each in SHAPES)],
    ids=lambda each: str(each) if isinstance(each, Case) else "weighted" if each else "plain",
)
def test_the_number_after_each_batch_is_that_of_keras(case, weighted):
    ours, theirs = case.made(kibitz.metrics), case.made(keras.metrics)
    batches = case.batches(weighted)
    for mine, other in zip(after_each(ours, batches), keras_after_each(theirs, batches), strict=True):
        close(mine, other)
    assert [(each.name, each.shape, each.dtype) for each in ours.variables] == [
        (each.name, tuple(each.shape), each.dtype) for each in theirs.variables
    ]


WAITING = ("R2Score", "F1Score")  # for the first batch: there is nothing to read before
EDGES = {
    "equal scores": ("SparseTopKCategoricalAccuracy", {"k": 1}, [0, 1], [[0.5, 0.5, 0.0], [0.2, 0.8, 0.8]]),
    "a score that is no number": ("SparseTopKCategoricalAccuracy", {"k": 2}, [0, 1], [[np.nan, 1, 2], [np.nan, 1, 2]]),
    "scores of nothing": ("F1Score", {"average": "micro"}, [[1.0, 0.0], [0.0, 1.0]], [[0.0, 0.0], [0.0, 1.0]]),
    "an end with no yes above it": ("AUC", {"curve": "PRGAIN"}, [0, 0, 0, 1], [0.2, 0.4, 0.3, 1.0]),
    "steps without a yes": ("AUC", {"curve": "PR", "num_thresholds": 3}, [0, 0, 0, 0], [0.2, 0.4, 0.9, 0.3]),
    "no yes to find": ("Recall", {}, [0, 0], [0.9, 0.1]),
    "nothing that says yes": ("Precision", {}, [0, 1], [0.1, 0.1]),
    "a constant target": ("R2Score", {}, [[2.0], [2.0]], [[1.0], [3.0]]),
    "no class that counts": ("MeanIoU", {"num_classes": 2, "ignore_class": 0}, [0, 0], [0, 1]),
}


@pytest.mark.parametrize(("name", "arguments", "y_true", "y_pred"), EDGES.values(), ids=EDGES)
def test_at_the_edges_the_number_is_that_of_keras(name, arguments, y_true, y_pred):
    batches = [(np.array(y_true), np.array(y_pred, "float32"))]
    case = Case(name, arguments)
    ours, theirs = case.made(kibitz.metrics), case.made(keras.metrics)
    if name not in WAITING:
        close(ours.result(), theirs.result())
    close(after_each(ours, batches)[0], keras_after_each(theirs, batches)[0])


def test_too_few_samples_for_the_adjusted_score_give_the_plain_one_and_no_warning():
    y_true, y_pred = np.array([[1.0], [2], [3]]), np.array([[1.0], [2], [4]])
    assert float(kibitz.metrics.R2Score(num_regressors=2)(y_true, y_pred)) == pytest.approx(0.5)
    assert float(kibitz.metrics.R2Score(num_regressors=1)(y_true, y_pred)) == pytest.approx(0.0, abs=1e-6)
    with pytest.warns(UserWarning, match="Division by zero"):
        assert float(keras.metrics.R2Score(num_regressors=2)(y_true, y_pred)) == pytest.approx(0.5)


@pytest.mark.parametrize("case", SHAPES, ids=str)
def test_the_pure_form_compiled_is_the_other_form_and_merges_by_addition(case):
    batches = case.batches(weighted=True)
    changed, pure, traced = case.made(kibitz.metrics), case.made(kibitz.metrics), []
    pure.stateless_build(*batches[0])

    @jax.jit
    def update(state, *batch):
        traced.append(batch[0].shape)
        return pure.stateless_update_state(state, *batch)

    empty = state = pure.stateless_reset_state()
    for batch, expected in zip(batches, after_each(changed, batches), strict=True):
        with jax.numpy_dtype_promotion("strict"), jax.numpy_rank_promotion("raise"):
            state = update(state, *batch)
            found = pure.stateless_result(state)
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
    assert len(traced) == 2, "one program for the full batches, one for the short"
    assert [each.aval for each in state] == [each.aval for each in empty], "a loop could not carry it"
    assert all(not np.any(each.numpy()) for each in pure.variables), "the pure form changed the object"

    with jax.numpy_dtype_promotion("strict"), jax.numpy_rank_promotion("raise"):
        apart = [update(empty, *batch) for batch in batches]
    merged = pure.stateless_result([sum(parts) for parts in zip(*apart, strict=True)])
    np.testing.assert_allclose(merged, pure.stateless_result(state), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", ["AUC", "MeanIoU", "R2Score", "SparseCategoricalAccuracy"])
def test_a_loop_on_the_device_carries_it(name):
    case = next(each for each in ONE_EACH if each.name == name)
    first, second = (jax.tree.map(np.asarray, batch) for batch in case.batches(weighted=True)[:2])
    metric = case.made(kibitz.metrics)
    metric.stateless_build(*first)

    def step(state, batch):
        state = metric.stateless_update_state(state, *batch)
        return state, metric.stateless_result(state)

    both = jax.tree.map(lambda *each: np.stack(each), first, second)
    _, found = jax.lax.scan(step, metric.stateless_reset_state(), both)
    np.testing.assert_allclose(found, after_each(metric, [first, second]), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("case", SHAPES, ids=str)
def test_reset_forgets_all(case):
    metric, batch = case.made(kibitz.metrics), case.batches(weighted=False)[0]
    first = after_each(metric, [batch])[0]
    metric.update_state(*case.batches(weighted=True)[1])
    metric.reset_state()
    assert all(not np.any(each.numpy()) for each in metric.variables)
    np.testing.assert_array_equal(after_each(metric, [batch])[0], first)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_configuration_makes_the_metric_again_here_and_in_keras(case):
    metric = case.made(kibitz.metrics)
    config, written = metric.get_config(), json.loads(json.dumps(kibitz.metrics.serialize(metric)))
    again = kibitz.metrics.deserialize(written)
    assert type(again) is type(metric)
    assert again.get_config() == type(metric).from_config(config).get_config() == config
    theirs = keras.metrics.deserialize(written).get_config()
    assert set(config) - set(theirs) <= CLEARER_CONFIGS.get(case.name, set())
    assert set(theirs) <= set(config)
    assert all(config[key] == theirs[key] for key in theirs if key not in ("fn", "label_weights"))


@pytest.mark.parametrize("name", sorted(exported_classes()))
def test_a_class_is_called_as_in_keras(name):
    assert called(exported_classes()[name]) == called(getattr(keras.metrics, name))
    assert made_name(exported_classes()[name]) == made_name(getattr(keras.metrics, name))


@pytest.mark.parametrize("name", sorted(exported_functions()))
def test_a_function_is_called_as_in_keras_and_gives_its_numbers(name):
    ours, theirs = exported_functions()[name], getattr(keras.metrics, name)
    assert called(ours) == called(theirs)
    for y_true, y_pred in DATA[FUNCTION_DATA.get(name, "numbers")]:
        close(ours(y_true, y_pred), theirs(y_true, y_pred))


@pytest.mark.parametrize("name", sorted(exported_classes()))
def test_a_class_knows_which_way_is_better(name):
    case = next(each for each in ONE_EACH if each.name == name)
    ours, theirs = case.made(kibitz.metrics)._direction, getattr(case.made(keras.metrics), "_direction", None)
    assert theirs in (None, ours)
    assert (ours is None) == (name in ("Mean", "Sum"))


def test_all_that_keras_exports_is_here():
    public = {name for name in dir(keras.metrics) if not name.startswith("_")}
    assert public - set(kibitz.metrics.__all__) == set()


def test_no_variant_is_listed_for_a_metric_that_is_gone():
    assert {name for name, _, _ in VARIANTS} <= set(exported_classes())


def test_every_exported_class_is_a_metric():
    assert all(issubclass(thing, Metric) for thing in exported_classes().values())


def called(thing):
    """Names, kinds and defaults, in order."""
    named = inspect.signature(thing).parameters.values()
    return [(each.name, each.kind, each.default) for each in named]


def made_name(thing):
    """The name that the signature gives; None where it is drawn from the class's."""
    return inspect.signature(thing).parameters["name"].default
