"""D. Batches for one epoch after the other: where an epoch ends, and where the data do."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

from kibitz.data.source import Source
from kibitz.data.stateful import StatefulSource
from kibitz.errors import Bug, EmptyData


class Feed:
    """Hands out the batches of epochs, each read before it is announced.

    Without `steps_per_epoch` an epoch is one pass. With it, an epoch has exactly that many batches and the next one
    goes on where it stopped, through as many passes as it takes.

    Args:
        source: Where the batches come from.
        steps_per_epoch: Batches in an epoch; None means one pass.
        epochs: How many epochs are promised, for the warning when the data end before them.
    """

    def __init__(self, source: Source, steps_per_epoch: int | None = None, epochs: int = 1):
        self.source, self.steps_per_epoch, self.epochs = source, steps_per_epoch, epochs
        self.dry = False
        self._pass: Iterator[Any] | None = None
        self._number = 0  # of the pass that is to begin
        self._held: Any = None
        self._given = 0  # batches handed out in this epoch
        self._total = 0
        self._first = 0  # the batch that this pass is to begin at
        # Batches that were trained on already: of the epoch that is to begin, and before it.
        self._past, self._before = 0, 0
        self._entered = False  # whether the source stands, or will begin its pass, behind these

    @property
    def steps(self) -> int | None:
        """Batches in an epoch; None where nobody knows."""
        return self.steps_per_epoch or self.source.steps

    def skip(self, epochs: int) -> None:
        """Begin as if so many epochs had been read, so that their orders of rows are not used again."""
        if self.steps_per_epoch is None:
            self._number = epochs

    def seek(self, epochs: int, batch: int, step: int) -> None:
        """Begin as if so much had been read; of a source that cannot be entered, it is read, and let go.

        Arrays are entered wherever it is, and a source that was put at its place stands there.

        Args:
            epochs: How many epochs.
            batch: How many batches of the next one.
            step: How many batches in all.

        Raises:
            EmptyData: If a source that can be read but once has not so many left, now or when the epoch begins.
        """
        self._past, self._before = batch, step - batch
        self._total = step - batch
        if isinstance(self.source, StatefulSource) and self.source.entered:
            self._number, self._entered = epochs, True
        elif self.source.once:
            for number in range(step - batch):
                if self._next() is None:
                    raise self._short(number, step)
        elif not self.source.steps:
            self._number = epochs
        else:
            here = (epochs, batch) if self.steps_per_epoch is None else divmod(step, self.source.steps)
            (self._number, self._first), self._entered = here, True

    def begin(self) -> bool:
        """Begin an epoch; False if there is no batch for it."""
        self._given = 0
        if self.steps_per_epoch is None:
            self._pass = None
        past, self._past = self._past, 0
        if self._entered:
            self._given, self._total = past, self._total + past
            return self.more()
        for number in range(past):
            if self.more():
                self.take()
            elif self.source.once:
                raise self._short(self._before + number, self._before + past)
        return self.more()

    def _short(self, there: int, done: int) -> EmptyData:
        return EmptyData(
            f"The data end after {there} batches, and the run has trained on {done} already.",
            given=self.source,
            wanted="the same data from their beginning",
            cure="call the generator function again: a generator that was read before is empty",
        )

    def _next(self) -> Any:
        if self._pass is None:
            self._pass = self._begin_pass()
        return next(self._pass, None)

    def more(self) -> bool:
        """Whether the epoch has another batch; it is read now and handed out by `take`."""
        if self._held is not None:
            return True
        if self.steps_per_epoch is not None and self._given >= self.steps_per_epoch:
            return False
        self._held = self._next()
        if self._held is None and self.steps_per_epoch is not None and not self.source.once:
            self._pass = self._begin_pass()
            self._held = next(self._pass, None)
        if self._held is None and self.source.once:
            self._pass, self.dry = iter(()), True
        return self._held is not None

    @property
    def upcoming(self) -> int:
        """The number of the pass that has not begun yet."""
        return self._number

    def take(self) -> Any:
        """The item that `more` read; the source loads its batch."""
        batch, self._held = self._held, None
        if batch is None:
            raise Bug("A batch was taken that nobody had read.", given=self.source, cure="report it with the program")
        self._given += 1
        self._total += 1
        return batch

    def warn_if_short(self, epochs_done: int) -> bool:
        """Say, once, that the data ended before the promised epochs did; True if they did."""
        promised = self.epochs if self.steps_per_epoch is None else self.epochs * self.steps_per_epoch
        done = epochs_done if self.steps_per_epoch is None else self._total
        if not self.dry or done >= promised:
            return False
        wanted = f"{self.epochs} epoch{'s' * (self.epochs != 1)}"
        if self.steps_per_epoch is not None:
            wanted += f" of {self.steps_per_epoch} batches ({promised} in all)"
        warnings.warn(
            f"The data ended after {self._total} batches, and {wanted} were promised; the run stops here. "
            "Pass a source that can be read again, or a generator that yields that many batches.",
            stacklevel=2,
        )
        return True

    def _begin_pass(self) -> Iterator[Any]:
        first, self._first = self._first, 0
        self._number += 1
        return iter(self.source.batches(self._number - 1, first))


class OnePass:
    """The batches of one evaluation or prediction: the first pass over a source, begun anew each time.

    Args:
        source: Where the batches come from.
        limit: The most batches to read; None means all.
        name: What the limit is called, for the warning when the data have fewer.
    """

    def __init__(self, source: Source, limit: int | None = None, name: str = "steps"):
        self.source, self.limit, self.name = source, limit, name
        self._pass: Iterator[Any] = iter(())
        self._held: Any = None
        self._given = 0

    @property
    def steps(self) -> int | None:
        """Batches that will be read; None where nobody knows."""
        return self.limit or self.source.steps

    def begin(self) -> bool:
        """Begin the pass; False if there is no batch."""
        self._pass, self._held, self._given = iter(self.source.batches(0)), None, 0
        return self.more()

    def more(self) -> bool:
        """Whether there is another batch; it is read now and handed out by `take`."""
        if self._held is None and (self.limit is None or self._given < self.limit):
            self._held = next(self._pass, None)
            if self._held is None and self.limit is not None:
                warnings.warn(
                    f"{self.name}={self.limit} batches were asked for, and the data have {self._given}.", stacklevel=2
                )
                self.limit = self._given
        return self._held is not None

    def take(self) -> Any:
        """The item that `more` read; the source loads its batch."""
        batch, self._held = self._held, None
        if batch is None:
            raise Bug("A batch was taken that nobody had read.", given=self.source, cure="report it with the program")
        self._given += 1
        return batch
