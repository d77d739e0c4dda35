"""`kibitz replay` and `kibitz bisect`: a program's own fit, in place of which its past is looked at."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from kibitz.callbacks.base import Callback, Numbers
from kibitz.models.core import Core
from kibitz.models.replaying import LookBack, Replay
from kibitz.models.running import FitArguments, run_replay
from kibitz.models.side_by_side import spread
from kibitz.runs.found import run_at
from kibitz.runs.named import Named
from kibitz.runs.page import Page, plain
from kibitz.runs.record import number
from kibitz.runs.script import Program
from kibitz.runs.show import figure

SHOWN = 20
"""Steps that are shown from the first on, and up to the last."""

LONGEST = 1000
"""Characters of a line that is told."""

Row = tuple[tuple[int, ...], dict[str, float]]
"""A step's or an epoch's numbers, behind its own."""


class Seen(Callback):
    """Keeps what is shown afterwards: each batch's own numbers, and those of epochs; the first ones and the last."""

    adds = ()

    def __init__(self) -> None:
        super().__init__()
        self._begins: tuple[list[Row], list[Row]] = [], []
        self._ends: tuple[deque[Row], deque[Row]] = deque(maxlen=SHOWN), deque(maxlen=SHOWN)
        self._counts = [0, 0]
        self._larger: dict[str, None] = {}

    def on_train_batch_end(self, batch: int, logs: Numbers = None) -> None:
        """Keep the batch's numbers."""
        if self.run is not None:
            own = {**(logs or {}), **getattr(logs, "batch", {})}
            self._keep(0, (self.run.step - 1, self.run.epoch, batch), own)

    def on_epoch_end(self, epoch: int, logs: Numbers = None) -> None:
        """Keep the epoch's."""
        self._keep(1, (epoch,), logs or {})

    def _keep(self, kind: int, place: tuple[int, ...], logs: Mapping[str, Any]) -> None:
        numbers = {key: value for key, each in logs.items() if (value := number(each)) is not None}
        self._larger |= dict.fromkeys(key for key in logs if key not in numbers)
        into = self._begins[kind] if self._counts[kind] < SHOWN else self._ends[kind]
        into.append((place, numbers))
        self._counts[kind] += 1

    def put(self, page: Page) -> None:
        """Put it on a page."""
        for kind, heading, names in (
            (0, "each batch's own numbers", ["step", "epoch", "batch"]), (1, "epochs", ["epoch"]),
        ):  # fmt: skip
            if self._counts[kind]:
                page.heading(heading)
                left = self._counts[kind] - len(self._begins[kind]) - len(self._ends[kind])
                _put(page, names, self._begins[kind], left, self._ends[kind])
        if self._larger:
            page.line()
            page.line(f"  Not one number each, so not shown: {', '.join(self._larger)}.")


def replay(page: Page, given: Any) -> None:
    """Look back at a stretch of a run, through the program that trained it.

    Args:
        page: Takes what was seen.
        given: The words of the command line.

    Raises:
        KibitzError: If there is no such run, script, fit or callback, or the stretch is not what the run was.
    """
    run = _as_recorded(given.folder)
    watched = tuple(Named.read(each) for each in given.watched)
    program = Program(given.script, tuple(given.arguments), run, watched, given.with_original)
    seen = Seen()

    def look(core: Core, fit: FitArguments) -> None:
        asked = LookBack(run, given.steps, given.epochs, given.with_original, given.tolerance)
        callbacks = [*program.callbacks(fit.callbacks), seen]
        one = Replay(core, asked, callbacks=callbacks)
        fit = replace(fit, callbacks=callbacks, verbose=0, durable=None, epochs=one.commit.document["epochs"])
        looking = spread(one, core, fit, asked, given.workers, program)
        run_replay(core, fit, looking)
        seen.put(page)
        page.line()
        page.lines.append(plain(str(looking.done), LONGEST))

    program.run_to_fit(look)


def bisect(page: Page, given: Any) -> None:
    """Find the first step of a run after which something holds, through the program that trained it.

    Args:
        page: Takes the answer.
        given: The words of the command line.

    Raises:
        KibitzError: As for `replay`, or if the condition cannot be read.
    """
    from kibitz.models.bisecting import bisect_fit

    run = _as_recorded(given.folder)
    program = Program(given.script, tuple(given.arguments), run)

    def search(core: Core, fit: FitArguments) -> None:
        fit = replace(fit, callbacks=program.callbacks(fit.callbacks), verbose=0, durable=None)
        asked = LookBack(run, given.steps, tolerance=given.tolerance, says=False)
        found = bisect_fit(core, asked, given.when, fit.x, lambda _: fit, fit.callbacks)
        page.lines.append(plain(str(found), LONGEST))

    program.run_to_fit(search)


def _as_recorded(folder: str) -> str:
    """Have as many threads for arithmetic as the run had, unless somebody has said otherwise: bits depend on it.

    Returns:
        The folder, also where the program goes to another place.
    """
    found = run_at(folder, "replay")
    record = found.told()
    with suppress(KeyError, TypeError):
        os.environ.setdefault("NPROC", str(record.made_of["machine"]["NPROC"]))
    return str(found.path.absolute())


def _put(page: Page, names: Sequence[str], begin: Sequence[Row], left: int, end: Iterable[Row]) -> None:
    """A table of rows, with how many were left out between them."""
    end = list(end)
    keys = list(dict.fromkeys(key for _, numbers in (*begin, *end) for key in numbers))
    rows = [[*names, *keys], *(_cells(row, keys) for row in begin)]
    if left > 0:
        rows.append(["...", *[""] * (len(names) + len(keys) - 1)])
    rows += [_cells(row, keys) for row in end]
    page.table(rows, right=" ".join(map(str, range(len(rows[0])))))
    if left > 0:
        page.line(f"  {left:,} more between them.")


def _cells(row: Row, keys: Sequence[str]) -> list[str]:
    place, numbers = row
    return [*(f"{each:,}" for each in place), *(figure(numbers[key]) if key in numbers else "-" for key in keys)]
