"""What a fit is made of, written down by name: a run that goes on with something else can say what that is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

from kibitz.checkpoint.fingerprint import of_data, of_machine
from kibitz.checkpoint.pieces import grid
from kibitz.data.feed import OnePass
from kibitz.data.generators import GeneratorSource
from kibitz.data.source import Source
from kibitz.data.stateful import StatefulSource
from kibitz.models.core import Core
from kibitz.seed import seed_that_was_set


def made_of(core: Core, given: Any, source: Source, sets: Mapping[str, OnePass]) -> dict[str, Any]:
    """The model, the optimizer, the data, the settings and the machine, as plain values."""
    state = core.timeline.behind
    return {
        # By their places, since names are counted on in a process.
        "model": {name: _kind(value) for name, value in state.variables().items()},
        "layers": {f"{place} {kind}": _without_names(config) for place, kind, config in _layers(core.owner)},
        "optimizer": {"class": type(core.optimizer).__name__, **_settings(core.optimizer)},
        "loss": _named(core.objective.given["loss"] if core.objective is not None else None),
        "metrics": list(core.objective.names) if core.objective is not None else [],
        "data": _of_source(source),
        "validation": {name: _of_source(feed.source) for name, feed in sets.items()},
        **{name: _named(getattr(given, name)) for name in (
            "batch_size", "shuffle", "class_weight", "initial_epoch", "steps_per_epoch", "validation_split",
            "validation_freq", "validation_steps", "validation_batch_size",
        )},
        "seed": seed_that_was_set(),
        "machine": of_machine(),
    }  # fmt: skip


def _of_source(source: Any) -> Any:
    if isinstance(source, StatefulSource):
        return f"{source.kind}, which knows its place"
    if isinstance(source, GeneratorSource):
        return "a generator"
    return {"x": of_data(source.x), "y": of_data(source.y), "sample_weight": of_data(source.weight)}


def _kind(value: Any) -> str:
    cut = grid(value)
    parts = f" in {'x'.join(map(str, cut))} parts" if max(cut, default=1) > 1 else ""  # over devices: other bits
    return f"{value.dtype}[{', '.join(map(str, value.shape))}]{parts}"


def _layers(owner: Any) -> list[tuple[int, str, Any]]:
    """The layers' configurations; a module of one's own has none, and is told by its variables alone."""
    listed = enumerate(getattr(owner, "layers", ()))
    return [(place, type(each).__name__, each.get_config()) for place, each in listed if hasattr(each, "get_config")]


def _without_names(config: Any) -> Any:
    """Names say nothing of what a layer does."""
    if isinstance(config, Mapping) and "class_name" in config:  # what was registered: its class, and its settings
        return {"class": config["class_name"], **_without_names(config.get("config") or {})}
    if isinstance(config, Mapping):
        return {str(key): _without_names(value) for key, value in config.items() if key != "name"}
    if isinstance(config, list | tuple):
        return [_without_names(each) for each in config]
    return _named(config)


def _settings(optimizer: Any) -> dict[str, Any]:
    """The optimizer's settings; the learning rate is a part of the state, and hooks may have set it."""
    config = optimizer.get_config() if hasattr(optimizer, "get_config") else {}
    return {key: _without_names(value) for key, value in config.items() if key not in {"name", "learning_rate"}}


def _named(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, np.ndarray | jax.Array):
        return of_data(value)
    if isinstance(value, Mapping):
        return {str(key): _named(each) for key, each in value.items()}
    if isinstance(value, list | tuple | set | range):
        return [_named(each) for each in value]
    return getattr(value, "__name__", None) or type(value).__name__
