"""What would have been: another run that begins in the midst of one that has been, and leaves that one alone."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import kibitz as keras
from kibitz import callbacks
from kibitz.cli import main
from kibitz.errors import InvalidArgument, UnknownMonitor
from tests.durable.program import Death, Dies
from tests.replay.been import EPOCHS, HELD, STEPS, Watches, X, Y, after, again, been, bits

LAST = STEPS * EPOCHS
START = [8, 12, 14, 18]
"""At a commit; at one that was made before the end of its epoch; between two; at the beginning of an epoch."""


class Halves(callbacks.Callback):
    """Halves the learning rate after each batch that it hears of."""

    adds = ()

    def on_train_batch_end(self, batch, logs=None):
        self.model.optimizer.learning_rate = float(np.asarray(self.model.optimizer.learning_rate)) / 2


def sees(name="Sees"):
    """One who looks on, and is not known to the parent: those who are go on as they were, from its commit on."""
    watches = Watches()
    watches.__name__ = name
    return watches


def files(folder):
    return {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.rglob("*") if path.is_file()}


def plateau():
    return callbacks.ReduceLROnPlateau("val_loss", patience=0, mode="max", min_delta=9.0)


@pytest.fixture(scope="module")
def parent(tmp_path_factory):
    folder = tmp_path_factory.mktemp("parent")
    return folder, been(folder, plateau(), validation_data=HELD)


def branched(folder, other, *heard, steps, x=X, **given):
    """Branch off; the model behind it, and its history."""
    model = again()
    history = model.replay(x, Y, run=folder, steps=steps, branch=other, callbacks=list(heard), validation_data=HELD,
                           verbose=0, **given)  # fmt: skip
    return model, history


@pytest.mark.parametrize("start", START)
def test_a_branch_in_which_nothing_is_otherwise_is_its_parent_to_the_bit(parent, tmp_path, start):
    folder, seen = parent
    before = files(folder)
    watches = sees()
    model, history = branched(folder, tmp_path / "other", plateau(), watches, steps=f"{start}:")
    assert bits(model) == seen[-1].state
    assert [each.state for each in watches._seen] == [each.state for each in seen if each.step >= start]
    assert [each.logs for each in watches._seen] == [each.logs for each in seen if each.step >= start]
    assert [each.rows for each in watches._seen if each.own] == [each.rows for each in seen if each.step >= start
                                                                 and each.own]  # fmt: skip
    ends = [each.logs for each in seen if not each.own]
    assert history.history["val_loss"] == [logs["val_loss"] for logs in ends]  # with what its parent had
    assert files(folder) == before


@pytest.mark.parametrize("start", START)
def test_one_that_is_otherwise_parts_where_it_begins_and_not_before(parent, tmp_path, start):
    folder, seen = parent
    watches = sees()
    branched(folder, tmp_path / "other", plateau(), Halves(), watches, steps=f"{start}:")
    mine, its = watches._seen, [each for each in seen if each.step >= start]
    assert (mine[0].step, mine[0].rows, mine[0].own) == (start, its[0].rows, its[0].own)
    assert mine[0].rate == pytest.approx(its[0].rate / 2)
    assert [weight.tobytes() for weight in mine[0].weights] == [weight.tobytes() for weight in its[0].weights]
    assert mine[1].weights[0].tobytes() != its[1].weights[0].tobytes()
    assert [each.rows for each in mine] == [each.rows for each in its]


def test_what_begins_with_a_branch_begins_when_all_is_put_back(parent, tmp_path):
    folder, seen = parent

    class Begins(callbacks.Callback):
        adds = ()

        def on_train_begin(self, logs=None):
            self.begun = [self.run.step]
            self._state = bits(self.model)
            self.model.optimizer.learning_rate = 0.25

        def on_epoch_begin(self, epoch, logs=None):
            self.begun.append((epoch, self.run.step))

    for start in (8, 14):
        begins, watches = Begins(), sees()
        branched(folder, tmp_path / f"from {start}", begins, watches, steps=f"{start}:")
        assert begins.begun[:2] == [start, (start // STEPS, start)]
        assert begins._state == after(seen, start - 1).state
        assert watches._seen[0].rate == 0.25
        # And that it wrote there is in the journal: looked back at, it is so again.
        looks = sees()
        told = again().replay(X, Y, run=tmp_path / f"from {start}", callbacks=[looks], steps=f"{start}:",
                              validation_data=HELD, verbose=0)  # fmt: skip
        assert [each.state for each in looks._seen] == [each.state for each in watches._seen]
        assert told.exact


@pytest.mark.parametrize("start", [8, 14])
def test_a_branch_is_durable_killed_gone_on_with_and_branched_again(parent, tmp_path, start):
    folder, _ = parent
    whole, watches = tmp_path / "whole", sees()
    branched(folder, whole, plateau(), Halves(), watches, steps=f"{start}:")
    with pytest.raises(Dies):
        branched(folder, tmp_path / "cut", plateau(), Halves(), Death(17), steps=f"{start}:")
    model = again()
    given = {"batch_size": 8, "epochs": EPOCHS, "verbose": 0, "validation_data": HELD}
    model.fit(X, Y, run=tmp_path / "cut", callbacks=[plateau(), Halves()], **given)
    assert bits(model) == watches._seen[-1].state
    looks = sees()
    again().replay(X, Y, run=tmp_path / "cut", steps=f"{start}:", callbacks=[looks], validation_data=HELD, verbose=0)
    assert [each.state for each in looks._seen] == [each.state for each in watches._seen]
    model.load_step(whole, 20, X, Y, validation_data=HELD)
    assert bits(model) == after(watches._seen, 20).state
    found = model.bisect(X, Y, run=whole, validation_data=HELD, verbose=0,
                         when=lambda model, logs: int(model.optimizer.iterations) > 21)  # fmt: skip
    assert (found.step, found.epoch, found.rows) == (21, 3, after(watches._seen, 21).rows)
    child = sees("Another")
    branched(whole, tmp_path / "child", plateau(), Halves(), child, steps="19:")
    assert child._seen[-1].state == watches._seen[-1].state


def test_it_ends_where_the_stretch_ends(parent, tmp_path):
    folder, _ = parent
    model, history = branched(folder, tmp_path / "other", plateau(), Halves(), steps="8:15")
    assert int(model.optimizer.iterations) == 15
    assert str(history.run.outcome).startswith("stopped")
    assert "the stretch is over" in str(history.run.outcome)
    by_epochs = again()
    by_epochs.replay(X, Y, run=folder, epochs="1:2", branch=tmp_path / "epochs", validation_data=HELD, verbose=0)
    assert int(by_epochs.optimizer.iterations) == 2 * STEPS


def test_its_parent_is_told_of(parent, tmp_path, capsys):
    folder, _ = parent
    branched(folder, tmp_path / "other", Halves(), steps="14:")
    branched(tmp_path / "other", tmp_path / "child", Halves(), steps="20:")
    for verb in (["runs", "show"], ["look"]):
        for name, its, step in (("other", folder, 14), ("child", tmp_path / "other", 20)):
            assert main([*verb, str(tmp_path / name)]) == 0
            told = capsys.readouterr().out
            assert f"at step {step}" in told
            assert "branched off from" in told
            assert str(its)[:12] in told
    main(["runs", "show", str(folder)])
    assert "branched" not in capsys.readouterr().out


def test_a_model_is_made_anew_from_a_branch_too(parent, tmp_path):
    folder, _ = parent
    model, _ = branched(folder, tmp_path / "other", Halves(), steps="14:")
    assert sorted(bits(keras.at(tmp_path / "other")).values()) == sorted(bits(model).values())


def test_a_new_graph_hook_begins_with_the_branch_and_not_before(parent, tmp_path):
    folder, seen = parent
    at_its_begin = []

    class Looks(callbacks.Callback):
        adds = ()

        def on_train_begin(self, logs=None):
            at_its_begin.append(bits(self.model))

    watches = sees()
    branched(folder, tmp_path / "other", plateau(), Looks(), callbacks.GradientClip(norm=1e-3), watches, steps="14:")
    assert at_its_begin == [after(seen, 13).state]
    assert watches._seen[0].state != after(seen, 14).state


# -- what is refused -----------------------------------------------------------------------------------------------


def test_a_folder_that_has_a_run_is_refused_and_left_alone(parent, tmp_path):
    folder, _ = parent
    branched(folder, tmp_path / "other", Halves(), steps="20:")
    link = tmp_path / "link"
    link.symlink_to(folder)
    for taken in (folder, tmp_path / "other", link):
        before = files(taken)
        with pytest.raises(InvalidArgument) as raised:
            branched(folder, taken, Halves(), steps="8:")
        assert "There is a run in this folder already" in str(raised.value)
        assert "-2" in raised.value.cure
        assert files(taken) == before


@pytest.mark.parametrize("start", [8, 14])
def test_other_data_are_refused_and_no_run_is_begun(parent, tmp_path, start):
    folder, _ = parent
    with pytest.raises(InvalidArgument, match="made of something else"):
        branched(folder, tmp_path / "other", Halves(), steps=f"{start}:", x=X + 1)
    branched(folder, tmp_path / "other", Halves(), steps=f"{start}:")  # the folder is free
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model, _ = branched(folder, tmp_path / "near", steps=f"{start}:", x=X + 1e-7, tolerance=1e-2)
    assert int(model.optimizer.iterations) == LAST


@pytest.mark.parametrize("start", [8, 14])
def test_a_callback_that_cannot_be_leaves_no_run_behind(parent, tmp_path, start):
    folder, _ = parent
    with pytest.raises(UnknownMonitor):
        branched(folder, tmp_path / "other", callbacks.EarlyStopping("val_los"), steps=f"{start}:")
    branched(folder, tmp_path / "other", callbacks.EarlyStopping("val_loss", patience=9), steps=f"{start}:")


def test_a_stretch_that_there_is_not_and_a_generator(parent, tmp_path):
    folder, _ = parent
    with pytest.raises(InvalidArgument, match="no such steps"):
        branched(folder, tmp_path / "other", steps="99:")
    with pytest.raises(InvalidArgument, match="gives its batches once") as raised:
        again().replay(iter([(X, Y)]), run=folder, steps="8:", branch=tmp_path / "other", verbose=0)
    assert "cure" in str(raised.value)
    assert not list((tmp_path / "other").rglob("step*"))


def test_a_branch_is_looked_at_as_a_whole_and_by_its_epochs(parent, tmp_path):
    folder, _ = parent
    watches = sees()
    branched(folder, tmp_path / "other", Halves(), watches, steps="14:")
    for given, wanted in (({}, range(14, LAST)), ({"epochs": "2"}, range(14, 18)), ({"epochs": 3}, range(18, LAST))):
        looks = sees()
        again().replay(X, Y, run=tmp_path / "other", callbacks=[looks], validation_data=HELD, verbose=0, **given)
        assert [each.state for each in looks._seen] == [each.state for each in watches._seen if each.step in wanted]
    model = again()
    model.load_step(tmp_path / "other", 13)
    assert int(model.optimizer.iterations) == 14


def test_a_run_that_went_on_for_more_epochs_is_looked_at_as_one(tmp_path):
    been(tmp_path, epochs=2, commit="1 epoch", keep=3)
    seen = been(tmp_path, epochs=5, commit="1 epoch", keep=3)
    whole = been(tmp_path / "whole", epochs=5)
    looks = sees()
    again().replay(X, Y, run=tmp_path, callbacks=[looks], verbose=0)
    assert [each.state for each in looks._seen] == [each.state for each in whole]
    assert seen[-1].state == whole[-1].state


def test_what_is_before_a_branch_is_its_parents(parent, tmp_path):
    folder, _ = parent
    branched(folder, tmp_path / "other", Halves(), steps="14:")
    given = {"run": tmp_path / "other", "validation_data": HELD}
    for looks in (
        lambda: again().load_step(step=9, x=X, y=Y, **given),
        lambda: again().replay(X, Y, steps="9:", verbose=0, **given),
    ):
        with pytest.raises(InvalidArgument, match="no such step") as raised:
            looks()
        assert "14 to 23" in str(raised.value)


# -- a callback that is new to a run that goes on ------------------------------------------------------------------


class Sets(callbacks.Callback):
    """Sets the learning rate where it begins."""

    adds = ()

    def on_train_begin(self, logs=None):
        self._there = self.run.step, bits(self.model)
        self.model.optimizer.learning_rate = 0.125

    def on_epoch_begin(self, epoch, logs=None):
        if not hasattr(self, "_begun"):
            self._begun = epoch, self.run.step, float(np.asarray(self.model.optimizer.learning_rate))


@pytest.mark.parametrize(("death", "commit", "there"), [(15, "4 steps", 12), (15, "1 epoch", 12), (23, "7 steps", 21)])
def test_one_that_is_new_to_a_run_begins_when_all_is_put_back_and_is_replayed(tmp_path, death, commit, there):
    with pytest.raises(Dies):
        been(tmp_path, Death(death), commit=commit)
    seen = been(tmp_path / "whole")
    sets = Sets()
    goes_on = been(tmp_path, sets, commit=commit)
    step, state = sets._there
    assert step == there
    if commit != "4 steps":  # there the end of its epoch is told only afterwards
        assert state == after(seen, there - 1).state
    assert sets._begun == (there // STEPS, there, 0.125) or commit == "4 steps"
    assert goes_on[-1].rate == 0.125
    looks = sees()
    told = again().replay(X, Y, run=tmp_path, callbacks=[looks], verbose=0)
    assert told.exact
    late = {each.step: each for each in looks._seen if each.own}
    assert [late[each.step].state for each in goes_on if each.own] == [each.state for each in goes_on if each.own]
    assert late[there - 1].rate != 0.125
