"""A scenario: a small program written once, run under two libraries, and compared.

A scenario is a function `(ns, tmp) -> trace`. `ns` is `keras` or `kibitz`, and only names that Keras has are used;
`tmp` is an empty folder; the trace is a nest of dicts, lists, numbers, strings and arrays. Two traces agree when they
have the same types, the same keys in the same order, and the same numbers.
"""

from __future__ import annotations

import importlib
import math
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Scenario:
    """One program, what it proves, and how near the numbers must be.

    `covers` holds the facts and parameters that this scenario is there for, such as "F5" or "fit.shuffle".
    """

    name: str
    run: Callable[[Any, Any], Any]
    covers: tuple[str, ...]
    rtol: float
    proves: str

    def trace(self, ns: Any, tmp: Any) -> Any:
        """Run it under a library as if alone: names of layers count from the start, and nothing stays registered."""
        ns.utils.clear_session(free_memory=False)
        registered = ns.saving.get_custom_objects()
        before = dict(registered)
        try:
            return self.run(ns, tmp)
        finally:
            registered.clear()
            registered.update(before)


SCENARIOS: dict[str, Scenario] = {}


def scenario(*covers: str, rtol: float = 1e-5, name: str | None = None) -> Callable[[Callable], Callable]:
    """Enter a function among the scenarios, under its own name unless another is given."""

    def enter(run: Callable) -> Callable:
        key = name or run.__name__
        if key in SCENARIOS:
            raise ValueError(f"two scenarios are named {key}")
        SCENARIOS[key] = Scenario(key, run, covers, rtol, (run.__doc__ or "").strip())
        return run

    return enter


def load() -> dict[str, Scenario]:
    """Import every scenarios_*.py of this folder, and give all that they entered."""
    package = importlib.import_module("tests.oracle")
    for module in pkgutil.iter_modules(package.__path__):
        if module.name.startswith("scenarios_"):
            importlib.import_module(f"tests.oracle.{module.name}")
    return SCENARIOS


def differences(keras: Any, kibitz: Any, rtol: float, at: str = "trace") -> list[str]:
    """Where two traces part: one line a place, empty if they agree."""
    if isinstance(keras, dict) and isinstance(kibitz, dict):
        return _dicts(keras, kibitz, rtol, at)
    if isinstance(keras, list | tuple) and isinstance(kibitz, list | tuple):
        return _lists(keras, kibitz, rtol, at)
    if type(keras) is not type(kibitz):
        return [f"{at}: keras {_show(keras)}, kibitz {_show(kibitz)}"]
    if isinstance(keras, np.ndarray):
        return _arrays(keras, kibitz, rtol, at)
    if isinstance(keras, float):
        same = math.isclose(keras, kibitz, rel_tol=rtol, abs_tol=1e-6) or (math.isnan(keras) and math.isnan(kibitz))
    else:
        same = keras == kibitz
    return [] if same else [f"{at}: keras {keras!r}, kibitz {kibitz!r}"]


def _dicts(keras: dict, kibitz: dict, rtol: float, at: str) -> list[str]:
    if list(keras) != list(kibitz):
        return [f"{at}: keras has the keys {list(keras)}, kibitz {list(kibitz)}"]
    return [line for key in keras for line in differences(keras[key], kibitz[key], rtol, f"{at}[{key!r}]")]


def _lists(keras: Any, kibitz: Any, rtol: float, at: str) -> list[str]:
    found = [
        line
        for index, (theirs, ours) in enumerate(zip(keras, kibitz, strict=False))
        for line in differences(theirs, ours, rtol, f"{at}[{index}]")
    ]
    if len(keras) != len(kibitz):
        longer, rest = ("keras", keras) if len(keras) > len(kibitz) else ("kibitz", kibitz)
        extra = rest[min(len(keras), len(kibitz))]
        found.append(f"{at}: keras has {len(keras)} entries, kibitz {len(kibitz)}; {longer} goes on {_show(extra)}")
    return found


def _arrays(keras: np.ndarray, kibitz: np.ndarray, rtol: float, at: str) -> list[str]:
    if keras.shape != kibitz.shape or keras.dtype != kibitz.dtype:
        return [f"{at}: keras {keras.dtype}{list(keras.shape)}, kibitz {kibitz.dtype}{list(kibitz.shape)}"]
    if keras.dtype.kind not in "fc":
        same = bool(np.array_equal(keras, kibitz))
    else:
        same = bool(np.allclose(kibitz, keras, rtol=rtol, atol=1e-6, equal_nan=True))
    return [] if same else [f"{at}: keras {_show(keras)}, kibitz {_show(kibitz)}"]


def _show(value: Any) -> str:
    text = " ".join(f"{type(value).__name__} {value!r}".split())
    return text if len(text) < 160 else text[:157] + "..."
