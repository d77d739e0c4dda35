"""G. How far the device may run ahead of the hooks: spans launched, rows handed out, the length of the next one."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np

from kibitz.engine.span import number
from kibitz.engine.supply import LONGEST, Chunk, Supply
from kibitz.engine.uninterrupted import uninterrupted
from kibitz.report import RunReport, spent_on

SLICE = 0.05  # seconds that a span may take, so that whoever watches sees something move
DEPTH = 2  # spans on the way at a time: the one that hooks look at, and the one that the device works on

Run = Callable[[Any, Chunk, Any, Any], tuple[Any, Any]]
"""`(carry, chunk, start, n) -> (carry, rows)`, compiled."""

Own = Callable[[Any], Any]
"""Gives a carry that nobody else holds, for a program that destroys what it is given."""


class Span(NamedTuple):
    """A span on its way."""

    chunk: Chunk
    start: int  # its first batch within the chunk
    n: int
    after: Any  # the carry behind it
    rows: Any  # the numbers of its steps, on the device
    began: float


class Lookahead:
    """Steps that are done before the hooks have asked for them, and undone when a hook takes a hand.

    `base` is the carry at step b. Spans from there on are launched; the cursor goes through the first of them, step by
    step, as hooks are fired. Whoever reads in the middle of it has `base` brought to the cursor, by running as many
    steps again; whoever writes has the spans dropped as well.

    Args:
        run: Runs a span.
        supply: The batches.
        base: The carry to begin with.
        most: The most steps in a span.
        ahead: Whether a span may be launched before the hooks have come to it.
        own: Where spans destroy the carry that they are given, what makes it theirs alone; such a span is one step,
            and is launched only when the hooks have come to it. None: they leave it as it is.
        report: Where it is written down what was done. None: nowhere.
        asking: Tells the name of the callback that is at work, for the report.
        until_act: Tells, for so many steps beyond the cursor, how many more there are to the next one at which somebody
            has said that they will act; a span ends there.
    """

    def __init__(
        self,
        run: Run,
        supply: Supply,
        base: Any,
        most: int = LONGEST,
        *,
        ahead: bool = True,
        own: Own | None = None,
        report: RunReport | None = None,
        asking: Callable[[], str] = str,
        until_act: Callable[[int], float] = lambda _: math.inf,
    ):
        self._run, self._supply, self._base, self._most = run, supply, base, most
        self._ahead = ahead and supply.ahead and own is None
        self._own, self._report, self._asking = own, report or RunReport(), asking
        self._until_act = until_act
        self._chunk: Chunk | None = None
        self._place = 0  # in the chunk, of the next batch to be launched
        self._spans: deque[Span] = deque()
        self._values: Any = None  # the rows of the first span, on the host
        self._past = 0  # steps of the first span that the hooks have passed
        self._in_base = 0  # steps of the first span that `base` has been brought over
        self._length = 1
        self._since_touch, self._gap, self._wrote = 0, 0, False
        self._numbers: dict[int, jax.Array] = {}  # on the device; bringing one there takes as long as a small step
        self._done = 0.0  # when the last span was done

    @property
    def base(self) -> Any:
        """The carry at the cursor."""
        self.arrive()
        return self._base

    @property
    def behind(self) -> Any:
        """The carry where `base` was last brought to: for what no step changes."""
        return self._base

    @property
    def beyond(self) -> int:
        """How many steps the cursor is beyond it."""
        return self._past - self._in_base

    def begin(self, base: Any) -> None:
        """Begin from another carry, before the first step."""
        self._base = base

    def replace(self, base: Any) -> None:
        """Put another carry in place of the one at the cursor; what was launched from the old one is dropped."""
        self.drop()
        self._base = base

    def go_on(self, run: Run, most: int, *, ahead: bool, own: Own | None) -> None:
        """Run spans in another way from the cursor on; what was launched beyond it is dropped. See `Lookahead`."""
        self.drop()
        self._run, self._most, self._own = run, most, own
        self._ahead = ahead and self._supply.ahead and own is None

    def more(self) -> bool:
        """Whether there is another step."""
        return bool(self._spans) or self._left() > 0 or self._supply.more()

    def upcoming(self) -> tuple[Chunk, int] | None:
        """The chunk of the next step's batch, and its place in it; None if there is none."""
        if self._spans:
            return self._spans[0].chunk, self._spans[0].start + self._past
        if not self._left():
            if not self._supply.more():
                return None
            with spent_on("data"):
                self._chunk, self._place = self._supply.chunk(), 0
        return None if self._chunk is None else (self._chunk, self._place)

    def step(self) -> tuple[Any, Chunk, int]:
        """Go one step on: its row, and the chunk and the place in it of its batch."""
        values, span, past, _ = self._pass(1)
        row = values[past] if isinstance(values, np.ndarray) else jax.tree.map(lambda leaf: leaf[past], values)
        return row, span.chunk, span.start + past

    def leap(self, most: float = math.inf) -> tuple[Any, Chunk, int, int]:
        """Go on to the end of the span at once, or so many steps, for nobody looks: the rows, and where they came from.

        They are the chunk, the place in it of the first, and how many they are.
        """
        values, span, past, n = self._pass(most)
        return jax.tree.map(lambda leaf: leaf[past : past + n], values), span.chunk, span.start + past, n

    def _pass(self, most: float) -> tuple[Any, Span, int, int]:
        """Let the cursor pass steps of the first span: all its rows, itself, and which steps were passed."""
        self._launch()
        span = self._spans[0]
        if self._values is None:
            self._values = self._arrived(span)
        values, past = self._values, self._past
        n = int(min(most, span.n - past))
        self._past += n
        self._since_touch += n
        if self._past == span.n:
            self._base, self._values, self._past, self._in_base = span.after, None, 0, 0
            self._spans.popleft()
        return values, span, past, n

    def _arrived(self, span: Span) -> Any:
        """The rows of a span on the host; the device is waited for."""
        began = time.perf_counter()
        rows = span.rows
        values = np.asarray(rows) if isinstance(rows, jax.Array) else jax.tree.map(np.asarray, rows)
        self._report.seconds["device"] += time.perf_counter() - began
        self._adapt(span)
        return values

    def arrive(self) -> None:
        """Bring `base` to the cursor."""
        behind = self.beyond
        if behind:
            span = self._spans[0]
            start = span.start + self._in_base
            self._base, _ = self._run(self._base, span.chunk, number(start), number(behind))
            self._in_base = self._past
            self._report.rewound(self._asking(), behind)

    def drop(self) -> None:
        """Forget what was launched beyond the cursor; the next span begins there again."""
        self.arrive()
        if self._spans:
            first = self._spans[0]
            later = {id(span.chunk): span.chunk for span in self._spans if span.chunk is not first.chunk}
            self._supply.give_back(list(later.values()))
            self._chunk, self._place = first.chunk, first.start + self._past
            if self._own is not None:  # what it was launched from is gone, and it cannot be undone
                self._base, self._place = first.after, first.start + first.n
        self._spans.clear()
        self._values, self._past, self._in_base = None, 0, 0

    def leave(self) -> Any:
        """The run is over: the carry at the cursor; the data go now, also where an exception keeps this road."""
        self.drop()
        self._chunk = None
        self._supply.let_go()
        return self._base

    def touched(self, *, wrote: bool) -> None:
        """A hook has read or written: expect it again after as many steps, and end a span there."""
        if self._since_touch:
            self._gap, self._since_touch = self._since_touch, 0
        self._wrote = self._wrote or wrote

    # -- launching ---------------------------------------------------------------------------------------------------

    def _number(self, value: int) -> jax.Array:
        if value not in self._numbers:
            self._numbers[value] = number(value)
        return self._numbers[value]

    def _left(self) -> int:
        return 0 if self._chunk is None else len(self._chunk) - self._place

    def _launch(self) -> None:
        while len(self._spans) < DEPTH and (not self._spans or self._may_run_on()):
            if not self._left():
                if not self._supply.more():
                    with spent_on("data"):
                        self._supply.make_ready()
                    return
                with spent_on("data"):
                    self._chunk, self._place = self._supply.chunk(), 0
            chunk = self._chunk
            if chunk is None:
                return
            n = min(self._wanted(), self._left())
            if self._own is None:
                self._send(self._spans[-1].after if self._spans else self._base, chunk, n)
                continue
            self._base = self._own(self._base)
            with uninterrupted():
                self._send(self._base, chunk, n)
            if not self._left():
                with spent_on("data"):
                    self._supply.fetch()

    def _send(self, carry: Any, chunk: Chunk, n: int) -> None:
        began = time.perf_counter()
        self._report.spans += 1
        after, rows = self._run(carry, chunk, self._number(self._place), self._number(n))
        self._spans.append(Span(chunk, self._place, n, after, rows, began))
        self._place += n

    def _may_run_on(self) -> bool:
        """Whether to launch from a state that hooks have not seen: not where a write is expected before."""
        return self._ahead and not (self._gap and self._wrote)

    def _wanted(self) -> int:
        ahead = sum(span.n for span in self._spans) - self._past
        length = min(self._length, self._most, self._until_act(ahead))
        if self._gap:
            length = min(length, self._gap - (self._since_touch + ahead) % self._gap)
        return max(int(length), 1)

    def _adapt(self, span: Span) -> None:
        """Twice as long while nobody touches, and never longer than a slice of time."""
        now = time.perf_counter()
        seconds = (now - max(span.began, self._done)) / span.n
        self._done = now
        if self._gap and self._since_touch > 2 * self._gap:
            self._gap, self._wrote = 0, False  # whoever touched has stopped doing so
        self._length = min(2 * self._length, self._most, max(1, int(SLICE / max(seconds, 1e-9))))
