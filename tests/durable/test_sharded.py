"""A model that a user has spread over devices stays so, and its run is gone on with to the bit: on four devices."""

from __future__ import annotations

import os

import numpy as np
import pytest

from kibitz.checkpoint.pieces import digests, grid
from kibitz.checkpoint.run_folder import RunFolder
from kibitz.checkpoint.state_file import peek_state
from kibitz.checkpoint.store import HELD
from tests.durable.sharded import on_four_devices

pytestmark = pytest.mark.skipif(os.name == "nt", reason="each test is a process with devices of its own")


def test_a_run_on_four_devices_is_gone_on_with_from_every_commit_to_the_bit(tmp_path):
    assert on_four_devices("stops_at_every_commit", tmp_path) == "the same bits\n"


def test_what_is_spread_stays_where_it_was_put(tmp_path):
    assert on_four_devices("stays_where_it_was_put", tmp_path) == "where it was put\n"


@pytest.fixture(scope="module")
def left(tmp_path_factory):
    folder = tmp_path_factory.mktemp("left")
    on_four_devices("leaves_a_commit", folder)
    return folder


def table(folder):
    _, _, document = peek_state(RunFolder(folder).of(11), HELD)
    return document.get("orbax")


def test_what_is_cut_is_written_piece_by_piece_with_a_digest_of_each(left):
    leaves = table(left / "cut")["leaves"]
    first = leaves[".params['layers/0/kernel']"]
    assert first[:3] == ["F32", [6, 8], [1, 4]]
    assert len(set(first[3])) == 4
    assert leaves[".optimizer['momentum']['layers/1/kernel']"][:3] == ["F32", [8, 1], [4, 1]]
    assert leaves[".params['layers/0/bias']"][:3] == ["F32", [8], [1]]


def test_one_device_reads_what_four_have_written(left):
    cut, forced = (RunFolder(left / name).read(11).arrays for name in ("cut", "forced"))
    assert {name: array.tobytes() for name, array in cut.items()} == {
        name: array.tobytes() for name, array in forced.items()
    }


def test_copies_on_each_device_are_one_file_and_so_is_what_is_forced(left):
    assert table(left / "copies") is None
    assert table(left / "forced") is None
    assert list(left.rglob("copies/**/*.orbax-*")) == []


@pytest.mark.parametrize("cut", [(1, 1), (2, 1), (1, 3), (4, 3)])
def test_a_digest_is_that_of_one_piece(cut):
    whole = np.arange(24, dtype="float32").reshape(4, 6)
    told = digests(whole, cut)
    assert len(told) == cut[0] * cut[1]
    for number, place in enumerate(np.ndindex(cut)):
        other = whole.copy()
        other[place[0] * (4 // cut[0]), place[1] * (6 // cut[1])] += 1
        assert [at for at, (one, two) in enumerate(zip(told, digests(other, cut), strict=True)) if one != two] == [
            number
        ]


def test_a_number_is_one_piece():
    assert grid(np.float32(1)) == ()
    assert len(digests(np.float32(1), ())) == 1
    assert digests(np.array(1, "int32"), ()) != digests(np.array(2, "int32"), ())
