"""Schedules as dicts and back, in the format that Keras writes and reads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kibitz.errors import UnknownName, WrongType
from kibitz.optimizers.schedules.base import LearningRateSchedule
from kibitz.optimizers.schedules.cosine import CosineDecay, CosineDecayRestarts
from kibitz.optimizers.schedules.decay import (
    ExponentialDecay,
    InverseTimeDecay,
    PiecewiseConstantDecay,
    PolynomialDecay,
)
from kibitz.registered import known, made_again

SCHEDULES = {
    each.__name__: each
    for each in (
        CosineDecay,
        CosineDecayRestarts,
        ExponentialDecay,
        InverseTimeDecay,
        PiecewiseConstantDecay,
        PolynomialDecay,
    )
}


def serialize(learning_rate_schedule: Any) -> dict[str, Any]:
    """Write a schedule as a dict that JSON can hold, and that Keras reads as well.

    A plain function is written by its name: to read it back, hand it to `deserialize` in `custom_objects`.

    Args:
        learning_rate_schedule: The schedule, or a function of the step.

    Example:
        >>> from kibitz.optimizers import schedules
        >>> schedules.serialize(schedules.InverseTimeDecay(1.0, 10, 0.5))["class_name"]
        'InverseTimeDecay'
    """
    kind = type(learning_rate_schedule)
    if not isinstance(learning_rate_schedule, LearningRateSchedule):
        named = learning_rate_schedule if hasattr(learning_rate_schedule, "__name__") else kind
        name = named.__name__
        return {"module": named.__module__, "class_name": "function", "config": name, "registered_name": name}
    ours = SCHEDULES.get(kind.__name__) is kind
    return {
        "module": "keras.optimizers.schedules" if ours else kind.__module__,
        "class_name": kind.__name__,
        "config": learning_rate_schedule.get_config(),
        "registered_name": None if ours else kind.__name__,
    }


def deserialize(config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None) -> Any:
    """Make a schedule from what `serialize` gave. Nothing is imported: a name is looked up, and that is all.

    Args:
        config: The dict.
        custom_objects: Schedules and functions of your own, by name.

    Raises:
        WrongType: If `config` is not such a dict.
        UnknownName: If it names a schedule that is neither here nor in `custom_objects`.

    Example:
        >>> from kibitz.optimizers import schedules
        >>> written = schedules.serialize(schedules.PiecewiseConstantDecay([10], [1.0, 0.5]))
        >>> float(schedules.deserialize(written)(11))
        0.5
    """
    if not isinstance(config, Mapping) or "class_name" not in config or "config" not in config:
        raise WrongType(
            "This is not a schedule's configuration.",
            given=config,
            wanted='a dict with "class_name" and "config"',
            cure="schedules.deserialize(schedules.serialize(schedule))",
        )
    there_is = {**SCHEDULES, **known(custom_objects)}
    is_function = config["class_name"] == "function"
    name = config["config"] if is_function else config["class_name"]
    if not isinstance(name, str) or name not in there_is:
        raise UnknownName(
            "There is no schedule of this name.",
            given=name,
            there_is=there_is,
            cure=f"deserialize(config, custom_objects={{{name!r}: ...}})",
        )
    found = there_is[name]
    if is_function:
        return found
    return made_again("schedule", lambda given: found.from_config(dict(given)), config["config"])
