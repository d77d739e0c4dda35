"""E. Batches to the device, many at a time: rows of arrays that stand there, or chunks of rows brought to it.

Only sources whose rows can be read in any order are read ahead of the hooks. A generator never is: it may depend on
what hooks do, and what is read from it and not used would be lost.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from kibitz.data.arrays import ArraySource
from kibitz.data.feed import Feed, OnePass
from kibitz.data.source import Batch, Source
from kibitz.engine.aligned import copied, gathered
from kibitz.engine.step import Data
from kibitz.report import spent_on

LONGEST = 256  # batches in a chunk of row numbers, and so steps in a span
STREAMED = 64  # batches in a chunk of rows
BUDGET = 2**30  # bytes of data that may stay on the device during a run
CHUNK = 2**26  # bytes of a chunk of rows
SOONER = 8  # times as many batches in a chunk of rows as in the one before: the first one is not waited for long


class Chunk(NamedTuple):
    """Batches of one shape on the device, of which a span takes some.

    Args:
        data: What a program picks a batch from.
        rows: The batches' row numbers on the host; None for a batch that has none.
        gathers: Whether `data` are all rows and the numbers of those in each batch, and not the batches themselves.
        full: Whether the batches are of the source's own size.
        batches: The batches themselves on the host, where they are there anyway.
    """

    data: Any
    rows: list[np.ndarray | None]
    gathers: bool = False
    full: bool = True
    batches: list[Batch] | None = None

    def __len__(self) -> int:
        return len(self.rows)

    def batch(self, at: int, source: Source) -> Batch:
        """One of its batches on the host, as it was given to the step."""
        return self.batches[at] if self.batches is not None else source.load(self.rows[at])

    def samples(self, first: int, n: int) -> int:
        """How many rows of the data so many of its batches have, without those that fill them up."""
        return sum(self._size(at) for at in range(first, first + n))

    def _size(self, at: int) -> int:
        rows = self.rows[at]
        if rows is None and self.batches is not None:
            return len(jax.tree.leaves(self.batches[at].x)[0])
        return 0 if rows is None else len(rows)

    def real(self, at: int) -> int | None:
        """How many rows one of its batches has, without those that fill it up; None where that is not known."""
        rows = self.rows[at]
        return None if rows is None else len(rows)


class Supply:
    """Takes batches from a feed and brings them to the device in chunks.

    Args:
        feed: The batches, epoch by epoch.
        ahead: Whether batches may be read before the hooks have seen those before them.
        pads: Whether a short batch may be filled up with a row that is there anyway, and the real ones counted.
    """

    def __init__(self, feed: Feed | OnePass, *, ahead: bool, pads: bool = False):
        self.feed = feed
        source = feed.source
        self.ahead = ahead and isinstance(source, ArraySource)
        self.resident: Any = None
        self._pads = False
        self._parts: Any = None
        self._waiting: Any = None
        self._returned: list[Chunk] = []
        self._size = self._most = self._next = 1
        if isinstance(source, ArraySource):
            self._size = min(source.batch_size, source.rows)
            self._pads = pads and source.rows % self._size != 0
            self._parts = (source.x, source.y, source.weight)
        if self.ahead and isinstance(source, ArraySource):
            size = sum(leaf.nbytes for leaf in jax.tree.leaves(self._parts))
            if size <= BUDGET:
                with spent_on("data"):
                    self.resident = jax.tree.map(placed, self._parts)
            batch = max(1, size // max(source.rows, 1) * source.batch_size)
            self._most = LONGEST if self.resident is not None else max(1, min(STREAMED, CHUNK // batch))
            self._next = self._most if self.resident is not None else 1

    def more(self) -> bool:
        """Whether the epoch has another batch beyond those handed out."""
        return bool(self._returned) or self._waiting is not None or self.feed.more()

    def make_ready(self) -> None:
        """Make the order of the next pass, while the device works on the last batches of this one."""
        if isinstance(self.feed, Feed) and isinstance(self.feed.source, ArraySource):
            self.feed.source.make_ready(self.feed.upcoming)

    def give_back(self, chunks: list[Chunk]) -> None:
        """Take back chunks of which nothing was used; they come first next time."""
        self._returned = [*chunks, *self._returned]

    def chunk(self) -> Chunk:
        """The next batches: as many of one shape as a chunk holds, or one if nothing may be read ahead."""
        if self._returned:
            return self._returned.pop(0)
        if self.ahead or isinstance(self.feed.source, ArraySource):
            return self._made(self._rows())
        batch = self.feed.source.load(self._take())
        return Chunk(jax.tree.map(lambda leaf: leaf[None], place(batch)), [batch.rows], batches=[batch])

    def fetch(self) -> None:
        """Bring the next batches to the device already, while it works on others; `chunk` hands them out."""
        if isinstance(self.feed.source, ArraySource) and not self._returned and self.more():
            self._returned.append(self._made(self._rows()))

    def renew(self) -> None:
        """Forget what was read and not used, for another pass."""
        self._waiting, self._returned = None, []

    def let_go(self) -> None:
        """Keep nothing on the device any longer; this supply has no more to give."""
        self.renew()
        self.resident = None

    def short(self) -> Chunk | None:
        """A chunk like the one that a short last batch will come in; None if there will be none of its own shape."""
        source = self.feed.source
        if not isinstance(source, ArraySource) or self.resident is None or self._pads:
            return None
        left = source.rows % self._size
        return self._made([np.zeros(left, np.int32)]) if left else None

    def _made(self, rows: list[np.ndarray]) -> Chunk:
        full = self._pads or len(rows[0]) == self._size
        counts = None
        filled = rows
        if self._pads:
            counts = np.array([len(each) for each in rows], np.int32)
            filled = [np.pad(each, (0, self._size - len(each)), constant_values=each[0]) for each in rows]
        length = self._most if full else 1
        real = None if counts is None else jax.device_put(_stretched(counts, length))
        if self.resident is None:
            return Chunk((*self._streamed(filled, length), real), list(rows), full=full)
        numbers = _stretched(np.asarray(filled, np.int32), length)
        return Chunk(((*self.resident, real), jax.device_put(numbers)), list(rows), gathers=True, full=full)

    def _take(self) -> Any:
        item, self._waiting = self._waiting, None
        return self.feed.take() if item is None else item

    def _rows(self) -> list[np.ndarray]:
        """Row numbers of the next batches of one length, or of any if they are filled up."""
        found = [self._take()]
        most, self._next = self._next, min(SOONER * self._next, self._most)
        while len(found) < most and self.feed.more():
            item = self.feed.take()
            if len(item) != len(found[0]) and not self._pads:
                self._waiting = item
                break
            found.append(item)
        return found

    def _streamed(self, filled: list[np.ndarray], length: int) -> Any:
        """x, y and weights of these batches, brought to the device."""
        together = np.concatenate(filled)

        def stacked(leaf: Any) -> jax.Array:
            return jax.device_put(gathered(np.asarray(leaf), together, len(filled), length))

        return jax.tree.map(stacked, self._parts)


def _stretched(host: np.ndarray, length: int) -> np.ndarray:
    """Zeros behind what is there, so that every chunk has one shape."""
    if len(host) >= length:
        return host
    return np.concatenate([host, np.zeros((length - len(host), *host.shape[1:]), host.dtype)])


def place(batch: Batch) -> Data:
    """Put a batch on the device, as a copy: the user may edit or reuse the arrays while the device reads them."""
    return (*jax.tree.map(placed, (batch.x, batch.y, batch.weight)), None)


def placed(leaf: Any) -> jax.Array:
    """A device copy of an array; a JAX array, which nobody can edit, as it is."""
    # On CPU `device_put` of a NumPy array may alias it.
    return leaf if isinstance(leaf, jax.Array) else jax.device_put(copied(np.asarray(leaf)))


def pick_rows(data: tuple[Data, jax.Array], index: Any) -> Data:
    """Batch `index` of a chunk of row numbers, gathered on the device."""
    (*arrays, real), numbers = data
    rows = numbers[index]
    x, y, weight = jax.tree.map(lambda leaf: jnp.take(leaf, rows, axis=0, mode="clip"), tuple(arrays))
    return x, y, weight, None if real is None else real[index]


def pick_batch(data: Data, index: Any) -> Data:
    """Batch `index` of a chunk of rows."""
    return jax.tree.map(lambda leaf: jax.lax.dynamic_index_in_dim(leaf, index, keepdims=False), data)
