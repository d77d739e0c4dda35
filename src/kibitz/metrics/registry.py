"""The one table of metrics by name, and the ways through it: `get`, `serialize`, `deserialize`."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from kibitz.errors import UnknownName, WrongType, code, nearest_name
from kibitz.losses.base import Loss
from kibitz.losses.function_loss import serialize_function
from kibitz.losses.registry import FUNCTIONS as LOSS_FUNCTIONS
from kibitz.metrics.accuracy import (
    Accuracy,
    BinaryAccuracy,
    CategoricalAccuracy,
    SparseCategoricalAccuracy,
    accuracy,
    binary_accuracy,
    categorical_accuracy,
    sparse_categorical_accuracy,
)
from kibitz.metrics.auc import AUC
from kibitz.metrics.base import Metric
from kibitz.metrics.confusion import FalseNegatives, FalsePositives, Precision, Recall, TrueNegatives, TruePositives
from kibitz.metrics.correlation import (
    ConcordanceCorrelation,
    PearsonCorrelation,
    concordance_correlation,
    pearson_correlation,
)
from kibitz.metrics.fscore import F1Score, FBetaScore
from kibitz.metrics.hinge import CategoricalHinge, Hinge, SquaredHinge
from kibitz.metrics.iou import BinaryIoU, IoU, MeanIoU, OneHotIoU, OneHotMeanIoU
from kibitz.metrics.probabilistic import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    KLDivergence,
    Poisson,
    SparseCategoricalCrossentropy,
)
from kibitz.metrics.r2 import R2Score
from kibitz.metrics.reduction import Mean, MeanMetricWrapper, Sum
from kibitz.metrics.regression import (
    CosineSimilarity,
    LogCoshError,
    MeanAbsoluteError,
    MeanAbsolutePercentageError,
    MeanSquaredError,
    MeanSquaredLogarithmicError,
    RootMeanSquaredError,
)
from kibitz.metrics.top_k import (
    SparseTopKCategoricalAccuracy,
    TopKCategoricalAccuracy,
    sparse_top_k_categorical_accuracy,
    top_k_categorical_accuracy,
)
from kibitz.metrics.tradeoff import (
    PrecisionAtRecall,
    RecallAtPrecision,
    SensitivityAtSpecificity,
    SpecificityAtSensitivity,
)
from kibitz.naming import object_name, to_snake_case
from kibitz.registered import known, made_again

CLASSES: tuple[type[Metric], ...] = (
    *(Accuracy, BinaryAccuracy, CategoricalAccuracy, SparseCategoricalAccuracy),
    *(TopKCategoricalAccuracy, SparseTopKCategoricalAccuracy),
    *(MeanSquaredError, RootMeanSquaredError, MeanAbsoluteError, MeanAbsolutePercentageError),
    *(MeanSquaredLogarithmicError, LogCoshError, CosineSimilarity, R2Score),
    *(AUC, Precision, Recall, TruePositives, TrueNegatives, FalsePositives, FalseNegatives),
    *(SensitivityAtSpecificity, SpecificityAtSensitivity, PrecisionAtRecall, RecallAtPrecision),
    *(FBetaScore, F1Score, PearsonCorrelation, ConcordanceCorrelation),
    *(BinaryCrossentropy, CategoricalCrossentropy, SparseCategoricalCrossentropy, KLDivergence, Poisson),
    *(Hinge, SquaredHinge, CategoricalHinge),
    *(IoU, BinaryIoU, MeanIoU, OneHotIoU, OneHotMeanIoU),
    *(Mean, Sum, MeanMetricWrapper, Metric),
)
SHORT: dict[str, type[Metric]] = {
    "bce": BinaryCrossentropy,
    "mse": MeanSquaredError,
    "mae": MeanAbsoluteError,
    "mape": MeanAbsolutePercentageError,
    "msle": MeanSquaredLogarithmicError,
}
# `compile` takes these for the metric that fits the shapes of labels and output; see choose.py.
BY_SHAPE = ("acc", "ce", "crossentropy")
_OWN_FUNCTIONS: tuple[Callable[..., Any], ...] = (
    *(accuracy, binary_accuracy, categorical_accuracy, sparse_categorical_accuracy),
    *(top_k_categorical_accuracy, sparse_top_k_categorical_accuracy),
    *(pearson_correlation, concordance_correlation),
)
FUNCTIONS: dict[str, Callable[..., Any]] = {**LOSS_FUNCTIONS, **{each.__name__: each for each in _OWN_FUNCTIONS}}
_BY_CLASS_NAME: dict[str, Any] = {each.__name__: each for each in CLASSES}
# A class comes before a function of its name, as in Keras; the losses' functions are more than Keras takes.
NAMES: dict[str, Any] = {
    **FUNCTIONS,
    **{to_snake_case(name): each for name, each in _BY_CLASS_NAME.items()},
    **_BY_CLASS_NAME,
    **SHORT,
    **{name.upper(): each for name, each in SHORT.items()},
}


def get(identifier: Any) -> Any:
    """Find a metric by its name, configuration, class or function, and make it.

    Args:
        identifier: A name ("mse", "mean_squared_error", "MeanSquaredError"), a configuration
            (`{"class_name": ..., "config": ...}`), a class, which is made without arguments, a `Metric`, or a function
            `(y_true, y_pred)` (a `Loss` is one), whose mean over the samples is the metric. None is None.

    Returns:
        A `Metric`.

    Raises:
        UnknownName: If there is no metric of this name.
        WrongType: If it is nothing that can be a metric.

    Unlike Keras: a function comes back as a metric that is named after it; functions of losses have their names too.

    Example:
        >>> from kibitz.metrics.registry import get
        >>> get("mse"), get(max), get({"class_name": "Precision", "config": {"name": "p"}})
        (<MeanSquaredError name=mean_squared_error>, <MeanMetricWrapper name=max>, <Precision name=p>)

    Source: https://keras.io/api/metrics/
    """
    if identifier is None:
        return None
    if isinstance(identifier, str):
        found = _named(identifier, {**NAMES, **known()})
    else:
        found = deserialize(identifier) if isinstance(identifier, Mapping) else identifier
    if inspect.isclass(found):
        found = _made(found)
    if isinstance(found, Metric):
        return found
    if not callable(found) or hasattr(found, "update_state"):
        raise WrongType("This cannot be a metric.", **_no_metric(identifier))
    _require_two(found)
    return MeanMetricWrapper(found, name=object_name(found))


def serialize(metric: Any) -> Any:
    """The configuration of a metric, in Keras's own form; `keras.metrics.deserialize` reads it too.

    Args:
        metric: A `Metric`, or a function with a name.

    Raises:
        InvalidArgument: If it is a lambda: code is never written.
        WrongType: If it is no metric.

    Example:
        >>> from kibitz.metrics.regression import MeanSquaredError
        >>> from kibitz.metrics.registry import serialize
        >>> serialize(MeanSquaredError())["class_name"]
        'MeanSquaredError'

    Source: https://keras.io/api/metrics/
    """
    if isinstance(metric, Metric):
        name = type(metric).__name__
        shipped = NAMES.get(name) is type(metric)
        return {
            "module": "keras.metrics" if shipped else None,
            "class_name": name,
            "config": metric.get_config(),
            "registered_name": None if shipped else name,
        }
    if not callable(metric) or inspect.isclass(metric):
        raise WrongType("This cannot be a metric.", **_no_metric(metric))
    return serialize_function(metric)


def deserialize(config: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """Make the metric that a configuration describes, by Kibitz or by Keras.

    Args:
        config: What `serialize` gave.
        custom_objects: Classes and functions of the user's own, by name. None means there are none.

    Returns:
        A `Metric`, or a function.

    Raises:
        UnknownName: If neither Kibitz nor `custom_objects` has the name.
        WrongType: If it is no configuration.

    Example:
        >>> from kibitz.metrics.accuracy import BinaryAccuracy
        >>> from kibitz.metrics.registry import deserialize, serialize
        >>> deserialize(serialize(BinaryAccuracy(threshold=0.7))).threshold
        0.7

    Source: https://keras.io/api/metrics/
    """
    names = {**NAMES, **known(custom_objects)}
    if isinstance(config, str):
        return _named(config, names)
    if not isinstance(config, Mapping) or not isinstance(config.get("class_name"), str):
        raise WrongType("This cannot be a metric.", **_no_metric(config))
    if config["class_name"] == "function":
        return deserialize_function(config, custom_objects)
    found = _named(config["class_name"], names)
    arguments = made_again("metric", dict, config.get("config") or {})
    if isinstance(arguments.get("fn"), Mapping):
        arguments["fn"] = deserialize_function(arguments["fn"], custom_objects)
    make = getattr(found, "from_config", None)
    return made_again("metric", (lambda given: found(**given)) if make is None else make, arguments)


def deserialize_function(config: Any, custom_objects: Mapping[str, Any] | None = None) -> Callable[..., Any]:
    """Find the function that a configuration names.

    Args:
        config: What `serialize_function` gave, a name, or the function itself.
        custom_objects: Functions of the user's own, by name. None means there are none.

    Raises:
        UnknownName: If neither Kibitz nor `custom_objects` has the name.

    Example:
        >>> from kibitz.metrics.registry import deserialize_function
        >>> deserialize_function({"class_name": "function", "config": "binary_accuracy"}).__name__
        'binary_accuracy'
    """
    if callable(config):
        return config
    name = config.get("config") if isinstance(config, Mapping) else config
    functions = {**FUNCTIONS, **known(custom_objects)}
    if name not in functions:
        raise UnknownName(
            "The function of a metric is not among those that are known.",
            given=name,
            there_is=sorted(functions),
            cure=f'deserialize(config, custom_objects={{"{name}": {name}}})',
        )
    return functions[name]


def _named(name: str, names: Mapping[str, Any]) -> Any:
    if name in names:
        return names[name]
    if name.lower() in BY_SHAPE:
        raise UnknownName(
            "Which metric is meant depends on the shapes; only `compile` knows them.",
            given=name,
            there_is=["accuracy", "binary_accuracy", "categorical_accuracy", "sparse_categorical_accuracy"]
            if name.lower() == "acc"
            else ["binary_crossentropy", "categorical_crossentropy", "sparse_categorical_crossentropy"],
            cure=f'compile(metrics=["{name}"]), or the full name',
        )
    nearest = nearest_name(name, [*names, *BY_SHAPE])
    snake = [to_snake_case(each.__name__) for each in CLASSES if each not in (Metric, MeanMetricWrapper)]
    own = [each for each in names if each not in NAMES]
    raise UnknownName(
        "There is no metric of this name.",
        given=name,
        there_is=sorted({*snake, *FUNCTIONS, *SHORT, *BY_SHAPE, *own}),
        nearest=nearest,
        cure=f'metrics=["{nearest or "accuracy"}"], or a function of (y_true, y_pred)',
    )


def _made(found: type) -> Any:
    try:
        inspect.signature(found).bind()
    except TypeError:
        raise WrongType(
            f"{found.__name__} cannot be made without arguments.",
            given=found,
            wanted="a metric, or a class that needs no arguments",
            cure=f"metrics=[{found.__name__}(...)]",
        ) from None
    return found()


def _require_two(found: Callable[..., Any]) -> None:
    if isinstance(found, Loss):
        return
    try:
        parameters = inspect.signature(found)
    except ValueError:
        return  # Some functions written in C do not say what they take.
    try:
        parameters.bind(None, None)
    except TypeError:
        raise WrongType(
            "A metric function is called with the labels and the predictions.",
            given=code(f"{getattr(found, '__name__', type(found).__name__)}{parameters}"),
            wanted="a function of (y_true, y_pred)",
            cure="metrics=[lambda y_true, y_pred: ...]",
        ) from None


def _no_metric(given: Any) -> dict[str, Any]:
    return {
        "given": given,
        "wanted": "a name, a kibitz.metrics.Metric, a configuration, or a function of (y_true, y_pred)",
        "cure": 'metrics=["accuracy"]',
    }
