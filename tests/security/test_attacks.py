"""What a stranger may put into the folder of a run, or hand over as a file, is refused, and nothing of it is done.

The crafted files of each single format are beside its reader: tests/checkpoint/test_{archive,files,saving,state_file,
strict_json,template,weights_file}.py.
"""

from __future__ import annotations

import io
import json
import os
import pickle
import subprocess
import sys
import tracemalloc
import zlib
from functools import cache
from pathlib import Path

import h5py
import numpy as np
import pytest

import kibitz as keras
from kibitz.checkpoint.lock import Lock
from kibitz.checkpoint.packed import pack, unpack
from kibitz.checkpoint.run_folder import RunFolder
from kibitz.checkpoint.state_file import read_state, write_state
from kibitz.checkpoint.weights_file import Group, read_weights
from kibitz.errors import KibitzError, UnusableFile
from tests.checkpoint.test_state_file import META, crafted
from tests.durable.program import Death, Dies
from tests.faults.program import Program

pytestmark = [
    pytest.mark.skipif(os.name == "nt", reason="links, pipes and locks as POSIX has them"),
    pytest.mark.filterwarnings("ignore"),
]


class Opens:
    """What a pickle would do, if anybody read it."""

    def __reduce__(self):
        return os.mkdir, ("unpickled",)


PICKLE = pickle.dumps(Opens())
FOUND: list[str] = []
sys.addaudithook(lambda event, args: FOUND.append(str(args)) if event == "pickle.find_class" else None)


def names(folder: Path) -> set[str]:
    return {each.name for each in folder.iterdir()}


@cache
def program() -> Program:
    return Program()


@pytest.fixture
def run(tmp_path, monkeypatch):
    """The folder of a run that died after step 5; what is done by relative paths would be seen beside it."""
    monkeypatch.chdir(tmp_path)
    FOUND.clear()
    with pytest.raises(Dies):
        program().start(tmp_path / "run", Death(5))
    before, modules = names(tmp_path), set(sys.modules)
    yield tmp_path / "run"
    assert names(tmp_path) - {"victim"} == before
    assert FOUND == []
    assert not {"antigravity", "this"} & (set(sys.modules) - modules)


def rewritten(folder: Path, step: int = 4, **entries) -> None:
    """The same commit with another document, and a digest that is right: a digest does not say who wrote it."""
    path = RunFolder(folder).of(step)
    arrays, document = read_state(path)
    path.unlink()
    document |= {
        name: pack(value, f"odd/{name}", arrays) if name in PACKED else value for name, value in entries.items()
    }
    write_state(path, arrays, {name: value for name, value in document.items() if value != "gone"})


PACKED = ("logs", "callbacks", "said", "latest", "made_of")
DOCUMENTS = {
    "a newer format": {"format": 2}, "no format": {"format": "gone"}, "a format that is true": {"format": True},
    "a format in words": {"format": "1"}, "a negative format": {"format": -1},
    "a negative epoch": {"epoch": -1}, "an epoch in words": {"epoch": "__import__('os')"},
    "no epoch": {"epoch": "gone"},
    "a batch that is a list": {"batch": [1]}, "a half batch": {"batch": 0.5},
    "begun by a number": {"begun": 2}, "a stop in words": {"stop": "os.system"}, "half a stop": {"stop": ["a", "b"]},
    "a seed in words": {"row_seed": "1"}, "no end": {"epochs": None}, "time that runs back": {"seconds": -1.0},
    "callbacks that are a name": {"callbacks": "os.system"}, "callbacks that are numbers": {"callbacks": [1, 2]},
    "a callback without a name": {"callbacks": [(1, {}, 0.0)]},
    "a state that is a list": {"callbacks": [("A", [1], 0.0)]},
    "logs that are a list": {"logs": [1]}, "sums that are none": {"said": {"a": 3}},
    "made of nothing": {"made_of": None},
    "a class": {"latest": ["os", "system", "id"]},
}  # fmt: skip


@pytest.mark.parametrize("entries", DOCUMENTS.values(), ids=DOCUMENTS)
def test_a_document_that_no_run_writes_is_refused_before_the_first_step(run, entries):
    rewritten(run, **entries)
    record = keras.testing.Recorder()
    with pytest.raises(UnusableFile, match="cure"):
        program().start(run, record)
    assert record.calls == []


def test_what_was_never_packed_is_refused(run):
    for odd in (
        {"array": "nothing"},
        {"float": ["nan"]},
        {"dict": [[[1], 2]]},
        {"code": "1"},
        {"tuple": 3},
        {"a": 1, "b": 2},
    ):
        path = RunFolder(run).of(4)
        arrays, document = read_state(path)
        path.unlink()
        write_state(path, arrays, {**document, "logs": odd})
        with pytest.raises(UnusableFile, match="cure"):
            program().start(run)


NAMES = [
    "__class__",
    "__dict__",
    "_private",
    "on_epoch_end",
    "model",
    "run",
    "params",
    "set_model",
    "every",
    "on_error",
]


@pytest.mark.parametrize("name", NAMES)
def test_the_state_of_a_callback_gives_it_no_method_and_nothing_of_the_runs(run, name):
    arrays, document = read_state(RunFolder(run).of(4))
    states = unpack(document["callbacks"], arrays)
    assert states[0][0] == "Patience"
    states[0][1][name] = {"class_name": "system", "module": "os", "config": {"command": "mkdir unpickled"}}
    rewritten(run, callbacks=states)
    assert program().start(run) == program().whole


def test_a_state_that_a_callback_cannot_take_is_told_with_its_name(run):
    rewritten(run, callbacks=[("History", {"antigravity": "this"}, 0.0)])
    with pytest.raises(KibitzError, match="History cannot take what the commit says"):
        program().start(run)


@pytest.mark.parametrize(
    "data",
    [PICKLE, b"", b"\0" * 4096, b"PK\x03\x04", bytes(range(256)) * 2],
    ids=["a pickle", "nothing", "zeros", "a zip", "every byte"],
)
@pytest.mark.parametrize("name", ["commits/step-000000000004.safetensors", "final.safetensors", "lock"])
def test_other_bytes_under_any_name_cost_that_file_alone(run, name, data):
    (run / name).write_bytes(data)
    assert program().start(run) == program().whole


def pipe(path):
    os.mkfifo(path)


PLACES = {"a pipe": pipe, "a folder": os.mkdir, "a device": lambda path: path.symlink_to("/dev/zero"),
          "a link to nowhere": lambda path: path.symlink_to("/nowhere/at/all")}  # fmt: skip


@pytest.mark.parametrize("what", PLACES)
def test_no_pipe_device_or_folder_in_a_commits_place_is_read_or_waited_for(run, what):
    path = RunFolder(run).of(4)
    path.unlink()
    PLACES[what](path)
    try:
        ended = program().start(run)
    except KibitzError as told:  # a folder that lies where the next commit belongs cannot be replaced
        assert "cure" in str(told)  # noqa: PT017
    else:
        assert ended == program().whole


@pytest.mark.parametrize("what", PLACES)
def test_no_pipe_device_or_folder_in_the_locks_place_is_written_to(run, what):
    (run / "lock").unlink()
    PLACES[what](run / "lock")
    with pytest.raises(UnusableFile, match="cure"):
        Lock(run / "lock")


def test_a_link_in_the_locks_place_does_not_empty_what_it_points_to(run, tmp_path):
    (tmp_path / "victim").write_bytes(b"precious")
    (run / "lock").unlink()
    (run / "lock").symlink_to(tmp_path / "victim")
    with pytest.raises(UnusableFile, match="cure"):
        program().start(run)
    assert (tmp_path / "victim").read_bytes() == b"precious"


def test_a_lock_that_says_nonsense_is_quoted_in_no_terminal(run):
    (run / "lock").write_bytes(b"\x1b]8;;http://evil\x07" + b"9" * 10**6)
    lock = Lock(run / "lock")
    (run / "lock").write_bytes(b"\x1b]8;;http://evil\x07")
    with pytest.raises(KibitzError, match="process unknown does"):
        Lock(run / "lock")
    lock.release()


def test_commits_that_lie_elsewhere_by_a_link_are_neither_written_nor_removed(run, tmp_path):
    (tmp_path / "victim").mkdir()
    for name in (".kibitz-1.tmp", "step-000000000000.safetensors"):
        (tmp_path / "victim" / name).write_bytes(b"precious")
    (run / "commits").rename(run / "other")
    (run / "commits").symlink_to(tmp_path / "victim")
    with pytest.raises(UnusableFile, match="lie elsewhere"):
        program().start(run)
    assert names(tmp_path / "victim") == {".kibitz-1.tmp", "step-000000000000.safetensors"}


def test_what_is_swept_is_the_link_and_not_what_it_points_to(run, tmp_path):
    (tmp_path / "victim").write_bytes(b"precious")
    (run / "commits" / ".kibitz-1.tmp").symlink_to(tmp_path / "victim")
    program().start(run)
    assert (tmp_path / "victim").read_bytes() == b"precious"
    assert not (run / "commits" / ".kibitz-1.tmp").is_symlink()


def test_a_shape_of_very_many_sizes_is_refused_and_not_multiplied_out(tmp_path):
    entry = {"dtype": "F32", "shape": [2**62] * 500_000, "data_offsets": [0, 4]}
    (tmp_path / "s").write_bytes(crafted({**META, "a": entry}, b"1234"))
    with pytest.raises(UnusableFile, match="what cannot be"):
        read_state(tmp_path / "s")


def test_names_of_arrays_are_names_and_never_paths(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    odd = ["../../x", "/etc/x", "a/../../b", "C:\\x", "x" * 5000, ".", "", "CON", "\x1b[2J"]
    write_state(tmp_path / "s", {name: np.zeros(1) for name in odd}, {})
    assert list(read_state(tmp_path / "s")[0]) == odd
    assert names(tmp_path) == {"s"}


def test_numbers_that_are_packed_are_refused_before_they_are_unpacked():
    """HDF5 unpacks a piece to its end, however large that is: a few kB of zeros, packed, take all memory there is."""
    image = io.BytesIO()
    with h5py.File(image, "w") as file:
        dataset = file.create_dataset("layers/dense/vars/0", (3, 2), "f4", chunks=(3, 2), compression="gzip")
        dataset.id.write_direct_chunk((0, 0), zlib.compress(bytes(2**26), 9))
    assert len(image.getvalue()) < 2**17
    tracemalloc.start()
    with pytest.raises(UnusableFile, match="should be stored as they are"):
        read_weights(image, [Group("layers/dense", "dense", [np.zeros((3, 2), "f4")])], "a file")
    assert tracemalloc.get_traced_memory()[1] < 2**22
    tracemalloc.stop()


def test_files_of_other_kinds_are_not_read_as_weights(tmp_path):
    model = keras.Sequential([keras.layers.Dense(1, input_shape=(2,))])
    np.savez(tmp_path / "w.npz", odd=np.array([Opens()], dtype=object))
    for name in ("w.npz", "w.pkl", "w.pt", "w.json"):
        (tmp_path / name).write_bytes((tmp_path / "w.npz").read_bytes() if name == "w.npz" else PICKLE)
        with pytest.raises(KibitzError, match="cure"):
            model.load_weights(tmp_path / name)
    assert FOUND == [] or all("Opens" not in each for each in FOUND)


def test_nothing_of_the_environment_gets_into_a_run(tmp_path, monkeypatch):
    monkeypatch.setenv("SECRET_TOKEN", "canary-7c2f")
    program().start(tmp_path / "run")
    for path in (tmp_path / "run").rglob("*"):
        assert path.is_dir() or b"canary-7c2f" not in path.read_bytes(), path


def test_a_run_holds_no_path_of_its_own_so_it_can_be_moved(run, tmp_path):
    for path in (run / "commits").iterdir():
        assert str(tmp_path).encode() not in path.read_bytes()
    moved = run.rename(run.parent / "victim")
    assert program().start(moved) == program().whole
    moved.rename(run)


def test_a_flood_of_arrays_is_read_or_refused_and_costs_no_more_than_its_bytes(tmp_path):
    for count in (50_000, 400_000):
        header = {f"a{number}": {"dtype": "U8", "shape": [0], "data_offsets": [0, 0]} for number in range(count)}
        (tmp_path / "s").write_bytes(crafted({**META, **header}))
        size = (tmp_path / "s").stat().st_size
        tracemalloc.start()
        with pytest.raises(UnusableFile, match="digest" if size < 2**24 else "length is wrong"):
            read_state(tmp_path / "s")
        assert tracemalloc.get_traced_memory()[1] < 40 * min(size, 2**24)
        tracemalloc.stop()


DIGESTS = {"none": "", "another kind": "md5:d41d8cd98f00b204e9800998ecf8427e", "a wish": "none", "nothing": None,
           "a number": 0, "in capitals": "right, in capitals"}  # fmt: skip


@pytest.mark.parametrize("says", DIGESTS.values(), ids=DIGESTS)
def test_no_digest_but_the_one_is_taken(run, says):
    path = RunFolder(run).of(4)
    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    meta = header["__metadata__"]
    meta["sha256"] = meta["sha256"].upper() if says == "right, in capitals" else says
    for more in ({}, {"algorithm": "none"}, {"digest": "md5"}):
        path.write_bytes(crafted({**header, "__metadata__": {**meta, **more}}, data[8 + length :]))
        with pytest.raises(UnusableFile, match="cure"):
            read_state(path)


def test_modules_that_lie_in_the_working_folder_are_not_looked_for(tmp_path):
    """Python itself looks there where a program is started with -m or -c; Kibitz looks for no plug-in anywhere."""
    for name in ("kibitz_plugins", "kibitz_plugin", "kibitzrc", "sitecustomize_kibitz", "conftest"):
        (tmp_path / f"{name}.py").write_text(f"open({str(tmp_path / 'imported')!r}, 'w').close()")
    (tmp_path / "kibitz_x-1.0.dist-info").mkdir()
    points = (
        "[kibitz]\nx = kibitz_plugins\n[kibitz.plugins]\nx = kibitz_plugins\n[kibitz.callbacks]\nx = kibitz_plugins\n"
    )
    (tmp_path / "kibitz_x-1.0.dist-info" / "entry_points.txt").write_text(points)
    (tmp_path / "kibitz_x-1.0.dist-info" / "METADATA").write_text("Name: kibitz-x\nVersion: 1.0\n")
    text = """
import numpy as np, kibitz as keras
model = keras.Sequential([keras.layers.Dense(1, input_shape=(2,))])
model.compile("sgd", "mse")
model.fit(np.ones((4, 2)), np.ones((4, 1)), run="run", verbose=0)
"""
    done = subprocess.run([sys.executable, "-c", text], cwd=tmp_path, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "imported").exists()
    assert (tmp_path / "run" / "final.safetensors").exists()
