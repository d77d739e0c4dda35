"""`kibitz runs`: what stands in a folder is told rightly, whatever lies there, in any terminal; only prune writes."""

from __future__ import annotations

import io
import math
import os
import subprocess
import sys

import numpy as np
import pytest

import kibitz as keras
from kibitz import callbacks, cli, layers
from kibitz.checkpoint.packed import pack
from kibitz.checkpoint.run_folder import RunFolder
from kibitz.checkpoint.state_file import write_state
from kibitz.runs import show
from kibitz.runs.page import Page, plain
from kibitz.runs.sparkline import BLOCKS, PLAIN, sparkline

HISTORY = {"columns": {"epoch": [0, 1, 2], "loss": [4.0, 1.0, 2.0], "mine": [1.0, 2.0, 3.0]}}


def commit(folder, step, *, final=False, **document):
    """Write a commit as a run does; what is given replaces what it says."""
    held = {}
    told = {
        "format": 1, "step": step, "epoch": step // 100, "batch": 0, "begun": False, "epochs": 9, "stop": None,
        "outcome": None, "row_seed": 1, "fits": 0, "seconds": 75.0, "logs": {"loss": 2.0},
        "callbacks": [("History", {"history": {}, "epoch": [], **HISTORY}, 0.0)], "said": {}, "latest": {},
        "made_of": {"loss": "mse", "optimizer": {"class": "Adam", "beta_1": 0.9}, "data": "a generator", "seed": 3},
    } | document  # fmt: skip
    for name in ("logs", "callbacks", "said", "latest", "made_of"):
        told[name] = pack(told[name], f"document/{name}", held)
    arrays = {".params['kernel']": np.ones((30, 10), "float32"), **held}
    write_state(folder / "final.safetensors" if final else RunFolder(folder, writes=False).of(step), arrays, told)


@pytest.fixture
def run(tmp_path):
    """A run of 11 commits that was left off."""
    folder = tmp_path / "run"
    for step in range(0, 1100, 100):
        commit(folder, step)
    return folder


def kibitz(capsys, *words):
    """(status, stdout, stderr) of `kibitz runs`."""
    status = cli.main(["runs", *map(str, words)])
    told = capsys.readouterr()
    return status, told.out, told.err


def spoil(folder, step):
    """Turn one bit of the last byte of a commit."""
    path = RunFolder(folder, writes=False).of(step)
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(bytes(data))


def everything(folder):
    return {path: (path.stat().st_mtime_ns, path.is_file() and path.read_bytes()) for path in folder.rglob("*")}


def steps(folder):
    return RunFolder(folder, writes=False).steps()


# -- ls ------------------------------------------------------------------------------------------------------------


def test_ls_has_a_line_for_each_run(tmp_path, run, capsys):
    commit(tmp_path / "b" / "done", 900)
    commit(tmp_path / "b" / "done", 900, final=True, outcome="completed")
    commit(tmp_path / "c", 300)
    commit(tmp_path / "c", 300, final=True, outcome="stopped", stop=["no better", "EarlyStopping", False])
    (tmp_path / "not a run" / "commits").mkdir(parents=True)
    status, out, _ = kibitz(capsys, "ls", tmp_path)
    head, *rows = out.splitlines()
    assert status == 0
    assert head.split() == ["run", "outcome", "epochs", "steps", "commits", "size", "last", "commit", "process"]
    found = [" ".join(row.split()).replace(str(tmp_path), "") for row in rows]
    assert [row.partition(" kB")[0].rpartition(" ")[0] for row in found] == [
        "/b/done completed 9 of 9 900 1",
        "/c stopped by EarlyStopping 3 of 9 300 1",
        "/run left off 10 of 9 1,000 11",
    ]
    assert {row[-1] for row in found} == {"-"}


def test_ls_says_who_is_at_work(run, capsys):
    lock = RunFolder(run).lock()
    try:
        row = kibitz(capsys, "ls", run)[1].splitlines()[1]
    finally:
        lock.release()
    assert "going on" in row
    assert row.split()[-1] == str(os.getpid())
    assert "left off" in kibitz(capsys, "ls", run)[1]


def test_ls_goes_on_where_a_run_is_damaged(tmp_path, run, capsys):
    (tmp_path / "a" / "commits").mkdir(parents=True)
    (tmp_path / "a" / "commits" / "step-000000000005.safetensors").write_bytes(b"nothing")
    status, out, _ = kibitz(capsys, "ls", tmp_path)
    assert (status, [row.split()[1] for row in out.splitlines()[1:]]) == (0, ["damaged", "left"])


def test_ls_takes_the_newest_commit_that_can_be_read(run, capsys):
    path = RunFolder(run, writes=False).of(1000)
    path.write_bytes(path.read_bytes()[:-1])
    assert " 900 " in kibitz(capsys, "ls", run)[1]


def test_ls_of_nothing_says_so(tmp_path, capsys):
    assert kibitz(capsys, "ls", tmp_path)[:2] == (0, f"There is no run below {tmp_path}.\n")


# -- show ----------------------------------------------------------------------------------------------------------


def test_show_tells_of_a_run(run, capsys):
    status, out, _ = kibitz(capsys, "show", run)
    rows = [" ".join(row.split()) for row in out.splitlines()]
    assert status == 0
    assert rows[:2] == [f"{run}: left off", "10 of 9 epochs, 1,000 steps, 1 min 15 s spent"]
    assert f"loss {BLOCKS[7]}{BLOCKS[0]}{BLOCKS[2]} 4 1 in epoch 2 2" in rows
    assert f"mine {BLOCKS[0]}{BLOCKS[4]}{BLOCKS[7]} 1 3" in rows  # of this one nobody knows what is better
    assert "model 300 parameters (1.2 kB)" in rows
    assert "optimizer Adam(beta_1=0.9)" in rows
    assert "data a generator" in rows
    assert "... 2 more" in rows
    listed = [row.split()[1] for row in rows if row.startswith("step ")]
    assert listed == ["0", *map(str, range(300, 1000, 100)), "1,000"]


def test_show_tells_of_a_real_run(tmp_path, capsys):
    keras.utils.set_random_seed(0)
    x = np.linspace(-1, 1, 60, dtype="float32").reshape(20, 3)
    model = keras.Sequential([layers.Input((3,)), layers.Dense(2), layers.BatchNormalization(), layers.Dense(1)])
    model.compile("adam", "mse", metrics=["mae"])
    stop = callbacks.EarlyStopping("loss", patience=1, min_delta=100.0)
    history = model.fit(x, x[:, :1], batch_size=8, epochs=9, verbose=0, run=tmp_path, callbacks=[stop]).history
    status, out, _ = kibitz(capsys, "show", tmp_path)
    rows = [" ".join(row.split()) for row in out.splitlines()]
    count = len(history["loss"])
    assert status == 0
    assert rows[0].startswith(f"{tmp_path}: stopped by EarlyStopping")
    assert rows[1].startswith(f"{count} of 9 epochs, {3 * count} steps, ")
    assert f"history of {count} epochs" in rows
    (mae,) = (row.split() for row in rows if row.startswith("mae "))
    assert (mae[2], mae[-1]) == (f"{history['mae'][0]:.4g}", f"{history['mae'][-1]:.4g}")
    assert "model 15 parameters (60 B), 4 numbers beside them: Dense, BatchNormalization, Dense" in rows
    assert "data x float32[20, 3], y float32[20, 1]" in rows
    assert kibitz(capsys, "verify", tmp_path)[0] == 0


def test_numbers_that_are_no_numbers_do_not_stop_it(run, capsys):
    columns = {"epoch": [0, 1, 2, 3, 4], "loss": [math.nan, math.inf, "text", None, [1]]}
    commit(run, 1000, callbacks=[("History", {"columns": columns}, 0.0)], made_of={"loss": [1, {"a": None}]})
    status, out, _ = kibitz(capsys, "show", run)
    assert status == 0
    assert ["loss", "!!", "nan", "inf"] in [row.split() for row in out.splitlines()]


# -- verify --------------------------------------------------------------------------------------------------------


def test_verify_finds_every_commit_whole(run, capsys):
    status, out, _ = kibitz(capsys, "verify", run)
    assert (status, out.count("  whole")) == (0, 11)
    assert "The run goes on from step 1,000.\n11 of 11 files are whole." in out


def test_verify_finds_a_turned_bit_and_says_what_the_run_will_do(run, capsys):
    spoil(run, 1000)
    status, out, _ = kibitz(capsys, "verify", run)
    assert status == 1
    (told,) = (row for row in out.splitlines() if "1,000" in row)
    assert "kernel" in told
    assert "is not the array that the digest is of" in told
    assert "goes on from step 900, the newest commit that is whole. What it did since then is done again." in out
    with pytest.warns(UserWarning, match="goes on from the commit before"):
        assert RunFolder(run).newest().document["step"] == 900


def test_verify_of_an_old_commit_and_of_the_end(run, capsys):
    spoil(run, 200)
    commit(run, 1000, final=True, outcome="completed")
    status, out, _ = kibitz(capsys, "verify", run)
    assert status == 1
    assert "The run has ended; nothing is left to train." in out
    (run / "final.safetensors").write_bytes(b"")
    assert "The end of the run is made again from step 1,000." in kibitz(capsys, "verify", run)[1]


def test_verify_where_nothing_is_whole(tmp_path, capsys):
    commit(tmp_path, 5)
    spoil(tmp_path, 5)
    status, out, _ = kibitz(capsys, "verify", tmp_path)
    assert status == 1
    assert "the run does not go on" in out


# -- prune ---------------------------------------------------------------------------------------------------------


def test_prune_keeps_so_many_and_says_what_went(run, capsys):
    status, out, _ = kibitz(capsys, "prune", run, "--keep", "4")
    assert (status, steps(run)) == (0, [0, 800, 900, 1000])
    went = [row.split()[1] for row in out.splitlines() if row.endswith("went")]
    assert went == [str(step) for step in range(100, 800, 100)]
    assert "7 of 11 commits went" in out


def test_prune_keeps_to_a_size(run, capsys):
    bytes_each = RunFolder(run, writes=False).of(1000).stat().st_size
    assert kibitz(capsys, "prune", run, "--keep", f"{3.5 * bytes_each / 1000:.3f} kB")[0] == 0
    assert steps(run) == [0, 900, 1000]


def test_prune_keeps_the_newest_that_is_whole(run, capsys):
    for step in (800, 900, 1000):
        spoil(run, step)
    assert kibitz(capsys, "prune", run, "--keep", "2")[0] == 0
    assert steps(run) == [0, 700, 1000]


def test_a_dry_run_removes_and_writes_nothing(run, capsys):
    before = everything(run)
    _, out, _ = kibitz(capsys, "prune", run, "--keep", "2", "--dry-run")
    assert "9 of 11 commits would go" in out
    assert everything(run) == before


@pytest.mark.parametrize("more", [[], ["--dry-run"]])
def test_prune_is_refused_while_a_process_is_at_work(run, capsys, more):
    lock = RunFolder(run).lock()
    before = everything(run)
    try:
        status, out, err = kibitz(capsys, "prune", run, "--keep", "2", *more)
    finally:
        lock.release()
    assert (status, out, everything(run)) == (1, "", before)
    assert f"process {os.getpid()} does" in err


def test_prune_is_refused_where_nothing_is_whole(tmp_path, capsys):
    for step in (1, 2, 3):
        commit(tmp_path, step)
        spoil(tmp_path, step)
    status, _, err = kibitz(capsys, "prune", tmp_path, "--keep", "2")
    assert (status, steps(tmp_path)) == (1, [1, 2, 3])
    assert "none is removed" in err


@pytest.mark.parametrize("keep", ["1", "0", "-3", "many", "3 XB", "", "9" * 30])
def test_prune_is_told_a_number_or_a_size(run, capsys, keep):
    status, _, err = kibitz(capsys, "prune", run, f"--keep={keep}")
    assert (status, len(steps(run))) == (1, 11)
    assert "cure     --keep 10" in err


# -- what is foreign, damaged or hostile ---------------------------------------------------------------------------


@pytest.mark.parametrize("verb", ["ls", "show", "verify", "prune"])
@pytest.mark.parametrize("what", ["nothing", "a file", "an empty folder", "another commits folder"])
def test_a_folder_that_is_no_run_is_told_in_four_parts(tmp_path, capsys, verb, what):
    folder = tmp_path / "place"
    if what == "a file":
        folder.write_text("")
    elif what != "nothing":
        (folder / ("commits" if what == "another commits folder" else "")).mkdir(parents=True)
    status, out, err = kibitz(capsys, verb, folder, *(["--keep", "3"] if verb == "prune" else []))
    if verb == "ls" and folder.is_dir():
        assert (status, err) == (0, "")
        return
    assert (status, out) == (1, "")
    assert [row.split()[0] for row in err.splitlines()][1:] == ["given", "wanted", "cure"]


def test_a_folder_above_names_the_runs_below_it(tmp_path, run, capsys):
    assert f"cure     kibitz runs show {run}" in kibitz(capsys, "show", tmp_path)[2]


EVIL = "loss\x1b[2J\x1b]0;owned\x07\n\r\u202e\x9b31m"


def test_names_out_of_a_file_are_harmless(tmp_path, capsys):
    folder = tmp_path / "run\x1b[31m\n"
    said = {"callbacks": [("History", {"columns": {"epoch": [0], EVIL: [1.0]}}, 0.0)], "stop": [EVIL, EVIL, False]}
    made_of = {"loss": EVIL, "optimizer": {"class": EVIL, EVIL: EVIL}, "layers": {f"0 {EVIL}": {}}, "data": EVIL,
               "metrics": [EVIL], "machine": {"jax": EVIL}, "validation": {EVIL: EVIL}, "seed": EVIL}  # fmt: skip
    commit(folder, 3, logs={EVIL: 1.0}, made_of=made_of, **said)
    commit(folder, 3, logs={EVIL: 1.0}, made_of=made_of, **said, final=True, outcome="stopped")
    for words in (("ls", tmp_path), ("show", folder), ("verify", folder), ("prune", folder, "--keep", "2")):
        _, out, err = kibitz(capsys, *words)
        assert out
        assert [each for each in out + err if not each.isprintable() and each != "\n"] == []
    assert "loss\\x1b[2J" in kibitz(capsys, "show", folder)[1]
    spoil(folder, 3)
    for words in (("verify", folder), ("prune", folder, "--keep", "2"), ("show", folder / "\x1b[0m")):
        status, out, err = kibitz(capsys, *words)
        assert status == 1
        assert [each for each in out + err if not each.isprintable() and each != "\n"] == []


WRONG = {
    "a step that is a text": {"step": EVIL},
    "no epochs": {"epochs": None},
    "seconds that are a list": {"seconds": []},
    "an outcome that is a number": {"outcome": 3},
    "a stop that is a number": {"stop": 7},
    "truth for a step": {"step": True},
}


@pytest.mark.parametrize("document", WRONG.values(), ids=WRONG)
def test_a_commit_that_says_what_none_says_is_passed_over(tmp_path, capsys, document):
    commit(tmp_path, 3)
    step = document.pop("step", 5)
    path = RunFolder(tmp_path, writes=False).of(5)
    commit(tmp_path, 5, **document)
    if step != 5:
        path.unlink()
        write_state(path, {}, {"step": step})
    status, out, _ = kibitz(capsys, "show", tmp_path)
    assert status == 0
    assert " 3 steps" in out


FOREIGN = [{"dict": [[[], 1]]}, {"dict": 3}, {"float": []}, {"array": "gone"}, {"module": "os"}]


@pytest.mark.parametrize("packed", FOREIGN, ids=str)
def test_values_in_no_form_that_is_written_are_refused(tmp_path, capsys, packed):
    whole = {"step": 5, "epoch": 0, "epochs": 1, "seconds": 0, "stop": None, "outcome": None, "logs": packed,
             "made_of": {"dict": []}, "callbacks": []}  # fmt: skip
    write_state(RunFolder(tmp_path, writes=False).of(5), {}, whole)
    status, _, err = kibitz(capsys, "show", tmp_path)
    assert status == 1
    assert "no commit that can be read" in err


@pytest.mark.parametrize("words", [["ls"], ["show"], ["verify"]])
def test_looking_writes_nothing(run, capsys, words):
    before = everything(run)
    assert kibitz(capsys, *words, run)[0] == 0
    assert everything(run) == before


def test_what_lies_in_the_place_of_the_lock_holds_nothing(run, capsys):
    for make in (os.mkdir, os.mkfifo):
        make(run / "lock")
        assert "left off" in kibitz(capsys, "ls", run)[1]
        (run / "lock").rmdir() if make is os.mkdir else (run / "lock").unlink()


def test_a_disk_that_refuses_is_told_in_four_parts(run, capsys, monkeypatch):
    def refuse(*_):
        raise PermissionError(13, "Permission denied", str(run))

    monkeypatch.setattr(show, "run_at", refuse)
    status, out, err = kibitz(capsys, "show", run)
    assert (status, out) == (1, "")
    assert err.startswith("kibitz: The disk refuses: Permission denied.\n  given ")


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


def test_a_pipe_gets_no_control_codes_and_a_terminal_its_headings(run, monkeypatch):
    shown = {}
    for terminal, term in ((True, "xterm"), (True, "dumb"), (False, "xterm")):
        monkeypatch.delenv("NO_COLOR", raising=False)
        monkeypatch.setenv("TERM", term)
        monkeypatch.setattr(sys, "stdout", Terminal(terminal=terminal))
        assert cli.main(["runs", "show", str(run)]) == 0
        shown[terminal, term] = sys.stdout.shown()
    assert "\x1b[1m" in shown[True, "xterm"]
    assert "\x1b" not in shown[True, "dumb"] + shown[False, "xterm"]


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252"])
def test_where_blocks_cannot_be_shown_ascii_is(run, monkeypatch, encoding):
    commit(run, 1000, made_of={"loss": "\N{SNOWMAN}"})
    monkeypatch.setattr(sys, "stdout", Terminal(encoding))
    assert cli.main(["runs", "show", str(run)]) == 0
    assert f"{PLAIN[7]}{PLAIN[0]}{PLAIN[2]}" in sys.stdout.shown()
    assert "\\u2603" in sys.stdout.shown()


def test_a_reader_that_has_seen_enough_is_no_error(run):
    program = "import sys; from kibitz.cli import main; sys.exit(main(sys.argv[1:]))"
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run([sys.executable, "-c", program, "runs", "show", str(run)], stdout=writing,
                          stderr=subprocess.PIPE, text=True, check=False)  # fmt: skip
    os.close(writing)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_page_is_as_wide_as_what_stands_on_it():
    page = Page()
    page.table([["a", "b"], ["long", "1"]], right="1")
    assert str(page) == "  a     b\n  long  1"


def test_a_text_has_an_end():
    assert len(plain("x" * 10**6)) == 200


# -- pictures ------------------------------------------------------------------------------------------------------


def test_a_picture_goes_from_the_lowest_to_the_highest():
    assert sparkline(range(8)) == BLOCKS
    assert sparkline([2.0, 2.0]) == BLOCKS[4] * 2
    assert sparkline([]) == ""
    assert sparkline([-1e308, 1e308]) == BLOCKS[0] + BLOCKS[7]
    assert sparkline([math.nan, 1, math.inf]) == f"!{BLOCKS[4]}!"


def test_a_long_history_is_as_wide_as_a_short_one_and_hides_no_nan():
    values = [float(each) for each in range(1000)]
    picture = sparkline(values, width=8)
    assert picture == BLOCKS
    values[500] = math.nan
    assert sparkline(values, width=8) == BLOCKS[:4] + "!" + BLOCKS[5:]
