"""What `compile` was given, as plain data for a file, and back again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from kibitz.losses import registry as losses
from kibitz.metrics import registry as metrics
from kibitz.optimizers import registry as optimizers


def written(given: dict[str, Any]) -> dict[str, Any]:
    """The arguments of compile as strings, numbers, lists and dicts.

    Raises:
        Unsupported: If the optimizer is an Optax transformation, which cannot be written down.
    """
    config = dict(given)
    config["optimizer"] = optimizers.serialize(given["optimizer"])
    config["loss"] = _each(given["loss"], losses.serialize)
    for name in ("metrics", "weighted_metrics"):
        config[name] = _each(given[name], metrics.serialize)
    return config


def read(config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The arguments of compile from what `written` gave.

    Args:
        config: Plain data.
        custom_objects: Classes and functions of your own, by name. None means none.
    """
    own = dict(custom_objects or {})
    given = dict(config)
    given["optimizer"] = optimizers.deserialize(config["optimizer"], own)
    given["loss"] = _each(config["loss"], lambda each: losses.deserialize(each, own))
    for name in ("metrics", "weighted_metrics"):
        given[name] = _each(config[name], lambda each: metrics.deserialize(each, own))
    return given


def _each(given: Any, turn: Callable[[Any], Any]) -> Any:
    """Apply `turn` to every loss or metric in a structure; names stay names."""
    if given is None or isinstance(given, str):
        return given
    if isinstance(given, Mapping) and "class_name" not in given:
        return {key: _each(value, turn) for key, value in given.items()}
    if isinstance(given, list | tuple):
        return [_each(value, turn) for value in given]
    return turn(given)
