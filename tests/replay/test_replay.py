"""A replay only reads the run, leaves the model as it was, lets nobody write, and says what came out otherwise."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import kibitz as keras
from kibitz import callbacks, layers
from kibitz.checkpoint.run_folder import RunFolder
from kibitz.errors import EmptyData, InvalidArgument, NotExact, NotReady, UnusableFile
from kibitz.models import made_of
from kibitz.replay import recorder
from kibitz.replay.entry import Validated, Wrote
from kibitz.replay.journal import read
from tests.replay.randomly import VX, VY, X, Y
from tests.replay.test_exact import lying_in

X, Y = X[:32], Y[:32]


class Rates(callbacks.Callback):
    """Sets the learning rate at two steps, and the weights at one; it stands for those of the run."""

    adds = ()

    def on_train_batch_end(self, batch, logs=None):
        if self.run.step in {2, 7}:
            self.model.optimizer.learning_rate = 0.01 * self.run.step
        if self.run.step == 5:
            self.model.set_weights([each * np.float32(1.1) for each in self.model.get_weights()])


class Sees(callbacks.Callback):
    """Writes down the weights and the loss after each step."""

    adds = ()

    def __init__(self):
        super().__init__()
        self._seen = {}

    def on_train_batch_end(self, batch, logs=None):
        weights = b"".join(each.tobytes() for each in self.model.get_weights())
        self._seen[self.run.step] = (weights, logs.batch["loss"], logs["loss"])


class Does(callbacks.Callback):
    """Does something at the end of each batch."""

    adds = ()

    def __init__(self, what, hook="on_train_batch_end"):
        super().__init__()
        self._what = what
        setattr(self, hook, self._do)

    def _do(self, *_, **__):
        self._what(self)


def model(optimizer="sgd", units=3, layer=None):
    keras.utils.set_random_seed(3)
    made = keras.Sequential([
        layers.Dense(units, activation="tanh", input_shape=(3,)),
        *([layer] if layer else []),
        layers.Dense(1, activation="sigmoid"),
    ])  # fmt: skip
    made.compile(optimizer, "binary_crossentropy")
    return made


def fit(run, *heard, made=None, **given):
    given = {"batch_size": 8, "epochs": 3, "verbose": 0, "commit": "3 steps", **given}
    x = given.pop("x", X)
    return (made or model()).fit(x, given.pop("y", Y), callbacks=list(heard), run=run, **given)


def replay(run, *looking, made=None, x=X, y=Y, **given):
    given = {"verbose": 0, "callbacks": list(looking), **given}
    return (made or model()).replay(x, y, run=run, **given)


@pytest.fixture(scope="module")
def past(tmp_path_factory):
    """A run of 12 steps, and what was seen of it."""
    run, sees = tmp_path_factory.mktemp("past") / "run", Sees()
    fit(run, Rates(), sees)
    return run, sees._seen


def state(made):
    return {name: value.tobytes() for name, value in made.export_state().items()}


# -- what is seen, and what is left ------------------------------------------------------------------------------------


def test_a_stretch_is_seen_as_it_was_and_the_run_and_the_model_are_left_as_they_were(past):
    run, seen = past
    there, sees, made = lying_in(run), Sees(), model("sgd")
    before, generators = state(made), np.random.get_state()[1].tobytes()  # noqa: NPY002
    done = replay(run, sees, made=made, steps="4:9")
    assert sees._seen == {step: seen[step] for step in range(5, 10)}
    assert done.exact == [6, 9]
    assert (done.began, done.steps_run) == (3, 6)
    assert str(done) == (
        f"{run}: looked at steps 4 to 8, from the commit after 3 steps; 6 steps were run again, exact at 2 commits."
    )
    assert lying_in(run) == there
    assert (state(made), np.random.get_state()[1].tobytes()) == (before, generators)  # noqa: NPY002
    assert (made.core.fits, made.core.timeline.told) == (0, None)


def test_two_look_on_at_a_time_also_while_the_run_goes_on(past, tmp_path):
    _, seen = past
    found = []

    def look(by):
        if by.run.step != 10:  # the commit after 9 steps has waited for the one after 6
            return
        inner, sees = Sees(), Sees()
        within = Does(lambda each: each.run.step == 2 and replay(tmp_path, inner, steps="1:3"))
        replay(tmp_path, sees, within, steps="0:5")
        found.extend([sees._seen, inner._seen])

    fit(tmp_path, Rates(), Does(look))
    assert found == [{step: seen[step] for step in range(1, 6)}, {step: seen[step] for step in range(2, 4)}]


def test_a_replay_that_is_killed_leaves_nothing_behind(past):
    run, _ = past
    there, made = lying_in(run), model()
    before = state(made)

    class Killed(BaseException):
        pass

    def die(_):
        raise Killed

    with pytest.raises(Killed):
        replay(run, Does(die), made=made, steps="7:9")
    assert lying_in(run) == there
    assert state(made) == before
    replay(run, made=made, steps="7:9")


# -- looking is looking ------------------------------------------------------------------------------------------------

WRITES = {
    "the weights": lambda by: by.model.set_weights([each * 2 for each in by.model.get_weights()]),
    "the learning rate": lambda by: setattr(by.model.optimizer, "learning_rate", 0.5),
    "in place": lambda by: by.model.layers[0].kernel.assign(np.zeros((3, 3), "float32")),
    "the metrics": lambda by: by.model.reset_metrics(),
    "a fit": lambda by: by.model.fit(X, Y, batch_size=8, verbose=0),
}


@pytest.mark.parametrize("name", WRITES)
def test_who_only_looks_on_does_not_write(past, name):
    run, _ = past
    made = model()
    before = state(made)
    with pytest.raises(NotReady, match="Does writes to the model, and looking back is looking") as refused:
        replay(run, Does(WRITES[name]), made=made, steps="4:6")
    assert 'branch="runs/other"' in refused.value.cure
    assert refused.value.wanted == "a callback that reads"
    assert state(made) == before


def test_evaluating_and_predicting_in_a_hook_is_looking(past):
    run, seen = past
    found, sees = [], Sees()
    look = Does(lambda by: found.append((by.model.evaluate(VX, VY, verbose=0), by.model.predict(VX, verbose=0)[0, 0])))
    assert replay(run, look, sees, steps="4:7").exact == [6]
    assert sees._seen == {step: seen[step] for step in range(5, 8)}
    assert len(set(found)) == 3


@pytest.mark.parametrize("how", ["flag", "now"])
def test_a_stop_ends_the_looking_there(past, how):
    run, _ = past
    sees = Sees()
    stop = Does(lambda by: by.run.stop("seen", now=True) if how == "now" else setattr(by.model, "stop_training", True))
    done = replay(run, stop, sees, steps="4:9")
    assert list(sees._seen) == [5]
    assert done.steps_run == 2


# -- another program ---------------------------------------------------------------------------------------------------

OTHERS = {
    "other data": ({"x": X + 1}, "data x"),
    "another batch size in the model": ({"made": lambda: model(units=4)}, "model layers/0/kernel"),
    "another optimizer": ({"made": lambda: model("adam")}, "optimizer class was SGD and is Adam"),
    "weights of samples": ({"sample_weight": np.ones(32, "float32")}, "data sample_weight"),
    "validation": ({"validation_data": (VX, VY)}, "validation"),
}


@pytest.mark.parametrize("name", OTHERS)
def test_what_is_another_program_is_refused_before_anything_runs(past, name):
    run, _ = past
    given, told = OTHERS[name]
    sees, given = Sees(), {**given, **({"made": given["made"]()} if "made" in given else {})}
    with pytest.raises(InvalidArgument, match="The run was made of something else") as refused:
        replay(run, sees, steps="4:6", **given)
    assert told in refused.value.what
    assert "tolerance=1e-3" in refused.value.cure
    assert sees._seen == {}


def test_with_a_tolerance_one_goes_on_knowingly(past):
    run, _ = past
    with pytest.warns(UserWarning, match="The run was made of something else: data x"):
        done = replay(run, x=X + np.float32(1e-4), steps="4:7", tolerance=0.1)
    assert 0 < done.apart[6] < 0.1
    assert "apart from what the run was" in str(done)


@pytest.mark.parametrize("tolerance", [-1, float("nan"), float("inf"), "0.1", True])
def test_a_tolerance_that_is_none_is_refused(past, tolerance):
    with pytest.raises(InvalidArgument, match="How far a replay may be") as refused:
        replay(past[0], steps="4:7", tolerance=tolerance)
    assert refused.value.cure == "tolerance=1e-3"


class Scales(layers.Layer):
    """A layer whose code is changed between two programs, and that says nothing of it."""

    by = 1.0

    def call(self, x):
        return x * type(self).by


def test_code_that_has_changed_is_found_at_the_first_commit(tmp_path, monkeypatch):
    fit(tmp_path, made=model(layer=Scales()), epochs=2)
    assert replay(tmp_path, made=model(layer=Scales())).exact == [3, 6, 8]
    monkeypatch.setattr(Scales, "by", 1.01)
    machine = made_of.of_machine()
    monkeypatch.setattr(made_of, "of_machine", lambda: {**machine, "jax": "99.0"})
    with pytest.raises(NotExact, match="The state after 3 steps is not that of the run, and is up to") as refused:
        replay(tmp_path, made=model(layer=Scales()))
    assert "jax was" in str(refused.value.given)
    assert "step 3" in refused.value.wanted
    assert replay(tmp_path, made=model(layer=Scales()), tolerance=0.5).apart.keys() == {3, 6, 8}


def test_a_graph_hook_that_is_missing_is_named_and_a_new_one_is_welcome(tmp_path, past):
    fit(tmp_path, callbacks.GradientClip(norm=0.01), epochs=1)
    with pytest.raises(InvalidArgument, match="GradientClip is not among the callbacks, and was traced"):
        replay(tmp_path)
    assert replay(tmp_path, callbacks.GradientClip(norm=0.01)).exact == [3, 4]
    norms = []
    told = Does(lambda by: None)
    told.on_train_batch_end = lambda batch, logs=None: norms.append(logs.batch["gradient_norm"])
    try:
        done = replay(past[0], callbacks.GradientNorms(), told, steps="4:7")
    except NotExact as apart:
        assert "a new graph hook" in str(apart.given)  # noqa: PT017 - another program may have other bits
    else:
        assert done.exact
        assert len(norms) == 3


# -- what is not there any more ----------------------------------------------------------------------------------------


def copied(run, to):
    import shutil

    return shutil.copytree(run, to / "run")


def test_a_damaged_commit_costs_the_way_from_the_one_before_it(past, tmp_path):
    run = copied(past[0], tmp_path)
    RunFolder(run).of(6).write_bytes(b"damaged")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        sees = Sees()
        done = replay(run, sees, steps="6:8")
    assert done.began == 3
    assert sees._seen == {step: past[1][step] for step in (7, 8)}


def test_arrays_that_are_not_kept_any_more_are_named_with_the_callback_and_the_cure(past, tmp_path):
    run = copied(past[0], tmp_path)
    for each in (run / "written").iterdir():
        each.unlink()
    with pytest.raises(UnusableFile, match="Rates wrote arrays at step 5, in on_train_batch_end") as refused:
        replay(run, steps="3:6")
    assert "Rates among the callbacks, and with_original=True" in refused.value.cure
    sees = Sees()
    assert replay(run, Rates(), sees, steps="3:6", with_original=True).exact == [6]
    assert sees._seen == {step: past[1][step] for step in range(4, 7)}


def test_more_arrays_than_are_kept_are_told_of_and_the_originals_write_them_again(tmp_path, monkeypatch):
    monkeypatch.setattr(recorder, "ROOM", 0.01)
    sees = Sees()
    fit(tmp_path, Rates(), sees)
    wrote = [each.what for each in read(tmp_path / "journal.jsonl") if isinstance(each, Wrote) and each.step == 5]
    assert wrote == [{"@arrays": True}]
    assert not (tmp_path / "written").exists()
    with pytest.raises(UnusableFile, match="Rates wrote more arrays than are kept at step 5"):
        replay(tmp_path, steps="3:6")
    again = Sees()
    assert replay(tmp_path, again, Rates(), steps="3:6", with_original=True).exact == [6]
    late = Sees()
    replay(tmp_path, late, steps="6:9")
    assert late._seen == {step: sees._seen[step] for step in range(7, 10)}


@pytest.mark.parametrize("damage", ["gone", "flipped"])
def test_a_damaged_journal_is_refused_by_name_and_the_run_goes_on(tmp_path, damage):
    class Dies(BaseException):
        pass

    def die(by):
        if by.run.step == 10:
            raise Dies

    with pytest.raises(Dies):
        fit(tmp_path, Does(die), Rates())
    journal = tmp_path / "journal.jsonl"
    data = bytearray(journal.read_bytes())
    data[len(data) - 20] ^= 1
    journal.write_bytes(bytes(data)) if damage == "flipped" else journal.unlink()
    with pytest.raises(UnusableFile, match=r"is not as it was written|its journal is gone"):
        replay(tmp_path)
    with pytest.warns(UserWarning, match="The run goes on; what hooks wrote there is not known any more"):
        fit(tmp_path, Does(lambda by: None), Rates())
    assert replay(tmp_path, steps="9:").exact == [12, 12]
    with pytest.raises(UnusableFile, match=r"What hooks wrote .* is not known: the journal was damaged"):
        replay(tmp_path, steps="7:10")


def test_what_was_written_before_a_commit_that_never_came_stands_once(tmp_path, monkeypatch):
    class Dies(BaseException):
        pass

    write = RunFolder.write

    def dying(folder, step, *rest):
        if step == 6:
            raise Dies
        write(folder, step, *rest)

    monkeypatch.setattr(RunFolder, "write", dying)
    with pytest.raises(Dies):
        fit(tmp_path, Rates())
    monkeypatch.setattr(RunFolder, "write", write)
    before = [each.step for each in read(tmp_path / "journal.jsonl") if isinstance(each, Wrote)]
    assert before == [2, 5]
    fit(tmp_path, Rates())
    assert [each.step for each in read(tmp_path / "journal.jsonl") if isinstance(each, Wrote)] == [2, 5, 7]
    assert replay(tmp_path).exact == [3, 6, 9, 12, 12]


# -- clocks, generators, more epochs -----------------------------------------------------------------------------------


def test_a_validation_that_a_clock_decided_is_done_again_where_it_was(tmp_path, monkeypatch):
    from kibitz import clock

    passed = iter(range(10**6))
    monkeypatch.setattr(clock.Beat, "waited", lambda beat: float(next(passed) % 5))
    heard, again = [], []
    told = {"validation_data": (VX, VY)}
    first = Does(lambda by: None)
    first.on_train_batch_end = lambda batch, logs=None: heard.append((first.run.step, dict(logs)))
    fit(tmp_path, first, validation_freq="3 s", **told)
    there = [each.step for each in read(tmp_path / "journal.jsonl") if isinstance(each, Validated)]
    assert there == [step for step, logs in heard if "val_loss" in logs]
    assert there
    monkeypatch.setattr(clock.Beat, "waited", lambda beat: 0.0)
    second = Does(lambda by: None)
    second.on_train_batch_end = lambda batch, logs=None: again.append((second.run.step, dict(logs)))
    replay(tmp_path, second, **told)
    assert again == heard


def test_a_callback_that_acts_by_a_clock_is_refused_before_anything_runs(past):
    sees = Sees()
    with pytest.raises(InvalidArgument, match="Sees acts by a clock on the wall") as refused:
        replay(past[0], keras.every("2 s", sees), steps="4:6")
    assert refused.value.cure == 'every="100 steps"'
    assert sees._seen == {}


def batches(count):
    for at in range(count):
        rows = np.arange(8 * at, 8 * at + 8) % 32
        yield X[rows], Y[rows]


def test_a_generator_is_read_from_its_beginning_up_to_the_place_and_refused_where_it_is_too_short(tmp_path):
    sees, again = Sees(), Sees()
    fit(tmp_path, sees, x=batches(12), y=None, batch_size=None, steps_per_epoch=4)
    done = replay(tmp_path, again, x=batches(12), y=None, steps="6:9")
    assert again._seen == {step: sees._seen[step] for step in range(7, 10)}
    assert done.exact == [9]
    with pytest.raises(EmptyData, match="The data end after 3 batches, and the run has trained on 6 already") as short:
        replay(tmp_path, x=batches(3), y=None, steps="6:9")
    assert "call the generator function again" in short.value.cure
    ended = pytest.raises(NotExact, match="The replay has come to its end after 7 steps, and the run did 12")
    with ended, pytest.warns(UserWarning, match="The data ended after"):
        replay(tmp_path, x=batches(7), y=None, steps="6:9")


def test_a_run_that_was_given_more_epochs_is_seen_to_its_end(tmp_path):
    seen = {}
    for epochs in (1, 3):
        sees = Sees()
        stop = Does(lambda by: setattr(by.model, "stop_training", by.run.step == 4), "on_epoch_end")
        fit(tmp_path, stop, sees, epochs=epochs)
        seen |= sees._seen
    again = Sees()
    done = replay(tmp_path, again)
    assert list(again._seen) == list(range(1, 13))
    assert again._seen == seen
    assert done.exact[-1] == 12


def test_where_no_hook_writes_the_journal_tells_of_commits_and_epochs_alone(tmp_path):
    fit(tmp_path, Sees(), callbacks.EarlyStopping("loss", patience=5))
    told = [type(each).__name__ for each in read(tmp_path / "journal.jsonl")]
    assert set(told) == {"Committed", "EpochEnded"}
