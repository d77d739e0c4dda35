"""The second store: arrays that Orbax writes, and a record of ours without which they are nothing."""

from __future__ import annotations

import gc
import hashlib
import os
import random
import shutil
import subprocess
import sys
import time
import warnings
from functools import cache
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest

from kibitz.checkpoint import orbax_steps, orbax_store, store
from kibitz.checkpoint.orbax_store import read_arrays, write_arrays
from kibitz.checkpoint.run_folder import RunFolder, reopen
from kibitz.checkpoint.state_file import read_state, write_state
from kibitz.checkpoint.store import MODERATE, chosen, commit_bytes
from kibitz.errors import InvalidArgument, MissingExtra, Unsupported, UnusableFile
from tests.durable.program import Death, Dies, Ended, program

DTYPES = ("bool", "int8", "int16", "int32", "uint8", "uint16", "uint32", "float16", "bfloat16", "float32", "complex64")
ARRAYS = {
    **{f"of {dtype}": jnp.asarray([[1, 0, 3], [4, 5, 6]]).astype(dtype) for dtype in DTYPES},
    "a number": jnp.float32(2.5), "a count": jnp.int32(7), "yes": jnp.bool_(True), "on the host": np.float64(3.0),
    "nothing": jnp.zeros((0, 3)), "wide": np.arange(6, dtype=">f4"),
    "../../out": jnp.ones(3), "/etc/passwd": jnp.ones(2), "a.b/c": jnp.ones((1, 1)),
}  # fmt: skip


@cache
def undisturbed(kind: str) -> Ended:
    return program(None, kind=kind)


# -- going on ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def ended(tmp_path_factory):
    """A run that was committed at these steps, and has ended."""
    folder = tmp_path_factory.mktemp("ended")
    assert program(folder, kind="noisy", commit="9 steps", store="orbax") == undisturbed("noisy")
    assert RunFolder(folder).steps() == [0, 9, 18, 27, 36, 44]
    return folder


@pytest.mark.parametrize("step", [0, 9, 18, 27, 36, 44])
def test_a_run_that_stopped_at_any_commit_ends_with_the_same_bits(ended, tmp_path, step):
    folder = shutil.copytree(ended, tmp_path / "run")
    runs = RunFolder(folder)
    reopen(runs)
    for later in (each for each in runs.steps() if each > step):
        runs.of(later).unlink()
    assert program(folder, kind="noisy", commit="20 steps", store="orbax") == undisturbed("noisy")


@pytest.mark.parametrize("kind", ["dense", "module"])
def test_a_run_that_died_ends_as_one_that_did_not(tmp_path, kind):
    for death in (Death(7), Death(31)):
        with pytest.raises(Dies):
            program(tmp_path, kind=kind, death=death, commit="6 steps", store="orbax")
    assert program(tmp_path, kind=kind, commit="6 steps", store="orbax") == undisturbed(kind)
    assert program(tmp_path, kind=kind) == undisturbed(kind)  # it has ended


def test_the_store_may_change_from_start_to_start(tmp_path):
    for step, kept in ((7, "orbax"), (17, "file"), (29, "auto")):
        with pytest.raises(Dies):
            program(tmp_path, death=Death(step), commit="5 steps", store=kept)
    assert program(tmp_path, commit="5 steps", store="orbax") == undisturbed("dense")


# -- what is written ---------------------------------------------------------------------------------------------------


@pytest.fixture
def runs(tmp_path):
    """A folder with two commits of all kinds of arrays."""
    folder = RunFolder(tmp_path / "run", store="orbax")
    folder.write(0, ARRAYS, {"step": 0})
    folder.write(5, ARRAYS, {"step": 5, "note": "after five"})
    return folder


def test_every_kind_of_array_comes_back_as_it_was(runs):
    commit = runs.read(5)
    assert commit.document == {"step": 5, "note": "after five"}
    assert set(commit.arrays) == set(ARRAYS)
    for name, value in ARRAYS.items():
        wanted, found = np.asarray(value), commit.arrays[name]
        assert (found.shape, found.dtype) == (wanted.shape, wanted.dtype.newbyteorder("<")), name
        assert np.array_equal(found, wanted), name


def test_names_of_arrays_are_no_names_of_files(runs, tmp_path):
    assert {each.name for each in tmp_path.iterdir()} == {"run"}
    assert not any("out" in each.name or "passwd" in each.name for each in tmp_path.rglob("*"))


def test_everything_is_on_the_disk_for_good_before_the_record_takes_its_name(tmp_path, monkeypatch):
    folder, synced, order = RunFolder(tmp_path / "run", store="orbax"), set(), []
    fsync, replace = os.fsync, os.replace

    def spied(descriptor):
        fsync(descriptor)
        synced.add(str(Path(f"/proc/self/fd/{descriptor}").readlink()))

    def took(path, target, *args, **kwargs):
        if str(target).endswith(".safetensors"):
            beside = Path(str(target).replace(".safetensors", ".orbax-0"))
            order.append({str(each) for each in (beside.parent, beside, *beside.rglob("*"))} - synced)
        replace(path, target, *args, **kwargs)

    monkeypatch.setattr(os, "fsync", spied)
    monkeypatch.setattr(os, "replace", took)
    folder.write(0, ARRAYS, {"step": 0})
    assert order == [set()]
    assert str(tmp_path / "run" / "commits" / "step-000000000000.orbax-0" / "_METADATA") in synced


@pytest.mark.parametrize(
    ("arrays", "which"),
    [
        ({"a": np.zeros(3)}, "file"),
        ({"a": np.broadcast_to(np.float32(0), (MODERATE // 4,))}, "file"),
        ({"a": np.broadcast_to(np.float32(0), (MODERATE // 4,)), "b": np.zeros(1)}, "orbax"),
    ],
)
def test_a_large_state_is_orbaxs_and_a_moderate_one_is_a_file(arrays, which):
    assert chosen("auto", arrays) == which
    assert chosen("file", arrays) == "file"
    assert chosen("orbax", arrays) == "orbax"


def test_a_run_of_a_large_state_is_kept_by_orbax_unasked(tmp_path, monkeypatch):
    monkeypatch.setattr(store, "MODERATE", 100)
    assert program(tmp_path, commit="1 epoch") == undisturbed("dense")
    assert len(store.arrays_beside(tmp_path / "commits")) == len(RunFolder(tmp_path).steps()) == 5
    assert len(store.arrays_beside(tmp_path)) == 1


def test_what_comes_out_otherwise_is_found_before_it_is_a_commit(runs, monkeypatch):
    save = orbax_store._save
    monkeypatch.setattr(orbax_store, "_save", lambda folder, tree: save(folder, {**tree, "0": ~tree["0"]}))
    with pytest.raises(UnusableFile, match="of bool is not as it was written"):
        runs.write(7, ARRAYS, {"step": 7})
    assert runs.steps() == [0, 5]
    assert names(runs) == ["step-000000000000", "step-000000000005"]


def names(folder: RunFolder) -> list[str]:
    """The commits that have arrays beside them, or left some behind."""
    return sorted(each.name.partition(".")[0] for each in store.arrays_beside(folder.path / "commits"))


def test_a_step_that_is_committed_once_more_is_there_until_it_is_there_again(runs, monkeypatch):
    runs.write(5, {"other": jnp.ones(2)}, {"step": 5, "note": "again"})
    assert runs.read(5).document["note"] == "again"
    assert names(runs) == ["step-000000000000", "step-000000000005"]

    def refused(*_, **__):
        raise UnusableFile("The disk is full.", given="x", wanted="room", cure="make room")

    monkeypatch.setattr(store, "write_state", refused)
    with pytest.raises(UnusableFile, match="full"):
        runs.write(5, ARRAYS, {"step": 5, "note": "third"})
    assert runs.read(5).document["note"] == "again"
    assert names(runs) == ["step-000000000000", "step-000000000005"]
    monkeypatch.undo()
    RunFolder(runs.path).write(5, {"other": jnp.ones(2)}, {"step": 5, "note": "a file"})
    assert runs.read(5).document["note"] == "a file"
    assert names(runs) == ["step-000000000000"]


def test_a_disk_that_fills_up_costs_that_commit_and_not_the_run(tmp_path, monkeypatch):
    save, calls = orbax_store._save, []

    def failing(folder, tree):
        calls.append(folder)
        if len(calls) == 2:
            (folder.parent / f"{folder.name}.orbax-checkpoint-tmp").mkdir()
            raise OSError(28, "No space left on device")
        save(folder, tree)

    monkeypatch.setattr(orbax_store, "_save", failing)
    with pytest.warns(UserWarning, match="A commit was not written.*No space left"):
        ended = program(tmp_path, commit="15 steps", store="orbax")
    assert ended == undisturbed("dense")
    RunFolder(tmp_path).clear()
    assert not list(tmp_path.rglob("*tmp*"))


def test_a_record_that_cannot_be_read_at_the_moment_loses_nothing_when_its_step_is_committed_again(runs, monkeypatch):
    def refused(*_):
        told = UnusableFile("The disk refuses.", given="x", wanted="a disk", cure="wait")
        told.errno = 5
        raise told

    monkeypatch.setattr(store, "peek_state", refused)
    with pytest.raises(UnusableFile, match="The disk refuses"):
        runs.write(5, ARRAYS, {"step": 5, "note": "again"})
    runs.clear()
    monkeypatch.undo()
    assert runs.read(5).document["note"] == "after five"


# -- room --------------------------------------------------------------------------------------------------------------


def on_disk(folder: Path) -> int:
    return sum(each.stat().st_size for each in folder.rglob("*") if each.is_file())


def test_sizes_are_those_of_all_files_and_thinning_takes_all_of_them(runs):
    runs.write(9, ARRAYS, {"step": 9})
    assert runs.size == on_disk(runs.path)
    assert runs.size > 3 * sum(np.asarray(each).nbytes for each in ARRAYS.values())
    runs.thin(float(runs.size - 1))
    assert runs.steps() == [0, 9]
    assert names(runs) == ["step-000000000000", "step-000000000009"]
    runs.write(10, ARRAYS, {"step": 10})
    runs.thin(2)
    assert runs.steps() == [0, 10]
    assert runs.size == on_disk(runs.path)


def test_disk_use_of_a_run_is_bounded(tmp_path):
    program(tmp_path, commit="4 steps", keep="80 kB", store="orbax")
    assert RunFolder(tmp_path).size == on_disk(tmp_path / "commits") <= 80_000


def test_a_run_that_is_put_away_is_put_away_whole(ended, tmp_path):
    folder = shutil.copytree(ended, tmp_path / "run")
    kernel = RunFolder(folder).final().arrays[".params['layers/0/kernel']"]
    runs = RunFolder(folder)
    runs.put_away()
    assert sorted(each.name for each in folder.iterdir()) == ["before-1", "lock"]
    before = RunFolder(folder / "before-1")
    assert np.array_equal(before.final().arrays[".params['layers/0/kernel']"], kernel)
    assert before.newest().document["step"] == 44


# -- damage ------------------------------------------------------------------------------------------------------------

KINDS = ("_METADATA", "manifest.ocdbt", "_sharding", "array_metadatas", "ocdbt.process_0/d", "record")


def files(folder: RunFolder, step: int) -> dict[str, Path]:
    """Every file of a commit, by its place in it."""
    record = folder.of(step)
    beside = record.with_name(f"{record.stem}.orbax-0")
    found = {each.relative_to(beside).as_posix(): each for each in beside.rglob("*") if each.is_file()}
    return {"record": record, **found}


def newest(folder: RunFolder) -> tuple[int, list[str]]:
    """The step of the newest commit that is whole, and what was said of others."""
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        commit = RunFolder(folder.path).newest()
    assert commit is not None
    return commit.document["step"], [str(each.message) for each in told]


def flipped(path: Path, at: int) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 4
    path.write_bytes(bytes(data))


@pytest.mark.parametrize("how", ["a bit flipped", "cut short", "empty", "gone", "too long"])
def test_a_damaged_file_of_any_kind_costs_that_commit_and_no_other(runs, how):
    found = files(runs, 5)
    assert all(any(name.startswith(kind) for name in found) for kind in KINDS)
    for name, path in found.items():
        data = path.read_bytes()
        for at in {0, len(data) // 2, len(data) - 1} if how == "a bit flipped" else {0}:
            if how == "a bit flipped":
                flipped(path, at)
            elif how == "gone":
                path.unlink()
            else:
                path.write_bytes({"cut short": data[:-1], "empty": b"", "too long": data + b"\0"}[how])
            step, told = newest(runs)
            assert step == 0, (name, at)
            assert bool(told) == (name != "record" or how != "gone"), name
            path.write_bytes(data)
    assert newest(runs) == (5, [])


def test_a_run_goes_on_from_the_commit_before_a_damaged_one(ended, tmp_path):
    folder = RunFolder(shutil.copytree(ended, tmp_path / "run"))
    reopen(folder)
    data = max(files(folder, 44).values(), key=lambda path: path.stat().st_size)
    flipped(data, data.stat().st_size // 2)
    with pytest.warns(UserWarning, match="from the commit before it"):
        assert program(folder.path, kind="noisy", commit="20 steps", store="orbax") == undisturbed("noisy")
    assert newest(folder) == (44, [])


def resealed(folder: RunFolder, step: int, change=None) -> None:
    """A record with other contents, and files whose digests it has: what somebody who means harm would write."""
    record = folder.of(step)
    arrays, document = read_state(record)
    found = files(folder, step)
    document["orbax"]["files"] = {
        name: [path.stat().st_size, hashlib.sha256(path.read_bytes()).hexdigest()]
        for name, path in found.items() if name != "record"
    }  # fmt: skip
    if change is not None:
        change(document["orbax"])
    write_state(record, arrays, document)


def test_arrays_that_cannot_be_read_are_told_of_once_and_nothing_else_is_said(tmp_path, capfd):
    """Orbax leaves the other arrays on their way when one cannot be read, and each tells that nobody waits for it."""
    folder = RunFolder(tmp_path, store="orbax")
    folder.write(5, {f"kernel {number}": np.full((500, 4), number, "float32") for number in range(40)}, {"step": 5})
    for path in files(folder, 5).values():
        if path.parent.name == "d" and path.stat().st_size > 8000:
            path.rename(path.with_name(f"{path.name}-elsewhere"))
    resealed(folder, 5)
    for _ in range(5):
        with pytest.raises(UnusableFile, match="could not be read: TensorStore says"):
            folder.read(5)
    gc.collect()
    time.sleep(0.2)
    assert capfd.readouterr() == ("", "")


def test_numbers_that_orbax_gives_back_wrong_without_a_word_are_found_by_the_digest_of_their_array(tmp_path):
    folder = RunFolder(tmp_path, store="orbax")
    folder.write(5, {"kernel": np.random.default_rng(0).normal(size=(300, 40)).astype("float32")}, {"step": 5})
    data = max(files(folder, 5).values(), key=lambda path: path.stat().st_size)
    for at in range(5000, data.stat().st_size - 5000, 4999):
        flipped(data, at)
        resealed(folder, 5)
        with pytest.raises(UnusableFile, match="kernel is not as it was written"):
            folder.read(5)
        flipped(data, at)
    resealed(folder, 5)
    folder.read(5)


# -- what was never finished -------------------------------------------------------------------------------------------


def test_what_has_no_record_was_never_finished_and_is_cleared(runs):
    runs.of(5).unlink()
    beside = runs.path / "commits"
    for name in (
        "step-000000000007.orbax-1",
        "step-000000000007.orbax-0.orbax-checkpoint-tmp",
        "step-000000000000.orbax-1",
    ):
        (beside / name / "d").mkdir(parents=True)
        (beside / name / "d" / "half").write_bytes(b"half")
    (runs.path / "final.orbax-0").mkdir()
    (beside / "step-000000000008.orbax-2").mkdir()  # nothing that Kibitz would write
    assert RunFolder(runs.path).steps() == [0]
    RunFolder(runs.path).clear()
    assert sorted(each.name for each in beside.iterdir()) == [
        "step-000000000000.orbax-0", "step-000000000000.safetensors", "step-000000000008.orbax-2",
    ]  # fmt: skip
    assert not (runs.path / "final.orbax-0").exists()
    assert newest(runs) == (0, [])


def test_the_arrays_of_a_record_that_cannot_be_read_are_left_for_a_person(runs):
    flipped(runs.of(5), 3)
    runs.clear()
    assert names(runs) == ["step-000000000000", "step-000000000005"]


KILLS = {
    "when Orbax is done": ("orbax_store", "sealed", "0"),
    "before the record": ("store", "write_state", "0"),
    "after a record went": ("store", "remove_folder", "3"),
}


@pytest.mark.skipif(os.name == "nt", reason="a process that ends at once")
@pytest.mark.parametrize("when", KILLS)
def test_a_process_that_is_killed_in_the_midst_of_a_commit_costs_nothing(tmp_path, when):
    module, name, after = KILLS[when]
    text = f"""
import os
from pathlib import Path
from kibitz.checkpoint import {module} as module
from tests.durable.program import program
real, begun = module.{name}, []
def killing(path, *args, **named):
    begun.append(str(path))
    wanted = "step-000000000010" if {after!r} == "0" else "step-000000000005.orbax"
    if wanted in str(path) and Path(path).exists() == ({after!r} == "3" or {name!r} == "sealed"):
        os._exit(9)
    return real(path, *args, **named)
module.{name} = killing
program(Path({str(tmp_path)!r}), commit="5 steps", store="orbax", keep=2)
"""
    killed = subprocess.run([sys.executable, "-c", text], check=False, capture_output=True)
    assert killed.returncode == 9, killed.stderr[-2000:]
    left = {each.name.partition(".")[0] for each in store.arrays_beside(tmp_path / "commits")}
    records = {f"step-{step:012d}" for step in RunFolder(tmp_path).steps()}
    assert len(left - records) == 1
    with pytest.raises(Dies):
        program(tmp_path, commit="5 steps", store="orbax", keep=2, death=Death(11))
    left = {each.name.partition(".")[0] for each in store.arrays_beside(tmp_path / "commits")}
    assert left <= {f"step-{step:012d}" for step in RunFolder(tmp_path).steps()}
    assert program(tmp_path, store="orbax", keep=2) == undisturbed("dense")


# -- strangers ---------------------------------------------------------------------------------------------------------


def leaf(**entries):
    """Another entry for one array in the table."""

    def change(table):
        name = "of float32"
        told = dict(zip(("dtype", "shape", "cut", "digests"), table["leaves"][name], strict=True))
        table["leaves"][name] = list({**told, **entries}.values())

    return change


def with_(**entries):
    return lambda table: table.update(entries)


TABLES = {
    "a shape beyond all memory": leaf(shape=[2**40, 2**20], cut=[1, 1]),
    "a shape that only just is too large": leaf(shape=[2, 30000]),
    "a negative shape": leaf(shape=[-2, -3]),
    "a shape in words": leaf(shape=["2", "3"]),
    "a shape that is true": leaf(shape=[True, 6], cut=[1, 1]),
    "an empty shape": leaf(shape=[0, 3], cut=[0, 1], digests=[]),
    "very many axes": leaf(shape=[1] * 5000, cut=[1] * 5000),
    "another shape of the same size": leaf(shape=[3, 2], cut=[1, 1]),
    "another dtype of the same size": leaf(dtype="I32"),
    "a dtype that there is not": leaf(dtype="O"),
    "a dtype that is a list": leaf(dtype=["F32"]),
    "no pieces": leaf(cut=[0, 0], digests=[]),
    "pieces without digests": leaf(cut=[2, 1]),
    "more pieces than numbers": leaf(cut=[4, 3], digests=["0"] * 12),
    "another digest": leaf(digests=["0" * 64]),
    "a digest that is a number": leaf(digests=[3]),
    "no leaves": with_(leaves=None),
    "leaves that are a list": with_(leaves=[]),
    "no files": with_(files=None),
    "files that are a list": with_(files=[["a", 1]]),
    "a file out of the folder": lambda table: table["files"].update({"../../../etc/passwd": [10, "0" * 64]}),
    "an absolute file": lambda table: table["files"].update({"/etc/passwd": [10, "0" * 64]}),
    "a file of negative length": lambda table: table["files"].update({"_METADATA": [-1, "0" * 64]}),
    "a file too few": lambda table: table["files"].pop("_METADATA"),
    "an array too many": lambda table: table["leaves"].update({"more": ["F32", [1], [1], ["0" * 64]]}),
    "an array too few": lambda table: table["leaves"].pop("of float32"),
    "a place out of the folder": with_(place="/../../x"),
    "a place that there is not": with_(place=2),
    "a place that is true": with_(place=True),
    "no place": lambda table: table.pop("place"),
}  # fmt: skip


@pytest.mark.parametrize("change", TABLES.values(), ids=TABLES)
def test_a_record_that_says_what_cannot_be_is_refused(runs, change):
    resealed(runs, 5, change)
    with pytest.raises(UnusableFile):
        runs.read(5)
    assert newest(runs)[0] == 0


@pytest.mark.parametrize("table", [None, 3, [], "place", {}, {"place": 0}])
def test_a_record_without_a_table_is_refused(runs, table):
    arrays, document = read_state(runs.of(5))
    write_state(runs.of(5), arrays, {**document, "orbax": table})
    with pytest.raises(UnusableFile):
        runs.read(5)


def hostile(runs: RunFolder, array: np.ndarray, chunk: int, told: list[int]) -> None:
    """Other arrays in the place of a commit's, packed, in chunks of any size, and a record that vouches for them."""
    import orbax.checkpoint as ocp
    import tensorstore

    beside = runs.of(5).with_name("step-000000000005.orbax-0")
    shutil.rmtree(beside)
    with ocp.Checkpointer(ocp.PyTreeCheckpointHandler()) as writer:
        writer.save(beside, args=ocp.args.PyTreeSave({"0": np.zeros(1, array.dtype)}))
    packed = {"id": "zstd", "level": 1}
    layout = {"shape": array.shape, "chunks": [chunk], "dtype": "<f4", "compressor": packed, "order": "C",
              "fill_value": None, "filters": None, "zarr_format": 2, "dimension_separator": "."}  # fmt: skip
    kept = {"driver": "ocdbt", "base": f"file://{beside}/", "path": "0/"}
    opened = tensorstore.open(
        {"driver": "zarr", "kvstore": kept, "metadata": layout}, create=True, delete_existing=True
    )
    opened.result().write(array).result()
    digest = hashlib.sha256(array.tobytes()).hexdigest()
    resealed(runs, 5, with_(leaves={"zeros": ["F32", told, [1], [digest]]}))


BOMBS = {
    "more than its files hold": (1 << 22, 1 << 22, [1 << 22], "more numbers than its files can hold"),
    "more than its table says": (1 << 22, 1 << 22, [4], "not those that its table names"),
    "a chunk of more than the whole": (4, 1 << 22, [4], "not those that its table names"),
}


@pytest.mark.parametrize("bomb", BOMBS.values(), ids=BOMBS)
def test_numbers_that_unfold_are_refused_before_they_are_read(runs, monkeypatch, bomb):
    shape, chunk, told, what = bomb
    hostile(runs, np.zeros(shape, np.float32), chunk, told)
    assert on_disk(runs.path) < 1 << 18
    monkeypatch.setattr(orbax_store, "_numbers", None)
    with pytest.raises(UnusableFile, match=what):
        runs.read(5)


def test_numbers_that_do_not_unfold_would_be_read(runs):
    hostile(runs, np.ones(4, np.float32), 4, [4])
    assert runs.read(5).arrays["zeros"].tolist() == [1, 1, 1, 1]


@pytest.mark.skipif(os.name == "nt", reason="links and pipes as POSIX has them")
@pytest.mark.parametrize("what", ["a link to a file", "a link to a folder", "a pipe", "the folder is a link", "a file"])
def test_what_is_no_plain_file_is_refused_and_nothing_outside_is_touched(runs, tmp_path, what):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "precious").write_bytes(b"precious")
    beside = runs.of(5).with_name("step-000000000005.orbax-0")
    metadata = beside / "_METADATA"
    if what == "a link to a file":
        (outside / "copy").write_bytes(metadata.read_bytes())
        metadata.unlink()
        metadata.symlink_to(outside / "copy")
    elif what == "a link to a folder":
        shutil.move(beside / "ocdbt.process_0", outside / "d")
        (beside / "ocdbt.process_0").symlink_to(outside / "d")
    elif what == "a pipe":
        metadata.unlink()
        os.mkfifo(metadata)
    elif what == "the folder is a link":
        shutil.move(beside, outside / "arrays")
        beside.symlink_to(outside / "arrays")
    else:
        shutil.rmtree(beside)
        beside.write_bytes(b"a file")
    kept = sorted(str(each) for each in outside.rglob("*"))
    with pytest.raises(UnusableFile):
        runs.read(5)
    assert newest(runs)[0] == 0
    runs.write(9, ARRAYS, {"step": 9})
    runs.thin(2)  # takes the commit away, and nothing that its links lead to
    assert runs.steps() == [0, 9]
    assert not os.path.lexists(beside)
    runs.of(9).unlink()
    (runs.path / "commits" / "step-000000000011.orbax-0").symlink_to(outside)
    runs.clear()
    assert names(runs) == ["step-000000000000"]
    assert sorted(str(each) for each in outside.rglob("*")) == kept
    assert (outside / "precious").read_bytes() == b"precious"


def strangers(place: str) -> None:
    """Change files at random, with a record that vouches for them: they are read as they were, or refused."""
    read = refused = 0
    runs = RunFolder(place, store="orbax")
    runs.write(5, ARRAYS, {"step": 5})
    drawn = random.Random(0)
    for name, path in files(runs, 5).items():
        data = path.read_bytes()
        for _ in range(0 if name == "record" else 8):
            changed = bytearray(data)
            for _ in range(drawn.choice([1, 1, 5])):
                changed[drawn.randrange(len(data))] = drawn.randrange(256)
            path.write_bytes(bytes(changed[: drawn.choice([len(data), len(data), drawn.randrange(len(data))])]))
            resealed(runs, 5)
            try:
                found = runs.read(5).arrays
            except UnusableFile:
                refused += 1
                continue
            assert all(np.array_equal(found[each], np.asarray(ARRAYS[each])) for each in ARRAYS)
            read += 1
        path.write_bytes(data)
    print(read, refused)


def test_files_that_a_stranger_has_changed_are_read_as_they_were_or_refused(tmp_path):
    # In a process of its own, for Orbax leaves tasks behind that nobody asks how they ended, and warnings are errors.
    text = f"from tests.durable.test_orbax import strangers; strangers({str(tmp_path)!r})"
    ended = subprocess.run([sys.executable, "-c", text], check=False, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr[-2000:]
    read, refused = map(int, ended.stdout.split())
    assert read > 10
    assert refused > 10


# -- for a person ------------------------------------------------------------------------------------------------------


def test_the_command_line_counts_shows_verifies_and_prunes_all_files_of_a_commit(ended, tmp_path, capsys):
    from kibitz.cli import main
    from kibitz.runs.page import size

    folder = shutil.copytree(ended, tmp_path / "run")
    runs = RunFolder(folder)
    assert main(["runs", "ls", str(tmp_path)]) == 0
    assert size(on_disk(folder) - (folder / "lock").stat().st_size) in capsys.readouterr().out
    assert main(["runs", "show", str(folder)]) == 0
    told = capsys.readouterr().out
    assert "71 parameters (284 B)" in told
    assert f"step 44  {size(commit_bytes(runs.of(44)))}" in told
    assert main(["runs", "verify", str(folder)]) == 0
    assert "7 of 7 files are whole" in capsys.readouterr().out
    damaged = files(runs, 44)["manifest.ocdbt"]
    flipped(damaged, 40)
    assert main(["runs", "verify", str(folder)]) == 1
    assert "manifest.ocdbt is not as it was written" in capsys.readouterr().out
    assert main(["runs", "prune", str(folder), "--keep", "2"]) == 0
    assert RunFolder(folder).steps() == [0, 36, 44]  # the newest that is whole stays too
    assert len(store.arrays_beside(folder / "commits")) == 3


# -- what is asked for -------------------------------------------------------------------------------------------------


def test_a_store_that_there_is_not_is_refused_before_anything_lies_there(tmp_path):
    with pytest.raises(InvalidArgument, match="one file, or is written by Orbax"):
        program(tmp_path / "run", store="pickle")
    assert not (tmp_path / "run").exists()
    with pytest.raises(InvalidArgument, match="about a durable run"):
        program(None, store="orbax")


def test_without_orbax_it_is_told_what_to_install_before_the_first_step(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "orbax.checkpoint", None)
    with pytest.raises(MissingExtra, match=r"store=.orbax. requires the 'orbax-checkpoint' package") as missing:
        program(tmp_path / "run", store="orbax")
    assert "pip install orbax-checkpoint" in missing.value.cure
    assert not (tmp_path / "run").exists()


def test_a_large_state_without_orbax_is_told_so_and_not_lost_in_silence(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "orbax.checkpoint", None)
    monkeypatch.setattr(store, "MODERATE", 10)
    assert orbax_steps.orbax
    with pytest.raises(MissingExtra, match="A large or sharded commit"):
        program(tmp_path)


def test_several_processes_are_refused_before_anything_lies_there(tmp_path, monkeypatch):
    import jax

    monkeypatch.setattr(jax, "process_count", lambda: 2)
    with pytest.raises(Unsupported, match="one of several"):
        program(tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_what_a_commit_cannot_hold_is_refused_before_anything_is_written(tmp_path):
    with pytest.raises(Unsupported, match="names has a dtype"):
        write_arrays(tmp_path / "a", {"kernel": jnp.ones(2), "names": np.array(["a"])})
    assert not (tmp_path / "a").exists()
    table = write_arrays(tmp_path / "a", {"kernel": jnp.ones(2)})
    assert np.array_equal(read_arrays(tmp_path / "a", table)["kernel"], [1, 1])
