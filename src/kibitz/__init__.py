"""Kibitz trains JAX models with fit, evaluate and predict, and lets callbacks look on at every stage.

`import kibitz as keras` runs a Keras program for all that Kibitz has. Names are brought when they are first used, so
that importing one piece (a callback's base, the errors) costs no more than that piece.
"""

from __future__ import annotations

import importlib
import random
import sys
from types import ModuleType
from typing import Any

__version__ = "0.1.0"

_NAMES = {
    "Input": "kibitz.layers.input",
    "Model": "kibitz.models.model",
    "Sequential": "kibitz.models.sequential",
    "Variable": "kibitz.variable",
    "at": "kibitz.models.at",
    "every": "kibitz.callbacks.every",
    "on": "kibitz.callbacks.on",
    "fast_dev_run": "kibitz.models.fast_dev_run",
    "overfit_one_batch": "kibitz.models.overfit_one_batch",
}
_ROOMS = (
    "activations",
    "backend",
    "callbacks",
    "config",
    "constraints",
    "datasets",
    "errors",
    "hooks",
    "initializers",
    "layers",
    "losses",
    "metrics",
    "models",
    "ops",
    "optimizers",
    "regularizers",
    "saving",
    "testing",
    "utils",
)

__all__ = ["__version__", *_NAMES, *_ROOMS]  # pyright: ignore[reportUnsupportedDunderAll] - brought by __getattr__


def __getattr__(name: str) -> Any:
    if name in _NAMES:
        return getattr(_brought(_NAMES[name]), name)
    if name in _ROOMS:
        return _brought(f"kibitz.{name}")
    from kibitz.absent import missing

    raise missing("kibitz", name, [*_NAMES, *_ROOMS])


def _brought(name: str) -> ModuleType:
    """Import a module without a trace in Python's `random`, from which a user's seeds are drawn.

    Rich, which Flax imports, draws a number when it is imported: the first model of a program would have other weights
    than the second one after the same `set_random_seed`.
    """
    if name in sys.modules:
        return sys.modules[name]
    state = random.getstate()
    try:
        return importlib.import_module(name)
    finally:
        random.setstate(state)


def __dir__() -> list[str]:
    return sorted(__all__)
