"""What a source promises: passes over batches, as `collections.abc.Iterable` promises iterators.

A source is to its passes what a list is to its iterators: `batches(n)` begins pass n over the data and may be asked for
more than once; `batches(n, k)` begins it at its batch k, at once if `steps` is known. What a pass yields are items,
such as row numbers, and `load` makes a batch of one, so that it can be known which batches come without reading them. A
source that can be read only once says so by `once = True`; its second pass is empty, and whoever needs several passes
refuses it before the first step. `steps` is the length of a pass in batches, None where nobody knows. A batch is
announced to callbacks only after it has been read, so nothing is ever read that is not used.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple, Protocol

import numpy as np


class Batch(NamedTuple):
    """What one step is given, still on the host.

    Args:
        x: Inputs: an array, or a dict, list or tuple of them, batch axis first.
        y: Targets of the same kind; None if there are none.
        weight: Sample weights; None means 1 for every sample.
        rows: The rows of the source that stand in this batch; None where rows have no numbers.
    """

    x: Any
    y: Any = None
    weight: Any = None
    rows: np.ndarray | None = None


class Source(Protocol):
    """Data in batches. See the module's first lines for what is promised."""

    steps: int | None
    once: bool

    def first(self) -> Batch:
        """A batch like those that will come, to learn shapes from; it is used all the same."""
        ...

    def batches(self, number: int, first: int = 0) -> Iterator[Any]:
        """Begin pass `number` (from 0) over the data, at its batch `first`: its items."""
        ...

    def load(self, item: Any) -> Batch:
        """The batch that an item stands for."""
        ...
