"""What the logs hold: which keys, in which order, of which type, and what the numbers mean."""

from __future__ import annotations

import numpy as np

from tests.oracle.record import recorder
from tests.oracle.scenario import scenario
from tests.oracle.small import class_data, classifier, line, line_data, rows, stacked, two_heads


@scenario("F3")
def log_values_are_python_floats_and_outputs_are_numpy(ns, tmp):
    """At every end each value is exactly a float; predict's outputs are an ndarray of the batch."""
    x, y = line_data(6)
    kinds = []

    class Kinds(ns.callbacks.Callback):
        def note(self, logs):
            kinds.append([type(value).__name__ for value in logs.values()])

        def on_train_batch_end(self, batch, logs=None):
            self.note(logs)

        def on_test_batch_end(self, batch, logs=None):
            self.note(logs)

        def on_epoch_end(self, epoch, logs=None):
            self.note(logs)

        def on_test_end(self, logs=None):
            self.note(logs)

        def on_predict_batch_end(self, batch, logs=None):
            kinds.append([isinstance(logs["outputs"], np.ndarray), logs["outputs"].shape])

    model = line(ns)
    model.fit(x, y, batch_size=4, verbose=0, validation_data=(x, y), callbacks=[Kinds()])
    model.predict(x, batch_size=4, verbose=0, callbacks=[Kinds()])
    return kinds


@scenario("F4", "compile.metrics")
def keys_are_sorted_and_validation_comes_after(ns, tmp):
    """accuracy before loss before mae, however the metrics were listed; then the same with val_."""
    x, y = line_data(6)
    model = line(ns, metrics=["mse", "mae", "accuracy"])
    seen = recorder(ns, "on_train_batch_end", "on_epoch_end", "on_train_end")
    history = model.fit(x, y > 0, batch_size=3, shuffle=False, verbose=0, validation_data=(x, y > 0), callbacks=[seen])
    return [seen.trace, list(history.history)]


@scenario("F5")
def batch_logs_are_running_means_of_the_epoch(ns, tmp):
    """With a learning rate of zero the second batch shows the mean of both, and the epoch the same."""
    x, y = line_data(8)
    seen = recorder(ns, "on_train_batch_end", "on_epoch_end")
    model = line(ns, optimizer=ns.optimizers.SGD(0.0))
    model.fit(x, y, batch_size=2, epochs=2, shuffle=False, verbose=0, callbacks=[seen])
    return [seen.trace, [model.evaluate(x[i : i + 2], y[i : i + 2], verbose=0) for i in (0, 2)]]


@scenario("data.short_batch")
def a_short_last_batch_counts_by_its_samples(ns, tmp):
    """Six rows in batches of four and two: the epoch's loss is the mean over rows, and both batches train."""
    x, y = line_data(6)
    seen = recorder(ns, "on_train_batch_end", "on_test_batch_end", "on_epoch_end")
    model = line(ns)
    model.fit(x, y, batch_size=4, epochs=2, shuffle=False, verbose=0, validation_data=(x[:5], y[:5]), callbacks=[seen])
    return [seen.trace, model.get_weights()]


@scenario("F4.outputs", "compile.loss.dict", "compile.metrics.dict", rtol=2e-5)
def several_outputs_have_their_names_in_the_keys(ns, tmp):
    """a_loss, a_mae, b_loss, ..., loss, and the same with val_; the total is the sum."""
    x = rows(8, 3)
    y = {"a": x.sum(axis=1, keepdims=True), "b": x[:, :2]}
    model = two_heads(ns, loss={"a": "mse", "b": "mae"}, metrics={"a": ["mae"], "b": ["mse"]})
    seen = recorder(ns, "on_train_batch_end", "on_test_end", "on_epoch_end")
    model.fit(x, y, batch_size=4, epochs=2, shuffle=False, verbose=0, validation_data=(x, y), callbacks=[seen])
    return [seen.trace, model.evaluate(x, y, verbose=0, return_dict=True), model.evaluate(x, y, verbose=0)]


@scenario("metrics.names")
def a_metric_is_logged_by_the_name_it_was_given_by(ns, tmp):
    """A string keeps its spelling, an object its name, a function its own name."""

    def bias(y_true, y_pred):
        return y_pred - y_true

    x, y = line_data(6)
    metrics = ["MAE", "mean_squared_error", ns.metrics.MeanSquaredError(name="squares"), bias]
    metrics.append(ns.metrics.RootMeanSquaredError())
    history = line(ns, metrics=metrics).fit(x, y, shuffle=False, verbose=0)
    return history.history


@scenario("metrics.accuracy")
def accuracy_is_the_right_one_of_three(ns, tmp):
    """Binary, categorical or sparse is chosen from the shapes, and the key is the name as it was typed."""
    x, labels = class_data()
    found = []
    binary = stacked(ns, (3,), ns.layers.Dense(1, activation="sigmoid"), loss="binary_crossentropy", metrics=["acc"])
    found.append(binary.fit(x, (labels > 0).astype("float32"), shuffle=False, verbose=0).history)
    sparse = classifier(ns, metrics=["accuracy"])
    found.append(sparse.fit(x, labels, shuffle=False, verbose=0).history)
    hot = np.eye(3, dtype="float32")[labels]
    categorical = classifier(ns, loss="categorical_crossentropy", metrics=["accuracy"])
    found.append(categorical.fit(x, hot, shuffle=False, verbose=0).history)
    return found


@scenario("losses.crossentropy")
def crossentropy_is_the_right_one_of_three(ns, tmp):
    """As with accuracy: "crossentropy" and "ce" look at the shapes."""
    x, labels = class_data()
    binary = stacked(ns, (3,), ns.layers.Dense(1, activation="sigmoid"), loss="ce")
    sparse = classifier(ns, loss="crossentropy")
    return [
        binary.fit(x, (labels > 0).astype("float32"), shuffle=False, verbose=0).history,
        sparse.fit(x, labels, shuffle=False, verbose=0).history,
    ]


@scenario("metrics.dict_result")
def a_metric_that_gives_a_dict_is_spread_over_the_logs(ns, tmp):
    """Each entry of the dict becomes a key of its own, at batches and at the end."""
    import jax.numpy as jnp

    class Extremes(ns.metrics.Metric):
        def __init__(self, name="extremes"):
            super().__init__(name=name)
            self.low = self.add_weight(name="low", initializer="zeros")
            self.high = self.add_weight(name="high", initializer="zeros")

        def update_state(self, y_true, y_pred, sample_weight=None):
            self.low.assign(jnp.minimum(self.low.value, jnp.min(y_pred)))
            self.high.assign(jnp.maximum(self.high.value, jnp.max(y_pred)))

        def result(self):
            return {"highest": self.high.value, "lowest": self.low.value}

    x, y = line_data(8)
    seen = recorder(ns, "on_train_batch_end", "on_epoch_end")
    line(ns, metrics=[Extremes()]).fit(x, y, batch_size=4, epochs=2, shuffle=False, verbose=0, callbacks=[seen])
    return seen.trace


@scenario("logs.mutated")
def what_a_hook_does_to_its_logs_does_not_last(ns, tmp):
    """Clearing the logs at a batch changes neither the next batch's nor the epoch's numbers."""
    x, y = line_data(6)

    def clear(self, index, logs):
        logs.clear()

    seen = recorder(ns, "on_train_batch_end", "on_epoch_end", on_train_batch_end=clear)
    history = line(ns).fit(x, y, batch_size=2, shuffle=False, verbose=0, callbacks=[seen])
    return [seen.trace, history.history]


@scenario("metrics.reset")
def the_means_start_anew_at_each_epoch_and_each_call(ns, tmp):
    """An epoch's numbers are its own, and those of two evaluations are the same."""
    x, y = line_data(8)
    model = line(ns)
    history = model.fit(x, y, batch_size=4, epochs=3, shuffle=False, verbose=0, validation_data=(x[4:], y[4:]))
    return [history.history, [model.evaluate(x, y, verbose=0) for _ in range(2)]]


@scenario("evaluate.return_dict", "metrics.none")
def evaluate_gives_a_number_a_list_or_a_dict(ns, tmp):
    """One number without metrics, else a list with the loss first; a dict in the order of the logs."""
    x, y = line_data(6)
    alone, many = line(ns, metrics=None), line(ns, metrics=["mse", "accuracy"])
    return [
        alone.evaluate(x, y, verbose=0),
        many.evaluate(x, y, verbose=0),
        many.evaluate(x, y, verbose=0, return_dict=True),
    ]


@scenario("logs.not_finite")
def a_loss_that_is_not_a_number_stands_in_the_logs(ns, tmp):
    """NaN and infinity reach the hooks as floats, and History keeps them."""
    x, y = line_data(4)
    y[2] = np.inf
    seen = recorder(ns, "on_train_batch_end", "on_epoch_end")
    model = line(ns, metrics=None)
    history = model.fit(x, y, batch_size=2, epochs=2, shuffle=False, verbose=0, callbacks=[seen])
    return [seen.trace, history.history]


@scenario("history.kinds")
def history_is_returned_and_kept_on_the_model(ns, tmp):
    """fit gives the History that stands on the model: lists of floats, the epochs, the params."""
    x, y = line_data(4)
    model = line(ns)
    history = model.fit(x, y, epochs=2, verbose=0, validation_data=(x, y))
    return [
        type(history).__name__,
        history is model.history,
        history.model is model,
        history.epoch,
        history.history,
        history.params,
    ]
