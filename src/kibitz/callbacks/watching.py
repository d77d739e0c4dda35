"""What callbacks that watch a number have in common for those who subclass them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from kibitz.callbacks.base import Callback
from kibitz.callbacks.monitor import Monitor
from kibitz.callbacks.number import number


class Watching(Callback):
    """A callback with a `Monitor` as `watch`: the base of `EarlyStopping`, `ReduceLROnPlateau` and `ModelCheckpoint`.

    It has the names by which subclasses written for Keras ask whether a number is better, and by which they say what
    is watched: `monitor`, `mode`, `min_delta` and `patience` count as they are set last.

    Reads: nothing by itself.
    Changes: nothing by itself.
    Keeps: nothing of its own.
    Unlike Keras: `monitor_op` is there from the beginning of training on, not only from the first epoch's end.

    Example:
        >>> from kibitz.callbacks import EarlyStopping
        >>> EarlyStopping("loss", mode="min").monitor_op(1.0, 2.0).item()
        True

    Source: https://keras.io/api/callbacks/early_stopping/
    """

    watch: Monitor

    @property
    def best(self) -> float | None:
        """The best value so far; None if there is none. It can be set."""
        return self.watch.best

    @best.setter
    def best(self, value: float | None) -> None:
        self.watch.best = value

    @property
    def wait(self) -> int:
        """How many values in a row were no better. It can be set."""
        return self.watch.wait

    @wait.setter
    def wait(self, value: int) -> None:
        self.watch.wait = value

    @property
    def patience(self) -> int:
        """How many values in a row may be no better. It can be set."""
        return self.watch.patience

    @patience.setter
    def patience(self, value: int) -> None:
        self.watch.patience = number(self.watch.owner, "patience", value, least=0, such_as=3)

    @property
    def monitor(self) -> str | None:
        """The key of the number in the logs. It can be set."""
        return self.watch.key

    @monitor.setter
    def monitor(self, key: str | None) -> None:
        self.watch.rename(key)

    @property
    def mode(self) -> str:
        """Which way is better: "min", "max", or "auto" to ask the metric. It can be set."""
        return self.watch.mode

    @mode.setter
    def mode(self, mode: str) -> None:
        self.watch.turn(mode)

    @property
    def min_delta(self) -> float:
        """How much better counts as better; its sign does not matter. It can be set."""
        return self.watch.min_delta

    @min_delta.setter
    def min_delta(self, value: float) -> None:
        self.watch.min_delta = abs(number(self.watch.owner, "min_delta", value))

    @property
    def monitor_op(self) -> Callable[[Any, Any], Any] | None:
        """`numpy.less` or `numpy.greater`; None while it is not known which way is better. It can be set."""
        return {"min": np.less, "max": np.greater, None: None}[self.watch.direction]

    @monitor_op.setter
    def monitor_op(self, compare: Callable[[Any, Any], Any] | None) -> None:
        if compare is not None:
            self.watch.mode = self.watch.direction = "max" if compare(1.0, 0.0) else "min"

    def _is_improvement(self, monitor_value: Any, reference_value: Any) -> bool:
        return self.watch.better(float(monitor_value), reference_value)

    def _set_monitor_op(self) -> None:
        self.watch.learn(self.model)
