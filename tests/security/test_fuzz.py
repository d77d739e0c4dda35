"""Whatever bytes a reader is given, it reads them or says in our own words why not."""

from __future__ import annotations

import functools
import io
import json
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kibitz.checkpoint.archive import read_archive, read_archived_weights, write_archive
from kibitz.checkpoint.document import check_document
from kibitz.checkpoint.packed import unpack
from kibitz.checkpoint.state_file import read_state, write_state
from kibitz.checkpoint.strict_json import loads
from kibitz.checkpoint.weights_file import Group, read_weights, write_weights
from kibitz.errors import UnusableFile
from tests.drawn import examples

GROUP = Group("layers/dense", "dense", [np.ones((3, 2), "float32"), np.zeros(2, "float32")])
ARRAYS = {"a": np.arange(3.0), "b": np.array(1)}


@functools.cache
def good(kind: str) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "file"
        if kind == "state":
            write_state(path, ARRAYS, {"epoch": 1, "logs": {"dict": [["loss", 1.5]]}})
        else:
            write_archive(path, {"class_name": "Sequential", "config": {"layers": []}}, b"\x89HDF", "1.0")
        return path.read_bytes()


@st.composite
def damaged(draw, data: bytes) -> bytes:
    """The bytes of a good file with some overwritten, taken out, put in or put twice."""
    found = bytearray(data)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(found)))
        match draw(st.sampled_from(["over", "out", "in", "twice", "end"])):
            case "over":
                more = draw(st.binary(max_size=8))
                found[at : at + len(more)] = more
            case "out":
                del found[at : at + draw(st.integers(1, 64))]
            case "in":
                found[at:at] = draw(st.binary(max_size=16))
            case "twice":
                found[at:at] = found[at : at + draw(st.integers(1, 64))]
            case "end":
                del found[max(at, 1) :]
    return bytes(found)


def read(reader, data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "file"
        path.write_bytes(data)
        reader(path)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["dict", "tuple", "float", "array", "scalar", "x"]), inner, max_size=2)
        | st.lists(st.lists(inner, min_size=2, max_size=2), max_size=3).map(lambda pairs: {"dict": pairs})
    ),
    max_leaves=12,
)


def own(call, *args) -> None:
    """It returns, or raises what says that a file cannot be used."""
    try:
        call(*args)
    except UnusableFile as told:
        assert told.cure  # noqa: PT017 - either is right


@examples(80)
@given(damaged(good("state")) | st.binary(max_size=200))
def test_a_state(data):
    own(read, read_state, data)


@examples(80)
@given(damaged(good("archive")) | st.binary(max_size=200))
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_an_archive(data):
    own(read, read_archive, data)
    own(read, read_archived_weights, data)


@examples(60)
@given(damaged(bytes(write_weights([GROUP]))) | st.binary(max_size=200))
def test_weights(data):
    own(read_weights, io.BytesIO(data), [GROUP], "a file")


@examples(100)
@given(
    JSON.map(lambda value: json.dumps(value).encode()) | damaged(b'{"a": [1, -2.5e3, {"b": "\\u00e9"}]}') | st.binary()
)
def test_json(data):
    own(loads, data, "a note")


@examples(200)
@given(JSON)
def test_packed_values(value):
    own(unpack, value, ARRAYS)


FIELDS = ["format", "step", "epoch", "batch", "begun", "epochs", "stop", "row_seed", "fits", "seconds", "logs",
          "callbacks", "said", "latest", "made_of"]  # fmt: skip


@examples(100)
@given(JSON | st.dictionaries(st.sampled_from(FIELDS), JSON).map(lambda found: {**found, "format": 1}))
def test_documents(document):
    own(check_document, document, ARRAYS, Path("a commit"))
