"""What TensorBoard shows of a run that died and was gone on with is what it shows of one that nobody disturbed."""

from __future__ import annotations

from collections import Counter

import pytest
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

import kibitz as keras
from kibitz.callbacks import TensorBoard
from kibitz.callbacks.board.written import Written
from kibitz.errors import UnusableFile
from tests.durable.program import Death, Dies, program

GIVEN = {"validation_split": 0.2, "epochs": 3}


def board(folder, **given):
    return lambda: [TensorBoard(folder, update_freq=2, histogram_freq=1, write_steps_per_second=True, **given)]


def events(folder):
    """Every record in every file of a folder and below it: (folder, tag, step), and its value as bytes."""
    found = []
    for path in sorted(folder.rglob("events*")):
        for event in EventFileLoader(str(path)).Load():
            where = path.parent.name
            if event.graph_def:
                found.append(((where, "the graph", 0), event.graph_def))
            found += [((where, value.tag, event.step), value.tensor.SerializeToString(deterministic=True))
                      for value in event.summary.value]  # fmt: skip
    return found


def told(folder):
    """The same by its key; how fast it went is another number each time."""
    return {key: "steps_per_second" in key[1] or value for key, value in events(folder)}


def start(*given, **more):
    """Start the program as a new process does, which counts layers' names from the beginning."""
    keras.utils.clear_session()
    return program(*given, **more)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    start(None, heard=board(folder), **GIVEN)
    return told(folder)


@pytest.mark.parametrize(
    "deaths",
    [(5,), (12, 13, 14), (Death(epoch=1),), (7, 20)],
    ids=["once", "before the next commit", "at an epoch's end", "twice"],
)
def test_each_number_stands_once_and_is_that_of_an_undisturbed_run(tmp_path, whole, deaths):
    given = {"heard": board(tmp_path / "logs"), "commit": "4 steps", **GIVEN}
    for death in deaths:
        with pytest.raises(Dies):
            start(tmp_path / "run", death=Death(death) if isinstance(death, int) else death, **given)
    start(tmp_path / "run", **given)
    assert [key for key, count in Counter(key for key, _ in events(tmp_path / "logs")).items() if count > 1] == []
    assert told(tmp_path / "logs") == whole


def test_files_of_others_in_the_same_folder_are_left_alone(tmp_path):
    logs = tmp_path / "logs"
    given = {"commit": "4 steps", **GIVEN}
    start(None, heard=board(logs), **GIVEN)
    before = {path: path.read_bytes() for path in logs.rglob("events*")}
    with pytest.raises(Dies):
        start(tmp_path / "run", death=Death(7), heard=board(logs), **given)
    start(tmp_path / "run", heard=board(logs), **given)
    assert {path: path.read_bytes() for path in before} == before


def test_in_another_folder_it_begins_with_the_graph(tmp_path):
    with pytest.raises(Dies):
        start(tmp_path / "run", death=Death(7), heard=board(tmp_path / "one"), commit="4 steps", **GIVEN)
    start(tmp_path / "run", heard=board(tmp_path / "other"), commit="4 steps", **GIVEN)
    assert ("train", "the graph", 0) in told(tmp_path / "other")


MARK = "0123456789abcdef"
NAME = f"events.out.tfevents.1.host.2.{MARK}.v2"
HOSTILE = {
    "a path that leaves log_dir": {f"../{NAME}": 0},
    "a path that leaves it further in": {f"train/../../{NAME}": 0},
    "an absolute path": {f"/train/{NAME}": 0},
    "a folder that is none of ours": {f"plugins/{NAME}": 0},
    "a file that is no event file": {"train/model.keras": 0},
    "an event file of somebody else": {"train/events.out.tfevents.1.host.2.v2": 0},
    "a length that is none": {f"train/{NAME}": -1},
    "a name that is none": {3: 0},
}


@pytest.mark.parametrize("files", HOSTILE.values(), ids=HOSTILE)
def test_a_commit_that_names_another_file_is_refused_and_nothing_is_cut(tmp_path, files):
    logs = tmp_path / "logs"
    (logs / "train").mkdir(parents=True)
    for path in (tmp_path / NAME, logs / "train" / NAME, logs / "train" / "model.keras"):
        path.write_bytes(b"precious")
    with pytest.raises(UnusableFile, match="has not written"):
        Written(logs, ("train", "validation")).set_state({"mark": MARK, "files": files})
    assert {path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == {b"precious"}


@pytest.mark.parametrize("mark", [None, 3, "*", "../" + MARK, MARK.upper()])
def test_a_mark_that_is_none_is_refused(tmp_path, mark):
    with pytest.raises(UnusableFile):
        Written(tmp_path, ("train",)).set_state({"mark": mark, "files": {}})


@pytest.mark.parametrize("link", ["the file", "the folder"])
def test_a_link_in_the_place_of_a_file_is_refused(tmp_path, link):
    outside, logs = tmp_path / "outside", tmp_path / "logs"
    outside.mkdir()
    logs.mkdir()
    (outside / NAME).write_bytes(b"precious")
    if link == "the file":
        (logs / "train").mkdir()
        (logs / "train" / NAME).symlink_to(outside / NAME)
    else:
        (logs / "train").symlink_to(outside)
    for files in ({f"train/{NAME}": 0}, {}):
        with pytest.raises(UnusableFile):
            Written(logs, ("train",)).set_state({"mark": MARK, "files": files})
    assert (outside / NAME).read_bytes() == b"precious"
