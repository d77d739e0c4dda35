"""A run that dies, and is started again, ends with the very bits of a run that nobody disturbed."""

from __future__ import annotations

import functools

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given
from hypothesis import strategies as st

import kibitz as keras
from kibitz import callbacks
from tests.drawn import examples
from tests.durable.program import Death, Dies, Ended, X, Y, program

STEPS = 11  # in an epoch of 83 rows, the last of three


@functools.cache
def undisturbed(kind: str, **fit) -> Ended:
    return program(None, kind=kind, **fit)


def dying(folder, *deaths, **given) -> Ended:
    """Start the program again and again, and let it die at each of these; then let it live."""
    for death in deaths:
        with pytest.raises(Dies):
            program(folder, death=death, **given)
    return program(folder, **given)


@pytest.mark.parametrize(
    ("kind", "commit"), [("dense", "auto"), ("noisy", "1 epoch"), ("noisy", "3 steps"), ("module", "7 steps")]
)
def test_a_run_that_died_ends_as_one_that_did_not(tmp_path, kind, commit):
    ended = dying(tmp_path, Death(17), Death(31), kind=kind, commit=commit)
    assert ended == undisturbed(kind)


@examples(4, phases=[Phase.generate], suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    steps=st.lists(st.integers(1, 4 * STEPS), min_size=1, max_size=4, unique=True).map(sorted),
    commit=st.sampled_from(["1 steps", "2 steps", "5 steps", "11 steps", "1 epoch", "25% of the run"]),
    kind=st.sampled_from(["dense", "noisy"]),
)
def test_whenever_it_dies_and_however_often_it_is_committed(tmp_path_factory, steps, commit, kind):
    folder = tmp_path_factory.mktemp("run")
    assert dying(folder, *map(Death, steps), kind=kind, commit=commit) == undisturbed(kind)


@pytest.mark.parametrize("epoch", [0, 2])
def test_a_death_between_the_last_batch_and_the_end_of_the_epoch(tmp_path, epoch):
    ended = dying(tmp_path, Death(epoch=epoch), commit="11 steps", validation_split=0.2, kind="noisy")
    assert ended == undisturbed("noisy", validation_split=0.2)


FITS = {
    "validation": {"validation_split": 0.25},
    "validation within epochs": {
        "validation_data": {"a": (X[:9], Y[:9]), "b": (X[9:20], Y[9:20])}, "validation_freq": "4 steps",
    },
    "epochs that go on in the data": {"steps_per_epoch": 7, "epochs": 6},
    "no shuffling": {"shuffle": False},
    "class weights and an initial epoch": {"initial_epoch": 2, "epochs": 5},
    "step by step": {"compiled": {"optimizer": "sgd", "loss": "mse", "run_eagerly": True}, "epochs": 2},
    "averages": {"compiled": lambda: {"optimizer": keras.optimizers.Adam(use_ema=True), "loss": "mse"}},
    "layers that are frozen at first": {"heard": lambda: [callbacks.FreezeUntil("first", 2)]},
    "graph hooks": {"heard": lambda: [callbacks.GradientNorms(every="3 steps"), callbacks.GradientClip(norm=0.5)]},
}  # fmt: skip


@pytest.mark.parametrize("name", FITS)
def test_every_kind_of_fit_is_gone_on_with(tmp_path, name):
    assert dying(tmp_path, Death(5), Death(18), commit="2 steps", **FITS[name]) == program(None, **FITS[name])


def batches():
    rng = np.random.default_rng(4)
    for _ in range(40):
        x = rng.normal(size=(8, 6)).astype("float32")
        yield x, x[:, :1]


def test_a_generator_is_read_again_up_to_the_place(tmp_path):
    given = {"data": lambda: (batches(), None), "batch_size": None, "steps_per_epoch": 10}
    assert dying(tmp_path, Death(13), Death(25), commit="4 steps", **given) == program(None, **given)


def test_what_nobody_has_seeded_is_drawn_once(tmp_path):
    whole = program(tmp_path / "whole", seed=None)
    with pytest.raises(Dies):
        program(tmp_path / "cut", seed=None, death=Death(17), commit="3 steps")
    # Of the other weights and the other order of rows that this process would have drawn, nothing is left.
    first = keras.Sequential([keras.layers.Dense(1)])
    assert first is not None
    one, other = (
        program(tmp_path / name, seed=None, commit="3 steps" if name == "cut" else "auto") for name in ("cut", "whole")
    )
    assert other == whole
    assert one.state.keys() == whole.state.keys()


def test_each_hook_after_the_commit_is_called_once(tmp_path):
    seen = []

    class Writes(callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            seen.append((self.run.epoch, batch, self.run.step))

    with pytest.raises(Dies):
        program(tmp_path, heard=lambda: [Writes()], death=Death(17), commit="5 steps")
    assert seen == [(step // STEPS, step % STEPS, step + 1) for step in range(17)]
    seen.clear()
    program(tmp_path, heard=lambda: [Writes()], commit="5 steps")
    assert seen == [(step // STEPS, step % STEPS, step + 1) for step in range(15, 44)]


def test_a_finished_run_trains_no_more_and_goes_on_when_epochs_grow(tmp_path, capsys):
    ended = program(tmp_path)
    assert program(tmp_path) == ended == undisturbed("dense")
    assert program(tmp_path, epochs=6) == program(None, epochs=6)
    capsys.readouterr()
    assert program(tmp_path, epochs=6, verbose=2) == program(None, epochs=6)
    assert "nothing is left to train" in capsys.readouterr().out


def test_a_run_that_was_stopped_stays_stopped(tmp_path):
    def heard():
        return [callbacks.EarlyStopping("loss", patience=1, min_delta=10.0, restore_best_weights=True)]

    whole = program(None, heard=heard, epochs=9)
    assert program(tmp_path, heard=heard, epochs=9) == whole
    assert program(tmp_path, heard=heard, epochs=9) == whole
    assert len(callbacks_epochs(whole)) < 9


def callbacks_epochs(ended: Ended) -> list[int]:
    import json

    return json.loads(ended.history)[1]


def test_callbacks_may_come_and_go(tmp_path):
    def first():
        return [callbacks.CSVLogger(tmp_path / "log.csv"), callbacks.EarlyStopping("loss", patience=9)]

    def second():
        return [callbacks.EarlyStopping("loss", patience=7), callbacks.TerminateOnNaN()]

    with pytest.raises(Dies):
        program(tmp_path / "run", heard=first, death=Death(30), commit="5 steps")
    listed = second()
    program(tmp_path / "run", heard=lambda: listed, commit="5 steps")
    assert listed[0].patience == 7  # what a program says of it now
    assert listed[0].best is not None
    assert listed[0].watch.begun


def test_rows_of_a_log_stand_once(tmp_path):
    def heard(path):
        return lambda: [callbacks.CSVLogger(path)]

    program(None, heard=heard(tmp_path / "whole.csv"))
    for death in (Death(17), Death(epoch=2), Death(36)):
        with pytest.raises(Dies):
            program(tmp_path / "run", heard=heard(tmp_path / "cut.csv"), death=death, commit="6 steps")
    program(tmp_path / "run", heard=heard(tmp_path / "cut.csv"), commit="6 steps")
    assert (tmp_path / "cut.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()


class Asks(callbacks.Callback):
    """Asks for an evaluation at a step, so that averaged weights stand in the model when the run is committed."""

    adds = ()

    def on_train_batch_end(self, batch, logs=None):
        if self.run.step == 16:
            self.run.evaluate()


def test_averages_that_stand_in_the_model_at_a_commit_are_no_weights(tmp_path):
    given = {"heard": lambda: [callbacks.WeightAveraging("ema", every="2 steps"), Asks()], "validation_split": 0.25}
    assert dying(tmp_path, Death(17), commit="16 steps", **given) == program(None, **given)


@pytest.mark.parametrize(("commit", "death"), [("11 steps", Death(epoch=0)), ("4 steps", Death(13))])
def test_a_batchs_own_numbers_and_the_latest_validation_are_there_again(tmp_path, commit, death):
    heard = []

    class Reads(callbacks.Callback):
        adds = ()

        def on_train_batch_end(self, batch, logs=None):
            heard.append((self.run.step, dict(self.run.validation)))

        def on_epoch_end(self, epoch, logs=None):
            heard.append((epoch, dict(logs.batch)))

    given = {"heard": lambda: [Reads()], "validation_data": (X[:9], Y[:9]), "epochs": 2, "commit": commit}
    program(tmp_path / "whole", **given)
    whole = heard[:]
    with pytest.raises(Dies):
        program(tmp_path / "left", death=death, **given)
    heard.clear()
    program(tmp_path / "left", **given)
    assert heard == whole[-len(heard) :]
    assert all(numbers for _, numbers in heard[1:])
