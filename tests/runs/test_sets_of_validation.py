"""Several sets of validation data by name: their keys, their order, who watches them, and what is no set."""

from __future__ import annotations

import numpy as np
import pytest
from flax import nnx

import kibitz as keras
from kibitz.callbacks import Callback, EarlyStopping, ModelCheckpoint
from kibitz.errors import InvalidArgument, UnknownMonitor, WrongType
from kibitz.testing import Recorder
from tests.runs.small import SIZE, X, Y, batches, bits, build, fit

CLEAN, NOISY = (X[:8], Y[:8]), (X[8:], Y[8:] + 1)
SETS = {"noisy": NOISY, "clean": CLEAN}
KEYS = ["loss", "mae", "val_clean_loss", "val_clean_mae", "val_noisy_loss", "val_noisy_mae"]


def test_each_set_has_its_numbers_under_its_name_in_alphabetical_order():
    record = Recorder()
    _, history = fit(record, validation_data=SETS)

    assert list(record.logs("on_epoch_end")[0]) == list(history.history) == KEYS
    assert all(len(values) == 2 for values in history.history.values())


def test_each_set_has_the_numbers_that_it_has_alone():
    _, both = fit(validation_data=SETS)
    for name, data in SETS.items():
        _, alone = fit(validation_data=data)
        assert both.history[f"val_{name}_loss"] == alone.history["val_loss"]
        assert both.history[f"val_{name}_mae"] == alone.history["val_mae"]


def test_sets_are_measured_in_the_order_in_which_they_were_given_and_hooks_know_which():
    seen = []

    class Who(Callback):
        def on_test_begin(self, logs=None):
            seen.append(["begin", self.run.validating])

        def on_test_batch_end(self, batch, logs=None):
            seen[-1].append(batch)

        def on_test_end(self, logs=None):
            seen[-1].append(list(logs))

        def on_epoch_end(self, epoch, logs=None):
            seen.append([self.run.validating, sorted(self.run.validation)])

    fit(Who(), validation_data=SETS, epochs=1, validation_batch_size=4)
    assert seen == [
        ["begin", "noisy", 0, 1, 2, 3, ["loss", "mae"]],
        ["begin", "clean", 0, 1, ["loss", "mae"]],
        ["", KEYS[2:]],
    ]


def test_the_only_set_has_no_name():
    seen = []

    class Who(Callback):
        def on_test_begin(self, logs=None):
            seen.append(self.run.validating)

    fit(Who(), validation_data=CLEAN, epochs=1)
    assert seen == [""]


def test_sets_change_no_bit_of_the_training():
    alone, _ = fit()
    state = bits(alone)
    for freq in (1, "4 steps"):
        model, _ = fit(validation_data=SETS, validation_freq=freq)
        assert bits(model) == state


def test_a_set_can_be_watched_and_its_metrics_know_which_way_is_better(tmp_path):
    stop = EarlyStopping("val_clean_loss", patience=1, min_delta=1e9)
    best = ModelCheckpoint(tmp_path / "b.weights.h5", "val_noisy_r2_score", save_best_only=True, save_weights_only=True)
    least = EarlyStopping("val_noisy_mae", patience=9)
    model = build(keras.metrics.R2Score())
    _, history = fit(stop, best, model=model, validation_data=SETS, epochs=9)
    fit(least, validation_data=SETS)

    assert len(history.epoch) == 2
    assert (stop.watch.direction, best.watch.direction, least.watch.direction) == ("min", "max", "min")
    assert best.best == max(history.history["val_noisy_r2_score"])


def test_the_board_tells_sets_apart(tmp_path, monkeypatch):
    written = []
    monkeypatch.setattr(keras.callbacks.TensorBoard, "_write", lambda *given: written.extend(given[3]))
    fit(keras.callbacks.TensorBoard(tmp_path, write_graph=False), validation_data=SETS, epochs=1)
    assert [name for name in written if name.startswith("evaluation")] == [
        f"evaluation_{of}_{name}_vs_iterations" for of in ("noisy", "clean") for name in ("loss", "mae")
    ]


def test_a_name_that_no_set_has_is_refused_before_the_first_step():
    record = Recorder()
    with pytest.raises(UnknownMonitor) as raised:
        fit(record, EarlyStopping("val_loss"), validation_data=SETS)
    assert sorted(raised.value.there_is) == KEYS
    assert record.calls == []


@pytest.mark.parametrize(
    "sets", [{"clean": list(CLEAN)}, {"clean": (X[:8], Y[:8], np.ones(8))}], ids=["list", "weights"]
)
def test_one_set_may_have_a_name_too(sets):
    _, history = fit(validation_data=sets)
    assert sorted(history.history) == ["loss", "mae", "val_clean_loss", "val_clean_mae"]
    _, unnamed = fit(validation_data=CLEAN)
    assert history.history["val_clean_loss"] == unnamed.history["val_loss"]


@pytest.mark.parametrize("name", ["", "a-b", "a b", 3, ("a", "b"), None])
def test_a_name_that_can_be_in_no_key_is_refused(name):
    record = Recorder()
    with pytest.raises(InvalidArgument) as raised:
        fit(record, validation_data={name: CLEAN})
    assert raised.value.what == "A set of validation data has a name that can stand in the keys of the logs."
    assert raised.value.cure == 'validation_data={"clean": (x, y), "noisy": (x, y)}'
    assert record.calls == []


# -- what a set is, and what is none ----------------------------------------------------------------------------------


class Sides(nnx.Module):
    """Two inputs by name."""

    def __init__(self):
        self.left, self.right = nnx.Linear(3, 1, rngs=nnx.Rngs(0)), nnx.Linear(3, 1, rngs=nnx.Rngs(1))

    def __call__(self, inputs):
        return self.left(inputs["left"]) + self.right(inputs["right"])


class Own(keras.Model):
    """A model that needs no targets."""

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        return (y_pred**2).mean()


INPUTS = {"left": X[:8], "right": X[:8]}


@pytest.mark.parametrize(
    "inputs", [INPUTS, {name: value.tolist() for name, value in INPUTS.items()}], ids=["arrays", "lists"]
)
def test_the_inputs_of_a_model_by_name_are_no_sets(inputs):
    model = Own(Sides())
    model.compile("sgd")
    history = model.fit({"left": X, "right": X}, epochs=1, batch_size=SIZE, verbose=0, validation_data=inputs)
    assert sorted(history.history) == ["loss", "val_loss"]


def test_a_set_may_have_inputs_by_name():
    model = keras.Model(Sides())
    model.compile("sgd", "mse")
    history = model.fit({"left": X, "right": X}, Y, epochs=1, batch_size=SIZE, verbose=0,
                        validation_data={"clean": (INPUTS, Y[:8]), "same": [INPUTS, Y[:8]]})  # fmt: skip
    assert history.history["val_clean_loss"] == history.history["val_same_loss"]


def test_inputs_by_name_beside_targets_are_the_only_set():
    model = keras.Model(Sides())
    model.compile("sgd", "mse")
    history = model.fit({"left": X, "right": X}, Y, epochs=1, verbose=0, validation_data=(INPUTS, Y[:8]))
    assert sorted(history.history) == ["loss", "val_loss"]


def test_generators_may_be_sets():
    _, arrays = fit(validation_data=SETS, validation_batch_size=4, epochs=3)
    _, mixed = fit(validation_data={"noisy": NOISY, "clean": batches(3)}, validation_steps=2, epochs=3,
                   validation_batch_size=7)  # fmt: skip
    assert mixed.history["val_clean_loss"] == pytest.approx(arrays.history["val_clean_loss"])
    assert sorted(mixed.history) == sorted(arrays.history)


def test_a_generator_as_a_set_that_can_be_read_once_is_refused():
    with pytest.raises(InvalidArgument, match="validation is due more often than that"):
        fit(validation_data={"clean": batches(2)})
    _, history = fit(validation_data={"clean": batches(2)}, epochs=1)
    assert len(history.history["val_clean_loss"]) == 1


def refused(sets, error=WrongType):
    record = Recorder()
    with pytest.raises(error) as raised:
        fit(record, validation_data=sets)
    assert record.calls == []
    return str(raised.value)


def test_a_set_without_targets_is_named():
    assert (
        refused({"clean": CLEAN, "noisy": X[8:]}).splitlines()[0]
        == 'validation_data["noisy"] has inputs and no targets.'
    )
    assert refused({"clean": (X[:8],)}).splitlines() == [
        'validation_data["clean"] has inputs and no targets.',
        "  given    {'clean': (float32[8, 3],)}",
        "  wanted   (x, y) or (x, y, sample_weight)",
        '  cure     validation_data={"clean": (x, y)}',
    ]


def test_a_set_whose_lengths_differ_is_named():
    text = refused({"clean": CLEAN, "noisy": (X[8:], Y[9:])}, Exception)
    assert 'validation_data["noisy"][0]: 14 rows, validation_data["noisy"][1]: 13 rows' in text


def test_a_set_of_too_many_parts_is_named():
    assert refused({"clean": (X, Y, Y, Y)}).splitlines()[0] == 'validation_data["clean"] has 4 parts.'
