"""B. Arrays as a source: rows that stand in memory, read in any order."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import jax
import numpy as np

from kibitz.data.order import order_of
from kibitz.data.source import Batch


class ArraySource:
    """Batches of rows from arrays of equal length.

    Args:
        x: Inputs, host or device arrays in a tree.
        y: Targets, or None.
        weight: Sample weights, or None.
        batch_size: Rows in a batch; the last one of a pass may be shorter.
        shuffle: Whether each pass has an order of its own.
        seed: The model's seed.
        fit: The number of the fit, for the order.
    """

    once = False

    def __init__(
        self,
        x: Any,
        y: Any = None,
        weight: Any = None,
        *,
        batch_size: int,
        shuffle: bool = False,
        seed: int = 0,
        fit: int = 0,
    ):
        self.x, self.y, self.weight = x, y, weight
        self.rows = len(jax.tree.leaves(x)[0])
        self.batch_size, self.shuffle, self.seed, self.fit = batch_size, shuffle, seed, fit
        self.steps: int | None = math.ceil(self.rows / batch_size)
        self._made: tuple[int, np.ndarray] | None = None  # the order of a pass, made ahead of it

    def first(self) -> Batch:
        """The first rows as they stand, to learn shapes from: for that no order of all rows is made."""
        return Batch(*jax.tree.map(lambda array: array[: self.batch_size], (self.x, self.y, self.weight)))

    def make_ready(self, number: int) -> None:
        """Make the order of pass `number` ahead, while there is nothing else to do; `batches` takes it then."""
        if self._made is None or self._made[0] != number:
            self._made = (number, self._order(number))

    def batches(self, number: int, first: int = 0) -> Iterator[np.ndarray]:
        """Begin pass `number` at its batch `first`: the row numbers of its batches."""
        order = self._made[1] if self._made is not None and self._made[0] == number else self._order(number)
        for start in range(first * self.batch_size, self.rows, self.batch_size):
            yield order[start : start + self.batch_size]

    def _order(self, number: int) -> np.ndarray:
        return order_of(self.rows, self.seed, self.fit, number) if self.shuffle else np.arange(self.rows)

    def load(self, item: np.ndarray) -> Batch:
        """The batch that holds these rows."""
        in_a_row = not self.shuffle and len(item) > 0
        take: Any = slice(int(item[0]), int(item[-1]) + 1) if in_a_row else item
        parts = jax.tree.map(lambda array: array[take], (self.x, self.y, self.weight))
        return Batch(*parts, rows=item)
