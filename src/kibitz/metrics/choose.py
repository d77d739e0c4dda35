"""The metric that `compile` means: "accuracy" and "crossentropy" are chosen by the shapes."""

from __future__ import annotations

from typing import Any

from kibitz.errors import WrongType
from kibitz.metrics.accuracy import BinaryAccuracy, CategoricalAccuracy, SparseCategoricalAccuracy
from kibitz.metrics.base import Metric
from kibitz.metrics.probabilistic import BinaryCrossentropy, CategoricalCrossentropy, SparseCategoricalCrossentropy
from kibitz.metrics.registry import get

_ACCURACIES = {"binary": BinaryAccuracy, "sparse": SparseCategoricalAccuracy, "categorical": CategoricalAccuracy}
_CROSSENTROPIES = {
    "binary": BinaryCrossentropy,
    "sparse": SparseCategoricalCrossentropy,
    "categorical": CategoricalCrossentropy,
}
_FAMILIES: dict[str, dict[str, type[Metric]]] = {
    "accuracy": _ACCURACIES,
    "acc": _ACCURACIES,
    "crossentropy": _CROSSENTROPIES,
    "ce": _CROSSENTROPIES,
}


def choose_metric(identifier: Any, y_true: Any, y_pred: Any) -> Metric:
    """The metric that `compile(metrics=[identifier])` means for one output, under the name of its key in the logs.

    A string is the key itself: "acc" is logged as "acc", whichever accuracy it turns out to be. Other things are named
    as they name themselves.

    Args:
        identifier: What `get` takes, or "accuracy", "acc", "crossentropy" or "ce", in capitals or not: binary for an
            output of one unit, sparse for labels with one dimension less (or a last one of size 1), else categorical.
        y_true: The labels, or anything with their `shape`. Only the four words look at it.
        y_pred: The model's output, or anything with its `shape`. The same.

    Raises:
        UnknownName: If there is no metric of this name.
        WrongType: If it is nothing that can be a metric, or there are no labels to choose by.

    Unlike Keras: "crossentropy" and "ce" are taken here as they are for the loss.

    Example:
        >>> import numpy as np
        >>> from kibitz.metrics.choose import choose_metric
        >>> choose_metric("acc", np.zeros(8), np.zeros((8, 10)))
        <SparseCategoricalAccuracy name=acc>

    Source: https://keras.io/api/models/model_training_apis/ (compile).
    """
    if isinstance(identifier, str) and identifier.lower() in _FAMILIES:
        return _FAMILIES[identifier.lower()][_kind(identifier, y_true, y_pred)](name=identifier)
    metric = get(identifier)
    if metric is None:
        raise WrongType("A metric is None.", given=identifier, wanted="a metric", cure='metrics=["accuracy"]')
    if isinstance(identifier, str):
        metric.name = identifier
    return metric


def _kind(identifier: str, y_true: Any, y_pred: Any) -> str:
    labels, output = getattr(y_true, "shape", None), getattr(y_pred, "shape", None)
    if not labels or not output:
        raise WrongType(
            f'What "{identifier}" means is seen from the shapes of labels and output.',
            given=y_pred if labels else y_true,
            wanted="arrays with at least the dimension of the batch",
            cure='the full name, such as "sparse_categorical_accuracy", and fit(x, y)',
        )
    if output[-1] == 1:
        return "binary"
    return "sparse" if len(labels) < len(output) or labels[-1] == 1 else "categorical"
