"""A model as it was after any step of a run, to the bit: by its commit, or by the steps that lead there."""

from __future__ import annotations

import json
import sys

import numpy as np
import pytest

import kibitz as keras
from kibitz import callbacks, layers
from kibitz.checkpoint.state_file import read_state, write_state
from kibitz.errors import InvalidArgument, KibitzError, NotExact, NotReady, UnknownName, Unsupported
from tests.durable.program import Death, Dies
from tests.replay.been import EPOCHS, HELD, STEPS, X, Y, after, again, been, bits, dense, fresh, own, unbuilt

LAST = STEPS * EPOCHS


class Halves(callbacks.Callback):
    """A callback that draws on nothing but the clock, and writes at the ends of epochs and in their midst."""

    adds = ()

    def on_train_batch_end(self, batch, logs=None):
        if self.run.step == 7:
            self.model.set_weights([each * 2 for each in self.model.get_weights()])

    def on_epoch_end(self, epoch, logs=None):
        self.model.optimizer.learning_rate = 0.01 / (epoch + 2)


def norm(path):
    return "norm" in path


RUNS = {
    "plain": {},
    "validation, and a rate that falls": {
        "heard": lambda: [callbacks.ReduceLROnPlateau("val_loss", patience=0, mode="max", min_delta=9.0)],
        "validation_data": HELD,
    },
    "stopped early, with the best weights": {
        "heard": lambda: [callbacks.EarlyStopping("val_loss", patience=1, restore_best_weights=True, mode="max")],
        "validation_data": HELD,
    },
    "layers that are let go": {"heard": lambda: [callbacks.FreezeUntil("first", 2)]},
    "no seed": {"seed": None},
    "a frozen layer that has statistics": {"kind": unbuilt, "heard": lambda: [callbacks.FreezeUntil("norm", 2)]},
    "frozen parameters of such a layer": {"kind": unbuilt, "heard": lambda: [callbacks.FreezeUntil(norm, 2)]},
    "hooks that write": {"heard": lambda: [Halves()], "commit": "6 steps"},
    "batch norm, and no weights yet": {"kind": unbuilt, "commit": "5 steps"},
    "a module of one's own": {"kind": own},
    "averages": {"optimizer": lambda: keras.optimizers.Adam(use_ema=True, ema_overwrite_frequency=5)},
    "averages that are swapped": {
        "optimizer": lambda: keras.optimizers.Adam(use_ema=True), "heard": lambda: [callbacks.SwapEMAWeights(True)],
    },
    "clipped": {"heard": lambda: [callbacks.GradientClip(norm=0.1)]},
    "steps per epoch": {"steps_per_epoch": 4, "epochs": 6, "commit": "1 epoch"},
}  # fmt: skip


@pytest.mark.parametrize("name", RUNS)
def test_every_step_of_a_run_to_the_bit(tmp_path, name):
    given = dict(RUNS[name])
    heard = given.pop("heard", list)
    kept = {key: given[key] for key in ("kind", "optimizer") if key in given}
    seen = been(tmp_path, *heard(), **given)
    model = fresh(**kept) if kept else again()
    data = {"validation_data": given.get("validation_data")}
    if name == "clipped":
        data["callbacks"] = heard()
    steps = sorted({each.step for each in seen})
    assert len(steps) > 8
    for step in [*steps[:-1:2], *steps[-2:0:-2]]:  # there and back
        model.load_step(tmp_path, step, X, Y, **data)
        assert bits(model) == after(seen, step).state, step


def test_before_the_first_step_and_after_the_last(tmp_path):
    stop = callbacks.EarlyStopping("loss", patience=0, restore_best_weights=True, mode="max")
    seen = been(tmp_path, stop)
    last = seen[-1].step
    model, first = again(), again().export_state()
    model.load_step(tmp_path, last)
    at_end = bits(model)
    model.load_step(tmp_path)
    assert bits(model) == at_end
    # The last step has what came behind it: the weights of the best epoch.
    kernel = next(name for name in at_end if name.startswith(".params"))
    assert stop.best_epoch < stop.stopped_epoch
    best = after(seen, STEPS * (stop.best_epoch + 1) - 1)
    assert at_end[kernel] == best.state[kernel] != seen[-1].state[kernel]
    model.load_step(tmp_path, -1)
    assert bits(model) == {name: value.tobytes() for name, value in first.items()}


def test_training_goes_on_by_hand_from_there(tmp_path):
    seen = been(tmp_path, shuffle=False, commit="1 epoch")
    for step in (11, 13):
        model = again()
        model.load_step(tmp_path, step, X, Y)
        assert model.history is None
        assert not model.stop_training
        batch = X[:8], Y[:8]
        if step == 11:
            history = model.fit(X, Y, batch_size=8, epochs=4, initial_epoch=2, shuffle=False, verbose=0)
            assert len(history.history["loss"]) == 2
            assert bits(model) == seen[-1].state  # the same batches in the same order: the same run
        else:
            model.train_on_batch(*batch)
            assert int(model.optimizer.iterations) == 15


def test_a_run_that_died_has_the_steps_up_to_its_last_commit(tmp_path):
    with pytest.raises(Dies):
        been(tmp_path, Death(18))
    seen = been(tmp_path / "whole")
    model = again()
    for step in (3, 9, 15):
        model.load_step(tmp_path, step, X, Y)
        assert bits(model) == after(seen, step).state
    with pytest.raises(InvalidArgument) as raised:
        model.load_step(tmp_path, 16, X, Y)
    assert "from 0 to 15" in str(raised.value)


# -- what is refused -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    folder = tmp_path_factory.mktemp("plain")
    return folder, been(folder)


@pytest.mark.parametrize("step", [-2, LAST, True, 2.5, "3"])
def test_a_step_that_there_is_not(plain, step):
    with pytest.raises(InvalidArgument) as raised:
        again().load_step(plain[0], step, X, Y)
    assert "a whole number from 0 to 23" in str(raised.value)
    assert "cure" in str(raised.value)


def test_without_data_only_steps_with_commits(plain):
    folder, seen = plain
    model = again()
    before = bits(model)
    with pytest.raises(NotReady) as raised:
        model.load_step(folder, 9)
    assert "a step with a commit: 3, 7, 11" in str(raised.value) or "7, 11" in str(raised.value)
    assert bits(model) == before
    model.load_step(folder, 7)
    assert bits(model) == after(seen, 7).state


def test_another_model_and_one_that_is_not_compiled(plain):
    folder, _ = plain
    with pytest.raises(NotReady, match="compiled"):
        dense().load_step(folder, 7)
    other = keras.Sequential([keras.Input((5,)), layers.Dense(9), layers.Dense(1)])
    other.compile("adam", "mse", metrics=["mae"])
    for given in ((7,), (9, X, Y)):
        before = bits(other)
        with pytest.raises(InvalidArgument):
            other.load_step(folder, *given)
        assert bits(other) == before


def test_other_data_are_refused_and_leave_the_model_alone(plain):
    model = again()
    before = bits(model)
    with pytest.raises(InvalidArgument, match="made of something else"):
        model.load_step(plain[0], 9, X + 1, Y)
    assert bits(model) == before


def test_numbers_that_come_out_otherwise_are_not_passed_off_as_the_runs(tmp_path):
    class Draws(callbacks.Callback):
        """It knows what the journal does not, and what it does is not written by it."""

        adds = ()

    been(tmp_path, Draws(), commit="4 steps")
    commits = sorted((tmp_path / "commits").glob("*"))
    arrays, document = read_state(commits[1])
    name = next(each for each in arrays if each.startswith(".params"))
    write_state(commits[1], {**arrays, name: arrays[name] + 1}, document)
    with pytest.raises(NotExact):
        again().replay(X, Y, run=tmp_path, steps="5:9", verbose=0)


# -- a model made anew -----------------------------------------------------------------------------------------------


def test_a_model_is_made_from_the_folder_alone(plain):
    folder, seen = plain
    for given in ((7,), (9, X, Y), ()):
        model = keras.at(folder, *given)
        wanted = after(seen, given[0] if given else LAST - 1).state
        assert sorted(bits(model).values()) == sorted(wanted.values())
        assert model.loss == "mse"
    assert keras.at(folder, -1).predict(X, verbose=0).shape == (len(X), 1)


def test_one_that_had_no_weights_when_it_was_begun(tmp_path):
    seen = been(tmp_path, kind=unbuilt)
    assert sorted(bits(keras.at(tmp_path, 7)).values()) == sorted(after(seen, 7).state.values())
    assert sorted(bits(keras.at(tmp_path, 9, X, Y)).values()) == sorted(after(seen, 9).state.values())


class Doubles(layers.Layer):
    def call(self, x):
        return x * 2


def doubling():
    return keras.Sequential([keras.Input((5,)), Doubles(), layers.Dense(1)])


def test_classes_of_ones_own_are_given_by_name(tmp_path):
    seen = been(tmp_path, kind=doubling)
    with pytest.raises(UnknownName) as raised:
        keras.at(tmp_path, 7)
    assert "Doubles" in str(raised.value)
    assert "custom_objects" in str(raised.value)
    model = keras.at(tmp_path, 7, custom_objects={"Doubles": Doubles})
    assert sorted(bits(model).values()) == sorted(after(seen, 7).state.values())


def test_a_module_of_ones_own_has_its_code_elsewhere(tmp_path):
    been(tmp_path, kind=own)
    with pytest.raises(Unsupported) as raised:
        keras.at(tmp_path, 7)
    assert "load_step" in str(raised.value)


def test_a_folder_without_a_run(tmp_path):
    with pytest.raises(NotReady, match="no run in this folder"):
        keras.at(tmp_path / "nowhere", 3)
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize(
    "program",
    [
        {"class_name": "os.system", "config": {"name": "touch"}},
        {"class_name": "subprocess>Popen", "config": {"args": ["touch"]}},
        {"class_name": "antigravity.Anything", "config": {}},
        {"class_name": "Sequential", "config": {"name": "s", "layers": [
            {"class_name": "antigravity.Layer", "module": "antigravity", "config": {}}]}},
        {"class_name": "Sequential", "config": {"name": "s", "layers": [
            {"class_name": "Lambda", "config": {"function": "__import__('antigravity')"}}]}},
        {"class_name": "Sequential", "config": 3},
        {"class_name": 7},
        {},
    ],
)  # fmt: skip
def test_nothing_is_imported_or_run_by_a_name_in_a_file(tmp_path, program):
    been(tmp_path, epochs=1)
    first = min((tmp_path / "commits").glob("*"))
    arrays, document = read_state(first)
    write_state(first, arrays, {**document, "program": program})
    with pytest.raises(KibitzError):
        keras.at(tmp_path, 3, X, Y)
    assert "antigravity" not in sys.modules


def test_a_program_that_is_no_dict_is_none(tmp_path):
    been(tmp_path, epochs=1)
    first = min((tmp_path / "commits").glob("*"))
    arrays, document = read_state(first)
    write_state(first, arrays, {**document, "program": json.dumps(document["program"])})
    with pytest.raises(Unsupported):
        keras.at(tmp_path, 3)


# -- what moved ------------------------------------------------------------------------------------------------------


def test_what_moved_is_the_difference_of_the_two_states(plain, tmp_path):
    folder, seen = plain
    model = again()
    before = bits(model)
    moved = model.diff(folder, 5, 14, X, Y)
    assert bits(model) == before
    one, other = after(seen, 5).weights, after(seen, 14).weights
    wanted = sorted((float(np.linalg.norm(b - a)) for a, b in zip(one, other, strict=True)), reverse=True)
    assert sorted((row.moved for row in moved.rows), reverse=True) == pytest.approx(wanted, rel=1e-6)
    assert "what moved from step 5 to step 14" in str(moved)
    assert "first/kernel" in str(moved)
    moved.picture(tmp_path / "moved.png")
    assert (tmp_path / "moved.png").read_bytes()[:4] == b"\x89PNG"
    assert "what moved from the beginning to step 3" in str(model.diff(folder, -1, 3))


def test_layers_that_were_let_go_in_between_are_among_them(tmp_path):
    seen = been(tmp_path, callbacks.FreezeUntil("first", 2))
    moved = {row.name: row.moved for row in again().diff(tmp_path, 2, 20, X, Y).rows}
    assert len(moved) == 4
    assert {"first/kernel", "first/bias"} < set(moved)
    assert all(moved.values())
    assert seen[0].weights[0].tobytes() == after(seen, 2).weights[0].tobytes()
    early = again().diff(tmp_path, 2, 5, X, Y)
    assert not any(row.name.startswith("first") for row in early.rows)  # nobody trained it


def test_a_model_without_weights_and_a_module_of_ones_own_have_differences_too(tmp_path):
    been(tmp_path / "a", kind=unbuilt)
    assert len(fresh(unbuilt).diff(tmp_path / "a", 3, 7, X, Y).rows) == 6
    been(tmp_path / "b", kind=own)
    rows = fresh(own).diff(tmp_path / "b", 3, 9, X, Y).rows
    assert sorted(row.name for row in rows) == ["one/bias", "one/kernel", "two/bias", "two/kernel"]


def test_what_diff_cannot_be_told(plain):
    folder, _ = plain
    with pytest.raises(InvalidArgument, match="compares two steps"):
        again().diff(folder, 3, 7, epochs=3)
    with pytest.raises(InvalidArgument, match="gives its batches once"):
        again().diff(folder, 3, 7, iter([(X, Y)]))
    with pytest.raises(InvalidArgument, match="no such step"):
        again().diff(folder, 3, 99, X, Y)
