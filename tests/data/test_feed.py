"""Feeds: where an epoch ends, and where the data do; no batch is lost, none is used twice."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kibitz.data.arrays import ArraySource
from kibitz.data.feed import Feed, OnePass
from kibitz.data.generators import GeneratorSource
from kibitz.data.order import order_of


def epochs_of(feed, epochs):
    """The items of each epoch, as a loop takes them."""
    found = []
    for _ in range(epochs):
        if not feed.begin():
            break
        items = []
        while feed.more():
            items.append(feed.take())
        found.append(items)
    return found


def rows(items):
    return [row for item in items for row in np.asarray(item).tolist()]


def batches(n):
    return ((np.full((2, 1), number, "float32"), np.zeros((2, 1), "float32")) for number in range(n))


def numbers(feed, epochs):
    return [[int(item.x[0, 0]) for item in items] for items in epochs_of(feed, epochs)]


@given(n=st.integers(1, 40), size=st.integers(1, 12), shuffle=st.booleans(), epochs=st.integers(1, 3))
def test_every_epoch_has_every_row_once(n, size, shuffle, epochs):
    source = ArraySource(np.zeros((n, 2)), batch_size=size, shuffle=shuffle, seed=5)
    found = epochs_of(Feed(source, None, epochs), epochs)
    assert len(found) == epochs
    for items in found:
        assert sorted(rows(items)) == list(range(n))
        assert [len(item) for item in items[:-1]] == [size] * (len(items) - 1)


@given(n=st.integers(1, 30), size=st.integers(1, 8), steps=st.integers(1, 9), epochs=st.integers(1, 4))
def test_an_epoch_of_so_many_steps_has_exactly_these_and_goes_on_in_the_data(n, size, steps, epochs):
    source = ArraySource(np.zeros((n, 2)), batch_size=size, shuffle=True, seed=5)
    found = epochs_of(Feed(source, steps, epochs), epochs)
    assert [len(items) for items in found] == [steps] * epochs
    read = rows(item for items in found for item in items)
    passes = range(len(read) // n + 1)
    assert read == rows(order_of(n, 5, 0, number) for number in passes)[: len(read)]


@given(n=st.integers(1, 30), size=st.integers(1, 8), steps=st.none() | st.integers(1, 9), done=st.integers(0, 60))
def test_arrays_are_entered_at_any_place_and_nothing_before_it_is_read(n, size, steps, done):
    class Counts(ArraySource):
        read = 0

        def batches(self, number, first=0):
            for item in super().batches(number, first):
                self.read += 1
                yield item

    source = Counts(np.zeros((n, 2)), batch_size=size, shuffle=True, seed=5)
    epochs = done // (steps or source.steps) + 2
    whole = rows(item for items in epochs_of(Feed(source, steps, epochs), epochs) for item in items)
    source.read, feed = 0, Feed(source, steps, epochs)
    feed.seek(done // feed.steps, done % feed.steps, done)
    rest = epochs_of(feed, epochs - done // feed.steps)
    assert [len(items) for items in rest] == [feed.steps - done % feed.steps, *[feed.steps] * (len(rest) - 1)]
    left = rows(item for items in rest for item in items)
    assert left == whole[len(whole) - len(left) :]
    assert source.read == sum(map(len, rest))


def test_a_generator_gone_on_with_that_ends_early_is_told_with_all_its_batches():
    feed = Feed(GeneratorSource(batches(5)), 2, 4)
    feed.seek(1, 1, 3)
    assert numbers(feed, 3) == [[3], [4]]
    with pytest.warns(UserWarning, match=r"after 5 batches, and 4 epochs of 2 batches \(8 in all\)"):
        assert feed.warn_if_short(3) is True


def test_a_source_that_keeps_its_batches_is_entered_among_them():
    source = GeneratorSource(batches(9), keep=3)
    assert [int(each.x[0, 0]) for each in source.batches(0, 1)] == [1, 2]
    assert [int(each.x[0, 0]) for each in source.batches(1)] == [0, 1, 2]


def test_the_order_of_rows_is_a_function_of_seed_fit_and_pass():
    orders = {order_of(50, *key).tobytes() for key in [(1, 0, 0), (2, 0, 0), (1, 1, 0), (1, 0, 1)]}
    assert len(orders) == 4
    assert (order_of(50, 1, 0, 0) == order_of(50, 1, 0, 0)).all()


def test_a_generator_that_ends_in_its_only_epoch_is_no_news():
    feed = Feed(GeneratorSource(batches(3)), None, 1)
    assert numbers(feed, 1) == [[0, 1, 2]]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert feed.warn_if_short(1) is False


def test_a_generator_that_ends_before_the_promised_epochs_is_told_with_both_counts():
    feed = Feed(GeneratorSource(batches(3)), None, 4)
    assert numbers(feed, 4) == [[0, 1, 2]]
    with pytest.warns(UserWarning, match="after 3 batches, and 4 epochs were promised"):
        assert feed.warn_if_short(1) is True


def test_a_generator_gives_each_epoch_its_steps_and_no_batch_twice():
    feed = Feed(GeneratorSource(batches(5)), 2, 4)
    assert numbers(feed, 4) == [[0, 1], [2, 3], [4]]
    with pytest.warns(UserWarning, match=r"after 5 batches, and 4 epochs of 2 batches \(8 in all\)"):
        assert feed.warn_if_short(3) is True


def test_looking_at_the_first_batch_uses_none_up():
    source = GeneratorSource(batches(3))
    assert int(source.first().x[0, 0]) == int(source.first().x[0, 0]) == 0
    assert numbers(Feed(source, None, 1), 1) == [[0, 1, 2]]


def test_nothing_is_read_beyond_the_steps_of_an_epoch():
    read = []

    def watched():
        for number in range(9):
            read.append(number)
            yield np.full((2, 1), number, "float32")

    feed = Feed(GeneratorSource(watched()), 3, 1)
    assert numbers(feed, 1) == [[0, 1, 2]]
    assert read == [0, 1, 2]


def test_one_pass_begins_anew_and_keeps_to_its_limit():
    feed = OnePass(ArraySource(np.zeros((10, 1)), batch_size=4), 2)
    for _ in range(2):
        feed.begin()
        items = []
        while feed.more():
            items.append(feed.take())
        assert rows(items) == list(range(8))


def test_a_generator_that_is_kept_is_read_once_and_used_every_time():
    feed = OnePass(GeneratorSource(batches(9), keep=2), None)
    for _ in range(3):
        feed.begin()
        found = []
        while feed.more():
            found.append(int(feed.take().x[0, 0]))
        assert found == [0, 1]


def test_a_limit_that_the_data_do_not_reach_is_told_once():
    feed = OnePass(ArraySource(np.zeros((4, 1)), batch_size=4), 3)
    feed.begin()
    feed.take()
    with pytest.warns(UserWarning, match="steps=3 batches were asked for, and the data have 1"):
        assert not feed.more()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        feed.begin()
        feed.take()
        assert not feed.more()


def test_a_generator_that_fills_one_buffer_again_and_again_gives_batches_of_their_own():
    buffer = np.zeros((2, 1), "float32")

    def reused():
        for number in range(3):
            buffer[:] = number
            yield buffer

    items = epochs_of(Feed(GeneratorSource(reused()), None, 1), 1)[0]
    assert [int(item.x[0, 0]) for item in items] == [0, 1, 2]
