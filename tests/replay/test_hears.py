"""What whoever looks on hears again: the means of new graph hooks, logs of any kind, validations, the very end."""

from __future__ import annotations

import warnings

import jax.numpy as jnp
import numpy as np
import pytest

from kibitz import callbacks, cli
from kibitz.checkpoint.run_folder import RunFolder
from kibitz.replay import recorder
from kibitz.replay.entry import Wrote
from kibitz.replay.journal import read
from tests.replay.randomly import VX, VY, Dies
from tests.replay.test_replay import Does, X, Y, fit, model, replay, state

VALIDATED = {"validation_data": (VX, VY)}


class Hears(callbacks.Callback):
    """Keeps the logs of batches and epochs, whole."""

    adds = ()

    def __init__(self):
        super().__init__()
        self._heard = []

    def on_train_batch_end(self, batch, logs=None):
        self._heard.append((self.run.step, told(logs), told(logs.batch)))

    def on_epoch_end(self, epoch, logs=None):
        self._heard.append((self.run.step, epoch, told(logs)))

    def of(self, start, stop):
        return [each for each in self._heard if start < each[0] <= stop]


def told(value):
    """What a value is, to the bit, with its kind."""
    if isinstance(value, dict):
        return type(value).__name__, [(key, told(each)) for key, each in value.items()]
    if isinstance(value, tuple | list):
        return type(value).__name__, [told(each) for each in value]
    if isinstance(value, np.ndarray | np.generic):
        return type(value).__name__, str(value.dtype), value.shape, value.tobytes()
    return type(value).__name__, repr(value)


# -- new graph hooks ---------------------------------------------------------------------------------------------------


class Averages(callbacks.Callback):
    """Logs an average of the gradients that it carries from step to step."""

    adds = ()

    def init_graph_state(self, params):
        return jnp.float32(0)

    def on_gradients(self, grads, params, state):
        first = next(iter(grads.values()))
        state = 0.9 * state + 0.1 * jnp.sum(jnp.square(first))
        return grads, state, {"average": state}


class Rows(callbacks.Callback):
    """Logs an array, which has no mean."""

    adds = ()

    def on_gradients(self, grads, params, state):
        return grads, state, {"rows": next(iter(grads.values()))}


@pytest.fixture(scope="module")
def long(tmp_path_factory):
    """A run of 12 steps in 3 epochs, with a commit every 3."""
    run = tmp_path_factory.mktemp("long") / "run"
    fit(run)
    return run


@pytest.mark.parametrize(("name", "hook", "began"), [
    ("each step", callbacks.GradientNorms, 3),
    ("every three", lambda: callbacks.GradientNorms(every="3 steps"), 3),
    ("carried", Averages, 0),
    ("every four", lambda: callbacks.GradientNorms(every="4 steps"), 3),
    ("an array", Rows, 6),
    ("an array every four", lambda: Rows(every="4 steps"), 6),
])  # fmt: skip
def test_a_new_graph_hook_says_what_it_would_have_said_then(tmp_path, long, capsys, name, hook, began):
    was, sees = Hears(), Hears()
    fit(tmp_path, hook(), was)
    done = replay(long, hook(), sees, steps="7:10", verbose=1)
    assert sees._heard == was.of(7, 10)
    assert (done.began, done.steps_run) == (began, 10 - began)
    assert f"{10 - began} steps are run again, from the commit after {began} steps" in capsys.readouterr().out


def test_where_old_commits_were_let_go_it_begins_with_the_last_one_before_the_epoch(tmp_path):
    fit(tmp_path, commit="1 step", keep=3, epochs=2)
    kept = RunFolder(tmp_path).steps()
    begun = max(step for step in kept if step <= 4)
    assert replay(tmp_path, callbacks.GradientNorms(), steps="6:8").began == begun
    assert replay(tmp_path, steps="6:8").began == max(step for step in kept if step <= 6)


def test_a_graph_hook_that_the_run_had_needs_no_more_steps(tmp_path):
    was, sees = Hears(), Hears()
    fit(tmp_path, callbacks.GradientNorms(), was)
    assert replay(tmp_path, callbacks.GradientNorms(), sees, steps="7:10").began == 6
    assert sees._heard == was.of(7, 10)


# -- the very end ------------------------------------------------------------------------------------------------------


def halve(by):
    by.model.set_weights([each * np.float32(0.5) for each in by.model.get_weights()])


def slower(by):
    by.model.optimizer.learning_rate = float(np.asarray(by.model.optimizer.learning_rate)) / 2


@pytest.mark.parametrize("hooks", [("on_run_end",), ("on_train_end", "on_run_end"), ("on_train_end",)])
@pytest.mark.parametrize("write", [halve, slower])
def test_what_is_written_when_the_run_has_ended_is_how_it_ended(tmp_path, hooks, write):
    ends = [Does(write, hook) for hook in hooks]
    ended = model()
    fit(tmp_path, *ends, made=ended, epochs=1)
    loaded = model()
    loaded.load_step(tmp_path)
    assert state(loaded) == state(ended)
    there = [each.hook for each in read(tmp_path / "journal.jsonl") if isinstance(each, Wrote)]
    assert there == list(hooks)
    again, seen = model(), []
    replay(tmp_path, Does(lambda by: seen.append(state(by.model)), "on_run_end"), made=again, epochs="0")
    assert seen == [state(ended)]


@pytest.mark.parametrize("hook", ["on_run_end", "on_train_end"])
def test_a_run_that_has_ended_and_is_begun_again_ends_as_it_did(tmp_path, hook):
    first, second, third = model(), model(), model()
    fit(tmp_path, Does(halve, hook), made=first, epochs=1)
    fit(tmp_path, Does(halve, hook), made=second, epochs=1)
    assert state(second) == state(first)
    new = Does(slower, "on_run_end")
    new.__name__ = "New"
    fit(tmp_path, Does(halve, hook), new, made=third, epochs=1)
    rate = [float(np.asarray(each.optimizer.learning_rate)) for each in (first, third)]
    assert rate[1] == rate[0] / 2
    more, whole = model(), model()
    fit(tmp_path, Does(halve, hook), made=more, epochs=2)
    fit(tmp_path / "other", Does(halve, hook), made=whole, epochs=2)
    assert state(more) == state(whole)


@pytest.mark.parametrize("hook", ["on_run_end", "on_train_end"])
def test_a_run_that_was_killed_as_it_ended_ends_as_it_would_have(tmp_path, hook):
    whole, again = model(), model()
    fit(tmp_path / "whole", Does(halve, hook), made=whole, epochs=1)

    def die(by):
        raise Dies

    last = Does(die, "on_run_end")
    with pytest.raises(Dies):
        fit(tmp_path / "killed", Does(halve, hook), last, epochs=1)
    fit(tmp_path / "killed", Does(halve, hook), made=again, epochs=1)
    assert state(again) == state(whole)


def test_what_is_written_at_the_end_of_a_run_that_failed_is_not_the_run(tmp_path):
    def die(by):
        if by.run.step == 6:
            raise ValueError("at step 6")

    with pytest.raises(ValueError, match="at step 6"):
        fit(tmp_path, Does(die), Does(halve, "on_run_end"))
    assert RunFolder(tmp_path).final() is None
    assert [each for each in read(tmp_path / "journal.jsonl") if isinstance(each, Wrote)] == []


# -- the logs ----------------------------------------------------------------------------------------------------------

VALUES = {
    "an array": np.arange(6, dtype="float32").reshape(2, 3),
    "a number as an array": np.array(3),
    "a tuple": (1, 2.5, "three", None),
    "a list of arrays": [np.ones(2), np.zeros((0, 3), "int8")],
    "a dict": {"a": 1, 2: (np.float32(0.5), float("nan"))},
    "None": None,
    "bytes in an array": np.frombuffer(b"abc", np.uint8),
    "many numbers": [0.1] * 100,
    "a large number": 2**70,
    "a large negative number": -(2**80),
    "a complex number": np.complex64(1 + 2j),
}


@pytest.mark.parametrize("name", VALUES)
def test_what_a_callback_puts_into_the_logs_is_there_again(tmp_path, name):
    def put(by, logs):
        logs["mine"], logs["step"] = VALUES[name], by.run.step

    puts = callbacks.LambdaCallback()
    puts.on_train_batch_end = lambda batch, logs=None: put(puts, logs)
    puts.on_epoch_end = lambda epoch, logs=None: put(puts, logs)
    was, sees = Hears(), Hears()
    fit(tmp_path, puts, was, epochs=2)
    done = replay(tmp_path, sees, steps="2:8")
    assert sees._heard == was.of(2, 8)
    assert was._heard[0][1][1][-2] == ("mine", told(VALUES[name]))
    assert done.exact[-1] == 8


def test_an_array_that_is_used_again_for_each_step_is_what_it_was(tmp_path):
    count = np.zeros(1, "int32")

    def put(batch, logs=None):
        count[:] += 1
        logs["count"] = count

    puts, was, sees = callbacks.LambdaCallback(), Hears(), Hears()
    puts.on_train_batch_end = put
    fit(tmp_path, puts, was, epochs=2)
    replay(tmp_path, sees, steps="2:8")
    assert sees._heard == was.of(2, 8)


def test_what_a_callback_does_to_the_batchs_own_numbers_and_to_their_order_is_there_again(tmp_path):
    def turn(batch, logs=None):
        logs["first"] = logs.pop("loss")
        logs["second"] = logs.batch["loss"]
        logs["first"] = logs.pop("first")  # behind the second
        logs.batch["own"], logs.batch["array"] = logs.batch.pop("loss"), np.full(2, batch)

    turns, was, sees = callbacks.LambdaCallback(), Hears(), Hears()
    turns.on_train_batch_end = turn
    fit(tmp_path, turns, was, epochs=2)
    assert [name for name, _ in was._heard[0][1][1]] == ["second", "first"]
    replay(tmp_path, sees, steps="2:8")
    assert sees._heard == was.of(2, 8)


class Thing:
    """Nobody can write it down."""


def deep(levels):
    return [deep(levels - 1)] if levels else []


around: list = []
around.append(around)

UNTOLD = {
    "an object": Thing(),
    "a JAX array": jnp.ones(2),
    "an array of objects": np.array([Thing()]),
    "texts": np.array(["a", "b"]),
    "a time": np.datetime64("2026-01-01"),
    "a list too deep": deep(40),
    "a list in itself": around,
    "a long text": "a" * 10**5,
    "half a character": "\ud800",
    "many texts": ["a"] * 10**5,
}


@pytest.mark.parametrize("name", UNTOLD)
def test_what_cannot_be_written_down_is_named_once_where_it_is_missing(tmp_path, name):
    puts = Does(lambda by: None)
    puts.on_train_batch_end = lambda batch, logs=None: logs.update(mine=UNTOLD[name], other=0.5)
    fit(tmp_path, puts, epochs=2)
    sees = Hears()
    with pytest.warns(
        UserWarning, match=r"Does put 'mine' into the logs of on_train_batch_end, and here it is missing"
    ) as said:
        replay(tmp_path, sees, steps="4:8")
    assert len(said) == 1
    assert "with_original=True it is there" in str(said[0].message)
    names = [[name for name, _ in logs[1]] for _, logs, *_ in sees._heard if isinstance(logs, tuple)]
    assert names
    assert all("other" in each and "mine" not in each for each in names)
    loaded = model()
    loaded.load_step(tmp_path, 6, X, Y)  # nobody hears it: nothing is said
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        replay(tmp_path, puts, Does(lambda by: None), steps="4:8", with_original=True)


def test_more_arrays_in_the_logs_than_are_kept_are_named(tmp_path, monkeypatch):
    monkeypatch.setattr(recorder, "SMALL", 1)
    monkeypatch.setattr(recorder, "ROOM", 0.5)
    puts = Does(lambda by: None)
    puts.on_train_batch_end = lambda batch, logs=None: logs.update(mine=np.ones(10))
    fit(tmp_path, puts, epochs=1)
    with pytest.warns(UserWarning, match="more arrays were written than are kept"):
        replay(tmp_path, Hears())


def test_arrays_in_the_logs_that_were_let_go_are_named_and_nothing_else_is_lost(tmp_path):
    puts = Does(lambda by: None)
    puts.on_train_batch_end = lambda batch, logs=None: logs.update(mine=np.ones(10))
    fit(tmp_path, puts, epochs=1)
    for each in (tmp_path / "written").iterdir():
        each.unlink()
    with pytest.warns(UserWarning, match="it is not kept any more"):
        assert replay(tmp_path, Hears()).exact == [3, 4]


@pytest.mark.parametrize("commit", ["1 step", "2 steps"])
def test_arrays_of_a_step_and_of_the_epochs_end_behind_it_are_both_kept(tmp_path, commit):
    class Both(callbacks.Callback):
        adds = ()

        def on_train_batch_end(self, batch, logs=None):
            logs["mine"] = np.full(2, self.run.step)
            halve(self)

        def on_epoch_end(self, epoch, logs=None):
            logs["mine"] = np.full(3, self.run.step)
            self.model.set_weights([each + np.float32(1) for each in self.model.get_weights()])

    was, sees = Hears(), Hears()
    fit(tmp_path, Both(), was, commit=commit, keep=100)
    replay(tmp_path, sees)
    assert sees._heard == was._heard


# -- a validation before the first step --------------------------------------------------------------------------------


class Measures(callbacks.Callback):
    """Asks for a validation before anything is trained."""

    adds = ()

    def on_train_begin(self, logs=None):
        self.run.evaluate()


class Validations(callbacks.Callback):
    """Keeps what it hears of validations, and when."""

    adds = ()

    def __init__(self):
        super().__init__()
        self._heard = []

    def _hear(self, hook, logs):
        weights = b"".join(each.tobytes() for each in self.model.get_weights())
        self._heard.append((hook, self.run.step, self.run.epoch, told(logs), told(self.run.validation), weights))

    def on_train_begin(self, logs=None):
        self._hear("train begin", logs)

    def on_test_begin(self, logs=None):
        self._hear("test begin", logs)

    def on_test_batch_end(self, batch, logs=None):
        self._hear("batch", logs)

    def on_test_end(self, logs=None):
        self._hear("test end", logs)

    def on_epoch_begin(self, epoch, logs=None):
        self._hear("epoch begin", logs)

    def on_train_batch_end(self, batch, logs=None):
        self._hear("step", logs)

    def on_epoch_end(self, epoch, logs=None):
        self._hear("epoch end", logs)


def test_a_validation_before_the_first_step_is_heard_again(tmp_path):
    was, sees, late = Validations(), Validations(), Validations()
    fit(tmp_path, Measures(), was, **VALIDATED)
    assert [each[0] for each in was._heard[:3]] == ["train begin", "test begin", "batch"]
    replay(tmp_path, sees, steps="0:5", **VALIDATED)
    assert sees._heard == [each for each in was._heard if (each[1] <= 5 and each[0] != "epoch begin") or each[1] < 5]
    replay(tmp_path, late, steps="2:5", **VALIDATED)
    assert [each[0] for each in late._heard[:3]] == ["train begin", "epoch begin", "step"]
    first = next(each for each in was._heard if each[0] == "step" and each[1] == 3)
    assert late._heard[2] == first


def test_a_validation_before_the_first_step_is_heard_with_the_originals_too(tmp_path):
    was, sees = Validations(), Validations()
    was.__name__ = "Was"
    fit(tmp_path, Measures(), was, epochs=1, **VALIDATED)
    replay(tmp_path, Measures(), sees, with_original=True, **VALIDATED)
    assert sees._heard == was._heard


def test_what_hooks_write_in_a_validation_before_the_first_step_is_written_again(tmp_path):
    was, sees = Validations(), Validations()
    fit(tmp_path, Measures(), Does(halve, "on_test_begin"), Does(slower, "on_test_end"), was, **VALIDATED)
    done = replay(tmp_path, sees, **VALIDATED)
    assert sees._heard == was._heard
    assert done.exact == [3, 6, 9, 12, 12]


def test_a_run_that_died_before_its_second_commit_was_validated_once(tmp_path):
    def die(by):
        if by.run.step == 2:
            raise Dies

    with pytest.raises(Dies):
        fit(tmp_path, Measures(), Does(die), **VALIDATED)
    was, sees = Validations(), Validations()
    fit(tmp_path, Measures(), Does(lambda by: None), was, **VALIDATED)
    assert sum(each[:2] == ("test begin", 0) for each in was._heard) == 1
    replay(tmp_path, sees, **VALIDATED)
    assert sees._heard == was._heard


@pytest.mark.parametrize("dies", [5, 8])
def test_a_validation_that_was_asked_for_in_another_one_is_not_lost_with_a_process(tmp_path, dies):
    """It is done a step later; a commit may lie between."""

    class Again(callbacks.Callback):
        adds = ()

        def on_train_batch_end(self, batch, logs=None):
            if self.run.step in {3, 6}:
                self.run.evaluate()

        def on_test_end(self, logs=None):
            if self.run.step in {3, 6}:
                self.run.evaluate()

    def die(by):
        if by.run.step == dies:
            raise Dies

    whole, was, sees = Validations(), Validations(), Validations()
    fit(tmp_path / "whole", Again(), Does(lambda by: None), whole, **VALIDATED)
    assert [each[1] for each in whole._heard if each[0] == "test begin"] == [3, 4, 4, 6, 7, 8, 12]
    with pytest.raises(Dies):
        fit(tmp_path / "run", Again(), Does(die), **VALIDATED)
    fit(tmp_path / "run", Again(), Does(lambda by: None), was, **VALIDATED)
    commit = 3 * (dies // 3)
    assert [each for each in was._heard if each[1] > commit] == [each for each in whole._heard if each[1] > commit]
    replay(tmp_path / "run", sees, steps="3:7", **VALIDATED)
    assert sees._heard[2:] == [each for each in whole._heard if 3 < each[1] <= 7]
    less = Validations()
    replay(tmp_path / "run", less, steps="3:6", **VALIDATED)  # the one that is asked for at its end is not in it
    assert less._heard[2:] == [each for each in whole._heard if 3 < each[1] <= 6]


@pytest.mark.parametrize("dies", [5, 8, 11])
def test_a_run_with_fits_in_its_hooks_goes_on_with_the_order_of_rows_that_it_would_have_had(tmp_path, dies):
    def trains(by):
        if by.run.step in {2, 5, 7, 10}:
            by.model.fit(VX, VY, batch_size=5, epochs=1, verbose=0)

    def die(by):
        if by.run.step == dies:
            raise Dies

    whole, again = model(), model()
    fit(tmp_path / "whole", Does(trains), Does(lambda by: None), made=whole)
    with pytest.raises(Dies):
        fit(tmp_path / "run", Does(trains), Does(die))
    fit(tmp_path / "run", Does(trains), Does(lambda by: None), made=again)
    assert state(again) == state(whole)
    assert replay(tmp_path / "run").exact == [3, 6, 9, 12, 12]
    originals = [Does(trains), Does(lambda by: None)]
    assert replay(tmp_path / "run", *originals, with_original=True, steps="7:").exact == [9, 12, 12]


def test_a_run_that_begins_with_the_weights_of_another_is_validated_with_these(tmp_path):
    fit(tmp_path, epochs=1)
    loaded = model()
    loaded.load_step(tmp_path, 3)
    was = Validations()
    fit(tmp_path, Measures(), was, resume="weights", **VALIDATED)
    weights = b"".join(each.tobytes() for each in loaded.get_weights())
    assert next(each for each in was._heard if each[0] == "test begin")[-1] == weights


def test_a_validation_before_the_first_step_is_left_out_where_nobody_hears_of_it(tmp_path):
    fit(tmp_path, Measures(), **VALIDATED)
    loaded = model()
    loaded.load_step(tmp_path, 7, X, Y, **VALIDATED)
    sees = Validations()
    assert replay(tmp_path, sees, steps="11", **VALIDATED).exact == [12, 12]


def test_a_run_whose_logs_held_arrays_and_objects_is_drawn_as_any_other(tmp_path, capsys):
    puts = Does(lambda by: None)
    puts.on_train_batch_end = lambda batch, logs=None: logs.update(mine=np.ones(3), other=Thing())
    fit(tmp_path, puts, Does(halve, "on_run_end"), epochs=1)
    for verb in (["look"], ["runs", "show"]):
        assert cli.main([*verb, str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert "on_run_end" in out
    assert "2 arrays" in out or "4 arrays" in out
