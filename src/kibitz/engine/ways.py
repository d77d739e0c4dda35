"""G. The ways along a feed's batches: training moves the state, testing measures it, predicting uses it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import jax
import numpy as np

from kibitz.data.feed import Feed, OnePass
from kibitz.data.nonfinite import Watch
from kibitz.data.source import Batch
from kibitz.engine.lookahead import Lookahead
from kibitz.engine.placement import placement
from kibitz.engine.programs import Programs
from kibitz.engine.said import Said
from kibitz.engine.step import LogRows
from kibitz.engine.supply import Chunk, Supply
from kibitz.engine.timeline import Timeline
from kibitz.layers.spread import spread
from kibitz.logs import Logs
from kibitz.run import Run


class Sent:
    """Sends spans of one kind to the device.

    It knows nothing of the way that has it made: the data of a run go as soon as the run is over, and not when Python
    next looks for circles.

    Args:
        programs: The compiled programs.
        kind: "train", "test" or "predict".
        constants: What the steps look at and leave as it is.
        short: A chunk like the one of the short last batch, whose program is made ready meanwhile. None: there is none.
        placed: Where what is carried lies, and shall lie. None: on one device.
    """

    def __init__(
        self,
        programs: Programs,
        kind: str,
        constants: tuple[Any, ...] = (),
        short: Chunk | None = None,
        placed: Any = None,
    ):
        self.constants, self._placed = constants, placed
        self._programs, self._kind, self._short = programs, kind, short

    def __call__(self, carry: Any, chunk: Chunk, start: Any, n: Any) -> Any:
        """Run n steps, from batch `start` of a chunk on."""
        done = self._programs.run(self._kind, self.constants, carry, chunk, start, n, self._placed)
        if self._short is not None and chunk.full:  # the device is busy now: time to make ready for the last batch
            short, self._short = self._short, None
            self._programs.prepare(self._kind, self.constants, carry, short, self._placed)
        return done


def settle(timeline: Timeline) -> Any:
    """Steps are about to be done: where each leaf of the state lies, and will lie; None if all is on one device."""
    timeline.push()
    timeline.spread = any(map(spread, timeline.here.variables().values()))
    if timeline.spread:
        timeline.base = timeline.here
    return placement(timeline.here)


class Training:
    """Moves the timeline along the batches of a feed."""

    def __init__(self, timeline: Timeline, programs: Programs, feed: Feed, run: Run):
        self._timeline, self._programs, self._source = timeline, programs, feed.source
        self._watch = Watch()
        self._passed: tuple[Chunk, int] | None = None
        manner = programs.manner("train")
        self._supply = supply = Supply(feed, ahead=manner.loops)
        self._donates, self._clock, self._report = manner.donates, run.clock, run.report
        self.said = Said(programs.hooks, programs.train_rows)
        sent = Sent(programs, "train", short=supply.short(), placed=settle(timeline))
        self.road = Lookahead(
            sent, supply, timeline.here, manner.most, ahead=manner.ahead,
            own=timeline.owned if manner.donates else None, report=run.report, asking=lambda: run.asking,
            until_act=run.until_act,
        )  # fmt: skip

    @property
    def programs(self) -> Programs:
        """What it runs."""
        return self._programs

    def renew(self, programs: Programs) -> None:
        """Go on with other programs: other parameters are moved from now on, and the timeline knows already."""
        manner, timeline = programs.manner("train"), self._timeline
        self._programs, self._donates = programs, manner.donates
        self.said.follow(programs.hooks, programs.train_rows)
        sent = Sent(programs, "train", short=self._supply.short(), placed=settle(timeline))
        own = timeline.owned if manner.donates else None
        self.road.go_on(sent, manner.most, ahead=manner.ahead, own=own)

    @contextmanager
    def gone_along(self) -> Iterator[None]:
        """While this lasts, the state of the model is where this way has come to."""
        try:
            with self._timeline.along(self.road):
                yield
        finally:
            self._passed = None  # the data go now, also where an exception keeps this way

    def more(self) -> bool:
        """Whether the epoch has another step."""
        there_is = self.road.more()
        if there_is:
            self._passed = None
        return there_is

    def batch(self) -> Batch | None:
        """The batch of the step that hooks are told of: the one to come at its begin, the one that was at its end."""
        at = self._passed or self.road.upcoming()
        return None if at is None else at[0].batch(at[1], self._source)

    def step(self) -> Logs:
        """Do one step; the logs are those of the step that the cursor has now passed."""
        self._timeline.walked()
        row, chunk, at = self.road.step()
        self._passed = chunk, at
        self._report.passed(1, chunk.samples(at, 1))
        logs = logs_of(self._programs.train_rows, row)
        if not math.isfinite(logs.batch["loss"]):
            self._examine(row[None], chunk, at)
        self._arrive()
        return self.said.put(logs, row[None], self._clock.step + 1)

    def leap(self, most: float) -> tuple[Logs, int]:
        """Do the steps of a span at once, at most so many, for nobody looks on; the last one's logs, and how many."""
        self._timeline.walked()
        rows, chunk, first, n = self.road.leap(most)
        self._passed = chunk, first + n - 1
        self._report.passed(n, chunk.samples(first, n))
        self._examine(rows, chunk, first)
        self._arrive()
        return self.said.put(logs_of(self._programs.train_rows, rows[-1]), rows, self._clock.step + 1), n

    def _arrive(self) -> None:
        if self._donates:  # the arrays of the step before are gone, also those in the user's own module
            self._timeline.show()

    def _examine(self, rows: np.ndarray, chunk: Chunk, first: int) -> None:
        at = self._watch.first(self._programs.train_rows.own(rows, "loss"))
        if at is not None:
            self._watch.look(chunk.batch(first + at, self._source))


class Measuring:
    """What testing and predicting share: a state that is looked at and left as it is."""

    def __init__(
        self,
        kind: str,
        timeline: Timeline,
        programs: Programs,
        feed: OnePass,
        first: Any,
        run: Run,
        supply: Supply | None = None,
    ):
        self._timeline, self._programs, self._run = timeline, programs, run
        manner = programs.manner(kind)
        self.supply = supply or Supply(feed, ahead=manner.loops, pads=programs.pads(kind))
        self.supply.renew()
        self._writes = timeline.writes
        self._sent = Sent(programs, kind, (timeline.here.variables(),))
        self.road = Lookahead(
            self._sent,
            self.supply,
            first,
            manner.most,
            ahead=manner.ahead,
            report=run.report,
            asking=lambda: run.asking,
        )

    def more(self) -> bool:
        """Whether there is another batch."""
        return self.road.more()

    def _passed(self, chunk: Chunk, first: int, n: int) -> None:
        if self._run.kind == "train":
            self._run.report.validated += n
        else:
            self._run.report.passed(n, chunk.samples(first, n))

    def _look_again(self) -> None:
        """If a hook wrote to the model, what was measured ahead was measured on another one."""
        self._timeline.push()
        if self._timeline.writes != self._writes:
            self.road.drop()
            self._sent.constants, self._writes = (self._timeline.here.variables(),), self._timeline.writes


class Testing(Measuring):
    """Measures the model on the batches of a feed; its running means are its own.

    `supply` is that of an evaluation before this one on the same data, which are on the device already; None brings
    them there.
    """

    def __init__(
        self,
        timeline: Timeline,
        programs: Programs,
        feed: OnePass,
        accumulators: Callable[[], list[Any]],
        run: Run,
        supply: Supply | None = None,
    ):
        super().__init__("test", timeline, programs, feed, accumulators(), run, supply)

    def step(self) -> Logs:
        """Measure one batch."""
        self._look_again()
        row, chunk, at = self.road.step()
        self._passed(chunk, at, 1)
        return logs_of(self._programs.test_rows, row)

    def leap(self, most: float) -> tuple[Logs, int]:
        """Measure the batches of a span at once, at most so many; the logs of the last, and how many they were."""
        self._look_again()
        rows, chunk, first, n = self.road.leap(most)
        self._passed(chunk, first, n)
        return logs_of(self._programs.test_rows, rows[-1]), n


class Predicting(Measuring):
    """Runs the model on the batches of a feed and keeps the outputs on the host."""

    def __init__(self, timeline: Timeline, programs: Programs, feed: OnePass, run: Run):
        super().__init__("predict", timeline, programs, feed, (), run)
        self.outputs: list[Any] = []

    def step(self) -> Logs:
        """Predict one batch."""
        self._look_again()
        outputs, chunk, at = self.road.step()
        self._passed(chunk, at, 1)
        real = chunk.real(at)
        outputs = jax.tree.map(lambda leaf: np.array(leaf[:real]), outputs)
        self.outputs.append(outputs)
        # Several outputs stand in the logs under their own names, as in Keras.
        return Logs(sorted(outputs.items()) if isinstance(outputs, dict) else {"outputs": outputs})

    def leap(self, most: float) -> tuple[Logs, int]:
        """Predict the batches of a span at once, at most so many; how many they were."""
        self._look_again()
        outputs, chunk, first, n = self.road.leap(most)
        self._passed(chunk, first, n)
        last = chunk.real(first + n - 1)

        def joined(leaf: np.ndarray) -> np.ndarray:
            rows = len(leaf[-1]) if last is None else last
            flat = leaf.reshape(-1, *leaf.shape[2:])
            return np.array(flat[: (n - 1) * leaf.shape[1] + rows])

        self.outputs.append(jax.tree.map(joined, outputs))
        return Logs(), n


def logs_of(rows: LogRows, row: np.ndarray) -> Logs:
    """What hooks are given, from a row on the host."""
    running, own = rows.unpack(row)
    return Logs(running, batch=own)
