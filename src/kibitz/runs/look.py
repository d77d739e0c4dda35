"""`kibitz look`: a run's life as a picture, all of it over the same steps."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable
from typing import Any

from kibitz.errors import UnusableFile
from kibitz.replay.entry import Entry
from kibitz.replay.journal import read
from kibitz.runs.axis import Axis, Reach
from kibitz.runs.found import Found, run_at
from kibitz.runs.life import Life, Write, life_of
from kibitz.runs.page import GAP, Page, plain
from kibitz.runs.show import figure, head, short
from kibitz.runs.writes import in_words

LINES = 16
"""About how many lines all curves take together."""

WIDEST = 12
"""Characters of a number."""

TALLEST = 4
"""The most lines of one curve."""

LEAST = 30
"""Characters that what was written has before the hook is told too."""

EITHER_END = 3
"""Writes of one callback that are listed from its first and from its last."""


def look(page: Page, folder: str, journal: Iterable[Any] | None = None) -> None:
    """Draw a run's life: its curves, its epochs, its commits, what hooks wrote, and how it ended.

    Args:
        page: The page.
        folder: The folder of a run.
        journal: What the run's journal has; see `life_of`. None reads it.

    Raises:
        UnusableFile: If it is not there, or nothing of it can be read.
        InvalidArgument: If it is no run's.
    """
    found = run_at(folder, "look")
    record = found.told()
    head(page, found, record)
    if not record.step:
        page.line("  It has not done a step yet.")
        return
    life = life_of(found, record, _said(page, found) if journal is None else journal)
    _Picture(page, life, found.outcome().partition(": ")[0]).draw()
    if life.writes:
        page.heading("what hooks wrote")
        for name, writes in life.writes.items():
            _listed(page, name, writes)


def _said(page: Page, found: Found) -> list[Entry]:
    """What the journal says, up to where it is damaged."""
    entries: list[Entry] = []
    try:
        entries.extend(read(found.folder.journal))
    except UnusableFile as error:
        page.line(f"  {error.what} What comes behind it is not shown.")
    return entries


class _Picture:
    """Three columns: what it is, a number, and the steps of the run."""

    def __init__(self, page: Page, life: Life, ending: str):
        self.page, self.life, self.ending = page, life, ending
        self.rows = max(1, min(TALLEST, LINES // max(len(life.curves), 1)))
        self.bounds = {key: _bounds(life.curves, key) for key in life.curves}
        names = ["commits", "last 0.0000", *life.curves, *life.settings, *life.writes]
        self.named = min(max(map(len, map(plain, names))), max(12, page.width // 4))
        every = len(life.kept) + len(life.gone)
        self.committed = f"{len(life.kept):,}" + (f" of {every:,}" if life.gone else "")
        numbers = [self.committed, *map(figure, itertools.chain(*self.bounds.values()))]
        numbers += [f"{len(each):,}" for each in life.writes.values()]
        numbers += [figure(reaches[-1][2]) for reaches in (*life.curves.values(), *life.settings.values())]
        self.figured = min(max(map(len, numbers)), WIDEST)
        self.axis = Axis(life.steps, page.width - self.named - self.figured - 3 * len(GAP))

    def draw(self) -> None:
        life = self.life
        for key, reaches in life.curves.items():
            if self.rows > 1:
                self.page.line()
            self._curve(key, reaches)
        self.page.line()
        if life.epochs:
            self._line("epoch", "", self._epochs())
        self._line("commits", self.committed, self.axis.marks({".": life.gone, "|": life.kept}))
        for name, reaches in life.settings.items():
            drawn = self.page.columns(self.axis.heights(reaches), 1, _bounds(life.settings, name))
            self._line(name, figure(reaches[-1][2]), drawn[0])
        for name, writes in life.writes.items():
            self._line(name, f"{len(writes):,}", self.axis.marks({"^": [write.step for write in writes]}))
        self._line("ending", "", f"{short(self.ending, self.axis.width - 2)} |".rjust(self.axis.width))
        self._line("step", "", self.axis.scale(0, life.steps + 1, lambda step: step))

    def _epochs(self) -> str:
        epochs = self.life.epochs
        return self.axis.scale(min(epochs), max(epochs) + 1, lambda epoch: epochs.get(epoch, (None,))[0])

    def _curve(self, key: str, reaches: list[Reach]) -> None:
        low, high = self.bounds[key]
        last = figure(reaches[-1][2])
        names, numbers = [key, f"last {last}"], [figure(high), *[""] * (self.rows - 2), figure(low)]
        if self.rows == 1:
            names, numbers = [key], [last]
        columns = self.page.columns(self.axis.heights(reaches), self.rows, (low, high))
        for line in itertools.zip_longest(names, numbers, columns, fillvalue=""):
            self._line(*line)

    def _line(self, name: str, number: str, drawn: str) -> None:
        cells = short(plain(name), self.named).ljust(self.named), short(number, self.figured).rjust(self.figured), drawn
        self.page.line((GAP + GAP.join(cells)).rstrip())


def _bounds(curves: dict[str, list[Reach]], key: str) -> tuple[float, float]:
    """What a curve lies between; a number and the same in validation are drawn to one measure."""
    name = key.removeprefix("val_")
    values = [value for each in (name, f"val_{name}") for *_, value in curves.get(each, ()) if math.isfinite(value)]
    return min(values, default=math.nan), max(values, default=math.nan)


def _listed(page: Page, name: str, writes: list[Write]) -> None:
    """The first writes of a callback and its last ones, a line each."""
    few = len(writes) <= 2 * EITHER_END + 1
    shown: list[Write | None] = [*writes] if few else [*writes[:EITHER_END], None, *writes[-EITHER_END:]]
    steps = [f"step {write.step:,}" if write else "" for write in shown]
    hooks = [write.hook if write else "" for write in shown]
    room = page.width - max(map(len, steps)) - max(map(len, hooks)) - 4 * len(GAP)
    if room < LEAST:  # then the hooks are left out
        room, hooks = room + max(map(len, hooks)) + len(GAP), [""] * len(shown)
    what = [in_words(write.what) if write else f"... {len(writes) - 2 * EITHER_END:,} more" for write in shown]
    page.line(GAP * 2 + short(plain(name), page.width - 2 * len(GAP)))
    rows = zip(steps, (short(plain(each), room) for each in what), hooks, strict=True)
    page.table(rows, right="0", indent=2, headed=False)
