"""Every exported metric with the data that it is made for; the sweeps run over this table.

A metric of a known family is found by itself and tried with its defaults; one of an unknown family fails the sweep
until it is given data here. `VARIANTS` adds arguments that deserve a try of their own.
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import kibitz.metrics

SIZES = (4, 4, 3)
rng = np.random.default_rng(7)


def _batches(make):
    return [make(size) for size in SIZES]


def _one_hot(labels, classes):
    return np.eye(classes, dtype="float32")[labels]


def _softmax(*shape):
    raised = np.exp(2 * rng.normal(size=shape))
    return (raised / raised.sum(-1, keepdims=True)).astype("float32")


def _grid(*shape):
    """Shares that often lie on a threshold, on 0 and on 1."""
    return (rng.integers(0, 11, shape) / 10).astype("float32")


def _bits(*shape):
    return rng.integers(0, 2, shape).astype("float32")


DATA = {
    "values": _batches(lambda n: (rng.normal(size=(n, 3)).astype("float32"),)),
    "numbers": _batches(lambda n: (rng.uniform(0.2, 3, (n, 3)).astype("float32"), rng.uniform(0.2, 3, (n, 3)))),
    "signs": _batches(lambda n: (2 * _bits(n, 3) - 1, rng.normal(size=(n, 3)).astype("float32"))),
    "labels": _batches(lambda n: (rng.integers(0, 3, (n,)), rng.integers(0, 3, (n, 1)))),
    "yes or no": _batches(lambda n: (_bits(n, 1), _grid(n, 1))),
    "flat yes or no": _batches(lambda n: (rng.integers(0, 2, n), _grid(n, 1))),
    "logits": _batches(lambda n: (_bits(n, 1), 3 * rng.normal(size=(n, 1)))),
    "several": _batches(lambda n: (_bits(n, 3), _grid(n, 3))),
    "one-hot": _batches(lambda n: (_one_hot(rng.integers(0, 3, n), 3), _softmax(n, 3))),
    "classes": _batches(lambda n: (rng.integers(0, 3, n), _softmax(n, 3))),
    "class column": _batches(lambda n: (rng.integers(0, 3, (n, 1)).astype("float32"), _softmax(n, 3))),
    "one-hot steps": _batches(lambda n: (_one_hot(rng.integers(0, 3, (n, 2)), 3), _softmax(n, 2, 3))),
    "steps": _batches(lambda n: (rng.integers(0, 3, (n, 2)), _softmax(n, 2, 3))),
    "sorted ids": _batches(lambda n: (rng.integers(0, 3, n), np.argsort(_softmax(n, 3))[:, ::-1].copy())),
    "regions": _batches(lambda n: (rng.integers(0, 3, (n,)), rng.integers(0, 3, (n,)))),
    "pictures": _batches(lambda n: (rng.integers(0, 3, (n, 2)), rng.integers(-1, 4, (n, 2)))),
    "one-hot regions": _batches(lambda n: (_one_hot(rng.integers(0, 3, n), 3), _softmax(n, 3))),
    "odd ends": _batches(lambda n: (_bits(n, 1), rng.choice(np.float32([-0.5, 0, 0.25, 1, 1.5]), (n, 1)))),
}
WEIGHTS = [
    np.array(row, "float32")[:size]
    for row, size in zip([[1, 0.5, 2, 0], [0.2, 3, 1, 1], [2, 0, 1]], SIZES, strict=True)
]

FAMILIES = {
    "accuracy": "one-hot",
    "auc": "yes or no",
    "confusion": "yes or no",
    "correlation": "numbers",
    "fscore": "one-hot",
    "hinge": "signs",
    "iou": "regions",
    "probabilistic": "one-hot",
    "r2": "numbers",
    "reduction": "values",
    "regression": "numbers",
    "top_k": "one-hot",
    "tradeoff": "yes or no",
}
OTHERS = {
    "Accuracy": "labels",
    "BinaryAccuracy": "yes or no",
    "SparseCategoricalAccuracy": "classes",
    "SparseTopKCategoricalAccuracy": "classes",
    "SparseCategoricalCrossentropy": "classes",
    "BinaryCrossentropy": "yes or no",
    "KLDivergence": "one-hot",
    "Poisson": "numbers",
    "OneHotIoU": "one-hot regions",
    "OneHotMeanIoU": "one-hot regions",
    "BinaryIoU": "flat yes or no",
    "CategoricalHinge": "one-hot",
    "MeanMetricWrapper": "numbers",
}
NEEDED: dict[str, dict[str, Any]] = {
    "SensitivityAtSpecificity": {"specificity": 0.4},
    "SpecificityAtSensitivity": {"sensitivity": 0.4},
    "PrecisionAtRecall": {"recall": 0.4},
    "RecallAtPrecision": {"precision": 0.4},
    "IoU": {"num_classes": 3, "target_class_ids": [0, 2]},
    "MeanIoU": {"num_classes": 3},
    "OneHotIoU": {"num_classes": 3, "target_class_ids": (1,)},
    "OneHotMeanIoU": {"num_classes": 3},
    "MeanMetricWrapper": {"fn": "mean_absolute_error"},
}
VARIANTS: list[tuple[str, dict[str, Any], str]] = [
    ("BinaryAccuracy", {"threshold": 0.7}, "several"),
    ("BinaryAccuracy", {}, "flat yes or no"),
    ("CategoricalAccuracy", {}, "one-hot steps"),
    ("SparseCategoricalAccuracy", {}, "class column"),
    ("SparseCategoricalAccuracy", {}, "steps"),
    ("TopKCategoricalAccuracy", {"k": 2}, "one-hot steps"),
    ("SparseTopKCategoricalAccuracy", {"k": 2}, "class column"),
    ("SparseTopKCategoricalAccuracy", {"k": 1}, "steps"),
    ("SparseTopKCategoricalAccuracy", {"k": 2, "from_sorted_ids": True}, "sorted ids"),
    ("CosineSimilarity", {"axis": 1}, "steps of numbers"),
    ("PearsonCorrelation", {"axis": 1}, "steps of numbers"),
    ("ConcordanceCorrelation", {"axis": 1}, "steps of numbers"),
    ("MeanSquaredError", {}, "steps of numbers"),
    ("RootMeanSquaredError", {}, "flat yes or no"),
    ("R2Score", {"class_aggregation": None}, "numbers"),
    ("R2Score", {"class_aggregation": "variance_weighted_average", "num_regressors": 2}, "numbers"),
    ("R2Score", {}, "flat yes or no"),
    ("BinaryCrossentropy", {"from_logits": True, "label_smoothing": 0.1}, "logits"),
    ("CategoricalCrossentropy", {"from_logits": True, "label_smoothing": 0.2}, "one-hot"),
    ("CategoricalCrossentropy", {"axis": -1}, "one-hot steps"),
    ("SparseCategoricalCrossentropy", {"ignore_class": 2}, "steps"),
    ("SparseCategoricalCrossentropy", {"from_logits": True}, "class column"),
    ("Hinge", {}, "yes or no"),
    ("TruePositives", {"thresholds": [0.8, 0.2]}, "several"),
    ("FalseNegatives", {"thresholds": [0.0, 0.5, 1.0]}, "flat yes or no"),
    ("TrueNegatives", {"thresholds": 0.3}, "odd ends"),
    ("FalsePositives", {"thresholds": [0.1, 0.5, 0.6]}, "odd ends"),
    ("Precision", {"thresholds": [0.2, 0.5]}, "several"),
    ("Precision", {"top_k": 2}, "one-hot"),
    ("Precision", {"top_k": 2, "class_id": 1, "thresholds": 0.1}, "one-hot"),
    ("Recall", {"class_id": 2}, "one-hot"),
    ("Recall", {"class_id": -1, "thresholds": [0.0, 0.5, 1.0]}, "several"),
    ("Recall", {"top_k": 2}, "one-hot steps"),
    ("AUC", {"curve": "PR"}, "several"),
    ("AUC", {"curve": "PRGAIN", "num_thresholds": 11}, "several"),
    ("AUC", {"num_thresholds": 11, "summation_method": "minoring"}, "several"),
    ("AUC", {"num_thresholds": 11, "curve": "pr", "summation_method": "majoring"}, "odd ends"),
    ("AUC", {"num_thresholds": 2}, "yes or no"),
    ("AUC", {"thresholds": [0.9, 0.2, 0.5]}, "several"),
    ("AUC", {"thresholds": [0.5], "curve": "PR"}, "several"),
    ("AUC", {"from_logits": True, "curve": "PR"}, "logits"),
    ("AUC", {"multi_label": True}, "several"),
    ("AUC", {"multi_label": True, "num_labels": 3, "label_weights": [1.0, 0.0, 2.0]}, "several"),
    ("AUC", {"multi_label": True, "curve": "PR", "thresholds": [0.1, 0.7]}, "several"),
    ("AUC", {"label_weights": [0.5, 1.0, 2.0]}, "several"),
    ("SensitivityAtSpecificity", {"specificity": 0.5, "num_thresholds": 1}, "several"),
    ("SpecificityAtSensitivity", {"sensitivity": 0.7, "num_thresholds": 3, "class_id": 1}, "several"),
    ("PrecisionAtRecall", {"recall": 0.8, "num_thresholds": 11}, "several"),
    ("RecallAtPrecision", {"precision": 0.9, "class_id": 0}, "several"),
    ("FBetaScore", {"average": "micro", "beta": 2.0, "threshold": 0.4}, "several"),
    ("FBetaScore", {"average": "macro", "beta": 0.5}, "one-hot"),
    ("F1Score", {"average": "weighted"}, "one-hot"),
    ("IoU", {"num_classes": 3, "target_class_ids": [1], "ignore_class": 0}, "pictures"),
    ("IoU", {"num_classes": 3, "target_class_ids": [1], "sparse_y_pred": False, "dtype": "float32"}, "sparse regions"),
    ("BinaryIoU", {"target_class_ids": [1], "threshold": 0.3, "dtype": "float32"}, "flat yes or no"),
    ("MeanIoU", {"num_classes": 3, "ignore_class": -1}, "pictures"),
    ("OneHotMeanIoU", {"num_classes": 3, "ignore_class": 1}, "one-hot regions"),
]
DATA["steps of numbers"] = _batches(lambda n: (rng.normal(size=(n, 2, 3)), rng.normal(size=(n, 2, 3))))
DATA["sparse regions"] = _batches(lambda n: (rng.integers(0, 3, n), _softmax(n, 3)))


@dataclass(frozen=True)
class Case:
    """A metric, its arguments, and three uneven batches."""

    name: str
    arguments: dict[str, Any] = field(default_factory=dict)
    data: str = ""

    def __str__(self):
        shown = ", ".join(f"{key}={value}" for key, value in self.arguments.items())
        return f"{self.name}({shown}) on {self.data}"

    def made(self, metrics):
        """The metric, of Kibitz's or of Keras's `metrics`."""
        arguments = dict(self.arguments)
        if "fn" in arguments:
            arguments["fn"] = getattr(metrics, arguments["fn"])
        return getattr(metrics, self.name)(**arguments)

    def batches(self, weighted):
        """Positional arguments of `update_state`, batch by batch."""
        weights = [np.round(each).astype("int32") for each in WEIGHTS] if self._counts_whole() else WEIGHTS
        if self.data in ("pictures", "steps", "one-hot steps"):
            weights = [np.repeat(each[:, None], 2, axis=1) for each in weights]
        rows = DATA[self.data]
        return [(*row, weight) if weighted else row for row, weight in zip(rows, weights, strict=True)]

    def _counts_whole(self):
        return "IoU" in self.name and "dtype" not in self.arguments


def exported_classes():
    """Every metric that one can make, as `kibitz.metrics` exports them."""
    things = {name: getattr(kibitz.metrics, name) for name in kibitz.metrics.__all__}
    return {name: thing for name, thing in things.items() if inspect.isclass(thing) and name != "Metric"}


def exported_functions():
    """Every function `(y_true, y_pred, ...)` that `kibitz.metrics` exports."""
    things = {name: getattr(kibitz.metrics, name) for name in kibitz.metrics.__all__}
    ways = ("get", "serialize", "deserialize")
    return {name: thing for name, thing in things.items() if inspect.isfunction(thing) and name not in ways}


def _plain(name, thing):
    family = thing.__module__.rpartition(".")[2]
    return Case(name, NEEDED.get(name, {}), OTHERS.get(name) or FAMILIES[family])


ONE_EACH = [_plain(*each) for each in sorted(exported_classes().items())]
CASES = ONE_EACH + [Case(*each) for each in VARIANTS]
# Those whose state has another shape than the class's other cases have.
SHAPES = ONE_EACH + [case for case in CASES if "multi_label" in case.arguments or "average" in case.arguments]
