"""The recording callback: it writes down each call of a hook, with how the logs came and what they held."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

FIT_HOOKS = (
    "on_train_begin",
    "on_epoch_begin",
    "on_train_batch_begin",
    "on_train_batch_end",
    "on_test_begin",
    "on_test_batch_begin",
    "on_test_batch_end",
    "on_test_end",
    "on_epoch_end",
    "on_train_end",
)
PREDICT_HOOKS = ("on_predict_begin", "on_predict_batch_begin", "on_predict_batch_end", "on_predict_end")
HOOKS = FIT_HOOKS + PREDICT_HOOKS
ABSENT = "absent"


def plain(value: Any) -> Any:
    """A copy of a value as plain data: arrays of any library become NumPy's, dicts keep their order."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if value is None or (isinstance(value, bool | int | float | str) and not isinstance(value, np.generic)):
        return value
    return np.array(value)


def recorder(ns: Any, *only: str, trace: list | None = None, **acts: Callable) -> Any:
    """A callback of `ns` with all hooks (or `only` some) that fills its `trace`.

    Each entry is `[hook, index or None, how the logs came, the logs]`. `acts` maps a hook to a function
    `(callback, index, logs)` that is called after the entry is written; what it returns, if anything, is added.
    """
    body = {hook: _writes(hook, acts.get(hook)) for hook in only or HOOKS}
    made = type("Recorder", (ns.callbacks.Callback,), body)()
    made.trace = [] if trace is None else trace
    return made


def _writes(hook: str, act: Callable | None) -> Callable:
    indexed = "batch" in hook or "epoch" in hook

    def call(self: Any, *args: Any, **named: Any) -> None:
        rest = args[1:] if indexed else args
        index = args[0] if indexed and args else None
        how = "keyword" if "logs" in named else "positional" if rest else ABSENT
        logs = named.get("logs", rest[0] if rest else ABSENT)
        entry = [hook, index, how, plain(logs)]
        self.trace.append(entry)
        saw = act(self, index, logs) if act else None
        if saw is not None:
            entry.append(plain(saw))

    call.__name__ = hook
    return call


def hooks_of(trace: list) -> list[str]:
    """Only the hooks of a trace, with their indices: "on_epoch_end 0"."""
    return [entry[0] if entry[1] is None else f"{entry[0]} {entry[1]}" for entry in trace]


def saw(trace: list) -> list:
    """Only what the acts of a trace returned, with the hook and its index."""
    return [[entry[0], entry[1], entry[4]] for entry in trace if len(entry) > 4]
