"""Steps of Orbax that a stranger made: too large, packed too well, or leading elsewhere."""

from __future__ import annotations

import json
import os
import resource
import sys
from pathlib import Path

import numpy as np
import pytest

from kibitz.checkpoint.orbax_steps import OrbaxSteps, latest, read_step
from kibitz.errors import UnusableFile

ts = pytest.importorskip("tensorstore")
pytest.importorskip("orbax.checkpoint")

ARRAY = b"trainable_variables.kernel/"


@pytest.fixture
def step(tmp_path):
    """A good step, and the database in it."""
    steps = OrbaxSteps(tmp_path / "steps", background=False)
    steps.save(0, {"trainable_variables": {"kernel": np.ones((2, 3), "f4")}}, {"epoch": 1})
    steps.close()
    found = latest(tmp_path / "steps")
    assert read_step(found)[1] == {"epoch": 1}
    return found


def database(step: Path):
    return ts.KvStore.open({"driver": "ocdbt", "base": f"file://{step}/pytree/"}).result()


def says(step: Path, **otherwise) -> None:
    """Let the array say something else of itself."""
    store = database(step)
    said = json.loads(store.read(ARRAY + b".zarray").result().value)
    store.write(ARRAY + b".zarray", json.dumps({**said, **otherwise}).encode()).result()


SHAPES = {
    "four terabytes": {"shape": [10**6, 10**6], "chunks": [10**6, 10**6]},
    "a piece of four terabytes": {"chunks": [10**6, 10**6]},
    "more than can be counted": {"shape": [2**62, 2**62]},
    "no rows to speak of": {"shape": [2**31, 3], "chunks": [1, 1]},
    "a size below zero": {"shape": [-1, 3]},
    "a filter": {"filters": [{"id": "delta"}]},
    "another packing": {"compressor": {"id": "blosc", "cname": "lz4", "clevel": 5, "shuffle": 1}},
    "objects": {"dtype": "|O"},
    "text": {"dtype": "http://169.254.169.254/"},
}


@pytest.mark.parametrize("otherwise", SHAPES.values(), ids=SHAPES)
def test_what_an_array_cannot_be_is_refused_before_there_is_room_made_for_it(step, otherwise):
    says(step, **otherwise)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(UnusableFile, match="cure"):
        read_step(step)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 2**16  # kB


def test_zeros_that_are_packed_a_thousand_to_one_are_unpacked_no_further_than_the_array_goes(step):
    packed = {"shape": [2**26], "chunks": [2**26], "dtype": "<f4", "compressor": {"id": "zstd", "level": 1}}
    spec = {"driver": "zarr", "kvstore": {"driver": "memory"}, "metadata": packed, "create": True,
            "store_data_equal_to_fill_value": True}  # fmt: skip
    array = ts.open(spec).result()
    array.write(0).result()
    bomb = array.kvstore.read(b"0").result().value
    del array
    assert len(bomb) * 1000 < 2**28
    database(step).write(ARRAY + b"0.0", bomb).result()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(UnusableFile, match="cure"):
        read_step(step)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 2**16  # kB


ELSEWHERE = {
    "another layout": {"use_ocdbt": False},
    "no layout": {"use_ocdbt": None},
    "a name that leads out": {"use_ocdbt": False, "tree_metadata": {"('../../victim',)": {
        "key_metadata": [{"key": "../../victim", "key_type": 2}],
        "value_metadata": {"value_type": "np.ndarray", "skip_deserialize": False}}}},
    "an address": {"use_ocdbt": "http://169.254.169.254/"},
    "a place": {"use_ocdbt": "file:///etc/passwd"},
}  # fmt: skip
OPENED: list[str] = []
sys.addaudithook(lambda event, args: OPENED.append(str(args)) if event.startswith("socket.connect") else None)


@pytest.mark.parametrize("otherwise", ELSEWHERE.values(), ids=ELSEWHERE)
def test_a_layout_that_leads_elsewhere_is_refused(step, otherwise):
    path = step / "pytree" / "_METADATA"
    path.write_text(json.dumps({**json.loads(path.read_text()), **otherwise}))
    OPENED.clear()
    with pytest.raises(UnusableFile, match="cure"):
        read_step(step)
    assert OPENED == []


@pytest.mark.parametrize("text", ["", "[]", '{"use_ocdbt": true, "use_ocdbt": true}', "[" * 10**5, "\x80"])
def test_a_layout_that_is_none_is_refused(step, text):
    (step / "pytree" / "_METADATA").write_text(text, encoding="latin-1")
    with pytest.raises(UnusableFile, match="cure"):
        read_step(step)


@pytest.mark.skipif(os.name == "nt", reason="links and pipes as POSIX has them")
@pytest.mark.parametrize("where", ["pytree/manifest.ocdbt", "pytree/_METADATA", "record/metadata", "pytree/d"])
@pytest.mark.parametrize("what", ["a link", "a pipe", "a device"])
def test_nothing_in_a_step_is_a_link_a_pipe_or_a_device(step, tmp_path, where, what):
    path = step / where
    if what == "a link":
        path.rename(tmp_path / "elsewhere")
        path.symlink_to(tmp_path / "elsewhere")
    else:
        path.rename(tmp_path / "elsewhere")
        os.mkfifo(path) if what == "a pipe" else path.symlink_to("/dev/zero")
    with pytest.raises(UnusableFile, match="cure"):
        read_step(step)


def test_the_database_cannot_keep_its_numbers_elsewhere(step, tmp_path):
    """It may say in which folder they lie; one that leads out of its own is refused by TensorStore itself."""
    prefixes = {
        f"{name}_prefix": "../../../victim/" for name in ("value_data", "btree_node_data", "version_tree_node_data")
    }
    with pytest.raises(ValueError, match="Invalid key"):
        ts.KvStore.open({"driver": "ocdbt", "base": f"file://{step}/other/", **prefixes}).result().write(
            b"a", b"x" * 5000
        ).result()
    assert not (tmp_path / "victim").exists()
