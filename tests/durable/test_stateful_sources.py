"""A source that knows its place is entered there: a run goes on without reading again what was read."""

from __future__ import annotations

import copy
import functools
import json
from collections import deque
from itertools import pairwise

import numpy as np
import pytest

import kibitz as keras
from kibitz.callbacks import BackupAndRestore
from kibitz.checkpoint.packed import pack, unpack
from kibitz.checkpoint.run_folder import RunFolder
from kibitz.data.feed import Feed
from kibitz.data.stateful import stateful_source
from kibitz.errors import InvalidArgument, Unsupported, UnusableFile
from tests.durable.program import Death, Dies, program

READ: list[int] = []
"""The numbers of all batches that were read, in every process that a test plays."""


def batch(number, rng):
    READ.append(number)
    x = rng.normal(size=(8, 6)).astype("float32")
    return x, x[:, :1] * (1 + number % 3)


class Stream:
    """An iterator as Grain's are: batches drawn one after the other, and a state of plain data."""

    def __init__(self, length=1000):
        self.length, self.number, self.rng = length, 0, np.random.default_rng(4)

    def __iter__(self):
        return self

    def __next__(self):
        if self.number >= self.length:
            raise StopIteration
        self.number += 1
        return batch(self.number - 1, self.rng)

    def get_state(self):
        return {"number": self.number, "rng": self.rng.bit_generator.state}

    def set_state(self, state):
        self.number, self.rng.bit_generator.state = state["number"], state["rng"]


class Prefetched:
    """The same behind a buffer that is read ahead of what is handed out; its state is that of the one who takes."""

    def __init__(self, depth=5):
        self.inner, self.depth, self.buffer, self.here = Stream(), depth, deque(), None
        self.here = self.inner.get_state()

    def __iter__(self):
        return self

    def __next__(self):
        while len(self.buffer) < self.depth:
            self.buffer.append((next(self.inner), copy.deepcopy(self.inner.get_state())))
        item, self.here = self.buffer.popleft()
        return item

    def get_state(self):
        return self.here

    def set_state(self, state):
        self.buffer.clear()
        self.inner.set_state(state)
        self.here = state


class Loader:
    """An iterable as Grain's DataLoader: each pass has an iterator of its own, whose state is bytes."""

    def __iter__(self):
        return InBytes(11)


class InBytes(Stream):
    def get_state(self):
        return json.dumps(super().get_state()).encode()

    def set_state(self, state):
        super().set_state(json.loads(state.decode()))


class Keeps:
    """A loader as torchdata's: it keeps the place itself, and each pass has an order of its own."""

    def __init__(self):
        self.passes = self.at = 0
        self.resumes = False

    def __iter__(self):
        self.at, self.passes = (self.at, self.passes) if self.resumes else (0, self.passes + 1)
        self.resumes = False
        while self.at < 11:
            self.at += 1
            number = (self.passes - 1) * 11 + self.at - 1
            yield batch(number, np.random.default_rng(number))

    def state_dict(self):
        return {"passes": self.passes, "at": self.at}

    def load_state_dict(self, state):
        self.passes, self.at, self.resumes = state["passes"], state["at"], True


KINDS = {
    "an iterator": (Stream, {"steps_per_epoch": 10}),
    "an iterator that reads ahead": (Prefetched, {"steps_per_epoch": 10}),
    "an iterator that ends": (lambda: Stream(11), {"epochs": 1}),
    "an iterable": (Loader, {}),
    "an iterable, epochs that go on in the data": (Loader, {"steps_per_epoch": 7, "epochs": 6}),
    "a loader that keeps the place": (Keeps, {}),
    "a loader that keeps the place, epochs that go on": (Keeps, {"steps_per_epoch": 7, "epochs": 6}),
}


def start(kind, folder, **more):
    make, fit = KINDS[kind]
    return program(folder, data=lambda: (make(), None), **{"batch_size": None, "kind": "noisy", **fit, **more})


@functools.cache
def undisturbed(kind):
    return start(kind, None)


@pytest.mark.parametrize("commit", ["4 steps", "1 epoch"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_run_that_died_ends_as_one_that_did_not_and_reads_nothing_twice(tmp_path, kind, commit):
    whole = undisturbed(kind)
    deaths = [Death(3), Death(9)] if "ends" in kind else [Death(13), Death(epoch=1), Death(25)]
    for death in (*deaths, None):
        place = max([0, *RunFolder(tmp_path).steps()])
        READ.clear()
        if death is None:
            assert start(kind, tmp_path, commit=commit) == whole
        else:
            with pytest.raises(Dies):
                start(kind, tmp_path, commit=commit, death=death)
        first = place % 11 if kind.startswith("an iterable") else place
        assert READ[0] == first
        assert all(one < other for one, other in pairwise(READ)) or kind.startswith("an iterable")


@pytest.mark.parametrize("kind", ["an iterator", "an iterable", "a loader that keeps the place"])
def test_a_finished_run_trains_no_more_and_goes_on_when_epochs_grow(tmp_path, kind):
    ended = start(kind, tmp_path, epochs=2)
    READ.clear()
    assert start(kind, tmp_path, epochs=2) == ended
    assert len(READ) <= 1  # to see of which shapes its batches are
    assert start(kind, tmp_path, epochs=4) == undisturbed(kind)


def test_an_iterator_that_is_at_its_end_can_be_gone_on_with(tmp_path):
    kind = "an iterator that ends"
    with pytest.raises(Dies):
        start(kind, tmp_path, death=Death(epoch=0), commit="11 steps")
    assert start(kind, tmp_path, commit="11 steps") == undisturbed(kind)
    assert start(kind, tmp_path) == undisturbed(kind)


def test_with_backup_and_restore_it_is_entered_too(tmp_path):
    def heard(folder):
        return lambda: [BackupAndRestore(folder, save_freq=4)]

    whole = start("an iterable", None, heard=heard(tmp_path / "whole"))
    with pytest.raises(Dies):
        start("an iterable", None, heard=heard(tmp_path / "run"), death=Death(18))
    READ.clear()
    assert start("an iterable", None, heard=heard(tmp_path / "run")).state == whole.state
    assert READ[0] == 16 % 11


def test_what_was_read_ahead_of_the_cursor_is_not_in_the_place():
    cursor = [0]
    source = stateful_source(Stream())
    source.remember(lambda: cursor[0])
    feed = Feed(source, 10)
    source.first()
    assert source.at(0)["number"] == 0
    feed.begin()
    for _ in range(6):
        feed.take()
        feed.more()
    assert source.at(0)["number"] == 0  # read 7, trained on none
    cursor[0] = 4
    feed.take()
    feed.more()
    assert [source.at(step)["number"] for step in (4, 5, 8)] == [4, 5, 8]
    with pytest.raises(keras.errors.Bug):
        source.at(3)  # nobody will go back there


@pytest.mark.parametrize("kind", [Loader, Keeps])
def test_each_evaluation_and_prediction_is_a_pass_of_its_own(kind):
    keras.utils.set_random_seed(1)
    model = keras.Sequential([keras.layers.Dense(1, input_shape=(6,))])
    model.compile("sgd", "mse")
    assert model.predict(kind(), verbose=0).shape == (88, 1)
    loss = model.evaluate(kind(), verbose=0)
    history = model.fit(kind(), epochs=2, verbose=0, validation_data=Loader()).history
    assert len(history["val_loss"]) == 2
    assert np.isfinite([loss, *history["val_loss"]]).all()


class Unplain(Stream):
    def get_state(self):
        return {"number": 0, "workers": [{"lock": object()}]}


def test_a_state_that_is_no_plain_data_is_refused_by_name_before_the_first_step(tmp_path):
    record = keras.testing.Recorder()
    with pytest.raises(Unsupported) as refused:
        program(tmp_path, data=lambda: (Unplain(), None), batch_size=None, steps_per_epoch=3, heard=lambda: [record])
    assert "Unplain.get_state()" in str(refused.value)
    assert "state['workers'][0]['lock']" in str(refused.value)
    assert record.calls == []
    program(None, data=lambda: (Unplain(), None), batch_size=None, steps_per_epoch=3)  # nobody asks for it there


def test_a_pipeline_that_does_not_take_its_state_is_told_of_before_the_first_step(tmp_path):
    class Other(Stream):
        def set_state(self, state):
            raise KeyError("shuffle")

    given = {"batch_size": None, "steps_per_epoch": 10}
    with pytest.raises(Dies):
        program(tmp_path, data=lambda: (Stream(), None), death=Death(7), commit="4 steps", **given)
    record = keras.testing.Recorder()
    with pytest.raises(InvalidArgument, match="does not take the state that it was left in: KeyError"):
        program(tmp_path, data=lambda: (Other(), None), heard=lambda: [record], **given)
    assert record.calls == []


def test_a_generator_in_its_place_is_refused(tmp_path):
    given = {"batch_size": None, "steps_per_epoch": 10}
    with pytest.raises(Dies):
        program(tmp_path, data=lambda: (Stream(), None), death=Death(7), commit="4 steps", **given)
    with pytest.raises(InvalidArgument, match="data was Stream, which knows its place and is a generator"):
        program(tmp_path, data=lambda: ((each for each in Stream()), None), **given)


@pytest.mark.parametrize("value", [b"", b"\x00\xff" * 9, 2**127 + 1, -(2**90), 2**63 - 1, {"a": [b"x", (2**64,)]}])
def test_bytes_and_large_numbers_come_back_from_a_file(value):
    arrays = {}
    packed = json.loads(json.dumps(pack(value, "source", arrays)))
    assert unpack(packed, arrays) == value


@pytest.mark.parametrize("packed", [{"int": "12"}, {"int": "0x" + "f" * 2000}, {"int": 3}, {"bytes": "gone"}])
def test_what_pack_does_not_write_is_refused(packed):
    with pytest.raises(UnusableFile):
        unpack(packed, {})
