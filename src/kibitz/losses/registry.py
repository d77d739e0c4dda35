"""The one table of losses by name, and the ways through it: `get`, `serialize`, `deserialize`."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from kibitz.errors import InvalidArgument, UnknownName, Unsupported, WrongType, code, nearest_name
from kibitz.losses.base import Loss
from kibitz.losses.crossentropy import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    SparseCategoricalCrossentropy,
    binary_crossentropy,
    categorical_crossentropy,
    sparse_categorical_crossentropy,
)
from kibitz.losses.focal import (
    BinaryFocalCrossentropy,
    CategoricalFocalCrossentropy,
    binary_focal_crossentropy,
    categorical_focal_crossentropy,
)
from kibitz.losses.function_loss import LossFunctionWrapper, serialize_function
from kibitz.losses.hinge import CategoricalHinge, Hinge, SquaredHinge, categorical_hinge, hinge, squared_hinge
from kibitz.losses.probabilistic import (
    CategoricalGeneralizedCrossEntropy,
    KLDivergence,
    Poisson,
    categorical_generalized_cross_entropy,
    kl_divergence,
    poisson,
)
from kibitz.losses.regression import (
    MeanAbsoluteError,
    MeanAbsolutePercentageError,
    MeanSquaredError,
    MeanSquaredLogarithmicError,
    mean_absolute_error,
    mean_absolute_percentage_error,
    mean_squared_error,
    mean_squared_logarithmic_error,
)
from kibitz.losses.robust import Huber, LogCosh, huber, log_cosh
from kibitz.losses.segmentation import Dice, Tversky, dice, tversky
from kibitz.losses.similarity import CosineSimilarity, cosine_similarity
from kibitz.registered import known, made_again

PAIRS: tuple[tuple[type[Loss], Callable[..., Any]], ...] = (
    (MeanSquaredError, mean_squared_error),
    (MeanAbsoluteError, mean_absolute_error),
    (MeanAbsolutePercentageError, mean_absolute_percentage_error),
    (MeanSquaredLogarithmicError, mean_squared_logarithmic_error),
    (Huber, huber),
    (LogCosh, log_cosh),
    (CosineSimilarity, cosine_similarity),
    (BinaryCrossentropy, binary_crossentropy),
    (CategoricalCrossentropy, categorical_crossentropy),
    (SparseCategoricalCrossentropy, sparse_categorical_crossentropy),
    (BinaryFocalCrossentropy, binary_focal_crossentropy),
    (CategoricalFocalCrossentropy, categorical_focal_crossentropy),
    (CategoricalGeneralizedCrossEntropy, categorical_generalized_cross_entropy),
    (KLDivergence, kl_divergence),
    (Poisson, poisson),
    (Hinge, hinge),
    (SquaredHinge, squared_hinge),
    (CategoricalHinge, categorical_hinge),
    (Dice, dice),
    (Tversky, tversky),
)
SHORT: dict[str, Callable[..., Any]] = {
    "bce": binary_crossentropy,
    "kld": kl_divergence,
    "mae": mean_absolute_error,
    "mse": mean_squared_error,
    "mape": mean_absolute_percentage_error,
    "msle": mean_squared_logarithmic_error,
}
# What Keras has and Kibitz has not, with what to write instead.
MISSING = {
    "ctc": "a subclass of kibitz.losses.Loss whose `call` returns optax.losses.ctc_loss(...)",
    "circle": "a subclass of kibitz.losses.Loss with the pairs in `call`, such as optax.losses.ntxent(...)",
}
# `compile` takes these for the crossentropy that fits the shapes of labels and output; see `get_loss`.
BY_SHAPE = ("crossentropy", "ce")
CLASSES: dict[str, type[Loss]] = {loss.__name__: loss for loss, _ in PAIRS}
FUNCTIONS: dict[str, Callable[..., Any]] = {function.__name__: function for _, function in PAIRS}
NAMES: dict[str, Callable[..., Any]] = {
    "LossFunctionWrapper": LossFunctionWrapper,
    **CLASSES,
    **FUNCTIONS,
    **SHORT,
    **{name.upper(): function for name, function in SHORT.items()},
}


def get(identifier: Any) -> Any:
    """Find a loss by its name, configuration, class or function.

    Args:
        identifier: A name ("mse", "mean_squared_error", "MeanSquaredError"), a configuration
            (`{"class_name": ..., "config": ...}`), a class, which is made without arguments, a `Loss`, or a function
            `(y_true, y_pred)`. None is None.

    Returns:
        A `Loss` or a function, as in Keras.

    Raises:
        UnknownName: If there is no loss of this name.
        Unsupported: If Keras has it and Kibitz has not.
        WrongType: If it is nothing that can be a loss.

    Example:
        >>> from kibitz.losses.registry import get
        >>> get("mse").__name__
        'mean_squared_error'
        >>> get({"class_name": "Huber", "config": {"delta": 2.0}}).get_config()["delta"]
        2.0

    Source: https://keras.io/api/losses/
    """
    if identifier is None:
        return None
    if isinstance(identifier, str):
        found = _named(identifier, {**NAMES, **known()})
    else:
        found = deserialize(identifier) if isinstance(identifier, Mapping) else identifier
    if inspect.isclass(found):
        found = _made(found)
    if not callable(found):
        raise WrongType("This cannot be a loss.", **_no_loss(identifier))
    return _taking_two(found)


def get_loss(identifier: Any, y_true: Any, y_pred: Any) -> Loss | None:
    """The `Loss` that `compile(loss=identifier)` means for one output.

    A function is wrapped, a class is made, and "crossentropy" is chosen by the shapes.

    Args:
        identifier: What `get` takes, or "crossentropy" or "ce": binary for an output of one unit, sparse for labels
            with one dimension less (or a last one of size 1), else categorical.
        y_true: The labels, or anything with their shape. Only asked for its `shape`, and only by "crossentropy".
        y_pred: The model's output, or anything with its shape. The same.

    Raises:
        UnknownName: If there is no loss of this name.
        Unsupported: If Keras has it and Kibitz has not.
        WrongType: If it is nothing that can be a loss.

    Example:
        >>> import numpy as np
        >>> from kibitz.losses.registry import get_loss
        >>> get_loss("crossentropy", np.zeros(8), np.zeros((8, 10))).fn.__name__
        'sparse_categorical_crossentropy'
    """
    if isinstance(identifier, str) and identifier.lower() in BY_SHAPE:
        found = _crossentropy_for(y_true.shape, y_pred.shape)
    else:
        found = get(identifier)
    if found is None or isinstance(found, Loss):
        return found
    if isinstance(identifier, str):
        name = identifier
    else:
        name = getattr(found, "name", None) or getattr(found, "__name__", type(found).__name__)
    return LossFunctionWrapper(found, name=name)


def serialize(loss: Any) -> Any:
    """The configuration of a loss, in Keras's own form; `keras.losses.deserialize` reads it too.

    Args:
        loss: A `Loss`, or a function with a name. None is None.

    Raises:
        InvalidArgument: If it is a lambda: code is never written.
        WrongType: If it is no loss.

    Example:
        >>> from kibitz.losses.regression import MeanSquaredError
        >>> from kibitz.losses.registry import serialize
        >>> serialize(MeanSquaredError())["class_name"]
        'MeanSquaredError'

    Source: https://keras.io/api/losses/
    """
    if loss is None:
        return None
    if isinstance(loss, Loss):
        name = type(loss).__name__
        shipped = NAMES.get(name) is type(loss)
        return {
            "module": "keras.losses" if shipped else None,
            "class_name": name,
            "config": loss.get_config(),
            "registered_name": None if shipped else name,
        }
    if not callable(loss) or inspect.isclass(loss):
        raise WrongType("This cannot be a loss.", **_no_loss(loss))
    return serialize_function(loss)


def deserialize(name: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """Make the loss that a configuration describes, by Kibitz or by Keras.

    Args:
        name: What `serialize` gave, or a name. None is None.
        custom_objects: Classes and functions of the user's own, by name.

    Returns:
        A `Loss`, or a function.

    Raises:
        UnknownName: If neither Kibitz nor `custom_objects` has the name.
        Unsupported: If Keras has it and Kibitz has not.
        WrongType: If it is no configuration.
        InvalidArgument: If a function is to be made with arguments.

    Unlike Keras: a name that nobody has is an error, where Keras gives the string back.

    Example:
        >>> from kibitz.losses.registry import deserialize, serialize
        >>> from kibitz.losses.robust import Huber
        >>> deserialize(serialize(Huber(delta=2.0))).get_config()["delta"]
        2.0

    Source: https://keras.io/api/losses/
    """
    if name is None:
        return None
    names = {**NAMES, **known(custom_objects)}
    if isinstance(name, str):
        found = _named(name, names)
        return _made(found) if inspect.isclass(found) else found
    if not isinstance(name, Mapping) or not isinstance(name.get("class_name"), str):
        raise WrongType("This cannot be a loss.", **_no_loss(name))
    if name["class_name"] == "function":
        return _named(str(name.get("config")), names)
    found = _named(name["class_name"], names)
    config = made_again("loss", dict, name.get("config") or {})
    if isinstance(config.get("fn"), Mapping):
        config["fn"] = deserialize(config["fn"], custom_objects)
    if not inspect.isclass(found):
        if config:
            raise InvalidArgument(
                f"{name['class_name']} is a function, and takes no configuration.",
                given=name,
                wanted="the name of a class",
                cure=f'"{name["class_name"]}", or the class of it',
            )
        return found
    from_config = getattr(found, "from_config", None)
    return made_again("loss", (lambda given: found(**given)) if from_config is None else from_config, config)


def _named(name: str, names: Mapping[str, Any]) -> Any:
    if name in names:
        return names[name]
    if name.lower() in MISSING:
        raise Unsupported(f"Keras has the loss {name}, and Kibitz has not.", given=name, cure=MISSING[name.lower()])
    if name.lower() in BY_SHAPE:
        raise UnknownName(
            "Which crossentropy is meant depends on the shapes; only `compile` knows them.",
            given=name,
            there_is=[known for known in names if known.endswith("_crossentropy")],
            nearest="sparse_categorical_crossentropy",
            cure=f'compile(loss="{name}"), or the full name',
        )
    nearest = nearest_name(name, [*FUNCTIONS, *SHORT, *BY_SHAPE, *names])
    raise UnknownName(
        "There is no loss of this name.",
        given=name,
        there_is=[*FUNCTIONS, *SHORT, *BY_SHAPE, *(each for each in names if each not in NAMES)],
        nearest=nearest,
        cure=f'loss="{nearest or "mse"}", or a function of (y_true, y_pred)',
    )


def _made(found: type) -> Any:
    try:
        inspect.signature(found).bind()
    except TypeError:
        raise WrongType(
            f"{found.__name__} cannot be made without arguments.",
            given=found,
            wanted="a loss, or a class that needs no arguments",
            cure=f"loss={found.__name__}(...)",
        ) from None
    return found()


def _taking_two(found: Callable[..., Any]) -> Callable[..., Any]:
    if isinstance(found, Loss):
        return found
    try:
        parameters = inspect.signature(found)
    except ValueError:
        return found  # Some functions written in C do not say what they take.
    try:
        parameters.bind(None, None)
    except TypeError:
        name = getattr(found, "__name__", type(found).__name__)
        made = next((f"loss={kind.__name__}()" for kind, function in PAIRS if function is found), None)
        raise WrongType(
            "A loss function is called with the labels and the predictions.",
            given=code(f"{name}({', '.join(parameters.parameters)})"),
            wanted="a function of (y_true, y_pred)",
            cure=made or "loss=lambda y_true, y_pred: ...",
        ) from None
    return found


def _no_loss(given: Any) -> dict[str, Any]:
    return {
        "given": given,
        "wanted": "a name, a `Loss`, a configuration, or a function of (y_true, y_pred)",
        "cure": 'loss="mse"',
    }


def _crossentropy_for(labels: tuple[int, ...], output: tuple[int, ...]) -> Callable[..., Any]:
    if output[-1] == 1:
        return binary_crossentropy
    if len(labels) < len(output) or labels[-1] == 1:
        return sparse_categorical_crossentropy
    return categorical_crossentropy
