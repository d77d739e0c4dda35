"""I. What graph hooks log: at the steps where they act, and its mean over the epoch so far."""

from __future__ import annotations

from typing import Any

import numpy as np

from kibitz.engine.graph_hooks import GraphHooks
from kibitz.engine.step import LogRows
from kibitz.logs import Logs


class Said:
    """Puts the numbers of graph hooks into the logs of the batches that they belong to.

    One number has, like any metric, its mean over the epoch in the logs, over the steps at which it was made, and its
    own value in `logs.batch` at such a step. What is more than one number stands in `logs.batch` alone.

    Args:
        hooks: The hooks.
        rows: What travels from the device.
    """

    def __init__(self, hooks: GraphHooks, rows: LogRows):
        self._hooks, self._rows = hooks, rows
        self._sums: dict[str, tuple[float, int]] = {}

    def follow(self, hooks: GraphHooks, rows: LogRows) -> None:
        """Go on with what another program sends."""
        self._hooks, self._rows = hooks, rows

    def begin_epoch(self) -> None:
        """Begin the means anew."""
        self._sums = {}

    def get_state(self) -> dict[str, Any]:
        """The means as they stand."""
        return {name: list(each) for name, each in self._sums.items()}

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on with them."""
        self._sums = {name: (total, count) for name, (total, count) in state.items()}

    def put(self, logs: Logs, rows: np.ndarray, first: int) -> Logs:
        """The logs of the last of some steps, with what was said at these steps.

        Args:
            logs: The logs without it.
            rows: The rows of the steps.
            first: The number of the first of them, counted from 1.
        """
        if not self._hooks.hooks:
            return logs
        every = {name: hook.every for name, hook in self._hooks.source.items()}
        for period in sorted(set(every.values())):
            for at in range(-first % period, len(rows), period):
                said = self._rows.unpack_said(rows[at])
                for name in (name for name in self._rows.said if every[name] == period):
                    self._add(name, said[name])
                    if at == len(rows) - 1:
                        logs.batch[name] = said[name]
        means = {name: total / count for name, (total, count) in self._sums.items()}
        return Logs(sorted({**logs, **means}.items()), batch=logs.batch)

    @property
    def names(self) -> list[str]:
        """What may be said."""
        return list(self._hooks.source)

    def again(self, logs: dict[str, Any], batch: dict[str, Any]) -> None:
        """Go on with the means over a step that was done elsewhere, and put them into its logs in place of those there.

        Args:
            logs: The logs as they came.
            batch: The batch's own values; empty where no batch has just ended.
        """
        for name in self._hooks.source:
            if name in batch:
                self._add(name, batch[name])
        logs.update({name: total / count for name, (total, count) in self._sums.items() if name in logs})

    def _add(self, name: str, value: float | np.ndarray) -> None:
        if not isinstance(value, np.ndarray):
            total, count = self._sums.get(name, (0.0, 0))
            self._sums[name] = (total + value, count + 1)
