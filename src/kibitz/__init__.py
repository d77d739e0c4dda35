"""Kibitz trains JAX models with fit, evaluate and predict, and lets callbacks look on at every stage.

`import kibitz as keras` runs a Keras program for all that Kibitz has. Names are brought when they are first used, so
that importing one piece (a callback's base, the errors) costs no more than that piece.
"""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

_NAMES = {
    "Input": "kibitz.layers.input",
    "Model": "kibitz.models.model",
    "Sequential": "kibitz.models.sequential",
    "Variable": "kibitz.variable",
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
        return getattr(importlib.import_module(_NAMES[name]), name)
    if name in _ROOMS:
        return importlib.import_module(f"kibitz.{name}")
    from kibitz.absent import missing

    raise missing("kibitz", name, [*_NAMES, *_ROOMS])


def __dir__() -> list[str]:
    return sorted(__all__)
