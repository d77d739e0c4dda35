"""How a stretch is cut for several processes, and what goes between them."""

from __future__ import annotations

import numpy as np
import pytest

import kibitz as keras
from kibitz.errors import NotExact, NotReady, UnknownKey, code
from kibitz.logs import Logs
from kibitz.replay.parcel import packed, unpacked
from kibitz.replay.pieces import pieces
from kibitz.replay.relay import LogsAlone
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


def test_large_arrays_go_by_files_and_come_back_as_they_were(tmp_path):
    arrays = [
        np.arange(5000, dtype="float32").reshape(2, -1),
        keras.ops.ones((90, 90), "bfloat16"),
        np.zeros(3),
        np.float64(2),
    ]
    data = packed([*arrays, arrays[0]], tmp_path)
    assert len(data) < 2000
    assert len(list(tmp_path.iterdir())) == 2
    found = unpacked(data)
    for one, other in zip([*arrays, arrays[0]], found, strict=True):
        assert np.asarray(one).tobytes() == np.asarray(other).tobytes()
        assert np.asarray(one).dtype == np.asarray(other).dtype
    assert found[0].base is not None  # it lies in the file


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
