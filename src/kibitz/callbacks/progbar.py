"""A progress bar: how far, how long still, and the numbers so far."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

import numpy as np

from kibitz.callbacks.progress_words import count, pace, remaining, shown, spelled
from kibitz.callbacks.say import say
from kibitz.callbacks.screen import BLOCK, Words, screen
from kibitz.errors import InvalidArgument


class Progbar:
    """Show how far a loop has come, and the numbers that it has so far.

    In a terminal and in a notebook one line is drawn over itself, and what is printed meanwhile appears above it. In a
    pipe, a file or CI there is one plain line at the end, and one every ten seconds on the way.

    Args:
        target: How many steps there will be. None if that is unknown.
        width: The bar's width, in characters.
        verbose: 0 is silent, 1 draws, 2 prints one line at the end.
        interval: Seconds between two drawings, at least.
        stateful_metrics: Names of numbers that are shown as they are; all others are averaged over the steps. None
            averages all.
        stateless_metrics: Names of numbers that are averaged; all others are shown as they are. None leaves it to
            `stateful_metrics`.
        unit_name: What is counted.

    Raises:
        InvalidArgument: If both `stateful_metrics` and `stateless_metrics` are given.

    Unlike Keras: values of any kind are shown, and no control codes are written where they would be in the way.

    Example:
        >>> import re, kibitz
        >>> from kibitz.callbacks.progbar import Progbar
        >>> bar = Progbar(target=2, verbose=2)
        >>> bar.update(1, [("loss", 2.0)])
        >>> bar.update(2, [("loss", 1.0)])  # doctest: +ELLIPSIS
        2/2 - 0s - ...s/step - loss: 1.0000

    Source: https://keras.io/api/utils/python_utils/#progbar-class
    """

    def __init__(
        self,
        target: int | None,
        width: int = 20,
        verbose: int = 1,
        interval: float = 0.05,
        stateful_metrics: Iterable[str] | None = None,
        stateless_metrics: Iterable[str] | None = None,
        unit_name: str = "step",
    ):
        if stateful_metrics is not None and stateless_metrics is not None:
            raise InvalidArgument(
                "A number is either shown as it is or averaged, and each list says all about the other.",
                given={"stateful_metrics": stateful_metrics, "stateless_metrics": stateless_metrics},
                wanted="one of the two",
                cure="Progbar(target, stateful_metrics=[...])",
            )
        self.target, self.width, self.verbose = target, width, verbose
        self.interval, self.unit_name = interval, unit_name
        self.stateful_metrics = None if stateless_metrics is not None else set(stateful_metrics or ())
        self.stateless_metrics = None if stateless_metrics is None else set(stateless_metrics)
        self._values: dict[str, list[Any]] = {}  # each number's sum and weight, or its value and 1
        self._seen = 0
        self._start = time.time()
        self._first_done: float | None = None
        self._last_drawn = 0.0
        self._undrawn: Iterable[tuple[str, Any]] | None = None
        self._screen: Any = None

    def update(
        self, current: int, values: Iterable[tuple[str, Any]] | None = None, finalize: bool | None = None
    ) -> None:
        """Show that `current` steps are done.

        Args:
            current: Steps done.
            values: Pairs of a name and its value at this step. None adds none.
            finalize: Whether this is the last update. None means: if `current` has reached the target.
        """
        if finalize is None:
            finalize = self.target is not None and current >= self.target
        now = time.time()
        waits = not finalize and (self.verbose != 1 or now - self._last_drawn < self.interval)
        late = values or ()
        # Between two drawings only sums have to be kept: this is called at every batch.
        if not waits or self.stateless_metrics is None or self.stateless_metrics:
            self._take(current, late, final=finalize)
            late = ()
        self._seen = current
        seconds = self._step_duration(current, now)
        if waits:
            self._undrawn = late
        else:
            self._show(current, now, seconds, final=finalize)
            self._last_drawn, self._undrawn = now, None

    def add(self, n: int, values: Iterable[tuple[str, Any]] | None = None) -> None:
        """Show that `n` more steps are done."""
        self.update(self._seen + n, values)

    def close(self) -> None:
        """Leave the bar where the loop is, where that ends before its time."""
        if self._screen is None:
            return
        if self._undrawn is not None and self._screen.in_place:
            now = time.time()
            self._take(self._seen, self._undrawn, final=False)
            self._show(self._seen, now, self._step_duration(self._seen, now), final=False)
        self._screen.close()

    def _take(self, current: int, values: Iterable[tuple[str, Any]], *, final: bool) -> None:
        for name, value in values:
            averaged = name not in self.stateful_metrics if self.stateful_metrics is not None else (
                name in (self.stateless_metrics or ()))  # fmt: skip
            if final or not averaged or isinstance(value, str):
                self._values[name] = [value, 1]
                continue
            weight = max(current - self._seen, 1)
            total = self._values.setdefault(name, [0, 0])
            total[0] = total[0] + value * weight
            total[1] += weight

    def _step_duration(self, current: int, now: float) -> float:
        if not current:
            return 0.0
        # The first step compiles: it is left out of the mean as soon as there is another.
        if self._first_done is not None and current > 1:
            seconds = (now - self._first_done) / (current - 1)
        else:
            seconds = (now - self._start) / current
        if current == 1:
            self._first_done = now
        return seconds

    def _show(self, current: int, now: float, seconds: float, *, final: bool) -> None:
        if self.verbose == 2:
            if self.target:
                say(self._line(current, f"{now - self._start:.0f}s", seconds, signed=False))
            return
        if self.verbose != 1:
            return
        if self._screen is None:
            self._screen = screen(self._start)
        left = "" if final or not self.target else remaining(seconds * (self.target - current))
        if self._screen.in_place:
            self._screen.draw(self._bar(current, left or f"{now - self._start:.0f}s", seconds), final=final)
        elif final or self._screen.due(now):
            say(self._line(current, f"ETA {left}" if left else f"{now - self._start:.0f}s", seconds))

    def _bar(self, current: int, clock: str, seconds: float) -> Words:
        words: Words = [(count(current, self.target), "bold")]
        if self.target:
            done = min(int(self.width * current / self.target), self.width)
            words += [(" ", ""), (BLOCK * done, "green"), (BLOCK * (self.width - done), "bright_black")]
        rest = f" {pace(seconds, self.unit_name)}{self._numbers()}"
        return [*words, (" ", ""), (clock, "bold"), (rest, "")]

    def _line(self, current: int, clock: str, seconds: float, *, signed: bool = True) -> str:
        done = count(current, self.target)
        return f"{done} - {clock} - {pace(seconds, self.unit_name)}{self._numbers(signed=signed)}"

    def _numbers(self, *, signed: bool = True) -> str:
        parts = []
        for name, (total, weight) in self._values.items():
            value = total if isinstance(total, str) or weight == 1 else np.mean(total) / weight
            parts.append(f" - {spelled(name)}: {shown(value, signed=signed)}")
        return "".join(parts)
