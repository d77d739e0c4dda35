"""Each run has an id: the commit of another one, copied into its folder, is left aside."""

from __future__ import annotations

import os
import shutil

import numpy as np
import pytest

import kibitz as keras
from kibitz.checkpoint.run_folder import FINAL, RunFolder, whose
from kibitz.errors import UnusableFile
from tests.durable.program import Death, Dies, program


def begun(folder, step):
    with pytest.raises(Dies):
        program(folder, death=Death(step), commit="5 steps")
    return RunFolder(folder)


def ids(folder):
    return {folder.read(step).document["id"] for step in folder.steps()}


def test_a_run_has_one_id_in_all_its_processes_and_no_seed_decides_it(tmp_path):
    one, other = begun(tmp_path / "one", 17), begun(tmp_path / "other", 17)
    begun(tmp_path / "one", 31)
    assert (len(ids(one)), len(ids(other)), len(ids(one) | ids(other))) == (1, 1, 2)


def test_it_is_of_the_system_and_takes_nothing_from_a_seeded_generator(tmp_path):
    keras.utils.set_random_seed(1)
    np.random.seed(1)  # noqa: NPY002 - what users draw from
    before = np.random.get_state()[1].tobytes()  # noqa: NPY002
    RunFolder(tmp_path)
    from kibitz.models.durable import uuid4

    uuid4()
    assert np.random.get_state()[1].tobytes() == before  # noqa: NPY002


def test_a_newer_commit_of_another_run_costs_nothing(tmp_path):
    mine, other = begun(tmp_path / "mine", 17), begun(tmp_path / "other", 31)
    shutil.copy(other.of(30), mine.of(30))
    with pytest.warns(UserWarning, match="of another run.*goes on from the commit before it"):
        assert program(tmp_path / "mine", commit="5 steps") == program(None)


def test_it_takes_no_place_from_those_of_the_run(tmp_path):
    mine, other = begun(tmp_path / "mine", 7), begun(tmp_path / "other", 42)
    shutil.copy(other.of(40), mine.of(40))
    with pytest.warns(UserWarning, match="of another run"), pytest.raises(Dies):
        program(tmp_path / "mine", death=Death(17), commit="5 steps", keep=2)
    assert mine.steps() == [0, 15, 40]


def test_the_end_of_another_run_is_left_aside(tmp_path):
    mine = begun(tmp_path / "mine", 17)
    program(tmp_path / "other")
    shutil.copy(tmp_path / "other" / FINAL, mine.path / FINAL)
    with pytest.warns(UserWarning, match="The end of another run"):
        assert program(tmp_path / "mine", commit="5 steps") == program(None)


def test_with_its_weights_another_run_begins(tmp_path):
    folder = begun(tmp_path, 17)
    (old,) = ids(folder)
    program(tmp_path, resume="weights", commit="5 steps")
    assert old not in ids(folder)


@pytest.fixture
def read(monkeypatch):
    """The commits that are read whole, by their steps."""
    found, whole = [], RunFolder.read
    monkeypatch.setattr(RunFolder, "read", lambda folder, step: found.append(step) or whole(folder, step))
    return found


def damage(path, place):
    data = bytearray(path.read_bytes())
    data[place(bytes(data))] ^= 1
    path.write_bytes(bytes(data))


def test_of_the_first_commits_the_records_are_enough(tmp_path, read):
    folder = begun(tmp_path, 17)
    (mine,) = ids(folder)
    read.clear()
    assert whose(folder) == mine
    assert read == []
    program(tmp_path, commit="5 steps")
    assert read == [15]


DAMAGES = {
    "its arrays": lambda data: len(data) - 1,
    "what it says of whose it is": lambda data: data.index(b'\\"id\\": \\"') + 10,
    "its record": lambda data: 12,
}


@pytest.mark.parametrize("name", DAMAGES)
@pytest.mark.parametrize("which", [0, 1])
def test_a_damaged_one_among_them_costs_nothing(tmp_path, name, which):
    folder = begun(tmp_path, 17)
    (mine,) = ids(folder)
    damage(folder.of(folder.steps()[which]), DAMAGES[name])
    assert whose(folder) == mine
    assert program(tmp_path, commit="5 steps") == program(None)


def test_one_alone_is_looked_at_whole_before_anything_goes_on_from_it(tmp_path):
    folder = begun(tmp_path, 3)
    assert folder.steps() == [0]
    damage(folder.of(0), DAMAGES["what it says of whose it is"])
    with pytest.warns(UserWarning, match="damaged"), pytest.raises(UnusableFile, match="its digest is not that of"):
        program(tmp_path, commit="5 steps")


@pytest.mark.skipif(os.name == "nt", reason="links are made by few there")
def test_a_link_among_them_says_nothing(tmp_path):
    mine, other = begun(tmp_path / "mine", 17), begun(tmp_path / "other", 17)
    (wanted,) = ids(mine)
    for step in mine.steps()[:2]:
        mine.of(step).unlink()
        mine.of(step).symlink_to(other.of(step))
    assert whose(mine) == wanted
