"""Validation inside fit: when it runs, on what, and what it leaves in the logs."""

from __future__ import annotations

import numpy as np

from tests.oracle.record import hooks_of, recorder
from tests.oracle.scenario import scenario
from tests.oracle.small import line, line_data, rows


@scenario("fit.validation_split")
def a_split_takes_the_last_rows_before_shuffling(ns, tmp):
    """A fourth of ten rows: seven train, the last three validate, in their order."""
    x, y = line_data(10)
    seen = recorder(ns)
    model = line(ns)
    model.fit(x, y, batch_size=2, validation_split=0.25, shuffle=False, verbose=0, callbacks=[seen])
    return [seen.trace, model.evaluate(x[7:], y[7:], verbose=0)]


@scenario("validation.both")
def validation_data_wins_over_a_split(ns, tmp):
    """Both given: all rows train, and the data given validate."""
    x, y = line_data(6)
    seen = recorder(ns, "on_train_batch_end", "on_test_batch_end")
    line(ns).fit(
        x, y, batch_size=3, validation_split=0.5, validation_data=(x[:2], y[:2]), shuffle=False, verbose=0,
        callbacks=[seen],
    )  # fmt: skip
    return seen.trace


@scenario("fit.validation_freq")
def validation_every_second_epoch_has_keys_only_then(ns, tmp):
    """Epochs without validation have no test hooks and no val_ keys; History's lists are shorter."""
    x, y = line_data(4)
    seen = recorder(ns, "on_test_begin", "on_epoch_end", "on_train_end")
    history = line(ns).fit(
        x, y, epochs=5, validation_data=(x[:2], y[:2]), validation_freq=2, verbose=0, callbacks=[seen]
    )
    return [seen.trace, {key: len(values) for key, values in history.history.items()}]


@scenario("fit.validation_freq.list")
def validation_at_listed_epochs_counts_from_one(ns, tmp):
    """validation_freq=[1, 3] means after the first and the third epoch."""
    x, y = line_data(4)
    seen = recorder(ns, "on_test_end", "on_epoch_end")
    line(ns).fit(x, y, epochs=4, validation_data=(x, y), validation_freq=[1, 3], verbose=0, callbacks=[seen])
    return seen.trace


@scenario("fit.validation_steps")
def validation_steps_bound_the_batches(ns, tmp):
    """Two steps of three rows: the same first six rows at every validation."""
    x, y = line_data(10)
    seen = recorder(ns, "on_test_batch_begin", "on_test_batch_end", "on_epoch_end")
    model = line(ns)
    model.fit(
        x, y, epochs=2, validation_data=(x, y), validation_batch_size=3, validation_steps=2, shuffle=False, verbose=0,
        callbacks=[seen],
    )  # fmt: skip
    return seen.trace


@scenario("fit.validation_batch_size")
def validation_has_a_batch_size_of_its_own(ns, tmp):
    """It is taken for validation alone; without it the training's is used."""
    x, y = line_data(9)
    found = []
    for size in (None, 2):
        seen = recorder(ns)
        line(ns).fit(
            x, y, batch_size=4, validation_data=(x[:6], y[:6]), validation_batch_size=size, verbose=0, callbacks=[seen]
        )
        found.append(hooks_of(seen.trace))
    return found


@scenario("validation.weights")
def validation_weights_count_in_validation(ns, tmp):
    """A third array in validation_data weighs the loss and the weighted metrics, not the plain ones."""
    x, y = line_data(6)
    weights = np.array([0.5, 1, 2, 0, 3, 1], "float32")
    model = line(ns, weighted_metrics=["mse"])
    return model.fit(x, y, epochs=2, shuffle=False, verbose=0, validation_data=(x, y, weights)).history


@scenario("validation.split_weights")
def a_split_divides_the_sample_weights_too(ns, tmp):
    """The weights of the last rows weigh the validation."""
    x, y = line_data(8)
    weights = np.arange(8, dtype="float32")
    model = line(ns, weighted_metrics=["mae"])
    return model.fit(x, y, batch_size=3, sample_weight=weights, validation_split=0.5, shuffle=False, verbose=0).history


@scenario("validation.class_weight")
def class_weights_do_not_reach_validation(ns, tmp):
    """Weights by class change the training loss alone."""
    x = rows(8, 3)
    y = (x[:, 0] > 0).astype("int32")
    model = line(ns, optimizer=ns.optimizers.SGD(0.0), loss="mse")
    return model.fit(x, y, class_weight={0: 1.0, 1: 5.0}, validation_data=(x, y), verbose=0).history


@scenario("validation.metrics_reset")
def the_training_means_are_read_before_validation(ns, tmp):
    """Validation on other data does not touch the epoch's own numbers."""
    x, y = line_data(6)
    with_it, without = line(ns), line(ns)
    far = (x * 10, y * -3)
    first = with_it.fit(x, y, batch_size=2, epochs=2, shuffle=False, verbose=0, validation_data=far).history
    second = without.fit(x, y, batch_size=2, epochs=2, shuffle=False, verbose=0).history
    return [first, second, first["loss"] == second["loss"], with_it.get_weights()]


@scenario("validation.generator")
def a_generator_validates_for_its_steps(ns, tmp):
    """An endless generator and validation_steps, in one epoch."""
    x, y = line_data(8)

    def batches():
        while True:
            for start in (0, 4):
                yield x[start : start + 4], y[start : start + 4]

    seen = recorder(ns, "on_test_batch_end", "on_test_end", "on_epoch_end")
    line(ns).fit(x, y, shuffle=False, verbose=0, validation_data=batches(), validation_steps=3, callbacks=[seen])
    return seen.trace


@scenario("validation.list")
def validation_data_may_be_a_list(ns, tmp):
    """[x, y] is the same as (x, y)."""
    x, y = line_data(6)
    return line(ns).fit(x, y, shuffle=False, verbose=0, validation_data=[x[:3], y[:3]]).history


@scenario("validation.initial_epoch")
def validation_freq_counts_the_index_not_the_epochs_run(ns, tmp):
    """With an initial epoch of 1 and a frequency of 2, the first epoch run is validated."""
    x, y = line_data(4)
    seen = recorder(ns, "on_epoch_begin", "on_test_begin", "on_epoch_end")
    line(ns).fit(
        x, y, initial_epoch=1, epochs=4, validation_data=(x, y), validation_freq=2, verbose=0, callbacks=[seen]
    )
    return seen.trace


@scenario("validation.shuffle")
def validation_data_are_never_shuffled(ns, tmp):
    """shuffle=True is for training: validation batches come in order at every epoch."""
    x, y = line_data(6)
    seen = recorder(ns, "on_test_batch_end")
    model = line(ns, optimizer=ns.optimizers.SGD(0.0))
    model.fit(x, y, batch_size=2, epochs=2, shuffle=True, verbose=0, validation_data=(x, y), callbacks=[seen])
    return seen.trace
