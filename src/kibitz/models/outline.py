"""The loop of a fit as it will run: the drawing in hooks.py, with everybody in their places."""

from __future__ import annotations

import math
import os
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from kibitz.callbacks.declared import has
from kibitz.callbacks.dispatch import Dispatch, Seat
from kibitz.callbacks.touches import Touches, touches
from kibitz.clock import Beat, Cadence
from kibitz.errors import Unsupported, code
from kibitz.hooks import GRAPH_HOOKS, OUTCOME_HOOK, Line, loops
from kibitz.models.arguments import check_epochs, check_split, check_validation_freq, check_verbose, whole
from kibitz.models.core import Core
from kibitz.models.hooking import graph_hooks
from kibitz.models.running import completed
from kibitz.models.validating import check_set_name, named
from kibitz.run import Run


@dataclass(frozen=True)
class Part:
    """One callback of the run.

    Args:
        number: Its place in the order in which callbacks are called, from 1.
        name: What it is called.
        on_error: What its exceptions do: "raise", "warn" or "detach".
        touches: What it may touch.
    """

    number: int
    name: str
    on_error: str
    touches: Touches


@dataclass(frozen=True)
class Act:
    """A callback at a hook.

    Args:
        part: Who.
        cadence: How often, such as "every 100 steps"; "" if each time.
    """

    part: Part
    cadence: str = ""


@dataclass(frozen=True)
class Row:
    """One line of the loop.

    Args:
        text: As it is drawn in hooks.py.
        depth: How deep it lies within others.
        note: What is known of it: how often, with what.
        acts: Who is called there, in order.
        hook: The hook's name; "" where none is called.
    """

    text: str
    depth: int
    note: str = ""
    acts: tuple[Act, ...] = ()
    hook: str = ""

    @property
    def opens(self) -> bool:
        """Whether other lines lie within it."""
        return self.text.endswith(":")


@dataclass(frozen=True, repr=False)
class Outline:
    """The loop of a fit as it will run, with each callback where it acts; `model.outline` makes it.

    Print it, in a terminal or a pipe, or `save` it as a picture.

    Args:
        title: What is outlined, in a sentence.
        rows: The lines of the loop.
        parts: The callbacks, in the order in which they are called.

    Example:
        >>> import kibitz
        >>> model = kibitz.Sequential([kibitz.layers.Dense(1)])
        >>> @kibitz.on("train_batch_end", every="100 steps")
        ... def show(step, logs):
        ...     print(step, logs["loss"])
        >>> print(model.outline([show], epochs=3, verbose=0))
        fit: 3 epochs, without validation
        <BLANKLINE>
          on_train_begin(logs)                    2 History
          for each epoch:                         3 epochs, numbered 0 to 2
            on_epoch_begin(epoch, logs)           -
            for each batch:                       looked at every 100 steps; those between may pass many
                                                  at a time
              on_train_batch_begin(batch, logs)   -
              ... one step: the weights move
              on_train_batch_end(batch, logs)     1 show (every 100 steps)
            on_epoch_end(epoch, logs)             2 History
          on_train_end(logs)                      -
          on_run_end(outcome)                     -
        <BLANKLINE>
        callbacks, in the order in which they are called
        <BLANKLINE>
          1 show      reads logs
                        its code uses: logs
          2 History   only looks on
                        reads: logs, once an epoch
                        changes: nothing; `model.history` is this
    """

    title: str
    rows: tuple[Row, ...]
    parts: tuple[Part, ...]

    def __str__(self) -> str:
        from kibitz.models.outline_text import as_text

        return as_text(self)

    __repr__ = __str__

    def at(self, hook: str) -> tuple[str, ...]:
        """The names of the callbacks that are called at a hook, in order; within the step, also a graph hook's."""
        return tuple(act.part.name for row in self.rows if row.hook == hook for act in row.acts)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Draw it; needs matplotlib.

        Args:
            path: Where to: a .png, .svg, .pdf or .jpg file; the folder is made.

        Raises:
            InvalidArgument: If its ending is not that of a picture.
            MissingExtra: If matplotlib is not installed.
            UnusableFile: If the disk refuses.
        """
        from kibitz.models.outline_picture import draw

        draw(self, path)


def outline_of(
    core: Core, callbacks: Any, *, epochs: Any, verbose: Any, validation_split: Any, validation_data: Any,
    initial_epoch: Any, steps_per_epoch: Any, validation_freq: Any,
) -> Outline:  # fmt: skip
    """Check what `fit` would check of these, and put everybody in their places; `Model.outline` documents them."""
    end, first = check_epochs(epochs, initial_epoch)
    check_verbose(verbose)
    freq = check_validation_freq(validation_freq)
    steps = whole("steps_per_epoch", steps_per_epoch, optional=True, cure="steps_per_epoch=None")
    split = check_split(validation_split) if validation_data is None else 0.0
    run = Run("train")
    dispatch = Dispatch(completed(callbacks, verbose)[0], run)
    graph_hooks(core, dispatch.callbacks)  # refuses what fit would
    due = Beat(freq, "fit", name="validation_freq") if isinstance(freq, Cadence) else freq
    if steps is not None:
        dispatch.pace(steps, end - first)
        if isinstance(due, Beat):
            due.settle(steps, end - first)
    sets = ("",) if split else _sets(validation_data)
    return _Making(dispatch, range(first, end), steps, sets, due).outline()


def _sets(data: Any) -> tuple[str, ...]:
    """The names of the sets of validation, "" for the only one."""
    if data is None or data is False:
        return ()
    if not (isinstance(data, Mapping) and named(data)):
        return ("",)
    for name in data:
        check_set_name(name)
    return tuple(data)


class _Making:
    """Puts callbacks into the drawing."""

    def __init__(
        self, dispatch: Dispatch, planned: range, steps: int | None, sets: tuple[str, ...],
        freq: int | Collection[int] | Beat,
    ):  # fmt: skip
        self.dispatch, self.planned, self.steps, self.sets, self.freq = dispatch, planned, steps, sets, freq
        self.within = isinstance(freq, Beat) and not freq.cadence.in_epochs
        self.parts = {id(seat): _part(number, seat) for number, seat in enumerate(dispatch.seats, 1)}
        self.loops = loops()

    def outline(self) -> Outline:
        if not self.loops:
            raise Unsupported(
                "The loop is drawn in a docstring, and Python was told to leave docstrings out.",
                given=code("python -OO"),
                wanted="Python with docstrings",
                cure="python -O",
            )
        epochs = _counted(len(self.planned), "epoch") if self.planned else "no epochs"
        of = "" if self.steps is None else f" of {_counted(self.steps, 'batch')}"
        names = " with " + _listed([f'"{name}"' for name in self.sets]) if self.sets and self.sets[0] else ""
        validation = f"validation{names} {self._due()}" if self.sets else "without validation"
        rows = tuple(self._rows(self.loops["fit"], 0))
        return Outline(f"fit: {epochs}{of}, {validation}", rows, tuple(self.parts.values()))

    def _rows(self, line: Line, depth: int, kind: str = "train") -> Iterator[Row]:
        for each in line.below:
            if each.hook:
                if not (kind == "test" and each.hook == OUTCOME_HOOK):  # it belongs to the fit
                    yield Row(each.text, depth, "", self._acts(each.hook), each.hook)
            elif each.text == "evaluate":
                yield from self._evaluation(depth)
            elif each.text == "requests":
                continue  # who will ask for what nobody knows before
            elif not each.text.startswith("if validation is due"):
                yield Row(each.text, depth, self._note(each.text, kind))
                yield from self._rows(each, depth + 1, kind)
                if kind == "train" and each.text.startswith("..."):
                    yield from self._graph_hooks(depth + 1)
            elif self.sets and self.within == ("this step" in each.text):
                yield Row(each.text, depth, self._due())
                yield from self._rows(each, depth + 1, kind)

    def _evaluation(self, depth: int) -> Iterator[Row]:
        if self.sets[0]:
            yield Row("for each set:", depth, ", then ".join(f'"{name}"' for name in self.sets))
            depth += 1
        yield from self._rows(self.loops["evaluate"], depth, "test")

    def _acts(self, hook: str) -> tuple[Act, ...]:
        return tuple(Act(self.parts[id(each.seat)], _often(each.beat)) for each in self.dispatch.at(hook))

    def _graph_hooks(self, depth: int) -> Iterator[Row]:
        for hook in GRAPH_HOOKS:
            seats = [seat for seat in self.dispatch.seats if has(seat.callback, hook)]
            if seats:
                acts = tuple(Act(self.parts[id(seat)], _often(seat.beat)) for seat in seats)
                yield Row(hook, depth, "", acts, hook)

    def _note(self, text: str, kind: str) -> str:
        if text == "for each epoch:":
            first, last = self.planned.start, self.planned.stop - 1
            numbered = f", numbered {first} to {last}" if last > first else f", number {first}"
            return f"{_counted(len(self.planned), 'epoch')}{numbered}" if self.planned else "none"
        if text != "for each batch:":
            return ""
        counted = f"{_counted(self.steps, 'batch')}, " if kind == "train" and self.steps is not None else ""
        return counted + self._watched(kind)

    def _watched(self, kind: str) -> str:
        """Whether somebody looks on at batches; where nobody does, many pass at a time."""
        listeners = [each for side in ("begin", "end") for each in self.dispatch.at(f"on_{kind}_batch_{side}")]
        beats = [each.beat for each in listeners if each.beat is not None]
        if kind == "train" and self.within and self.sets and isinstance(self.freq, Beat):
            beats.append(self.freq)
        often = list(dict.fromkeys(map(_often, beats)))
        if self.dispatch.quiet(kind) == 0:
            always = dict.fromkeys(self.parts[id(each.seat)].name for each in listeners if each.beat is None)
            return "each looked at" + (f", by {_listed(list(always))}" if always else "")
        if not often:
            return "nobody looks on: they may pass many at a time"
        return f"looked at {_listed(often)}; those between may pass many at a time"

    def _due(self) -> str:
        """When validation is due, in words."""
        freq = self.freq
        if isinstance(freq, Beat):
            clock = ": where it falls is not the same in two runs" if freq.cadence.timed else ""
            return ("after every epoch" if freq.every_epoch(None) else _often(freq)) + clock
        if isinstance(freq, int):
            return "after every epoch" if freq == 1 else f"after every {freq} epochs"
        return f"after epochs {_listed([str(each) for each in sorted(freq)])} (from 1)" if freq else "never"


def _part(number: int, seat: Seat) -> Part:
    timed = seat.beat is not None and seat.beat.cadence.timed
    return Part(number, seat.name, seat.on_error, touches(seat.callback, timed=timed))


def _often(beat: Beat | None) -> str:
    """A cadence in words; a share of the run is said in steps too, where these are known."""
    if beat is None:
        return ""
    cadence, text = beat.cadence, f"every {beat.cadence}"
    if cadence.amount == 1 and not cadence.timed and cadence.unit != "run":
        text = f"every {cadence.unit}"
    first = beat.until(0)
    if cadence.timed:
        return f"{text}, by the clock"
    if cadence.unit == "step" or first == math.inf:
        return text
    return f"{text}, first after {_counted(int(first), 'step')}"


def _counted(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 'es' if what == 'batch' else 's'}"


def _listed(words: list[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
