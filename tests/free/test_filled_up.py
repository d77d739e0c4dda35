"""A short last batch of an evaluation is filled up, and every loss and metric gives what it gives without that."""

from __future__ import annotations

import inspect

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import kibitz as keras
from kibitz import losses, metrics
from kibitz.engine.programs import Programs
from kibitz.models.row_by_row import MEANS, TOGETHER, can_be_masked, masked_weight

RNG = np.random.default_rng(0)
REAL, FULL, CLASSES = 5, 8, 4


def filled(array):
    """The rows, and the first of them again and again until the batch is full, as the engine does it."""
    return np.concatenate([array, np.repeat(array[:1], FULL - REAL, axis=0)])


def probabilities(*shape):
    values = RNG.uniform(0.1, 1.0, shape).astype("float32")
    return values / values.sum(-1, keepdims=True)


PAIRS = {
    "hot": (np.eye(CLASSES, dtype="float32")[RNG.integers(0, CLASSES, REAL)], probabilities(REAL, CLASSES)),
    "classes": (RNG.integers(0, CLASSES, REAL).astype("int32"), probabilities(REAL, CLASSES)),
    "yes": (RNG.integers(0, 2, (REAL, 1)).astype("float32"), RNG.uniform(0.1, 0.9, (REAL, 1)).astype("float32")),
    "steps": (RNG.integers(0, CLASSES, (REAL, 3)).astype("int32"), probabilities(REAL, 3, CLASSES)),
    "images": (RNG.integers(0, 2, (REAL, 2, 3, 1)).astype("float32"), probabilities(REAL, 2, 3, 1)),
}
ARGUMENTS = {
    "MeanIoU": {"num_classes": CLASSES, "sparse_y_pred": False}, "BinaryIoU": {},
    "IoU": {"num_classes": CLASSES, "target_class_ids": [0, 1], "sparse_y_pred": False},
    "OneHotIoU": {"num_classes": CLASSES, "target_class_ids": [0, 1]}, "OneHotMeanIoU": {"num_classes": CLASSES},
    "SensitivityAtSpecificity": {"specificity": 0.5}, "SpecificityAtSensitivity": {"sensitivity": 0.5},
    "PrecisionAtRecall": {"recall": 0.5}, "RecallAtPrecision": {"precision": 0.5},
    "MeanRelativeError": {"normalizer": [1.0] * CLASSES},
}  # fmt: skip
COUNTING = {"BinaryIoU", "IoU", "MeanIoU", "OneHotIoU", "OneHotMeanIoU"}  # in whole numbers
BASES = {"Loss", "LossFunctionWrapper", "Metric", "MeanMetricWrapper", "Mean", "Sum"}


def exported(room, base):
    """Every class of its kind that a room exports, but for the bases."""
    found = {getattr(room, name) for name in room.__all__}
    return sorted((each for each in found if inspect.isclass(each) and issubclass(each, base)
                   and each.__name__ not in BASES), key=lambda each: each.__name__)  # fmt: skip


def fitting(compute):
    """The kinds of targets that something can be computed of."""
    for kind, (y, p) in PAIRS.items():
        try:
            compute(y, p, None)
        except (ValueError, TypeError, SyntaxWarning):
            continue
        yield kind


@pytest.mark.parametrize("kind", exported(losses, losses.Loss), ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("reduction", ["sum_over_batch_size", "sum", "mean_with_sample_weight"])
def test_every_loss_gives_the_same_number(kind, reduction):
    loss = kind(reduction=reduction)
    kinds = list(fitting(loss))
    assert kinds, f"no targets here fit {kind.__name__}"
    for pair in kinds if can_be_masked(loss) else ():
        y, p = PAIRS[pair]
        for weight in (None, RNG.uniform(0.5, 2, (REAL, *[1] * (p.ndim - 2))).astype("float32")):
            masked = masked_weight(None if weight is None else filled(weight), filled(p), REAL)
            whole = float(loss(filled(y), filled(p), masked)) * (FULL / REAL if reduction in MEANS else 1)
            assert whole == pytest.approx(float(loss(y, p, weight)), rel=2e-6), (pair, weight)


@pytest.mark.parametrize("kind", exported(metrics, metrics.Metric), ids=lambda kind: kind.__name__)
def test_every_metric_gives_the_same_number(kind):
    def made():
        return kind(**ARGUMENTS.get(kind.__name__, {}))

    def result(y, p, weight):
        metric = made()
        metric.stateless_build(y, p)
        state = metric.stateless_update_state(metric.stateless_reset_state(), y, p, sample_weight=weight)
        return jax.tree.map(np.asarray, metric.stateless_result(state))

    kinds = list(fitting(result))
    assert kinds, f"no targets here fit {kind.__name__}"
    for pair in kinds if can_be_masked(made()) else ():
        y, p = PAIRS[pair]
        for weight in (None, RNG.uniform(0.5, 2, (REAL, *[1] * (p.ndim - 2))).astype("float32")):
            masked = masked_weight(None if weight is None else filled(weight), filled(p), REAL)
            whole, plain = result(filled(y), filled(p), masked), result(y, p, weight)
            jax.tree.map(lambda one, other: np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6), whole, plain)


def test_few_are_left_out():
    parts = [kind() for kind in exported(losses, losses.Loss)]
    parts += [kind(**ARGUMENTS.get(kind.__name__, {})) for kind in exported(metrics, metrics.Metric)]
    assert {type(part).__name__ for part in parts if not can_be_masked(part)} == {*TOGETHER, *COUNTING}


def model(loss, measures=None, units=CLASSES):
    keras.utils.set_random_seed(4)
    built = keras.Sequential([keras.Input((5,)), keras.layers.Dense(units, activation="softmax")])
    built.compile("sgd", loss, metrics=measures)
    return built


X = RNG.normal(size=(22, 5)).astype("float32")
Y = RNG.integers(0, CLASSES, 22).astype("int32")


def test_an_evaluation_gives_the_numbers_of_one_that_fills_nothing_up(monkeypatch):
    built = model("sparse_categorical_crossentropy", ["accuracy"])
    whole = built.evaluate(X, Y, batch_size=8, verbose=0)
    assert built.core.programs.pads("test")
    assert [name for name, _ in built.run_report().compilations].count("test") <= 1
    predicted = built.predict(X, batch_size=8, verbose=0)
    monkeypatch.setattr(Programs, "pads", lambda self, kind: False)
    assert whole == pytest.approx(built.evaluate(X, Y, batch_size=8, verbose=0), rel=1e-6)
    assert predicted.shape == (22, CLASSES)
    assert predicted == pytest.approx(built.predict(X, batch_size=8, verbose=0), rel=1e-6)


def test_what_is_not_ours_is_measured_on_the_short_batch_itself():
    seen = []

    def gap(y_true, y_pred):
        seen.append(y_pred.shape[0])
        return jnp.mean((y_true - y_pred) ** 2)

    built = model(gap)
    built.evaluate(X, np.eye(CLASSES)[Y], batch_size=8, verbose=0)
    assert not built.core.programs.pads("test")
    assert 22 % 8 in seen
