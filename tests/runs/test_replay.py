"""`kibitz replay` and `kibitz bisect`: a program of the user's is run as it is, and its fit is the past."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from kibitz import cli
from kibitz.errors import InvalidArgument, UnknownName
from kibitz.models import in_place
from kibitz.runs.named import Named
from kibitz.runs.page import Page
from kibitz.runs.replay import SHOWN, Seen

PROGRAM = '''
import atexit, os, sys
import numpy as np
import kibitz as keras
from kibitz.callbacks import Callback, CSVLogger, GradientClip, ReduceLROnPlateau

HERE = os.path.dirname(__file__)

class Own(Callback):
    """Of the program itself."""
    adds = ()
    def on_train_batch_end(self, batch, logs=None):
        logs["twice"] = 2 * logs["loss"]
        print("own sees step", self.run.step - 1)

class Counts(Callback):
    adds = ()
    def __init__(self):
        super().__init__()
        self.steps = []
    def on_train_batch_end(self, batch, logs=None):
        self.steps.append(self.run.step - 1)
        self.model.get_weights()
    def merge(self, other):
        self.steps += other.steps
    def on_run_end(self, outcome):
        print("counted", self.steps)

def fit(run, epochs=4):
    keras.utils.set_random_seed(5)
    x = np.random.default_rng(1).normal(size=(64, 4)).astype("float32")
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, activation="tanh"), keras.layers.Dense(1)])
    model.compile("adam", "mse")
    own = [GradientClip(0.5), CSVLogger(HERE + "/log.csv"), ReduceLROnPlateau("loss", patience=1, min_delta=9.0)]
    return model.fit(x, x[:, :1], batch_size=8, epochs=epochs, verbose=0, run=run, commit="5 steps", keep=50,
                     callbacks=own)

if __name__ == "__main__":
    print("begins with", sys.argv[1:])
    try:
        fit(sys.argv[1])
        if sys.argv[2:]:
            fit(sys.argv[2], 5)
        print("goes on")
    except Exception:
        print("swallows")
    finally:
        print("cleans up")
'''


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    """A program, and the run that it trained: 32 steps in 4 epochs."""
    folder = tmp_path_factory.mktemp("program")
    (folder / "train.py").write_text(PROGRAM)
    (folder / "looks.py").write_text("from kibitz.callbacks import Callback\nclass Look(Callback):\n"
                                     "    def __init__(self, word='looks', *, times=1):\n"
                                     "        super().__init__()\n        self.words = ' '.join([word] * times)\n"
                                     "    def on_epoch_end(self, epoch, logs=None):\n"
                                     "        print(self.words, epoch, sorted(logs))\n")  # fmt: skip
    scope = {"__name__": "train", "__file__": str(folder / "train.py")}
    exec(compile(PROGRAM, "train.py", "exec"), scope)
    scope["fit"](str(folder / "run"))
    return folder


def everything(folder):
    return {path: (path.stat().st_mtime_ns, path.is_file() and path.read_bytes()) for path in folder.rglob("*")
            if "__pycache__" not in path.parts}  # fmt: skip


@pytest.fixture
def kibitz(program, capfd):
    """(status, stdout, stderr) of a verb that runs the program; nothing in its folder may change."""

    def call(verb, *words, script="train.py", run="run", own=None):
        before, paths, argv, main = everything(program), list(sys.path), sys.argv, sys.modules["__main__"]
        own = [str(program / run)] if own is None else own
        status = cli.main([verb, str(program / run), str(program / script), *words, "--", *own])
        told = capfd.readouterr()
        assert everything(program) == before
        assert (sys.path, sys.argv, sys.modules["__main__"]) == (paths, argv, main)
        assert in_place._asked == []
        return status, told.out, told.err

    return call


def rows(out):
    return [line.split() for line in out.splitlines()]


# -- the program -------------------------------------------------------------------------------------------------------


def test_the_program_is_run_with_its_arguments_and_ends_behind_the_replay(kibitz, program):
    status, out, err = kibitz("replay", "--steps", "9:12", "--with", "GradientNorms")
    assert (status, err) == (0, "")
    lines = out.splitlines()
    assert lines[0] == f"begins with ['{program / 'run'}']"
    assert "looking back at steps 9 to 11; 7 steps are run again, from the commit after 5 steps." in lines[1]
    assert lines[2] == "cleans up"
    assert "goes on" not in out
    assert "swallows" not in out


def test_what_callbacks_log_is_shown_for_each_batch_and_epoch(kibitz):
    _, out, _ = kibitz("replay", "--steps", "14:17", "--with", "GradientNorms", "--with", "train:Own")
    found = rows(out)
    head = found.index(["step", "epoch", "batch", "clipped", "gradient_norm", "loss", "twice"])
    assert [row[:3] for row in found[head + 1 : head + 4]] == [["14", "1", "6"], ["15", "1", "7"], ["16", "2", "0"]]
    assert ["epoch", "clipped", "gradient_norm", "loss", "learning_rate"] in found
    assert [line for line in out.splitlines() if "own sees" in line] == [
        f"own sees step {step}" for step in (14, 15, 16)
    ]
    assert "12 steps were run again, exact at 2 commits" in out  # from before the epoch, for the mean over it


def test_epochs_can_be_given_and_a_callback_of_a_module_beside_the_program(kibitz):
    status, out, _ = kibitz("replay", "--epochs", "1:3", "--with", 'looks:Look("sees", times=2)')
    assert status == 0
    assert "sees sees 1 ['clipped', 'learning_rate', 'loss']" in out
    assert "sees sees 2 ['clipped', 'learning_rate', 'loss']" in out
    assert "sees sees 3" not in out


def test_several_processes_run_the_program_each_for_its_own_piece(kibitz):
    words = ("replay", "--steps", "3:30", "--with", "train:Counts", "--with", "GradientNorms", "--with", "train:Own")
    _, one, _ = kibitz(*words)
    status, two, err = kibitz(*words, "--workers", "2")
    assert status == 0
    assert f"counted {list(range(3, 30))}" in one
    assert f"counted {list(range(3, 30))}" in two
    assert two.count("begins with") == two.count("cleans up") == 1
    apart = [[line for line in out.splitlines() if "look" not in line] for out in (one, two)]
    assert apart[0] == apart[1]
    assert "30 steps were run again, exact at 6 commits" in one
    assert "40 steps were run again, exact at 6 commits" in two  # the epoch is begun in both, for the mean over it
    assert err.splitlines() == [f"counted {list(range(3, 15))}", f"counted {list(range(15, 30))}"] or "counted" in err


def test_an_error_of_the_replay_is_not_swallowed_by_the_program(kibitz):
    status, out, err = kibitz("replay", "--steps", "30:90")
    assert (status, "swallows" in out) == (1, False)
    assert "The run has no such steps." in err


@pytest.mark.parametrize("words", [("--steps", "1:5", "--with", "Early"), ("--steps", "1:5", "--with", "no_such:Look")])
def test_a_callback_that_is_not_there_is_told_before_the_program_is_run(kibitz, words):
    status, out, err = kibitz("replay", *words)
    assert (status, out) == (1, "")
    assert "there is" in err


def test_a_class_that_the_program_has_not_is_told(kibitz):
    status, _, err = kibitz("replay", "--steps", "1:5", "--with", "train:Onw")
    assert status == 1
    assert 'nearest  "Own"' in err


def test_a_program_without_this_run_lists_the_runs_that_it_has(kibitz, program):
    status, out, err = kibitz("replay", "--steps", "1:5", own=[str(program / "other")])
    assert status == 1
    assert "The program comes to another run, and that one has not ended" in err
    assert str(program / "other") in err
    assert "swallows" not in out
    (program / "empty.py").write_text("print('nothing')\n")
    status, _, err = kibitz("replay", "--steps", "1:5", script="empty.py")
    assert status == 1
    assert "No fit of" in err
    assert "there is nothing" in err


def test_a_run_that_has_ended_may_come_before_it(program, capfd):
    scope = {"__name__": "train", "__file__": str(program / "train.py")}
    exec(compile(PROGRAM, "train.py", "exec"), scope)
    scope["fit"](str(program / "second"), 5)
    words = ["replay", str(program / "second"), str(program / "train.py"), "--steps", "33:35", "--"]
    assert cli.main([*words, str(program / "run"), str(program / "second")]) == 0
    assert "looking back at steps 33 to 34" in capfd.readouterr().out
    assert not (program / "other").exists()


def test_an_error_of_the_program_itself_is_shown_with_its_place(kibitz, program):
    (program / "wrong.py").write_text("import kibitz\nkibitz.Sequential([1])\n")
    with pytest.raises(SystemExit) as told:
        kibitz("replay", "--steps", "1:5", script="wrong.py")
    assert told.value.code == 1


@pytest.mark.parametrize(("script", "run", "what"), [
    ("no_such.py", "run", "There is no such script."),
    ("train.py", "no_such", "There is no such folder."),
    ("train.py", "", "This is not the folder of a run."),
])  # fmt: skip
def test_what_is_not_there_is_told(kibitz, script, run, what):
    status, out, err = kibitz("replay", script=script, run=run)
    assert (status, out) == (1, "")
    assert what in err


# -- callbacks by name -------------------------------------------------------------------------------------------------


def test_a_callback_is_named_with_plain_arguments():
    named = Named.read("WeightHistograms('gradients', bins=8, every='10 steps')")
    made = named.made("train.py")
    assert (made.of, made.bins, made.every) == ("gradients", 8, "10 steps")
    assert Named.read("a.b:C(-1, [2, {'x': (1, None)}])").args == (-1, [2, {"x": (1, None)}])


@pytest.mark.parametrize("written", [
    "", "1", "GradientNorms(", "GradientNorms(open('x'))", "GradientNorms(__import__('os').system('true'))",
    "GradientNorms(*[1])", "GradientNorms(**{'each': True})", "kibitz.callbacks.GradientNorms", "lambda: 1",
    "GradientNorms(each=x)", "a:b.c", "a:", "GradientNorms; 1", "GradientNorms()()", "[GradientNorms]",
])  # fmt: skip
def test_what_is_no_name_of_a_callback_is_refused_and_nothing_is_run(written):
    with pytest.raises(InvalidArgument, match="names no callback"):
        Named.read(written)


def test_a_name_that_is_nearly_one_of_ours_is_told():
    with pytest.raises(UnknownName) as told:
        Named.read("GradientNorm")
    assert told.value.nearest == "GradientNorms"
    with pytest.raises(InvalidArgument, match="cannot be made so"):
        Named.read("GradientNorms(eech=True)")


# -- what is shown -----------------------------------------------------------------------------------------------------


def test_of_many_steps_the_first_and_the_last_are_shown():
    from kibitz.logs import Logs
    from kibitz.run import Run

    seen, page = Seen(), Page()
    seen.set_run(Run("train"))
    for step in range(100):
        seen.run.clock.tick()
        seen.on_train_batch_end(step, Logs({"loss": 5.0}, batch={"loss": float(step), "bars": np.zeros(3)}))
    seen.put(page)
    shown = rows(str(page))
    steps = [int(row[0]) for row in shown if len(row) == 4 and row[1] == "0"]
    assert steps == [*range(SHOWN), *range(100 - SHOWN, 100)]
    assert ["99", "0", "99", "99"] in shown
    assert "60 more between them." in str(page)
    assert "bars" in str(page)
