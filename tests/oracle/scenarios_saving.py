"""Files: weights and whole models, written and read, in Keras's own layout."""

from __future__ import annotations

import numpy as np

from tests.oracle.record import plain
from tests.oracle.scenario import scenario
from tests.oracle.small import files, fix, line, line_data, raised, rows


def _datasets(file):
    """Every dataset of an HDF5 file by its path, sorted."""
    import h5py

    found = {}
    with h5py.File(file, "r") as opened:
        opened.visititems(lambda path, item: found.update({path: item[()]}) if isinstance(item, h5py.Dataset) else None)
    return plain(dict(sorted(found.items())))


def _stack(ns):
    la = ns.layers
    layers = [la.Dense(4, name="first"), la.BatchNormalization(name="norm"), la.Dropout(0.0), la.Dense(1, name="last")]
    model = ns.Sequential([ns.Input((3,)), *layers])
    fix(model)
    model.compile(ns.optimizers.Adam(0.05), "mse", metrics=["mae"])
    return model


@scenario("save_weights.filepath", "load_weights.filepath", rtol=1e-4)
def weights_go_to_a_file_and_come_back(ns, tmp):
    """The file has Keras's layout, path for path and number for number; loading restores the outputs."""
    x, y = line_data(8)
    model, other = _stack(ns), _stack(ns)
    model.fit(x, y, batch_size=4, shuffle=False, verbose=0)
    file = tmp / "kept.weights.h5"
    model.save_weights(file)
    fix(other, seed=99)
    other.load_weights(str(file))
    inside = {path: value for path, value in _datasets(file).items() if "seed_generator" not in path}
    return [model.predict(x, verbose=0), other.predict(x, verbose=0), inside]


@scenario("save_weights.overwrite")
def weights_overwrite_what_was_there(ns, tmp):
    """A second save replaces the first."""
    model, file = line(ns), str(tmp / "w.weights.h5")
    model.save_weights(file)
    model.set_weights([np.ones((3, 1)), np.ones(1)])
    model.save_weights(file, overwrite=True)
    fix(model)
    model.load_weights(file)
    return [model.get_weights(), files(tmp)]


@scenario("save_weights.name")
def a_weights_file_must_have_its_ending(ns, tmp):
    """Anything but .weights.h5 is a ValueError; so is a whole model under an unknown ending."""
    model = line(ns)
    return [
        raised(lambda: model.save_weights(tmp / "w.npz"), ValueError),
        raised(lambda: model.save(tmp / "model.tar"), ValueError),
        files(tmp),
    ]


@scenario("load_weights.skip_mismatch")
def weights_that_do_not_fit_are_an_error_or_are_skipped(ns, tmp):
    """A file for other shapes: ValueError, or with skip_mismatch the layers that fit are loaded."""
    saved = _stack(ns)
    file = str(tmp / "w.weights.h5")
    saved.save_weights(file)
    la = ns.layers
    other = ns.Sequential([ns.Input((3,)), la.Dense(4, name="first"), la.BatchNormalization(), la.Dropout(0.5)])
    other.add(la.Dense(2, name="last"))
    fix(other, seed=50)
    before = other.get_weights()[-2:]
    refused = raised(lambda: other.load_weights(file), ValueError)
    other.load_weights(file, skip_mismatch=True)
    same = [np.array_equal(a, b) for a, b in zip(other.get_weights()[:2], saved.get_weights()[:2], strict=True)]
    return [refused, same, before, other.get_weights()[-2:]]


@scenario("save.filepath", "save.overwrite", "save.zipped", "model.load_model")
def a_whole_model_goes_to_a_file_and_trains_on(ns, tmp):
    """models.load_model gives weights, optimizer and compile back: both go on with the same numbers."""
    x, y = line_data(8)
    model = _stack_without_dropout(ns)
    model.fit(x, y, batch_size=4, shuffle=False, verbose=0)
    file = str(tmp / "model.keras")
    model.save(file, overwrite=True, zipped=True)
    again = ns.models.load_model(file)
    found = [model.predict(x, verbose=0), again.predict(x, verbose=0), again.evaluate(x, y, verbose=0)]
    for each in (model, again):
        history = each.fit(x, y, batch_size=4, shuffle=False, verbose=0)
        found.append([history.history, each.get_weights(), int(each.optimizer.iterations)])
    return [found, [layer.name for layer in again.layers], type(again.optimizer).__name__]


def _stack_without_dropout(ns):
    la = ns.layers
    model = ns.Sequential([ns.Input((3,)), la.Dense(4, activation="relu", name="a"), la.Dense(1, name="b")])
    fix(model)
    model.compile(ns.optimizers.Adam(0.05), "mse", metrics=["mae"])
    return model


@scenario("model.load_model.compile")
def a_loaded_model_may_be_left_uncompiled(ns, tmp):
    """compile=False: it predicts, and must be compiled before it trains."""
    x, y = line_data(4)
    model = _stack_without_dropout(ns)
    model.save(tmp / "model.keras")
    again = ns.models.load_model(tmp / "model.keras", compile=False)
    return [again.predict(x, verbose=0), raised(lambda: again.fit(x, y, verbose=0), ValueError)]


@scenario("model.files_missing")
def a_file_that_is_not_there_is_an_error(ns, tmp):
    """Loading weights or a model from nowhere; both are an OSError or a ValueError."""
    model = line(ns)
    return [
        raised(lambda: model.load_weights(tmp / "none.weights.h5"), (OSError)),
        raised(lambda: ns.models.load_model(tmp / "none.keras"), ValueError),
    ]


@scenario("save.optimizer_state")
def a_saved_momentum_is_carried_on(ns, tmp):
    """Save in the middle of a run, load, and go on: the end is that of the run in one piece."""
    x, y = line_data(8)

    def make():
        return line(ns, optimizer=ns.optimizers.SGD(0.05, momentum=0.9))

    whole, first = make(), make()
    whole.fit(x, y, batch_size=4, epochs=4, shuffle=False, verbose=0)
    first.fit(x, y, batch_size=4, epochs=2, shuffle=False, verbose=0)
    first.save(tmp / "half.keras")
    second = ns.models.load_model(tmp / "half.keras")
    second.fit(x, y, batch_size=4, epochs=2, shuffle=False, verbose=0)
    return [whole.get_weights(), second.get_weights(), np.allclose(whole.get_weights()[0], second.get_weights()[0])]


@scenario("save_weights.max_shard_size")
def weights_are_one_file_unless_told(ns, tmp):
    """max_shard_size=None is one file of weights; a model of a few numbers has one."""
    model = line(ns)
    model.save_weights(str(tmp / "one.weights.h5"), max_shard_size=None)
    return [files(tmp), _datasets(tmp / "one.weights.h5"), model.predict(rows(2, 3), verbose=0)]
