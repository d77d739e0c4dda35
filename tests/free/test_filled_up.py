"""A short last batch of an evaluation is filled up, and every loss and metric gives what it gives without that."""

from __future__ import annotations

import inspect
import warnings

import numpy as np
import pytest

import kibitz as keras
from kibitz import losses, metrics
from kibitz.engine.programs import Programs

RNG = np.random.default_rng(0)
ROWS, SIZE, CLASSES = 22, 8, 4
X = RNG.normal(size=(ROWS, 5)).astype("float32")


def model(units, loss, measures, activation):
    keras.utils.set_random_seed(4)
    built = keras.Sequential([keras.Input((5,)), keras.layers.Dense(units, activation=activation)])
    built.compile("sgd", loss, metrics=measures, weighted_metrics=measures and [each.from_config(each.get_config())
                                                                               for each in measures])  # fmt: skip
    return built


TARGETS = {
    "classes": (RNG.integers(0, CLASSES, ROWS).astype("int32"), CLASSES, "softmax"),
    "hot": (np.eye(CLASSES, dtype="float32")[RNG.integers(0, CLASSES, ROWS)], CLASSES, "softmax"),
    "yes": (RNG.integers(0, 2, (ROWS, 1)).astype("float32"), 1, "sigmoid"),
    "numbers": (RNG.uniform(0.1, 1, (ROWS, CLASSES)).astype("float32"), CLASSES, "sigmoid"),
}
ARGUMENTS = {
    "MeanIoU": {"num_classes": CLASSES, "sparse_y_pred": False}, "IoU": None, "BinaryIoU": {},
    "OneHotIoU": {"num_classes": CLASSES, "target_class_ids": [0, 1]}, "OneHotMeanIoU": {"num_classes": CLASSES},
    "SensitivityAtSpecificity": {"specificity": 0.5}, "SpecificityAtSensitivity": {"sensitivity": 0.5},
    "PrecisionAtRecall": {"recall": 0.5}, "RecallAtPrecision": {"precision": 0.5},
    "MeanMetricWrapper": None, "Metric": None, "Mean": None, "Sum": None, "MeanRelativeError": None,
}  # fmt: skip


def classes(room, base):
    found = {name: each for name, each in vars(room).items() if inspect.isclass(each) and issubclass(each, base)}
    named = {name: getattr(room, name) for name in room.__all__}
    found |= {name: each for name, each in named.items() if inspect.isclass(each) and issubclass(each, base)}
    return sorted({each.__name__: each for each in found.values()}.items())


def measured(kind, loss, measures, weight, *, filled, monkeypatch):
    y, units, activation = TARGETS[kind]
    with monkeypatch.context() as patch:
        if not filled:
            patch.setattr(Programs, "pads", lambda self, kind: False)
        built = model(units, loss, measures, activation)
        numbers = built.evaluate(X, y, batch_size=SIZE, sample_weight=weight, verbose=0, return_dict=True)
        return numbers, built.core.programs.pads("test")


def fitting(make, as_metric):
    """The kinds of targets that a loss or a metric takes."""
    for kind, (y, units, activation) in TARGETS.items():
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                built = model(units, None if as_metric else make(), [make()] if as_metric else None, activation)
                if as_metric:
                    built.compile("sgd", "mse" if kind in ("hot", "numbers", "yes") else
                                  "sparse_categorical_crossentropy", metrics=[make()])  # fmt: skip
                built.evaluate(X, y, verbose=0)
        except Exception:
            continue
        yield kind


@pytest.mark.parametrize(("name", "kind"), classes(losses, losses.Loss))
def test_every_loss_gives_the_same_number(name, kind, monkeypatch):
    if name in {"Loss", "LossFunctionWrapper", "ShippedLoss"}:
        return
    kinds = list(fitting(kind, as_metric=False))
    assert kinds, f"no targets here fit {name}"
    for reduction in ("sum_over_batch_size", "sum", "mean_with_sample_weight"):
        for weight in (None, RNG.uniform(0, 2, ROWS).astype("float32")):
            for targets in kinds[:1]:
                both = [
                    measured(targets, kind(reduction=reduction), None, weight, filled=filled, monkeypatch=monkeypatch)
                    for filled in (True, False)
                ]
                (filled, padded), (plain, _) = both
                assert padded
                assert filled["loss"] == pytest.approx(plain["loss"], rel=2e-6)


@pytest.mark.parametrize(("name", "kind"), classes(metrics, metrics.Metric))
def test_every_metric_gives_the_same_number(name, kind, monkeypatch):
    arguments = ARGUMENTS.get(name, {})
    if arguments is None:
        return
    kinds = list(fitting(lambda: kind(**arguments), as_metric=True))
    assert kinds, f"no targets here fit {name}"
    targets = kinds[0]
    loss = "sparse_categorical_crossentropy" if targets == "classes" else "mse"
    weight = RNG.uniform(0, 2, ROWS).astype("float32")
    (filled, _), (plain, _) = [
        measured(targets, loss, [kind(**arguments)], weight, filled=filled, monkeypatch=monkeypatch)
        for filled in (True, False)
    ]
    assert len(filled) == 3
    for key, value in filled.items():
        assert np.asarray(value) == pytest.approx(np.asarray(plain[key]), rel=2e-5, abs=1e-6), key


def test_what_is_not_ours_is_measured_on_the_short_batch_itself():
    seen = []

    def gap(y_true, y_pred):
        seen.append(y_pred.shape[0])
        return ((y_true - y_pred) ** 2).mean()

    y = TARGETS["numbers"][0]
    model(CLASSES, gap, None, None).evaluate(X, y, batch_size=SIZE, verbose=0)
    assert ROWS % SIZE in seen


def test_predictions_are_as_many_as_rows_and_the_same(monkeypatch):
    built = model(CLASSES, "mse", None, None)
    filled = built.predict(X, batch_size=SIZE, verbose=0)
    monkeypatch.setattr(Programs, "pads", lambda self, kind: False)
    plain = built.predict(X, batch_size=SIZE, verbose=0)
    assert filled.shape == plain.shape == (ROWS, CLASSES)
    assert filled == pytest.approx(plain, rel=1e-6)
