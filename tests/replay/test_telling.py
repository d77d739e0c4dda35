"""How a stretch is cut for several processes, and what goes between them."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

import kibitz as keras
from kibitz.errors import NotExact, NotReady, UnknownKey, code
from kibitz.logs import Logs
from kibitz.replay import shared_arrays
from kibitz.replay.parcel import packed, unpacked
from kibitz.replay.pieces import pieces
from kibitz.replay.relay import LogsAlone
from kibitz.replay.shared_arrays import SharedArrays
from kibitz.replay.stretch import Stretch
from kibitz.replay.telling import Teller


@pytest.mark.parametrize(
    ("stretch", "commits", "most", "cut"),
    [
        ((0, 100), range(0, 100, 10), 2, [0, 50]),
        ((0, 100), range(0, 100, 10), 3, [0, 30, 70]),
        ((95, 200), [0, 100, 150], 2, [95, 100]),  # the first piece has 95 steps to run again before it begins
        ((10, 20), [0, 10, 20], 4, [10]),
        ((0, 40), [0, 10], 4, [0, 10]),
        ((5, 9), [], 2, [5]),
        ((0, 5), [0, 1, 2, 3, 4], 9, [0, 1, 2, 3, 4]),
    ],
)
def test_a_stretch_is_cut_at_commits_into_pieces_of_about_one_length(stretch, commits, most, cut):
    found = pieces(Stretch(*stretch), commits, most)
    assert [each.start for each in found] == cut
    assert [each.stop for each in found] == [*cut[1:], stretch[1]]


def test_logs_that_are_given_twice_are_one_dict_there_too():
    sent = []
    teller = Teller(["on_epoch_end", "on_train_end"], None, sent.extend)
    logs = Logs({"loss": 1.0}, batch={"loss": 0.5})
    teller.on_epoch_end(2, logs)
    logs["late"] = 3.0
    teller.on_train_end(logs)
    teller.flush()
    epoch, there = sent[0].args({})
    there["added there"] = 7.0
    (ended,) = sent[1].args(there)
    assert epoch == 2
    assert ended is there
    assert ended == {"loss": 1.0, "late": 3.0, "added there": 7.0}
    assert ended.batch == {"loss": 0.5}
    with pytest.raises(UnknownKey):
        ended["no such"]


ARRAYS = {
    "two dimensions": np.arange(5000, dtype="float32").reshape(2, -1),
    "of JAX": keras.ops.ones((90, 90), "bfloat16"),
    "columns first": np.asfortranarray(np.arange(6000.0).reshape(60, 100)),
    "with gaps": np.arange(20_000)[::3],
    "turned round": np.arange(2000, dtype=">f4")[::-1].reshape(50, 40),
    "words": np.array(["one", "and another"] * 300),
    "days": np.arange("2001-01", "2003-01", dtype="datetime64[D]"),
    "records": np.zeros(900, [("a", "f4"), ("b", "i8")]),
    "nothing": np.zeros((0, 5000)),
    "small": np.zeros(3),
    "a number": np.float64(2),
}  # fmt: skip


@pytest.mark.parametrize("block", [100, shared_arrays.BLOCK])
def test_large_arrays_lie_in_a_file_and_come_back_as_they_were(monkeypatch, block):
    monkeypatch.setattr(shared_arrays, "BLOCK", block)
    with SharedArrays() as shared:
        data = packed([*ARRAYS.values(), ARRAYS["two dimensions"]], shared)
        assert len(data) < 4000
        assert shared._file.tell() < 1.1 * sum(each.nbytes for each in ARRAYS.values())  # each is there once
        found = unpacked(data)
    for one, other in zip([*ARRAYS.values(), ARRAYS["two dimensions"]], found, strict=True):
        assert np.asarray(one).tobytes() == np.asarray(other).tobytes()
        assert (np.asarray(one).dtype, np.shape(one)) == (np.asarray(other).dtype, np.shape(other))
    assert found[0].base is not None  # it lies in the file
    assert not found[0].flags.writeable


def test_where_a_file_cannot_be_shared_arrays_go_with_the_rest(monkeypatch):
    monkeypatch.setattr(shared_arrays, "os", SimpleNamespace(name="nt"))
    with SharedArrays() as shared:
        assert shared.descriptors == ()
        found = unpacked(packed(ARRAYS["two dimensions"], shared))
    assert found.tobytes() == ARRAYS["two dimensions"].tobytes()


def test_nobody_asks_for_a_model_where_there_are_logs_alone():
    alone = LogsAlone(2)
    alone.history = 1  # History leaves itself there
    with pytest.raises(NotReady, match="Only logs"):
        alone.stop_training = True
    with pytest.raises(NotReady, match="workers=2"):
        alone.refuse("self.batch")()


def test_an_error_goes_as_what_it_says_though_what_was_given_cannot_go():
    error = NotExact("Otherwise.", given=lambda: 1, wanted="the same", there_is=["one"], cure="another")
    found = unpacked(packed(error))
    assert (type(found), str(found), found.cure) == (NotExact, str(error), "another")
    assert str(unpacked(packed(NotExact("a", given=code("x=1"), cure="b")))) == "a\n  given    x=1\n  cure     b"
