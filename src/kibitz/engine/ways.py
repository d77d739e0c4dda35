"""G. The ways along a feed's batches: training moves the state, testing measures it, predicting uses it."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import jax
import numpy as np

from kibitz.data.feed import Feed, OnePass
from kibitz.data.nonfinite import Watch
from kibitz.engine.lookahead import Lookahead
from kibitz.engine.programs import Programs
from kibitz.engine.step import LogRows
from kibitz.engine.supply import Chunk, Supply, place
from kibitz.engine.timeline import Timeline
from kibitz.logs import Logs


class Training:
    """Moves the timeline along the batches of a feed."""

    def __init__(self, timeline: Timeline, programs: Programs, feed: Feed):
        self._timeline, self._programs = timeline, programs
        loops = programs.loops["train"]
        supply = Supply(feed, ahead=loops)
        self._source = feed.source
        self._watch = Watch()
        resident = supply.resident is not None

        def run(carry: Any, chunk: Any, start: Any, n: Any) -> Any:
            return programs.train_span(carry, chunk, start, n, resident=resident)

        self.road = Lookahead(run, supply, timeline.here, most=programs.longest if loops else 1)

    def gone_along(self) -> AbstractContextManager[None]:
        """While this lasts, the state of the model is where this way has come to."""
        return self._timeline.along(self.road)

    def more(self) -> bool:
        """Whether the epoch has another step."""
        return self.road.more()

    def step(self) -> Logs:
        """Do one step; the logs are those of the step that the cursor has now passed."""
        self._timeline.walked()
        row, chunk, at = self.road.step()
        logs = logs_of(self._programs.train_rows, row)
        if not math.isfinite(logs.batch["loss"]):
            self._examine(row[None], chunk, at)
        return logs

    def leap(self) -> tuple[Logs, int]:
        """Do all steps of a span at once, for nobody looks on; the logs of the last, and how many they were."""
        self._timeline.walked()
        rows, chunk, first, n = self.road.leap()
        self._examine(rows, chunk, first)
        return logs_of(self._programs.train_rows, rows[-1]), n

    def _examine(self, rows: np.ndarray, chunk: Chunk, first: int) -> None:
        at = self._watch.first(self._programs.train_rows.own(rows, "loss"))
        if at is not None:
            self._watch.look(chunk.batch(first + at, self._source))


class Testing:
    """Measures the model on the batches of a feed; its running means are its own."""

    def __init__(self, timeline: Timeline, programs: Programs, feed: OnePass, accumulators: Callable[[], list[Any]]):
        self._timeline, self._programs = timeline, programs
        loops = programs.loops["test"]
        supply = Supply(feed, ahead=loops)
        resident = supply.resident is not None
        self._variables = timeline.here.variables()
        self._writes = timeline.writes

        def run(carry: Any, chunk: Any, start: Any, n: Any) -> Any:
            return programs.test_span(self._variables, carry, chunk, start, n, resident=resident)

        self.road = Lookahead(run, supply, accumulators(), most=programs.longest if loops else 1)

    def more(self) -> bool:
        """Whether there is another batch."""
        return self.road.more()

    def step(self) -> Logs:
        """Measure one batch."""
        self._look_again()
        row, _, _ = self.road.step()
        return logs_of(self._programs.test_rows, row)

    def leap(self) -> tuple[Logs, int]:
        """Measure all batches of a span at once; the logs of the last, and how many they were."""
        self._look_again()
        rows, _, _, n = self.road.leap()
        return logs_of(self._programs.test_rows, rows[-1]), n

    def _look_again(self) -> None:
        """If a hook wrote to the model, what was measured ahead was measured on another one."""
        self._timeline.push()
        if self._timeline.writes != self._writes:
            self.road.drop()
            self._variables, self._writes = self._timeline.here.variables(), self._timeline.writes


class Predicting:
    """Runs the model on the batches of a feed and keeps the outputs on the host."""

    def __init__(self, timeline: Timeline, programs: Programs, feed: OnePass):
        self._timeline, self._programs, self._feed = timeline, programs, feed
        self.outputs: list[Any] = []

    def more(self) -> bool:
        """Whether there is another batch."""
        return self._feed.more()

    def step(self) -> Logs:
        """Predict one batch."""
        self._timeline.push()
        x = place(self._feed.source.load(self._feed.take()))[0]
        outputs = jax.tree.map(np.array, self._programs.predict(self._timeline.here.variables(), x))
        self.outputs.append(outputs)
        # Several outputs stand in the logs under their own names, as in Keras.
        return Logs(sorted(outputs.items()) if isinstance(outputs, dict) else {"outputs": outputs})

    def leap(self) -> tuple[Logs, int]:
        """The same: each batch's outputs come to the host by themselves."""
        return self.step(), 1


def logs_of(rows: LogRows, row: np.ndarray) -> Logs:
    """What hooks are given, from a row on the host."""
    running, own = rows.unpack(row)
    return Logs(running, batch=own)
