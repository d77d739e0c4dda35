"""Arrays that lie in a file: what the disk is asked for, and how soon the first batch is there."""

from __future__ import annotations

import mmap

import numpy as np
import pytest

from kibitz.checkpoint import fingerprint
from kibitz.data import mapped as data
from kibitz.data.arrays import ArraySource
from kibitz.data.feed import Feed
from kibitz.data.mapped import expect
from kibitz.engine import supply
from kibitz.engine.aligned import gathered

PAGE, ROWS = mmap.PAGESIZE, 64
WIDTH = 2 * PAGE // 4  # of float32: a row has two pages

pytestmark = pytest.mark.skipif(not hasattr(mmap.mmap, "madvise"), reason="a system that can be asked")


class Asked(mmap.mmap):
    """A mapping that writes down what it is asked for."""

    def madvise(self, *told):
        self.told = [*getattr(self, "told", []), told]


@pytest.fixture
def mapped(tmp_path):
    """An array in a file, and its mapping."""
    path = tmp_path / "x"
    np.arange(ROWS * WIDTH, dtype="float32").tofile(path)
    with path.open("rb") as file:
        mapping = Asked(file.fileno(), 0, access=mmap.ACCESS_READ)
    return np.ndarray((ROWS, WIDTH), "float32", buffer=mapping), mapping


def pages(mapping):
    """The pages that were asked for, in the order of the file."""
    assert all(advice == mmap.MADV_WILLNEED for advice, _, _ in mapping.told)
    return [(start // PAGE, -(-length // PAGE)) for _, start, length in mapping.told]


def test_the_disk_is_asked_for_the_rows_that_are_read_and_for_no_others(mapped):
    x, mapping = mapped
    expect(x, np.array([9, 3, 5, 4, 9]))
    assert pages(mapping) == [(6, 6), (18, 2)]


def test_a_part_of_an_array_is_asked_for_where_it_lies(mapped):
    x, mapping = mapped
    expect(x[10:20, 1:], np.array([0, 9]))
    assert pages(mapping) == [(20, 3), (38, 3)]


def test_of_an_array_that_has_room_in_memory_only_a_few_rows_are_asked_for_at_a_time(mapped, monkeypatch):
    x, mapping = mapped
    monkeypatch.setattr(data, "FEW", 2)
    expect(x, np.array([1, 2, 3]))
    assert not hasattr(mapping, "told")
    expect(x, np.array([1, 2]))
    assert pages(mapping) == [(2, 4)]
    monkeypatch.setattr(data, "memory", lambda: 2 * x.nbytes)
    expect(x, np.array([1, 2, 3]))
    assert pages(mapping) == [(2, 4), (2, 6)]


@pytest.mark.parametrize(("limit", "least"), [("4096\n", 4096), ("max\n", 2**20)])
def test_a_container_has_as_much_memory_as_it_is_told(tmp_path, monkeypatch, limit, least):
    monkeypatch.setattr(data, "LIMIT", tmp_path / "memory.max")
    (tmp_path / "memory.max").write_text(limit)
    assert least <= data.memory.__wrapped__() <= max(least, data.memory())


@pytest.mark.parametrize("of", [
    np.array, lambda x: x.reshape(-1, 16), lambda x: x[::-1], lambda x: x[0, 0], lambda x: x[:0],
], ids=["in memory", "small rows", "backwards", "no rows", "empty"])  # fmt: skip
def test_what_is_not_worth_it_is_read_as_it_is_touched(mapped, of):
    x, mapping = mapped
    array = np.asarray(of(x))
    expect(array, np.arange(len(array) if array.ndim else 1))
    assert not hasattr(mapping, "told")


def test_a_disk_that_refuses_to_be_asked_is_read_all_the_same(mapped, monkeypatch):
    def refuse(self, *told):
        raise OSError("no")

    monkeypatch.setattr(Asked, "madvise", refuse)
    assert (gathered(mapped[0], np.array([5, 1]), 1, 1)[0] == mapped[0][[5, 1]]).all()


def test_batches_and_the_fingerprint_ask_before_they_read(mapped, monkeypatch):
    x, mapping = mapped
    gathered(x, np.array([5, 1]), batches=1, length=1)
    assert pages(mapping) == [(2, 2), (10, 2)]
    monkeypatch.setattr(fingerprint, "WHOLE", 0)
    monkeypatch.setattr(fingerprint, "ROWS", 3)
    mapping.told.clear()
    assert fingerprint.of_data(x) == fingerprint.of_data(np.array(x))
    assert pages(mapping) == [(0, 2), (62, 2), (126, 2)]


def test_the_first_chunk_of_what_does_not_stay_on_the_device_is_one_batch(monkeypatch):
    monkeypatch.setattr(supply, "BUDGET", 0)
    made = supply.Supply(Feed(ArraySource(np.zeros((200, 3), "float32"), batch_size=1, shuffle=True)), ahead=True)
    made.feed.begin()
    chunks = []
    while made.more():
        chunks.append(made.chunk())
    assert [len(chunk) for chunk in chunks] == [1, 8, 64, 64, 63]
    assert {chunk.data[0].shape for chunk in chunks} == {(64, 1, 3)}


def test_shapes_are_learned_from_the_first_rows_and_no_order_is_made(monkeypatch):
    monkeypatch.setattr(ArraySource, "_order", None)
    first = ArraySource(np.arange(5.0), np.arange(5.0) + 1, batch_size=3, shuffle=True).first()
    assert first.x.tolist() == [0, 1, 2]
    assert first.y.tolist() == [1, 2, 3]
    assert first.weight is None
