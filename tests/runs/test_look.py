"""`kibitz look`: what stands in the picture stands at its step, in any width and any terminal, whatever a file says."""

from __future__ import annotations

import io
import math
import re
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import kibitz as keras
from kibitz import callbacks, cli, layers
from kibitz.checkpoint.packed import pack
from kibitz.checkpoint.run_folder import RunFolder
from kibitz.checkpoint.state_file import write_state
from kibitz.runs.axis import Axis
from kibitz.runs.look import look
from kibitz.runs.page import Page
from kibitz.runs.sparkline import BLOCKS, PLAIN, sparkline, tall
from kibitz.runs.writes import in_words


def wrote(step, by="Hand", hook="on_train_batch_end", **what):
    return SimpleNamespace(step=step, hook=hook, by=by, what=what)


def committed(step):
    return SimpleNamespace(step=step, epoch=0, seconds=1.0, digest="d")


def ended(epoch, step):
    return SimpleNamespace(epoch=epoch, step=step, seconds=1.0)


def commit(folder, step, history=(), *, final=False, **document):
    """Write a commit as a run does: a number an epoch of 100 steps for each dict of the history."""
    held = {}
    columns = {"epoch": list(range(len(history)))}
    columns |= {key: [numbers.get(key) for numbers in history] for key in {key for each in history for key in each}}
    told = {
        "format": 1, "step": step, "epoch": len(history), "batch": 0, "begun": False, "epochs": 9, "stop": None,
        "outcome": None, "row_seed": 1, "fits": 0, "seconds": 75.0, "logs": {}, "said": {}, "latest": {}, "made_of": {},
        "callbacks": [("History", {"history": {}, "epoch": [], "columns": columns}, 0.0)],
    } | document  # fmt: skip
    for name in ("logs", "callbacks", "said", "latest", "made_of"):
        told[name] = pack(told[name], f"document/{name}", held)
    path = folder / "final.safetensors" if final else RunFolder(folder, writes=False).of(step)
    write_state(path, {".params['kernel']": np.ones(3, "float32"), **held}, told)


@pytest.fixture
def run(tmp_path):
    """A run of four epochs of 100 steps that was left off."""
    folder = tmp_path / "run"
    for step in (0, 100, 400):
        commit(folder, step, [{"loss": value, "val_loss": value + 1} for value in (4.0, 3.0, 2.0, 1.0)][: step // 100])
    return folder


def drawn(folder, *journal, width=80, blocks=False):
    page = Page(blocks=blocks, width=width)
    look(page, str(folder), journal)
    return str(page).splitlines()


def row(lines, name):
    """What stands in the picture at a name: the number, and the columns."""
    line = next(line for line in lines if line.strip().startswith(name))
    start = next(line for line in lines if line.strip().startswith("step ")).index("|0")
    return line[len(name) + 2 : start].strip(), line[start:]


# -- the picture -------------------------------------------------------------------------------------------------------


def test_it_says_what_a_run_is_and_how_it_ended(run):
    lines = drawn(run)
    assert lines[0] == f"{run}: left off"
    assert lines[1] == "  4 of 9 epochs, 400 steps, 1 min 15 s spent"
    assert row(lines, "ending")[1].split() == ["left", "off", "|"]
    commit(run, 400, final=True, outcome="stopped", stop=["no better", "EarlyStopping", False])
    assert drawn(run)[0] == f"{run}: stopped by EarlyStopping: no better"
    assert row(drawn(run), "ending")[1].endswith("stopped by EarlyStopping |")


def test_curves_are_high_at_the_steps_at_which_they_were(run):
    lines = drawn(run)
    top = lines.index(next(line for line in lines if line.strip().startswith("loss")))
    start = next(line for line in lines if line.strip().startswith("step ")).index("|0")
    columns = [line[start:].ljust(80 - start) for line in lines[top : top + 4]]
    filled = ["".join(each).strip() for each in zip(*columns, strict=True)]
    levels = [sum(PLAIN.index(each) + 1 for each in column) for column in filled if column]
    assert levels == sorted(levels, reverse=True)
    assert len(set(levels)) == 4  # four epochs of one length
    sizes = [levels.count(level) for level in sorted(set(levels), reverse=True)]
    assert max(sizes) - min(sizes) <= 1


def test_a_number_and_its_validation_have_one_measure_and_say_their_last(run):
    lines = drawn(run)
    for name, last in (("loss", 1), ("val_loss", 2)):
        at = lines.index(next(line for line in lines if line.strip().startswith(name)))
        assert lines[at].split()[1] == "5"
        assert lines[at + 1].split()[:2] == ["last", f"{last}"]
        assert lines[at + 3].split()[0] == "1"
    names = [line.split()[0] for line in lines if line.strip().startswith(("loss", "val_", "mae"))]
    assert names == ["loss", "val_loss"]


def test_commits_stand_at_their_steps_and_those_let_go_are_dots(run):
    number, marks = row(drawn(run), "commits")
    assert number == "3"
    assert [at.start() for at in re.finditer(r"\|", marks)] == [0, len(marks) // 4, len(marks) - 1]
    number, marks = row(drawn(run, committed(0), committed(100), committed(200)), "commits")
    assert number == "3 of 4"
    assert marks.replace(" ", "") == "||.|"
    assert marks.index(".") == pytest.approx(len(marks) / 2, abs=1)


def test_what_hooks_wrote_stands_at_its_step_and_in_words(run):
    lines = drawn(
        run, wrote(100, rate=0.5), wrote(300, rate=0.25), wrote(200, "Other", "on_epoch_end", kernel="an array")
    )
    number, marks = row(lines, "Hand")
    assert number == "2"
    width = len(row(lines, "ending")[1])
    assert [at.start() for at in re.finditer(r"\^", marks)] == [width // 4, width * 3 // 4]
    assert row(lines, "Other")[1].index("^") == width // 2
    told = " ".join(" ".join(lines).split())
    assert "Hand step 100 rate 0.5 on_train_batch_end step 300 rate 0.25 on_train_batch_end" in told
    assert "Other step 200 kernel an array on_epoch_end" in told
    narrow = " ".join(" ".join(drawn(run, wrote(100, rate=0.5), width=40)).split())
    assert "step 100 rate 0.5" in narrow
    assert "on_train" not in narrow


def test_a_number_that_hooks_set_is_drawn_for_as_long_as_it_stood(run):
    lines = drawn(run, wrote(100, rate=0.5), wrote(300, "Other", rate=0.25))
    number, marks = row(lines, "rate")
    assert number == "0.25"
    width = len(row(lines, "ending")[1])
    from_one, to_three = width // 4, -(-width * 3 // 4)
    assert marks == " " * from_one + PLAIN[-1] * (to_three - from_one) + PLAIN[0] * (width - to_three)


def test_a_number_has_the_last_part_of_its_name_and_is_drawn_once(run):
    lines = drawn(run, wrote(100, **{"optimizer/rate": 0.5, "a/x": 1.0, "b/x": 2.0, "c/loss": 3.0}))
    names = [line.split()[0] for line in lines if line.strip()]
    assert {"rate", "a/x", "b/x"} <= set(names)
    assert names.count("loss") == 1  # its curve


WORDS = [
    ({"@stop": ["no better", True, False, False]}, "asks to stop: no better"),
    ({"@stop": ["", True, True, False]}, "asks to stop at once"),
    ({"@stop": ["", False, False, False]}, "asks for no stop"),
    ({"@stop": ["", False, False, True]}, "asks for no stop, and to end the evaluation"),
    ({"@evaluate": []}, "asks for validation"),
    ({"@evaluate": ["a", "b"]}, "asks for validation with a, b"),
    ({"@arrays": ["params/kernel"]}, "1 array: params/kernel"),
    ({"@arrays": ["a", "b"], "rate": 0.5}, "rate 0.5; 2 arrays: a, b"),
    ({"@arrays": True}, "more arrays than are kept"),
    ({"@moved": ["a", "b", "c"]}, "3 parameters are trained from here on"),
    ({"@odd": "put x in or took it out"}, "put x in or took it out"),
    ({"@logs": {"x": 1.0}, "rate": 0.5, "on": True}, "rate 0.5, on True"),
]


@pytest.mark.parametrize(("what", "words"), WORDS)
def test_what_is_no_number_of_the_state_is_told_in_words(run, what, words):
    assert in_words(what) == words
    assert words in "\n".join(drawn(run, wrote(100, **what), width=120))


def test_what_was_only_added_to_the_logs_is_left_out(run):
    assert drawn(run, wrote(100, **{"@logs": {"x": 1.0}})) == drawn(run)


def test_of_many_writes_the_first_and_the_last_are_listed(run):
    lines = drawn(run, *[wrote(step, rate=step / 100) for step in range(100)])
    listed = [line.split()[1] for line in lines if "  rate " in line and line.endswith("_end")]
    assert listed == ["0", "1", "2", "97", "98", "99"]
    assert [line.split() for line in lines if "more" in line] == [["...", "94", "more"]]
    assert row(lines, "Hand")[0] == "100"


def test_the_journal_knows_when_epochs_ended(run):
    scale = row(drawn(run), "epoch")[1]
    strokes = [scale.index(f"|{epoch}") for epoch in range(4)]
    told = row(drawn(run, *[ended(epoch, step) for epoch, step in enumerate((10, 20, 200, 400))]), "epoch")[1]
    assert strokes == [len(row(drawn(run), "ending")[1]) * epoch // 4 for epoch in range(4)]
    assert told.index("|2") < strokes[1]
    assert told.index("|3") == strokes[2]


def test_an_epoch_that_is_under_way_has_no_number_yet(tmp_path):
    commit(tmp_path, 150, [{"loss": 4.0}], batch=50)
    lines = drawn(tmp_path)
    top = lines.index(next(line for line in lines if line.strip().startswith("loss")))
    start = next(line for line in lines if line.strip().startswith("step ")).index("|0")
    width = len(row(lines, "ending")[1])
    assert len(lines[top + 3][start:]) == pytest.approx(width * 2 / 3, abs=1)


def test_a_run_that_has_not_begun_says_so(tmp_path):
    commit(tmp_path, 0)
    assert drawn(tmp_path)[2:] == ["  It has not done a step yet."]


def test_numbers_that_are_not_finite_are_seen(tmp_path):
    commit(tmp_path, 300, [{"loss": 1.0}, {"loss": math.nan}, {"loss": math.inf}])
    lines = drawn(tmp_path)
    assert "last inf" in "\n".join(lines)
    (broken,) = [line for line in lines if "!" in line]
    assert broken.count("!") == pytest.approx(len(row(lines, "ending")[1]) * 2 / 3, abs=1)
    commit(tmp_path, 300, [{"loss": math.nan}] * 3)
    assert "nan" in "\n".join(drawn(tmp_path))


def test_many_curves_are_lower(tmp_path):
    commit(tmp_path, 200, [{f"metric_{at}": float(at) for at in range(20)}] * 2)
    lines = drawn(tmp_path)
    assert len([line for line in lines if line.strip().startswith("metric_")]) == 20
    assert len(lines) < 40


@pytest.mark.parametrize("width", [10, 40, 80, 200])
def test_no_line_is_wider_than_the_terminal(run, width):
    journal = [
        wrote(step, "A callback with a very long name indeed", rate=step, kernel="k" * 300) for step in range(400)
    ]
    commit(run, 400, [{"a_metric_of_a_very_long_name": 1 / 3, "loss": -1.23456e-7}] * 4)
    lines = drawn(run, *journal, committed(50), width=width)
    assert max(map(len, lines[2:])) <= max(width, 40)
    assert max(len(line) for line in lines[2:]) >= width - 2


def test_a_real_run_is_drawn(tmp_path, capsys):
    x = np.linspace(-1, 1, 60, dtype="float32").reshape(20, 3)
    keras.utils.set_random_seed(0)
    model = keras.Sequential([layers.Input((3,)), layers.Dense(2), layers.Dense(1)])
    model.compile("adam", "mse", metrics=["mae"])
    stop = callbacks.EarlyStopping("loss", patience=1, min_delta=100.0)
    history = model.fit(x, x[:, :1], batch_size=8, epochs=9, verbose=0, run=tmp_path, callbacks=[stop]).history
    assert cli.main(["look", str(tmp_path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith(f"{tmp_path}: stopped by EarlyStopping")
    assert f"last {history['loss'][-1]:.4g}" in "\n".join(lines)
    assert row(lines, "ending")[1].endswith("stopped by EarlyStopping |")
    assert len(row(lines, "epoch")[1].split()) == len(history["loss"])


# -- what is foreign, damaged or hostile ---------------------------------------------------------------------------


def test_looking_writes_nothing_and_is_refused_nowhere_while_a_run_goes_on(run, capsys):
    lock = RunFolder(run).lock()
    before = {path: (path.stat().st_mtime_ns, path.is_file() and path.read_bytes()) for path in run.rglob("*")}
    try:
        assert cli.main(["look", str(run)]) == 0
    finally:
        lock.release()
    assert "going on" in capsys.readouterr().out
    assert {path: (path.stat().st_mtime_ns, path.is_file() and path.read_bytes()) for path in run.rglob("*")} == before


@pytest.mark.parametrize("what", ["nothing", "a file", "an empty folder", "a folder above", "only what is damaged"])
def test_a_folder_that_is_no_run_is_told_in_four_parts(tmp_path, run, capsys, what):
    folder = tmp_path if what == "a folder above" else tmp_path / "place"
    if what == "a file":
        folder.write_text("")
    elif what == "an empty folder":
        folder.mkdir()
    elif what == "only what is damaged":
        (folder / "commits").mkdir(parents=True)
        (folder / "commits" / "step-000000000005.safetensors").write_bytes(b"nothing")
    assert cli.main(["look", str(folder)]) == 1
    told = capsys.readouterr()
    assert told.out == ""
    assert {"given", "wanted", "cure"} <= {line.split()[0] for line in told.err.splitlines()[1:]}
    if what == "a folder above":
        assert f"cure     kibitz look {run}" in told.err


EVIL = "loss\x1b[2J\x1b]0;owned\x07\n\r\u202e\x9b31m"


def test_names_out_of_a_file_are_harmless(tmp_path):
    folder = tmp_path / "run\x1b[31m\n"
    commit(folder, 3, [{EVIL: 1.0}], stop=[EVIL, EVIL, False])
    commit(folder, 3, [{EVIL: 1.0}], stop=[EVIL, EVIL, False], final=True, outcome="stopped")
    journal = [wrote(1, EVIL, EVIL, **{EVIL: 1.0, EVIL * 2: EVIL})]
    for width in (40, 200):
        lines = drawn(folder, *journal, width=width)
        assert [each for line in lines for each in line if not each.isprintable()] == []
    assert "loss\\x1b[2J" in "\n".join(lines)


STRANGE = {
    "steps beyond all bounds": {"step": 10**18},
    "epochs beyond all bounds": {"epoch": 10**18},
    "fewer epochs than it has numbers": {"epoch": 0},
    "more batches than steps": {"batch": 10**18},
    "steps below nothing": {"step": -5},
    "epochs below nothing": {"epoch": -5},
}


@pytest.mark.parametrize("document", STRANGE.values(), ids=STRANGE)
@pytest.mark.parametrize("first", [0, 10**15])
def test_a_record_of_what_cannot_be_is_drawn_somehow_and_soon(tmp_path, document, first):
    columns = {"epoch": [first, first + 1, first + 2], "loss": [1.0, 1.0, 1.0]}
    told = {"callbacks": [("History", {"columns": columns}, 0.0)], "step": 300, "epoch": 3, **document}
    step = told.pop("step")
    commit(tmp_path, 300)
    commit(tmp_path, step, final=True, outcome="completed", **told)
    journal = [wrote(10**40, rate=10**400), wrote(-3, rate=True), committed(10**40), ended(10**40, 3), ended(-7, -7)]
    for lines in (drawn(tmp_path), drawn(tmp_path, *journal)):
        assert max(map(len, lines[2:])) <= 80


# -- terminals -----------------------------------------------------------------------------------------------------


class Terminal(io.TextIOWrapper):
    def __init__(self, encoding="utf-8", terminal=True):
        super().__init__(io.BytesIO(), encoding=encoding)
        self._terminal = terminal

    def isatty(self):
        return self._terminal

    def shown(self):
        self.flush()
        return self.buffer.getvalue().decode(self.encoding)


def shown(run, monkeypatch, *, columns="80", term="xterm", **given):
    monkeypatch.setenv("TERM", term)
    monkeypatch.setenv("COLUMNS", columns)
    monkeypatch.setattr("sys.stdout", Terminal(**given))
    assert cli.main(["look", str(run)]) == 0
    return sys.stdout.shown()


def test_it_is_as_wide_as_the_terminal(run, monkeypatch):
    widths = {}
    for columns in ("20", "40", "80", "200", "5000"):
        lines = shown(run, monkeypatch, columns=columns).splitlines()[2:]
        widths[columns] = max(len(line) for line in lines)
    assert widths == {"20": 40, "40": 40, "80": 80, "200": 200, "5000": 200}


def test_a_pipe_gets_no_control_codes(run, monkeypatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert "\x1b[1m" in shown(run, monkeypatch)
    for quiet in ({"terminal": False}, {"term": "dumb"}):
        assert "\x1b" not in shown(run, monkeypatch, **quiet)
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in shown(run, monkeypatch)


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252"])
def test_where_blocks_cannot_be_shown_ascii_is(run, monkeypatch, encoding):
    text = shown(run, monkeypatch, encoding=encoding)
    assert text.isascii()
    assert PLAIN[-1] * 5 in text


# -- its parts -----------------------------------------------------------------------------------------------------


@given(st.integers(1, 500), st.integers(1, 90), st.data())
def test_every_step_has_its_place_and_they_are_in_order(steps, width, data):
    axis = Axis(steps, width)
    places = [axis.column(step) for step in range(steps + 1)]
    assert places == sorted(places)
    assert (places[0], places[-1]) == (0, width - 1)
    assert set(places) <= set(range(width))
    chosen = data.draw(st.lists(st.integers(0, steps)))
    marks = axis.marks({"x": chosen})
    assert {at for at, each in enumerate(marks) if each == "x"} == {axis.column(step) for step in chosen}


@given(st.integers(0, 10**6), st.integers(1, 10**6), st.integers(10, 200))
def test_the_numbers_of_a_scale_are_round_stand_where_they_say_and_do_not_touch(first, count, width):
    axis = Axis(count, width)
    scale = axis.scale(first, first + count, lambda number: number - first)
    assert len(scale) == width
    for found in re.finditer(r"\|([\d,]+)(\s|$)", scale):
        number = int(found[1].replace(",", ""))
        assert first <= number < first + count
        assert found.start() == axis.column(number - first)
    assert re.fullmatch(r"(\s*\|[\d,]+)*\s*", scale)
    assert scale.count("|") <= width // 4 + 1


@given(st.lists(st.integers(1, 9), min_size=1, max_size=40), st.integers(1, 60))
def test_what_ends_in_a_character_is_seen_there(lengths, width):
    reaches, start = [], 0
    for value, length in enumerate(lengths):
        reaches.append((start, start + length, float(value)))
        start += length
    heights = Axis(start, width).heights(reaches)
    assert None not in heights
    assert heights == sorted(heights)
    assert heights[-1] <= len(lengths) - 1
    if width >= start:  # room for all
        assert set(heights) == set(map(float, range(len(lengths))))


@given(st.lists(st.floats(allow_nan=True), max_size=30), st.integers(1, 6))
def test_a_tall_picture_is_a_low_one_drawn_larger(values, rows):
    lines = tall(values, rows)
    assert len(lines) == rows
    assert {len(line) for line in lines} == {len(values)}
    low = sparkline(values, max(len(values), 1))
    for at, each in enumerate(low):
        column = "".join(line[at] for line in lines).strip()
        if each == "!":
            assert column == "!"
        else:
            height = sum(BLOCKS.index(part) + 1 for part in column)
            assert (height - 1) * 8 // (rows * 8) == BLOCKS.index(each)
            assert column[1:] == BLOCKS[-1] * (len(column) - 1)
