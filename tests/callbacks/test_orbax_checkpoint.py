"""OrbaxCheckpoint: what is saved when, that it comes back to the bit, and that whatever fails speaks."""

from __future__ import annotations

import json
import sys
import threading

import keras
import numpy as np
import optax
import pytest
from flax import nnx

import kibitz
from kibitz.callbacks import Callback, OrbaxCheckpoint
from kibitz.checkpoint import orbax_steps
from kibitz.checkpoint.orbax_steps import latest, read_step
from kibitz.errors import (
    InvalidArgument,
    MissingExtra,
    ShapeMismatch,
    UnknownMonitor,
    UnknownName,
    Unsupported,
    UnusableFile,
    WrongType,
)
from kibitz.testing import Recorder
from tests.oracle.conftest import quietly

X = np.random.default_rng(0).uniform(-1, 1, (8, 3)).astype("float32")
Y = 3 * X.sum(axis=1, keepdims=True) + 1

orbax_falls_noisily = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
"""Its futures go down with exceptions that nobody takes from them; one is what we tell."""


def make(ns=kibitz, optimizer=None, **named):
    la = ns.layers
    layers = [la.Dense(4, name="a"), la.BatchNormalization(name="b"), la.Dropout(0.5, name="c"), la.Dense(1, name="d")]
    model = ns.Sequential([ns.Input((3,)), *layers], **named)
    model.compile(optimizer or ns.optimizers.Adam(0.01), "mse")
    return model


def fit(model, *callbacks, **settings):
    settings = {"epochs": 3, "batch_size": 2, "shuffle": False, "verbose": 0, **settings}
    return model.fit(X, Y, callbacks=list(callbacks), **settings)


def steps(folder):
    return sorted(int(each.name) for each in folder.iterdir())


def state(model):
    return {name: (array.dtype, array.shape, array.tobytes()) for name, array in model.export_state().items()}


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "runs" / "one"


class Keeps(Callback):
    """Keep the weights of every epoch and every batch."""

    def __init__(self):
        super().__init__()
        self.epochs, self.batches = [], []

    def on_train_batch_end(self, batch, logs=None):
        self.batches.append(self.model.get_weights())

    def on_epoch_end(self, epoch, logs=None):
        self.epochs.append(self.model.get_weights())


def weights(model):
    """The weights of any model; Keras lists random state behind them."""
    return quietly(model.get_weights)[:8]


def same(one, other):
    return all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize("background", [True, False])
def test_the_whole_state_comes_back_to_the_bit_and_training_goes_on_with_it(folder, background):
    save = OrbaxCheckpoint(folder, save_on_background=background)
    whole, first = make(), make()
    whole.import_state(first.export_state())
    fit(first, save, epochs=2)
    again = kibitz.saving.load_model(folder)

    assert state(again) == state(first)
    assert (again.name, [each.name for each in again.layers]) == (first.name, ["a", "b", "c", "d"])
    for model in (first, again):
        fit(model, epochs=1)
    assert state(again) == state(first)


def test_what_is_saved_is_that_epoch_s_though_training_goes_on(folder):
    keeps, model = Keeps(), make()
    fit(model, keeps, OrbaxCheckpoint(folder, max_to_keep=None))

    assert steps(folder) == [0, 1, 2]
    for number in steps(folder):
        model.load_weights(folder / str(number))
        assert same(model.get_weights(), keeps.epochs[number])


@pytest.mark.parametrize("most", [1, 2, None])
def test_the_latest_are_kept(folder, most):
    fit(make(), OrbaxCheckpoint(folder, max_to_keep=most), epochs=4)
    assert steps(folder) == [0, 1, 2, 3][-most if most else 0 :]


def test_an_integer_frequency_counts_batches_over_epochs_and_fits(folder):
    keeps, model, save = Keeps(), make(), OrbaxCheckpoint(folder, save_freq=3, max_to_keep=None)
    fit(model, keeps, save, epochs=2)
    assert steps(folder) == [3, 6]
    fit(model, keeps, save, epochs=1)
    assert steps(folder) == [3, 6, 9, 12]
    for number in steps(folder):
        model.load_weights(folder / str(number))
        assert same(model.get_weights(), keeps.batches[number - 1])


def test_D28_a_second_fit_goes_on_counting_and_the_latest_is_the_last_that_was_written(folder):
    model, save = make(), OrbaxCheckpoint(folder, max_to_keep=2)
    fit(model, save, epochs=3)
    fit(model, save, epochs=2)
    assert steps(folder) == [3, 4]
    fit(model, OrbaxCheckpoint(str(folder), max_to_keep=2), epochs=7, initial_epoch=6)
    assert steps(folder) == [4, 6]
    assert same(kibitz.saving.load_model(folder).get_weights(), model.get_weights())

    theirs, again = make(keras), keras.callbacks.OrbaxCheckpoint(str(folder.parent / "two"))
    quietly(fit, theirs, again, epochs=1)
    with pytest.raises(Exception, match="already exists"):
        quietly(fit, theirs, again, epochs=1)


def test_D28_verbose_says_what_is_saved(folder, capsys):
    fit(make(), OrbaxCheckpoint(folder, verbose=1), epochs=2)
    assert capsys.readouterr().out == "".join(f"\nEpoch {n + 1}: saving model to {folder}/{n}\n" for n in range(2))

    best = OrbaxCheckpoint(folder, "loss", verbose=1, save_best_only=True, initial_value_threshold=0.0)
    fit(make(), best, epochs=1)
    assert capsys.readouterr().out == "\nEpoch 1: loss did not improve from 0.00000\n"


class Scripted(Callback):
    def __init__(self, *values):
        super().__init__()
        self.values = values

    def on_epoch_end(self, epoch, logs=None):
        logs["seen"] = self.values[epoch]


@pytest.mark.parametrize(
    ("values", "settings", "kept", "best"),
    [
        ([3, 2, 4, 1], {"mode": "min"}, [0, 1, 3], 1),
        ([3, 2, 4, 1], {"mode": "max"}, [0, 2], 4),
        ([3, 2, 4, 1], {"mode": "min", "initial_value_threshold": 2.5}, [1, 3], 1),
        ([float("nan"), 3, 4, 2], {"mode": "min"}, [1, 3], 2),
    ],
)
def test_only_the_best_are_kept(folder, values, settings, kept, best):
    save = OrbaxCheckpoint(folder, "seen", save_best_only=True, max_to_keep=None, **settings)
    fit(make(), Scripted(*map(float, values)), save, epochs=4)
    assert (steps(folder), save.best) == (kept, best)
    assert save.saved == str(folder / str(kept[-1]))


def test_D1_the_best_of_batches_can_be_kept(folder):
    save = OrbaxCheckpoint(folder, "loss", save_best_only=True, save_freq=2, max_to_keep=None)
    fit(make(), save, epochs=3)
    assert steps(folder)
    assert set(steps(folder)) <= {2, 4, 6, 8, 10, 12}

    theirs = keras.callbacks.OrbaxCheckpoint(str(folder) + "2", "loss", save_best_only=True, save_freq=2, mode="min")
    with pytest.raises(TypeError):
        quietly(fit, make(keras), theirs, theirs)


class Asks(Callback):
    """Asks the run to save at the end of a batch, or in another hook; keeps the weights of that moment."""

    adds = ()

    def __init__(self, epoch=None, batch=None, hook="", evaluate=False):
        super().__init__()
        self.at, self.evaluate, self.there = (epoch, batch), evaluate, None
        if hook:
            setattr(self, hook, lambda *_, **__: self.ask())

    def on_train_batch_end(self, batch, logs=None):
        if (self.run.epoch, batch) == self.at:
            self.ask()

    def ask(self):
        self.there = self.model.get_weights()
        if self.evaluate:
            self.run.evaluate()
        self.run.save()


@pytest.mark.parametrize(("save_freq", "number", "all_of_them"), [("epoch", 1, [0, 1, 2, 3]), (3, 7, [3, 6, 7, 9, 12])])
def test_a_save_that_was_asked_for_has_the_state_of_that_batch_and_numbers_go_on(
    folder, save_freq, number, all_of_them
):
    asks, model = Asks(1, 1), make()
    fit(model, asks, OrbaxCheckpoint(folder, save_freq=save_freq, max_to_keep=None))
    assert steps(folder) == all_of_them
    model.load_weights(folder / str(number))
    assert [each.tobytes() for each in model.get_weights()] == [each.tobytes() for each in asks.there]


@pytest.mark.parametrize("evaluate", [False, True])
def test_a_save_that_was_asked_for_keeps_the_rule_of_the_best(folder, evaluate):
    save = OrbaxCheckpoint(folder, save_best_only=True, max_to_keep=None)
    asks = Asks(0, 1, evaluate=evaluate)
    given = {"validation_data": (X, Y), "validation_freq": 100}
    if evaluate:
        fit(make(), asks, save, **given)
        assert steps(folder) == [0]
        return
    with pytest.warns(UserWarning, match="OrbaxCheckpoint was asked to save, and did not: there is no val_loss"):
        fit(make(), asks, save, **given)
    assert save.saved is None


def test_a_save_that_was_asked_for_at_the_very_end_is_written_and_everything_is_closed(folder):
    before = set(threading.enumerate())
    model, asks = make(), Asks(hook="on_train_end")
    fit(model, asks, OrbaxCheckpoint(folder, save_freq=100))
    assert steps(folder) == [12]
    assert {each for each in set(threading.enumerate()) - before if not each.daemon} == set()


def test_weights_alone(folder):
    model = make()
    fit(model, OrbaxCheckpoint(folder, save_weights_only=True))
    tree, document = read_step(latest(folder))
    assert (sorted(tree), document) == (["non_trainable_variables", "trainable_variables"], {"config": None})

    other = make()
    other.load_weights(folder)
    assert same(other.get_weights(), model.get_weights())
    assert int(other.optimizer.iterations) == 0
    with pytest.raises(InvalidArgument, match="does not contain model configuration"):
        kibitz.saving.load_model(folder)


def test_a_module_of_one_s_own_is_saved_without_a_configuration(folder):
    def module():
        model = kibitz.Model(nnx.Linear(3, 1, rngs=nnx.Rngs(0)))
        model.compile("adam", "mse")
        return model

    model, other = module(), module()
    fit(model, OrbaxCheckpoint(folder))
    other.load_weights(folder)
    assert state(other) == state(model)
    with pytest.raises(InvalidArgument, match="configuration"):
        kibitz.saving.load_model(folder)


def test_a_transformation_of_optax_is_saved_with_its_state(folder):
    model, other = (make(optimizer=optax.adam(0.1)) for _ in range(2))
    fit(model, OrbaxCheckpoint(folder))
    other.load_weights(folder)
    assert state(other) == state(model)


@pytest.mark.parametrize("names", [("one", "one"), ("one", "two")])
@pytest.mark.filterwarnings("ignore:__array__ implementation")  # Keras's own, when it is asked for numbers
def test_keras_and_kibitz_read_each_other_s_checkpoints(folder, names):
    theirs, ours = make(keras, name=names[0]), make(name=names[1])
    quietly(fit, theirs, keras.callbacks.OrbaxCheckpoint(str(folder / "keras")))
    fit(ours, OrbaxCheckpoint(folder / "kibitz"))

    other = make(name=names[1])
    other.load_weights(folder / "keras")
    assert same(weights(other), weights(theirs))
    mine, others = ([each.numpy() for each in model.optimizer.variables] for model in (other, theirs))
    assert same(mine, others)

    if names[0] == names[1]:
        quietly(theirs.load_weights, str(folder / "kibitz"))
        assert same(weights(theirs), weights(ours))
    with pytest.raises(UnusableFile, match="saved by Keras"):
        kibitz.saving.load_model(folder / "keras")


def test_keras_loads_nothing_in_silence_and_kibitz_what_was_saved(folder):
    found = []
    for ns in (keras, kibitz):
        where = folder / ns.__name__
        model = make(ns)
        quietly(fit, model, ns.callbacks.OrbaxCheckpoint(str(where)))
        again = quietly(ns.saving.load_model, str(where))
        found.append(same(weights(again), weights(model)))
    assert found == [False, True]


def test_a_checkpoint_of_another_model_is_refused_and_changes_nothing(folder):
    fit(make(), OrbaxCheckpoint(folder))
    other = kibitz.Sequential([kibitz.Input((3,)), kibitz.layers.Dense(5, name="a")])
    other.compile("sgd", "mse")
    before = state(other)
    with pytest.raises(ShapeMismatch, match="another model"):
        other.load_weights(folder)
    assert state(other) == before


def test_what_fits_can_be_taken_alone_with_a_warning(folder):
    model = make()
    fit(model, OrbaxCheckpoint(folder))
    layers = [kibitz.layers.Dense(4, name="a"), kibitz.layers.Dense(2, name="d")]
    other = kibitz.Sequential([kibitz.Input((3,)), *layers], name=model.name)
    other.compile("sgd", "mse")
    with (
        pytest.warns(UserWarning, match="Some weights were not loaded"),
        pytest.warns(UserWarning, match="Skipping variable loading for optimizer"),
    ):
        other.load_weights(folder, skip_mismatch=True)
    assert same(other.get_weights()[:2], model.get_weights()[:2])


def test_another_optimizer_is_left_aside_with_a_warning(folder):
    model, other = make(), make(optimizer="sgd")
    fit(model, OrbaxCheckpoint(folder))
    with pytest.warns(UserWarning, match="Skipping variable loading for optimizer"):
        other.load_weights(folder)
    assert same(other.get_weights(), model.get_weights())


def test_layers_cannot_be_skipped_by_name(folder):
    model = make()
    fit(model, OrbaxCheckpoint(folder))
    with pytest.raises(Unsupported, match="whole"):
        model.load_weights(folder, objects_to_skip=[model.layers[0]])


def test_a_layer_that_was_frozen_since_is_found(folder):
    model, other = make(), make()
    fit(model, OrbaxCheckpoint(folder, save_weights_only=True))
    other.layers[0].trainable = False
    other.compile("sgd", "mse")
    other.load_weights(folder)
    assert same(other.get_weights(), model.get_weights())


def flipped(folder, which):
    """Turn one bit of an array's bytes, or of the record."""
    if which == "record":
        file = folder / "record" / "metadata"
        file.write_bytes(file.read_bytes().replace(b'"units": 4', b'"units": 5'))
        return
    for file in sorted((folder / "pytree").rglob("d/*")):
        data = bytearray(file.read_bytes())
        data[len(data) // 2] ^= 1
        file.write_bytes(data)


@orbax_falls_noisily
@pytest.mark.parametrize("which", ["arrays", "record"])
def test_flipped_bits_are_found(folder, which):
    fit(make(), OrbaxCheckpoint(folder, max_to_keep=2))
    flipped(latest(folder), which)
    with pytest.raises(UnusableFile, match="damaged") as caught:
        kibitz.saving.load_model(folder)
    assert "take an earlier one: 1" in str(caught.value)
    assert make().load_weights(folder / "1") is None


def test_a_record_that_is_no_record_is_refused(folder):
    fit(make(), OrbaxCheckpoint(folder))
    record = latest(folder) / "record" / "metadata"
    found = json.loads(record.read_text())
    for other in ([], {**found, "format": 2}, {**found, "document": 3}):
        record.write_text(json.dumps(other))
        with pytest.raises(UnusableFile):
            kibitz.saving.load_model(folder)


def test_a_step_that_is_half_there_is_none(folder):
    fit(make(), OrbaxCheckpoint(folder))
    (folder / "9").mkdir()
    (folder / "8.orbax-checkpoint-tmp").mkdir()
    assert latest(folder).name == "2"


def test_a_folder_without_steps_is_told(folder):
    folder.mkdir(parents=True)
    with pytest.raises(InvalidArgument, match="No valid checkpoints"):
        latest(folder)
    with pytest.raises(InvalidArgument):
        kibitz.saving.load_model(folder)


class Broken(Exception):
    pass


def fails_in_the_background(monkeypatch, at):
    """Let Orbax fail behind our back at its n-th save."""
    import orbax.checkpoint as ocp

    old, count = ocp.CheckpointManager.wait_until_finished, []

    def wait(self):
        count.append(1)
        old(self)
        if len(count) == at:
            raise Broken("No space left on device")

    monkeypatch.setattr(ocp.CheckpointManager, "wait_until_finished", wait)


def test_D28_what_fails_in_the_background_speaks(folder, monkeypatch):
    fails_in_the_background(monkeypatch, 2)
    record = Recorder()
    with pytest.raises(UnusableFile, match="No space left on device") as caught:
        fit(make(), OrbaxCheckpoint(folder), record, epochs=5)
    assert isinstance(caught.value.__cause__, Broken)
    assert record.hooks.count("on_epoch_end") < 5
    assert record.hooks[-1] == "on_run_end"


@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt])
def test_D15_what_was_saved_before_an_exception_is_whole_and_everything_is_closed(folder, error):
    class Fails(Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 2:
                raise error

    model, save = make(), OrbaxCheckpoint(folder)
    before = threading.active_count()
    with pytest.raises(error):
        fit(model, save, Fails())
    assert same(kibitz.saving.load_model(folder).get_weights(), model.get_weights())
    assert threading.active_count() <= before + 1  # Orbax keeps one of its own for a while
    fit(model, save)  # and the same instance serves again


def test_an_evaluation_within_a_hook_closes_nothing(folder):
    save = OrbaxCheckpoint(folder, max_to_keep=None)

    class Evaluates(Callback):
        def on_epoch_end(self, epoch, logs=None):
            opened = save._steps
            self.model.evaluate(X, Y, verbose=0, callbacks=[save])
            assert save._steps is opened

    fit(make(), save, Evaluates())
    assert steps(folder) == [0, 1, 2]
    assert save._steps is None


def test_it_can_be_waited_for(folder):
    save = OrbaxCheckpoint(folder, max_to_keep=None)
    save.wait_until_finished()

    class Waits(Callback):
        def on_epoch_end(self, epoch, logs=None):
            save.wait_until_finished()
            assert steps(folder)[-1] == epoch

    fit(make(), save, Waits())
    assert (save.is_multihost_enabled(), save.is_primary_host()) == (False, True)


@pytest.mark.parametrize(
    ("kind", "settings", "named"),
    [
        (UnknownMonitor, {"monitor": "val_los", "save_best_only": True}, "val_los"),
        (UnknownMonitor, {"monitor": "val_loss", "save_best_only": True, "save_freq": 2}, "val_loss"),
        (UnusableFile, {"directory": "file/below"}, "file"),
    ],
)
def test_what_can_be_known_is_raised_before_the_first_step(tmp_path, kind, settings, named):
    (tmp_path / "file").write_text("a file")
    settings = {**settings, "directory": tmp_path / settings.get("directory", "a")}
    record = Recorder()
    with pytest.raises(kind, match=named):
        fit(make(), record, OrbaxCheckpoint(**settings), validation_data=(X, Y))
    assert record.calls == []


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        (InvalidArgument, {"mode": "best"}),
        (InvalidArgument, {"save_freq": "batch"}),
        (InvalidArgument, {"save_freq": 0}),
        (InvalidArgument, {"save_freq": True}),
        (InvalidArgument, {"max_to_keep": 0}),
        (InvalidArgument, {"max_to_keep": "all"}),
        (InvalidArgument, {"max_to_keep": 1.5}),
        (InvalidArgument, {"max_to_keep": True}),
        (InvalidArgument, {"initial_value_threshold": "low"}),
        (WrongType, {"monitor": None}),
        (WrongType, {"save_best_only": "yes"}),
        (WrongType, {"save_on_background": 1}),
        (WrongType, {"save_weights_only": None}),
        (WrongType, {"directory": 3}),
        (UnusableFile, {"directory": "gs://bucket/a"}),
    ],
)
def test_what_cannot_be_is_refused_at_once(kind, settings):
    with pytest.raises(kind):
        OrbaxCheckpoint(**{"directory": "a", **settings})


def test_without_orbax_it_is_told_what_to_install(monkeypatch, folder):
    monkeypatch.setitem(sys.modules, "orbax.checkpoint", None)
    with pytest.raises(MissingExtra, match="OrbaxCheckpoint requires the 'orbax-checkpoint' package"):
        OrbaxCheckpoint(folder)


def test_a_number_that_is_taken_is_never_written_over(folder):
    written = orbax_steps.OrbaxSteps(folder)
    tree = {"trainable_variables": {"a": np.ones(2)}}
    written.save(4, tree, {})
    with pytest.raises(UnusableFile):
        written.save(4, tree, {})
    written.close()


def test_a_state_as_a_tree_has_keras_s_paths():
    ours, theirs = (make(ns, ns.optimizers.Adam(name="o"), name="m") for ns in (kibitz, keras))
    fit(ours), quietly(fit, theirs)

    def paths(tree):
        return {part: sorted(orbax_steps.flat(tree[part])) for part in ("trainable_variables", "optimizer_variables")}

    assert paths(ours.get_state_tree()) == paths(theirs.get_state_tree())
    assert list(ours.get_state_tree()) == list(theirs.get_state_tree())
    kinds = [type(each) for each in orbax_steps.flat(ours.get_state_tree("numpy_array")).values()]
    assert set(kinds) == {np.ndarray}


def test_a_tree_is_put_in_all_or_none():
    model, other = (make(optimizer=kibitz.optimizers.Adam(name="adam"), name="m") for _ in range(2))
    tree = model.get_state_tree("numpy_array")
    other.set_state_tree(tree)
    assert state(other) == state(model)
    other.set_state_tree({"trainable_variables": {"m": {"a": {"bias": np.full(4, 2.0)}}}, "metrics_variables": {}})
    assert other.get_weights()[1].tolist() == [2.0] * 4

    before = state(other)
    for kind, bad in (
        (UnknownName, {"weights": {}}),
        (ShapeMismatch, {"trainable_variables": {"m": {"a": {"bias": np.ones(4), "kernl": np.ones(4)}}}}),
        (ShapeMismatch, {"trainable_variables": {"m": {"a": {"bias": np.ones(5)}}}}),
        (ShapeMismatch, {**tree, "optimizer_variables": {"adam": {"nothing": np.ones(1)}}}),
    ):
        with pytest.raises(kind):
            other.set_state_tree(bad)
    assert state(other) == before
    with pytest.raises(InvalidArgument, match="value_format"):
        model.get_state_tree("torch")
