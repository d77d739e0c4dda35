"""B. A Python generator as a source: batches that come one after the other, once."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import jax
import numpy as np

from kibitz.data.source import Batch
from kibitz.data.standard import standard
from kibitz.data.weights import class_weights
from kibitz.errors import BadData, EmptyData, ShapeMismatch, WrongType, code


class GeneratorSource:
    """Batches from an iterator that yields x, (x, y) or (x, y, sample_weight).

    Args:
        iterator: A generator, or any iterator over batches; it is read once.
        name: What the user calls it, for the messages.
        class_weight: A weight for each class; None means none.
        keep: How many batches to keep, so that every later pass gives the same ones again; None keeps none.

    `examine`, where it is set, looks at every batch before it is used, and raises if it cannot be trained on.
    """

    def __init__(
        self,
        iterator: Iterator[Any],
        name: str = "x",
        *,
        class_weight: dict[int, float] | None = None,
        keep: int | None = None,
    ):
        self.name, self.class_weight = name, class_weight
        self.examine: Callable[[Batch], None] | None = None
        self.once, self.steps = keep is None, keep
        self._iterator, self._keep = iterator, keep
        self._ahead: list[Batch] = []
        self._kept: list[Batch] = []
        self._kinds: Any = None
        self._taken = 0

    def first(self) -> Batch:
        """Look at the first batch; it is kept, and will be the first that is trained on.

        Raises:
            EmptyData: If there is none.
        """
        if not self._ahead:
            batch = self._next()
            if batch is None:
                raise EmptyData(
                    f"The generator given as {self.name} yields nothing.",
                    given=self._iterator,
                    wanted="at least one batch",
                    cure="call the generator function again: a generator that was read before is empty",
                )
            self._ahead.append(batch)
        return self._ahead[0]

    def batches(self, number: int, first: int = 0) -> Iterator[Batch]:  # noqa: ARG002 - the protocol's name
        """Go on in the data, `first` batches further on; a source that keeps its batches begins them again."""
        if self._keep is not None and not self._kept:
            self._kept = list(itertools.islice(self._rest(), self._keep))
        return itertools.islice(self._rest() if self._keep is None else iter(self._kept), first, None)

    def load(self, item: Batch) -> Batch:
        """The batch itself: a generator has nothing less."""
        return item

    def _rest(self) -> Iterator[Batch]:
        while True:
            batch = self._ahead.pop() if self._ahead else self._next()
            if batch is None:
                return
            yield batch

    def _next(self) -> Batch | None:
        try:
            given = next(self._iterator)
        except StopIteration:
            return None
        # The generator may fill one buffer again and again, so each batch is a copy.
        batch = self._batch(jax.tree.map(lambda leaf: np.array(leaf) if isinstance(leaf, np.ndarray) else leaf, given))
        self._check(batch)
        self._taken += 1
        return batch

    def _batch(self, given: Any) -> Batch:
        where = f"batch {self._taken}" + ("" if self.name == "x" else f" of {self.name}")
        if not isinstance(given, tuple):
            return Batch(standard(given, f"x of {where}"))
        if not 1 <= len(given) <= 3:
            raise WrongType(
                f"A generator yields x, (x, y) or (x, y, sample_weight), and batch {self._taken} is something else.",
                given=given,
                wanted="a tuple of 1 to 3 parts",
                cure="yield x, y",
            )
        parts = zip((*given, None, None), ("x", "y", "sample_weight"), strict=False)
        x, y, weight = (standard(part, f"{name} of {where}") for part, name in parts)
        if self.class_weight is not None and y is not None:
            weight = class_weights(y, self.class_weight)
        return Batch(x, y, weight)

    def _check(self, batch: Batch) -> None:
        leaves = jax.tree.leaves((batch.x, batch.y, batch.weight))
        lengths = {len(leaf) if np.ndim(leaf) else 0 for leaf in leaves}
        if len(lengths) != 1:
            raise ShapeMismatch(
                f"The parts of batch {self._taken} of {self.name} have different lengths.",
                given=batch[:3],
                wanted="as many rows in y and sample_weight as in x",
                cure="yield x[rows], y[rows]",
            )
        if lengths == {0}:
            raise EmptyData(
                f"Batch {self._taken} of {self.name} has no rows.",
                given=batch[:2],
                wanted="at least one row in each batch",
                cure="leave the batch out",
            )
        # Sizes may vary (padded sequences do); what may not is what the model was built for.
        kinds = jax.tree.map(lambda leaf: (np.ndim(leaf), str(leaf.dtype)), batch[:3])
        self._kinds = kinds if self._kinds is None else self._kinds
        if kinds != self._kinds:
            raise BadData(
                f"Batch {self._taken} of {self.name} is of another kind than the first.",
                given=batch[:3],
                wanted=f"the parts, dimensions and dtypes of batch 0: {code(self._kinds)}",
                cure="yield batches that differ in their sizes only",
            )
        if self.examine is not None:
            self.examine(batch)
