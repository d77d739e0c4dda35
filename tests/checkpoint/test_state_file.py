"""A state comes back to the bit, or not at all."""

from __future__ import annotations

import json
import struct

import jax.numpy as jnp
import numpy as np
import pytest

from kibitz.checkpoint.leaf import leaf_digests
from kibitz.checkpoint.state_file import differences, read_state, write_state
from kibitz.errors import Unsupported, UnusableFile
from tests.checkpoint.faults import attempt, every_failure, names

ARRAYS = {
    "kernel": np.arange(6, dtype=np.float32).reshape(2, 3).T,
    "iterations": np.array(7, np.int32),
    "rate": np.float32(0.1),
    "key": np.array([1, 2**32 - 1], np.uint32),
    "half": np.array([1.5, np.nan, -0.0], jnp.bfloat16),
    "half2": np.array([[1.5]], np.float16),
    "flags": np.array([True, False]),
    "empty": np.zeros((0, 3), np.float64),
    "odd": np.array([1, 2, 3], np.uint8),
    "big": np.array([1.5, 2.5], ">f8"),
    "many": np.array([2**40], np.int64),
}
DOCUMENT = {"epoch": 3, "stopped": "", "note": "é"}


@pytest.fixture
def path(tmp_path):
    write_state(tmp_path / "s.safetensors", ARRAYS, DOCUMENT)
    return tmp_path / "s.safetensors"


def test_a_state_comes_back_to_the_bit_with_its_document(path):
    arrays, document = read_state(path)
    assert document == DOCUMENT
    assert list(arrays) == list(ARRAYS)
    for name, array in ARRAYS.items():
        there = np.asarray(array)
        assert arrays[name].shape == there.shape, name
        assert arrays[name].dtype == there.dtype.newbyteorder("="), name
        assert arrays[name].tobytes() == there.astype(there.dtype.newbyteorder("<")).tobytes(), name


def test_safetensors_itself_reads_it(path):
    from safetensors import safe_open

    with safe_open(path, framework="numpy") as file:
        assert set(file.keys()) == set(ARRAYS)
        assert np.array_equal(file.get_tensor("kernel"), ARRAYS["kernel"])
        assert json.loads(file.metadata()["document"]) == DOCUMENT


def test_the_same_state_is_the_same_bytes(path, tmp_path):
    write_state(tmp_path / "again", ARRAYS, DOCUMENT)
    assert (tmp_path / "again").read_bytes() == path.read_bytes()


def test_a_flipped_bit_is_found(path):
    data = bytearray(path.read_bytes())
    for place in range(0, len(data), 3):
        bit = 1 << place % 8
        data[place] ^= bit
        path.write_bytes(data)
        if attempt(lambda: read_state(path)) is None:  # the header's blanks are nobody's
            assert read_state(path)[1] == DOCUMENT
            assert chr(data[place] ^ bit) == " ", place
        data[place] ^= bit


def test_every_cut_is_found(path):
    data = path.read_bytes()
    for length in [*range(0, len(data), 7), len(data) - 1]:
        path.write_bytes(data[:length])
        with pytest.raises(UnusableFile, match="cure"):
            read_state(path)
    path.write_bytes(data + b"\0")
    with pytest.raises(UnusableFile, match="1 bytes too long"):
        read_state(path)


def test_an_older_document_with_newer_arrays_is_found(path, tmp_path):
    write_state(tmp_path / "other", ARRAYS, {**DOCUMENT, "epoch": 4})
    data = path.read_bytes().replace(b'\\"epoch\\": 3', b'\\"epoch\\": 4')
    path.write_bytes(data)
    with pytest.raises(UnusableFile, match="digest"):
        read_state(path)


def crafted(header: dict | bytes, body: bytes = b"") -> bytes:
    head = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(head)) + head + body


META = {"__metadata__": {"format": "kibitz-state-1", "document": "{}", "sha256": "0"}}


def claiming(dtype, shape, end, body=b"1234"):
    return crafted({**META, "a": {"dtype": dtype, "shape": shape, "data_offsets": [0, end]}}, body)


HOSTILE = {
    "a length beyond the file": struct.pack("<Q", 2**63) + b"{}",
    "no table": crafted(b"[]"),
    "no metadata": crafted({"a": {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]}}),
    "another format": crafted({"__metadata__": {"format": "pt"}}),
    "a huge shape": claiming("F32", [10**6, 10**6], 4),
    "a huge shape, honestly": claiming("F32", [10**12], 4 * 10**12, b""),
    "a huge empty shape": claiming("F32", [0, 2**62, 4], 0, b""),
    "very many dimensions": claiming("F32", [1] * 99, 4),
    "a negative size": claiming("F32", [-1], 4),
    "a size that is no number": claiming("F32", [True], 4),
    "objects": claiming("O", [1], 8, b"12345678"),
    "no shape": crafted({**META, "a": {"dtype": "F32"}}),
    "no entry": crafted({**META, "a": 3}),
    "bytes that two arrays share": crafted(
        {**META, "a": {"dtype": "U8", "shape": [2], "data_offsets": [0, 2]},
         "b": {"dtype": "U8", "shape": [2], "data_offsets": [1, 3]}}, b"123"),
    "bytes that are nobody's": claiming("U8", [1], 1, b"12"),
    "a name twice": crafted(b'{"a": 1, "a": 2}'),
    "no digest": crafted({"__metadata__": {"format": "kibitz-state-1", "document": "{}"}}),
    "nothing": b"",
    "a pickle": b"\x80\x04\x95\x1d\x00\x00\x00\x00\x00\x00\x00\x8c\x05posix\x94\x8c\x06system\x94\x93\x94\x8c\x02id",
}  # fmt: skip


def test_the_array_that_is_damaged_is_named(tmp_path):
    path = tmp_path / "s.safetensors"
    write_state(path, {"kernel": np.zeros(3), "bias": np.ones(2)}, {})
    path.write_bytes(path.read_bytes()[:-1] + b"!")
    with pytest.raises(UnusableFile, match="'bias' is not the array that the digest is of"):
        read_state(path)


def test_bytes_are_looked_at_once_where_their_digests_are_known(tmp_path):
    arrays = {"kernel": np.zeros(3), "bias": np.ones(2)}
    write_state(tmp_path / "known", arrays, {"step": 1}, digests=leaf_digests({"more": np.ones(1), **arrays}))
    write_state(tmp_path / "made", arrays, {"step": 1})
    assert (tmp_path / "known").read_bytes() == (tmp_path / "made").read_bytes()


@pytest.mark.parametrize("data", HOSTILE.values(), ids=HOSTILE)
def test_a_crafted_file_is_refused(tmp_path, data):
    (tmp_path / "s").write_bytes(data)
    with pytest.raises(UnusableFile, match="cure"):
        read_state(tmp_path / "s")


def test_whatever_fails_the_old_state_is_whole(path):
    before = path.read_bytes()
    write = lambda: write_state(path, {"a": np.zeros(3)}, {"epoch": 9})  # noqa: E731
    for failure in every_failure(write, before=lambda: path.write_bytes(before)):
        assert names(path.parent) == [path.name]
        assert (path.read_bytes() == before) == (failure not in {("open", 2), ("fsync", 2)}), failure
        read_state(path)
    assert read_state(path)[1] == {"epoch": 9}


def test_what_cannot_be_written_is_told_before_the_file_is_touched(path):
    before = path.read_bytes()
    with pytest.raises(Unsupported, match="names has a dtype"):
        write_state(path, {"names": np.array(["a"])}, {})
    assert path.read_bytes() == before


def test_differences_name_each_array():
    wanted = {"a": np.zeros(2, np.float32), "b": np.zeros(1), "c": np.zeros(1)}
    found = {"a": np.zeros(2, np.float64), "b": np.zeros(2), "d": np.zeros(1)}
    assert differences(wanted, found) == [
        "a is float64[2], not float32[2]", "b is float64[2], not float64[1]", "c is missing", "d is unexpected",
    ]  # fmt: skip
    assert differences(wanted, wanted) == []
