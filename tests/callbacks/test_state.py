"""What a callback remembers for a run that goes on in another process: what hooks have set, and nothing else."""

from __future__ import annotations

import collections
import copy
import enum
import json
from typing import NamedTuple

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import kibitz
from kibitz.callbacks import Callback, EarlyStopping
from kibitz.callbacks.monitor import Monitor
from kibitz.callbacks.state import Kept, told
from kibitz.errors import InvalidArgument, Unsupported
from kibitz.testing import drive
from kibitz.testing.bench import Bench
from tests.callbacks.table import NAMES, how
from tests.drawn import examples

# -- what a commit can hold: JSON, and arrays beside it ----------------------------------------------------------------


def put_away(value, arrays):
    """A plain value as JSON, its arrays apart."""
    if isinstance(value, np.ndarray | np.generic):
        arrays.append(np.array(value))
        return {"array" if isinstance(value, np.ndarray) else "scalar": len(arrays) - 1}
    if isinstance(value, dict):
        return {"dict": [[put_away(key, arrays), put_away(each, arrays)] for key, each in value.items()]}
    if isinstance(value, list | tuple):
        return {type(value).__name__: [put_away(each, arrays) for each in value]}
    return value


def taken_out(value, arrays):
    if not isinstance(value, dict):
        return value
    ((kind, inside),) = value.items()
    if kind in {"array", "scalar"}:
        return arrays[inside] if kind == "array" else arrays[inside][()]
    if kind == "dict":
        return {taken_out(key, arrays): taken_out(each, arrays) for key, each in inside}
    return {"list": list, "tuple": tuple}[kind](taken_out(each, arrays) for each in inside)


def through_a_commit(state):
    arrays = []
    return taken_out(json.loads(json.dumps(put_away(state, arrays))), [array.copy() for array in arrays])


def alike(one, other):
    """Equal in type and to the bit; NaN is NaN."""
    if type(one) is not type(other):
        return False
    if isinstance(one, np.ndarray | np.generic):
        one, other = np.asarray(one), np.asarray(other)
        return (one.dtype, one.shape, one.tobytes()) == (other.dtype, other.shape, other.tobytes())
    if isinstance(one, dict):
        return list(one) == list(other) and all(alike(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(alike, one, other))
    return repr(one) == repr(other)


# -- a callback whose hooks set what they are told ---------------------------------------------------------------------


class Sets(Callback):
    """Sets attributes at the end of each epoch."""

    def __init__(self, by_epoch=(), **configured):
        super().__init__()
        self._by_epoch = by_epoch
        for name, value in configured.items():
            setattr(self, name, value)

    def on_epoch_end(self, epoch, logs=None):
        for name, value in self._by_epoch[epoch].items() if epoch < len(self._by_epoch) else ():
            setattr(self, name, value)


def kept_after(callback, epochs):
    """A callback's state after so many epochs of a run that is killed there."""
    kept = Kept(callback)
    begun = kibitz.callbacks.LambdaCallback(on_train_begin=lambda logs: kept.begun())
    drive([callback, begun], [{"loss": 1.0}] * (epochs + 1), kill_after=epochs)
    return kept


def gone_on(callback, state):
    """A fresh callback that has begun and taken a state."""
    kept = Kept(callback)
    callback.set_model(None)
    getattr(callback, "on_train_begin", lambda logs: None)({})
    kept.begun()
    kept.restore(through_a_commit(state))
    return callback


VALUES = {
    "whole": 3, "huge": 2**70, "truth": True, "real": 0.1, "minus zero": -0.0, "nan": float("nan"),
    "infinity": float("inf"), "text": "é\n", "none": None, "half": np.float16(0.1), "int8": np.int8(-3),
    "float32": np.float32("nan"), "bool_": np.True_, "0-d": np.array(2.5), "empty": np.zeros((0, 3), "int16"),
    "bfloat16": np.arange(3).astype(ml_dtypes.bfloat16), "matrix": np.eye(2, 3), "column": np.eye(3)[:, 1],
    "list": [1, [2.0, ["three"]]], "tuple": (1, (2.0, [None])), "no items": [(), [], {}],
    "dict": {"a": {1: [np.ones(2)], "b": (np.float32(1),)}},
}  # fmt: skip


@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
def test_what_a_hook_has_set_comes_back_equal_in_type_and_value(value):
    state = kept_after(Sets([{"found": value}]), 1).state()

    assert alike(state, {"found": value})
    assert alike(gone_on(Sets(), state).found, value)


def test_what_is_kept_is_a_copy():
    callback = Sets([{"found": [np.zeros(2)]}])
    kept = kept_after(callback, 1)
    state = kept.state()
    callback.found[0][:] = 1
    assert state["found"][0].tolist() == [0, 0]
    kept.restore(state)
    callback.found.append(3)
    assert len(state["found"]) == 1


# -- what is configuration, and what is state --------------------------------------------------------------------------


def test_what_init_has_set_is_not_kept_so_a_program_that_goes_on_otherwise_does():
    first = Sets([{"found": 1}], patience=3, names=["a"], factors=np.ones(2), nan=np.float32("nan"))
    state = kept_after(first, 1).state()
    assert state == {"found": 1}
    assert gone_on(Sets(patience=5), state).patience == 5


def test_the_patience_of_an_early_stopping_is_the_programs_and_its_waiting_the_states():
    first, second = EarlyStopping("loss", patience=3), EarlyStopping("loss", patience=5)
    kept = Kept(first)
    drive(first, [{"loss": 1.0}] * 4, kill_after=3)
    gone_on(second, kept.state())
    assert (second.patience, second.wait, second.best) == (5, 2, 1.0)


@pytest.mark.parametrize("begin", [False, True], ids=["set in init", "set in on_train_begin"])
def test_what_a_hook_sets_back_to_its_first_value_is_that_value_after_a_resume(begin):
    class Counts(Callback):
        def __init__(self):
            super().__init__()
            self.count, self.seen = 0, 0

        def on_train_begin(self, logs=None):
            if begin:
                self.count = 5

        def on_epoch_end(self, epoch, logs=None):
            self.count = {0: 7, 1: 0}.get(epoch, self.count)
            self.seen += 1

    for epochs in (1, 2):
        whole = Counts()
        state = kept_after(whole, epochs).state()
        resumed = gone_on(Counts(), state)
        assert (resumed.count, resumed.seen) == (whole.count, whole.seen)


@pytest.mark.parametrize(
    "change",
    [
        lambda it: it.rows.append(2), lambda it: it.table.update(b=2), lambda it: it.table["a"].append(1),
        lambda it: it.array.__setitem__(0, 9), lambda it: it.table.pop("a"), lambda it: it.rows.__setitem__(0, 1.0),
    ],
)  # fmt: skip
def test_a_change_within_a_list_a_dict_or_an_array_is_seen(change):
    class Changes(Callback):
        def __init__(self):
            super().__init__()
            self.rows, self.table, self.array = [1], {"a": []}, np.zeros(2)

        def on_epoch_end(self, epoch, logs=None):
            change(self)

    changed = Changes()
    state = kept_after(changed, 1).state()
    assert len(state) == 1
    resumed = gone_on(Changes(), state)
    assert all(alike(getattr(resumed, name), getattr(changed, name)) for name in ("rows", "table", "array"))


def test_what_every_begin_makes_alike_is_kept_only_where_it_differs():
    class Begins(Callback):
        def on_train_begin(self, logs=None):
            self.low, self.high = [], []

        def on_epoch_end(self, epoch, logs=None):
            self.high.append(epoch)

    assert gone_on(Begins(), kept_after(Begins(), 2).state()).high == [0, 1]


def test_a_name_with_an_underscore_may_be_lost():
    assert kept_after(Sets([{"_open": {1}, "found": 1}]), 1).state() == {"found": 1}


# -- what cannot be kept -----------------------------------------------------------------------------------------------


class Pair(NamedTuple):
    one: int


class Phase(enum.IntEnum):
    WARM = 1


ODD = {
    "a set": {1}, "a function": len, "a method": "".join, "bytes": b"a", "a complex number": 1j, "an object": object(),
    "a model": kibitz.testing.FakeModel(), "a class": int, "a set in a list": [1, {2}], "a key of two": {(1, 2): 3},
    "objects in an array": np.array([None]), "a named tuple": Pair(1), "a member of an enumeration": Phase.WARM,
    "a dict that knows what is missing": collections.defaultdict(list), "a counter": collections.Counter("a"),
}  # fmt: skip


@pytest.mark.parametrize("value", ODD.values(), ids=ODD)
def test_what_cannot_be_kept_is_an_error_that_names_it_and_its_cure(value):
    kept = kept_after(Sets([{"found": value}]), 1)
    with pytest.raises(Unsupported) as raised:
        kept.state()
    assert raised.value.what == "A hook of Sets has set found, which cannot be kept for a run that goes on later."
    assert raised.value.wanted
    assert "given " in str(raised.value)
    assert raised.value.cure.startswith("self._found")


def test_an_open_file_and_a_model_that_can_be_called_are_errors_too(tmp_path):
    model = kibitz.Sequential([kibitz.layers.Dense(1)])
    with (tmp_path / "log").open("w") as file:
        for value in (file, model):
            with pytest.raises(Unsupported, match="has set found"):
                kept_after(Sets([{"found": value}]), 1).state()


@pytest.mark.parametrize("made", [set, collections.deque, lambda: collections.defaultdict(int), lambda: [set()]])
def test_a_change_within_what_cannot_be_kept_is_not_lost_in_silence(made):
    class Adds(Callback):
        def __init__(self):
            super().__init__()
            self.seen = made()

        def on_epoch_end(self, epoch, logs=None):
            add = getattr(self.seen, "add", None) or getattr(self.seen, "append", None)
            add(epoch) if add else self.seen.update(a=epoch)

    assert Kept(Adds()).state() == {}
    with pytest.raises(Unsupported, match="has set seen"):
        kept_after(Adds(), 1).state()


def test_a_function_that_init_was_given_is_configuration():
    assert kept_after(Sets([{"found": 1}], function=len, names={"a"}, on_test_end=print), 1).state() == {"found": 1}


def test_how_keras_compares_is_found_out_anew():
    class Compares:  # as Keras's own callbacks do
        def __init__(self):
            self.monitor_op = None

        def on_epoch_end(self, epoch, logs=None):
            self.monitor_op, self.best = np.less, logs["loss"]

    assert kept_after(Compares(), 1).state() == {"best": 1.0}


# -- who tells it himself ----------------------------------------------------------------------------------------------


class Own(Sets):
    def get_state(self):
        return {"mine": self.found}

    def set_state(self, state):
        self.taken = state["mine"]


def test_own_get_state_and_set_state_win():
    state = kept_after(Own([{"found": 4, "odd": {1}}]), 1).state()
    assert state == {"mine": 4}
    assert gone_on(Own(), state).taken == 4


@pytest.mark.parametrize(
    ("gives", "error", "words"),
    [([1], InvalidArgument, "get_state gives a dict"), ({"mine": {1}}, Unsupported, "get_state\\(\\) gives mine")],
)
def test_an_own_get_state_that_cannot_be_kept_is_an_error(gives, error, words):
    kept = Kept(type("Gives", (Own,), {"get_state": lambda self: gives})())
    with pytest.raises(error, match=words) as raised:
        kept.state()
    assert raised.value.cure


def test_an_own_get_state_alone_is_taken_as_attributes():
    class Tells(Callback):
        seen = 0

        def get_state(self):
            return {"seen": 7}

    assert gone_on(Tells(), Kept(Tells()).state()).seen == 7


class Duck:
    """No base class, and only what Keras's hooks need."""

    def __init__(self, patience=1):
        self.patience, self.losses = patience, []

    def set_model(self, model):
        self.model = model

    def on_epoch_end(self, epoch, logs):
        self.losses.append(logs["loss"])
        self.last = logs


def test_a_callback_without_any_base_class_is_kept_too():
    state = kept_after(Duck(), 2).state()
    assert state == {"losses": [1.0, 1.0], "last": {"loss": 1.0}}
    resumed = gone_on(Duck(patience=4), state)
    assert (resumed.losses, resumed.last, resumed.patience) == ([1.0, 1.0], {"loss": 1.0}, 4)


class Smooths(Callback):
    """Has a part that remembers something itself."""

    def __init__(self, smoothing=0.5):
        super().__init__()
        self.watch = Monitor("loss", smoothing=smoothing, owner="Smooths")

    def on_epoch_end(self, epoch, logs=None):
        self.watch.take(self.watch.read(logs))


def test_a_part_that_has_a_state_is_asked_for_it_and_given_it():
    whole, first = Smooths(), Smooths()
    epochs = [{"loss": value} for value in (4.0, 2.0, 3.0, 1.0)]
    drive(whole, epochs)
    kept = Kept(first)
    drive(first, epochs, kill_after=2)
    second = gone_on(Smooths(), kept.state())
    drive(second, epochs, start=2)
    assert second.watch.get_state() == whole.watch.get_state()
    assert through_a_commit(whole.get_state()) == whole.get_state()


def test_a_subclass_that_adds_to_what_the_base_tells_may_call_it():
    class Adds(Callback):
        def __init__(self):
            super().__init__()
            self.count, self._secret = 3, 4

        def get_state(self):
            return {**super().get_state(), "secret": self._secret}

    assert Kept(Adds()).state() == {"count": 3, "secret": 4}
    assert told(Adds()) == {"count": 3}


# -- every callback there is -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def bench():
    return Bench()


NEEDS_MORE = {"LearningRateFinder", "SwapEMAWeights", "CSVLogger", "TensorBoard"}
"""A hundred batches; an optimizer that keeps averages; the very files that were written (they have tests of that)."""


@pytest.mark.parametrize("name", [name for name in NAMES if name not in NEEDS_MORE])
def test_the_state_of_every_exported_callback_goes_through_a_commit(name, bench, tmp_path):
    made = how(name)
    with made.around(tmp_path):
        first, second = (made.make(getattr(kibitz.callbacks, name), tmp_path / each) for each in "ab")
        kept, held = Kept(first), []

        def look(logs):
            held.append(kept.state())

        hand = kibitz.callbacks.LambdaCallback(
            on_train_begin=lambda logs: kept.begun(), on_epoch_end=lambda epoch, logs: look(logs)
        )
        took = bench.fit([first, hand], epochs=2)
        assert took.error is None
        assert held
        assert all(alike(through_a_commit(state), state) for state in held)
        if not held[-1]:
            return
        restored, found = Kept(second), []

        def restore(logs):
            restored.begun()
            restored.restore(through_a_commit(held[-1]))
            found.append(restored.state())

        bench.fit([second, kibitz.callbacks.LambdaCallback(on_train_begin=restore)], epochs=1)
        assert found
        assert alike({key: found[0][key] for key in held[-1]}, held[-1])


# -- any callback, cut anywhere ----------------------------------------------------------------------------------------

numbers = st.one_of(
    st.integers(), st.booleans(), st.none(), st.floats(), st.text(max_size=3),
    st.floats(width=32).map(np.float32), st.integers(-9, 9).map(np.int16),
    st.lists(st.integers(0, 255), max_size=3).map(lambda each: np.array(each, "uint8")),
)  # fmt: skip
plain = st.recursive(
    numbers,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.lists(inner, max_size=3).map(tuple),
        st.dictionaries(st.one_of(st.text(max_size=2), st.integers()), inner, max_size=3),
    ),
    max_leaves=6,
)
names = st.sampled_from(["a", "b", "c", "d"])


@examples(30)
@given(
    configured=st.dictionaries(names, plain, max_size=3),
    by_epoch=st.lists(st.dictionaries(names, plain, max_size=3), min_size=1, max_size=4),
    cut=st.integers(1, 4),
)
def test_any_plain_attributes_cut_anywhere_are_the_same(configured, by_epoch, cut):
    cut = min(cut, len(by_epoch))
    first = Sets(by_epoch, **configured)
    state = kept_after(first, cut).state()
    second = gone_on(Sets(by_epoch, **configured), state)
    assert all(alike(getattr(second, name, ""), getattr(first, name, "")) for name in "abcd")


class Beside(kibitz.callbacks.CSVLogger):
    """A subclass that remembers something of its own, under names that its base uses in what it tells."""

    def __init__(self, path):
        super().__init__(path)
        self.limit, self.watch = 7, Monitor("loss", mode="min")

    def on_train_begin(self, logs=None):
        super().on_train_begin(logs)
        self.bytes, self.seen = 0, []

    def on_epoch_end(self, epoch, logs=None):
        super().on_epoch_end(epoch, logs)
        self.bytes += 1
        self.seen.append(logs["loss"])
        self.watch.take(logs["loss"])


def test_what_a_subclass_sets_is_kept_beside_what_its_base_tells(tmp_path):
    first, second = Beside(tmp_path / "log.csv"), Beside(tmp_path / "log.csv")
    kept = Kept(first)
    states = []

    class Puts(kibitz.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            states.append(kept.state())

    drive([first, Puts()], epochs=[{"loss": 2.0}, {"loss": 3.0}])
    second.limit = 9  # configuration: the program that goes on may have set it otherwise
    going_on = kibitz.callbacks.LambdaCallback(on_train_begin=lambda logs: Kept(second).restore(states[1]))
    drive([second, going_on], epochs=[])

    assert states[1]["bytes"] == len("epoch,loss\r\n0,2.0\r\n1,3.0\r\n")  # the base's, as before
    assert (second.bytes, second.seen, second.watch.best, second.watch.wait) == (2, [2.0, 3.0], 2.0, 1)
    assert second.limit == 9


@pytest.mark.parametrize(
    ("name", "paths"),
    [
        ("ModelCheckpoint", ["model-{epoch}.keras"]), ("CSVLogger", ["log.csv"]), ("History", []),
        ("ProgbarLogger", []),
    ],
)  # fmt: skip
def test_of_the_base_itself_nothing_is_kept_twice(name, paths, tmp_path, monkeypatch):
    base = getattr(kibitz.callbacks, name)
    monkeypatch.setattr(kibitz.callbacks.ModelCheckpoint, "_save", lambda *_: None)
    counts = type("Counts", (base,), {"on_epoch_end": lambda self, epoch, logs=None: _count(self, base, epoch, logs)})
    callback = counts(*(tmp_path / each for each in paths))
    kept, plain = Kept(callback), []

    class Puts(kibitz.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            plain.append((kept.state(), copy.deepcopy(base.get_state(callback))))

    drive([callback, Puts()], epochs=[{"loss": 2.0}, {"loss": 3.0}])

    for epoch, (state, of_base) in enumerate(plain, start=1):
        assert state == {**of_base, "set by the subclass": {"counted": epoch}}


def _count(self, base, epoch, logs):
    base.on_epoch_end(self, epoch, logs)
    self.counted = epoch + 1


def test_a_subclass_that_tells_itself_is_believed():
    class Tells(kibitz.callbacks.History):
        def on_epoch_end(self, epoch, logs=None):
            super().on_epoch_end(epoch, logs)
            self.lost = epoch

        def get_state(self):
            return {**super().get_state(), "mine": 1}

    tells = Tells()
    kept = Kept(tells)
    drive(tells, epochs=[{"loss": 2.0}])
    assert set(kept.state()) == {"history", "epoch", "columns", "mine"}
