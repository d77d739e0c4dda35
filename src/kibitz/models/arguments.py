"""A. What `fit`, `evaluate`, `predict` and `compile` are given, checked before anything runs."""

from __future__ import annotations

import math
import warnings
from collections.abc import Collection, Mapping
from typing import Any

import numpy as np

from kibitz.clock import Cadence
from kibitz.errors import InvalidArgument, WrongType, code

VERBOSE = (0, 1, 2, "auto")


def whole(name: str, value: Any, *, least: int = 1, optional: bool = False, cure: str | None = None) -> int | None:
    """A whole number, as a Python int.

    Args:
        name: What the argument is called.
        value: What was given.
        least: The least value that makes sense.
        optional: Whether None is one of the values.
        cure: What to write instead. None makes it from `name` and `least`.

    Raises:
        WrongType: If it is no whole number; True and False are none.
        InvalidArgument: If it is less than `least`.

    Example:
        >>> from kibitz.models.arguments import whole
        >>> whole("epochs", 3)
        3
    """
    if value is None and optional:
        return None
    wanted = f"a whole number, {least} or more" + (", or None" if optional else "")
    cure = cure or f"{name}={max(least, 1)}"
    if isinstance(value, bool | np.bool_) or not isinstance(value, int | np.integer):
        near = int(value) if isinstance(value, float) and value.is_integer() else None
        raise WrongType(
            f"{name} is a whole number.", given=value, wanted=wanted, cure=cure if near is None else f"{name}={near}"
        )
    if value < least:
        raise InvalidArgument(f"{name} is too small.", given=int(value), wanted=wanted, cure=cure)
    return int(value)


def check_verbose(verbose: Any) -> None:
    """Refuse what is none of 0, 1, 2 and "auto" (True and False count as 1 and 0)."""
    if isinstance(verbose, bool | int | np.integer | str) and verbose in VERBOSE:
        return
    raise InvalidArgument(
        "verbose says how much is printed.",
        given=verbose,
        wanted='0 (nothing), 1 (a bar), 2 (a line an epoch) or "auto"',
        cure='verbose="auto"',
    )


def check_epochs(epochs: Any, initial_epoch: Any) -> tuple[int, int]:
    """The planned end and the first epoch's number; negative ones are refused, and an end before the first is told."""
    end = whole("epochs", epochs, least=0, cure="epochs=1") or 0
    first = whole("initial_epoch", initial_epoch, least=0, cure="initial_epoch=0") or 0
    if first and first >= end:
        warnings.warn(f"There is nothing to do: initial_epoch={first} is not below epochs={end}, which is the number "
                      "that the last epoch's stays below.", stacklevel=2)  # fmt: skip
    return end, first


def check_split(split: Any) -> float:
    """The share of the rows that is kept for validation: 0 or more, and less than 1."""
    number = not isinstance(split, bool) and isinstance(split, int | float | np.number)
    if not number or not 0 <= split < 1 or math.isnan(split):
        raise InvalidArgument(
            "validation_split is the share of the rows that is not trained on.",
            given=split,
            wanted="a number from 0 to less than 1",
            cure="validation_split=0.2",
        )
    return float(split)


def check_shuffle(shuffle: Any) -> bool:
    """Whether to shuffle: True or False."""
    if isinstance(shuffle, bool | np.bool_) or (isinstance(shuffle, int) and shuffle in {0, 1}):
        return bool(shuffle)
    raise InvalidArgument("shuffle is yes or no.", given=shuffle, wanted="True or False", cure="shuffle=True")


def check_validation_freq(freq: Any) -> int | Collection[int] | Cadence:
    """After every how many epochs validation is due, a collection of epochs counted from 1, or a cadence."""
    if isinstance(freq, str) and not freq.strip().isdigit():
        return Cadence.read(freq, "fit", "validation_freq")
    if isinstance(freq, list | tuple | set | frozenset | range):
        return [
            whole("validation_freq", each, cure="validation_freq=[1, 2], epochs counted from 1") or 1 for each in freq
        ]
    return whole("validation_freq", freq, cure="validation_freq=1, or a list of epochs counted from 1") or 1


def check_class_weight(class_weight: Any) -> None:
    """A dict from classes to finite weights, none negative."""
    if not isinstance(class_weight, Mapping):
        raise WrongType(
            "class_weight is a dict.",
            given=class_weight,
            wanted="a weight for each class",
            cure="class_weight={0: 1.0, 1: 5.0}",
        )
    for label, weight in class_weight.items():
        counted = isinstance(label, int | np.integer) or (isinstance(label, float | np.floating) and label.is_integer())
        if isinstance(label, bool) or not counted:
            raise WrongType(
                "The keys of class_weight are the classes' numbers.",
                given=label,
                wanted="whole numbers from 0",
                cure="class_weight={0: 1.0, 1: 5.0}",
            )
        number = not isinstance(weight, bool) and isinstance(weight, int | float | np.number)
        if not number or not math.isfinite(weight) or weight < 0:
            raise InvalidArgument(
                f"class_weight has a value for class {label} that is no weight.",
                given=weight,
                wanted="a finite number, 0 or more",
                cure=f"class_weight={{{label}: 1.0}}",
            )


def check_both_weights(class_weight: Any, sample_weight: Any) -> None:
    """Refuse class weights together with sample weights, as Keras does."""
    if class_weight is not None and sample_weight is not None:
        raise InvalidArgument(
            "class_weight and sample_weight were given together, and it is not clear which is meant.",
            given=code("fit(class_weight=..., sample_weight=...)"),
            wanted="one of them",
            cure="sample_weight=sample_weight * [class_weight[label] for label in y]",
        )


def unpacked(data: Any, name: str) -> tuple[Any, Any, Any]:
    """Inputs, targets and weights from what `validation_data` was given."""
    if isinstance(data, tuple | list) and 1 <= len(data) <= 3:
        x, y, weight = (*data, None, None)[:3]
        return x, y, weight
    if isinstance(data, tuple | list):
        raise WrongType(
            f"{name} has {len(data)} parts.",
            given=data,
            wanted="(x, y) or (x, y, sample_weight)",
            cure=f"{name}=(x_val, y_val)",
        )
    return data, None, None


def check_flags(run_eagerly: Any, jit_compile: Any, auto_scale_loss: Any) -> None:
    """The flags of compile; two that contradict each other are told of."""
    for name, value in (("run_eagerly", run_eagerly), ("auto_scale_loss", auto_scale_loss)):
        if not isinstance(value, bool):
            raise WrongType(f"{name} is yes or no.", given=value, wanted="True or False", cure=f"{name}=False")
    if not (isinstance(jit_compile, bool) or jit_compile == "auto"):
        raise InvalidArgument(
            "jit_compile is yes, no or auto.", given=jit_compile, wanted='True, False or "auto"',
            cure='jit_compile="auto"',
        )  # fmt: skip
    if run_eagerly and jit_compile is True:
        warnings.warn("run_eagerly=True runs operation by operation, so jit_compile=True is left aside.",
                  stacklevel=3)  # fmt: skip
