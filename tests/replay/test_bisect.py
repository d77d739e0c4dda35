"""The first step after which something holds is the one that who looked on all the time would have named."""

from __future__ import annotations

import numpy as np
import pytest

import kibitz as keras
from kibitz import callbacks
from kibitz.checkpoint.run_folder import RunFolder
from kibitz.errors import InvalidArgument, NotReady, UnknownMonitor, WrongType
from kibitz.logs import Logs
from kibitz.replay import past
from tests.durable.program import Death, Dies
from tests.replay.been import EPOCHS, HELD, STEPS, X, Y, again, been, bits, dense, first, fresh, own, unbuilt

LAST = STEPS * EPOCHS


def spiked():
    """Row 20 is a bad one: wherever it comes, the weights are thrown far."""
    y = Y.copy()
    y[20] = 1e7
    return X, y


def found_by(folder, when, *, data=(X, Y), kind=None, optimizer="adam", **given):
    model = again() if kind is None and optimizer == "adam" else fresh(kind or dense, optimizer)
    return model.bisect(*data, run=folder, when=when, verbose=0, **given)


def heaviest(weights):
    return max(np.abs(each).max() for each in weights)


@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize("commit", ["1 epoch", "4 steps", "6 steps", "11 steps", "1 steps"])
def test_a_weight_that_stays_great_is_found_at_the_step_that_made_it_so(tmp_path, commit, shuffle):
    given = {"data": spiked(), "optimizer": lambda: keras.optimizers.SGD(1e-5)}
    seen = been(tmp_path, commit=commit, shuffle=shuffle, **given)
    great = [each.step for each in seen if heaviest(each.weights) > 5]
    assert set(great) == set(range(great[0], LAST))  # it goes on to hold
    wanted = first(seen, lambda each: heaviest(each.weights) > 5)
    found = found_by(tmp_path, lambda model, logs: heaviest(model.get_weights()) > 5, **given)
    assert (found.step, found.epoch, found.batch, found.rows, found.monotone) == (*wanted[:4], True)
    assert 20 in found.rows


@pytest.mark.parametrize("step", [0, 3, 5, 10, 14, 22, 23])
def test_what_goes_on_to_hold_is_found_wherever_it_begins(one, step):
    folder, seen = one
    found = found_by(folder, lambda model, logs: int(model.optimizer.iterations) > step, validation_data=HELD)
    wanted = first(seen, lambda each: each.step >= step)
    assert (found.step, found.epoch, found.batch, found.rows) == wanted[:4]
    assert found.monotone
    assert not found.at_start
    # A commit every four; that after twelve was made before the end of its epoch, which is therefore looked at too.
    assert found.steps_run <= (8 if 12 <= step < 16 else 4)
    assert found.evaluations <= 6  # of seven or eight commits


@pytest.fixture(scope="module")
def one(tmp_path_factory):
    folder = tmp_path_factory.mktemp("one")
    return folder, been(folder, validation_data=HELD)


def test_what_holds_from_the_first_step_on_is_found_there(one):
    folder, seen = one
    found = found_by(folder, lambda model, logs: True, validation_data=HELD)
    assert (found.step, found.epoch, found.batch, found.rows) == seen[0][:4]


def test_what_never_holds_is_not_found_and_that_is_said(one):
    folder, _ = one
    found = found_by(folder, "loss > 1e9")
    assert (found.step, found.epoch, found.rows, found.steps_run) == (None, None, None, 0)
    assert "at none of the" in str(found)
    through = found_by(folder, "loss > 1e9", steps="all", validation_data=HELD)
    assert through.step is None
    assert str(through) == "loss > 1e9 holds after none of the steps that were looked at; 24 steps run again."


def test_what_comes_and_goes_is_found_in_a_stretch_and_warned_of_by_halves(tmp_path):
    class Bumps(callbacks.Callback):
        adds = ()

        def on_train_batch_end(self, batch, logs=None):
            if self.run.step in {10, 14}:
                self.model.optimizer.learning_rate = 0.5 if self.run.step == 10 else 0.001

    seen = been(tmp_path, Bumps())
    wanted = first(seen, lambda each: each.rate > 0.1)
    with pytest.warns(UserWarning, match="it comes and goes"):
        found = found_by(tmp_path, lambda model, logs: float(model.optimizer.learning_rate) > 0.1)
    assert (found.step, found.epoch, found.batch, found.rows, found.monotone) == (*wanted[:4], False)
    assert "it may have come and gone before" in str(found)
    for steps in ("all", "8:12", "9", (4, 24)):
        again = found_by(tmp_path, lambda model, logs: float(model.optimizer.learning_rate) > 0.1, steps=steps)
        assert (again.step, again.rows) == (wanted.step, wanted.rows)
    behind = found_by(tmp_path, lambda model, logs: float(model.optimizer.learning_rate) > 0.1, steps="14:")
    assert behind.step is None


@pytest.mark.parametrize("key", ["loss", "mae"])
def test_a_batchs_own_number_is_looked_for_at_every_step(one, key):
    folder, seen = one
    for bound in sorted(each.own[key] for each in seen if each.own)[::8]:
        wanted = first(seen, lambda each, bound=bound: each.own.get(key, -1) >= bound)
        found = found_by(folder, f"batch.{key} >= {bound!r}", validation_data=HELD)
        by_function = found_by(
            folder, lambda model, logs, bound=bound: logs.batch.get(key, -1) >= bound, validation_data=HELD
        )
        assert (found.step, found.epoch, found.batch, found.rows) == wanted[:4]
        assert (by_function.step, by_function.rows, by_function.evaluations) == (found.step, found.rows, 0)
        assert found.steps_run == found.step + 1


@pytest.mark.parametrize("commit", ["1 epoch", "4 steps", "6 steps", "5 steps"])
def test_numbers_of_validation_are_found_at_the_ends_of_epochs(tmp_path, commit):
    seen = been(tmp_path, validation_data=HELD, commit=commit)
    values = [each.logs["val_loss"] for each in seen if "val_loss" in each.logs]
    for epoch, bound in enumerate(values):
        if any(later > bound for later in values[epoch:]):
            continue  # it does not go on to hold
        wanted = first(seen, lambda each, bound=bound: each.logs.get("val_loss", 9e9) <= bound)
        for when in (f"val_loss <= {bound!r}", lambda model, logs, bound=bound: logs.get("val_loss", 9e9) <= bound,
                     lambda model, logs, bound=bound: "val_loss" in logs and logs["val_loss"] <= bound):  # fmt: skip
            found = found_by(tmp_path, when, validation_data=HELD)
            assert (found.step, found.epoch, found.batch, found.rows) == wanted[:4]
            assert found.monotone


def test_validation_within_epochs_is_looked_at_too(tmp_path):
    given = {"validation_data": {"a": HELD, "b": (X, Y)}, "validation_freq": "2 steps", "commit": "3 steps"}
    seen = been(tmp_path, **given)
    bound = [each.logs["val_b_loss"] for each in seen if "val_b_loss" in each.logs][len(seen) // 3]
    wanted = first(seen, lambda each: each.logs.get("val_b_loss", 9e9) <= bound)
    found = found_by(tmp_path, f"val_b_loss <= {bound!r}", validation_data=given["validation_data"])
    assert (found.step, found.epoch, found.batch, found.rows) == wanted[:4]


@pytest.mark.parametrize("commit", ["1 epoch", "4 steps", "6 steps", "3 steps"])
def test_what_a_callback_wrote_at_the_end_of_an_epoch_belongs_to_its_last_step(tmp_path, commit):
    class Halves(callbacks.Callback):
        adds = ()

        def on_epoch_end(self, epoch, logs=None):
            if epoch == 1:
                self.model.optimizer.learning_rate = 0.0005

    seen = been(tmp_path, Halves(), commit=commit)
    wanted = first(seen, lambda each: each.rate < 0.0006)
    found = found_by(tmp_path, lambda model, logs: float(model.optimizer.learning_rate) < 0.0006)
    assert (found.step, found.epoch, found.batch, found.rows) == wanted[:4] == (11, 1, 5, wanted.rows)


def test_the_last_step_of_all(one):
    folder, _ = one
    assert (
        found_by(folder, lambda model, logs: int(model.optimizer.iterations) == LAST, validation_data=HELD).step
        == LAST - 1
    )


def test_a_run_that_was_killed_is_known_up_to_its_last_commit(tmp_path):
    with pytest.raises(Dies):
        been(tmp_path, Death(18), commit="4 steps")
    found = found_by(tmp_path, lambda model, logs: int(model.optimizer.iterations) > 15)
    assert (found.step, found.epoch, found.batch) == (15, 2, 3)
    behind = found_by(tmp_path, lambda model, logs: int(model.optimizer.iterations) > 16)
    assert behind.step is None
    assert found_by(tmp_path, "batch.loss > 1e9").steps_run == 16
    with pytest.raises(InvalidArgument, match="no such steps"):
        found_by(tmp_path, "loss > 0", steps="16:18")


def test_a_run_that_was_killed_and_went_on_is_one_run(tmp_path):
    for step in (9, 17):
        with pytest.raises(Dies):
            been(tmp_path, Death(step), commit="4 steps")
    been(tmp_path, commit="4 steps")
    seen = been(tmp_path / "whole")
    bound = seen[20].weights[0][0, 0]
    for moment in (seen[10], seen[20]):
        bound = moment.weights[0].tobytes()
        found = found_by(tmp_path, lambda model, logs, bound=bound: model.get_weights()[0].tobytes() == bound,
                         steps="all")  # fmt: skip
        assert (found.step, found.rows) == (moment.step, moment.rows)


def test_commits_that_are_damaged_cost_steps_and_no_truth(tmp_path):
    seen = been(tmp_path)
    for commit in sorted((tmp_path / "commits").glob("*"))[1:-1:2]:
        data = bytearray(commit.read_bytes())
        data[len(data) // 2] ^= 1
        commit.write_bytes(data)
    for step in (5, 9, 13, 20):
        found = found_by(tmp_path, lambda model, logs, step=step: int(model.optimizer.iterations) > step)
        assert (found.step, found.rows) == (step, first(seen, lambda each, step=step: each.step == step).rows)


def test_one_that_reached_an_end_of_its_own_by_a_stop(tmp_path):
    stop = callbacks.EarlyStopping("val_loss", patience=0, restore_best_weights=True, mode="max")
    seen = been(tmp_path, stop, validation_data=HELD)
    found = found_by(tmp_path, lambda model, logs: int(model.optimizer.iterations) > 8, validation_data=HELD)
    assert (found.step, found.rows) == (8, seen[9].rows)


def test_the_model_that_asks_is_afterwards_as_it_was(one):
    folder, _ = one
    model = again()
    model.fit(X, Y, epochs=1, verbose=0)
    before, history, seed = bits(model), model.history, vars(model.core).get("row_seed")
    for when in (lambda model, logs: int(model.optimizer.iterations) > 8, "batch.loss > 1e9"):
        model.bisect(X, Y, run=folder, when=when, validation_data=HELD, verbose=0)
    assert bits(model) == before
    assert model.history is history
    assert vars(model.core).get("row_seed") == seed
    assert not model.stop_training


@pytest.mark.parametrize("kind", [unbuilt, own])
def test_models_without_weights_yet_and_modules_of_ones_own(tmp_path, kind):
    seen = been(tmp_path, kind=kind)
    wanted = first(seen, lambda each: each.step == 13)
    bound = wanted.weights[0].tobytes()
    found = found_by(tmp_path, lambda model, logs: int(model.optimizer.iterations) > 13, kind=kind)
    assert (found.step, found.rows) == (13, wanted.rows)
    exactly = found_by(
        tmp_path, lambda model, logs: model.get_weights()[0].tobytes() == bound, kind=kind, steps="12:16"
    )
    assert exactly.step == 13


def test_graph_hooks_of_the_run_are_given_and_asked_for(tmp_path):
    been(tmp_path, callbacks.GradientClip(norm=0.1), callbacks.GradientNorms())
    when = lambda model, logs: int(model.optimizer.iterations) > 13  # noqa: E731
    with pytest.raises(InvalidArgument, match="GradientClip is not among the callbacks"):
        found_by(tmp_path, when)
    traced = [callbacks.GradientClip(norm=0.1), callbacks.GradientNorms()]
    assert found_by(tmp_path, when, callbacks=traced).step == 13
    assert found_by(tmp_path, "gradient_norm > 0", callbacks=traced).step == 0


def test_a_condition_may_ask_the_model_for_predictions(one):
    folder, _ = one
    sums = {}

    def holds(model, logs):
        sums[int(model.optimizer.iterations)] = float(model.predict(X, verbose=0).sum())
        return int(model.optimizer.iterations) > 10

    assert found_by(folder, holds, validation_data=HELD).step == 10
    model = again()
    for done, there in sums.items():
        model.load_step(folder, done - 1, X, Y, validation_data=HELD)
        assert float(model.predict(X, verbose=0).sum()) == there


def batches():
    rng = np.random.default_rng(11)
    for _ in range(LAST):
        x = rng.normal(size=(8, 5)).astype("float32")
        yield x, x[:, :1]


def test_a_generator_is_given_anew_and_has_no_rows(tmp_path):
    seen = been(tmp_path, data=(batches(), None), batch_size=None, steps_per_epoch=STEPS)
    wanted = first(seen, lambda each: each.step == 14)
    for when in (lambda model, logs: int(model.optimizer.iterations) > 14, f"batch.loss == {wanted.own['loss']!r}"):
        found = found_by(tmp_path, when, data=(batches(), None))
        assert (found.step, found.epoch, found.batch, found.rows) == (14, 2, 2, None)


# -- what is refused -----------------------------------------------------------------------------------------------


def test_a_number_that_the_run_never_had_is_refused_before_anything_is_run(one):
    folder, _ = one
    for when, near in (("lss > 3", "loss"), ("val_los > 3", "val_loss"), ("batch.lss > 3", "batch.loss")):
        with pytest.raises(UnknownMonitor) as raised:
            found_by(folder, when)
        assert f'when="{near} > 3"' in str(raised.value)


def test_a_condition_that_cannot_be_read_is_refused(one):
    folder, _ = one
    with pytest.raises(InvalidArgument):
        found_by(folder, "loss >")
    for when in (None, 3, lambda model: True, Logs):
        with pytest.raises(WrongType, match="a function of the model and the logs"):
            found_by(folder, when)


def test_one_that_changes_its_mind_is_told_so(one):
    folder, _ = one
    with pytest.raises(InvalidArgument, match="holds at the commit after"):
        found_by(folder, Changes(), validation_data=HELD)


class Changes:
    """Holds at commits, which have no data at hand, and never in a run."""

    __name__ = "changes"

    def __call__(self, model, logs):
        return not model.core.runs


def test_an_error_of_the_condition_is_its_own(one):
    folder, _ = one
    with pytest.raises(ZeroDivisionError):
        found_by(folder, lambda model, logs: 1 / 0 > 0)


def test_other_data_are_refused_and_a_folder_without_a_run(one, tmp_path):
    folder, _ = one
    when = lambda model, logs: int(model.optimizer.iterations) > 13  # noqa: E731
    with pytest.raises(InvalidArgument, match="made of something else"):
        found_by(folder, when, data=(X + 1, Y))
    with pytest.raises(NotReady, match="no run in this folder"):
        found_by(tmp_path / "nowhere", when)
    assert not (tmp_path / "nowhere").exists()


def test_it_writes_nothing(one):
    folder, _ = one
    files = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    found_by(folder, lambda model, logs: int(model.optimizer.iterations) > 13, validation_data=HELD)
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == files


def test_the_past_is_read_once(one, monkeypatch):
    folder, _ = one
    read, commits, journal, lines = RunFolder.read, [], past.read, []
    monkeypatch.setattr(RunFolder, "read", lambda self, step: commits.append(step) or read(self, step))
    monkeypatch.setattr(past, "read", lambda *given: lines.append(given) or journal(*given))
    found = found_by(folder, lambda model, logs: int(model.optimizer.iterations) > 13, validation_data=HELD)
    assert len(lines) == 1
    assert len(commits) == found.evaluations  # the first is not looked at, and one is begun with


def test_the_settings_are_those_of_the_commit_that_the_steps_begin_at(tmp_path):
    with pytest.raises(Dies):
        been(tmp_path, Death(12), commit="4 steps", batch_size=8)
    been(tmp_path, commit="4 steps", batch_size=12, resume="force")
    model = again()
    found = model.bisect(X, Y, run=tmp_path, verbose=0, when=lambda model, logs: int(model.optimizer.iterations) > 14)
    assert found.step == 14
    assert len(found.rows) == 12
