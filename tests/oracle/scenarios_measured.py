"""What a hook can ask of the metrics: their numbers as of now, their objects, and to begin anew."""

from __future__ import annotations

from tests.oracle.record import FIT_HOOKS, plain, recorder, saw
from tests.oracle.scenario import scenario
from tests.oracle.small import class_data, classifier, line, line_data

BATCH_HOOKS = [hook for hook in FIT_HOOKS if "batch" in hook] + ["on_epoch_begin", "on_epoch_end", "on_train_end"]


@scenario("get_metrics_result")
def the_metrics_tell_their_numbers_in_every_hook(ns, tmp):
    """In a batch hook the running means, after validation those of validation, after an epoch's begin zeros."""
    x, y = line_data(6)
    seen = recorder(ns, *BATCH_HOOKS, **dict.fromkeys(BATCH_HOOKS, lambda self, *_: self.model.get_metrics_result()))
    model = line(ns)
    model.fit(
        x, y, batch_size=2, epochs=2, shuffle=False, verbose=0, validation_data=(x[:3], y[:3]), callbacks=[seen]
    )  # fmt: skip
    return [saw(seen.trace), plain(model.get_metrics_result())]


@scenario("reset_metrics.on_train_batch_end", "reset_metrics.on_test_batch_end")
def metrics_reset_in_a_hook_begin_the_means_anew(ns, tmp):
    """From the next batch on, in training and in validation alike; the epoch's logs are those of what came after."""
    x, y = line_data(10)

    def begin_anew(self, batch, logs):
        if batch == 1:
            self.model.reset_metrics()
        return self.model.get_metrics_result()

    seen = recorder(ns, on_train_batch_end=begin_anew, on_test_batch_end=begin_anew)
    model = line(ns)
    model.fit(x, y, batch_size=2, epochs=2, shuffle=False, verbose=0, validation_data=(x, y), callbacks=[seen])
    return [seen.trace, model.evaluate(x, y, batch_size=3, verbose=0, callbacks=[seen], return_dict=True)]


@scenario("get_metrics_result.outside")
def the_metrics_tell_their_numbers_between_runs(ns, tmp):
    """After evaluate, after a batch by hand, after reset_metrics, and on a model that was not compiled."""
    x, y = line_data(6)
    model = line(ns)
    found = []
    for act in (
        lambda: model.evaluate(x, y, verbose=0),
        lambda: model.train_on_batch(x[:2], y[:2]),
        lambda: model.test_on_batch(x[2:], y[2:]),
        model.reset_metrics,
        lambda: model.fit(x, y, batch_size=2, shuffle=False, verbose=0),
    ):
        act()
        found.append(plain(model.get_metrics_result()))
    bare = ns.Sequential([ns.Input((3,)), ns.layers.Dense(1)])
    bare.reset_metrics()
    return [found, plain(bare.get_metrics_result())]


@scenario("metric.in_a_hook")
def a_metric_object_is_live_in_hooks(ns, tmp):
    """result() of the user's own object, its variables, and reset_state(), which touches that metric alone."""
    x, labels = class_data(12)
    right = ns.metrics.SparseCategoricalAccuracy(name="right")
    off = ns.metrics.SparseCategoricalCrossentropy(name="off")

    def look(self, batch, logs):
        assert self.model  # in Keras the numbers are brought when somebody asks for the model
        told = [float(right.result()), float(off.result()), [plain(each.numpy()) for each in off.variables]]
        if batch == 1:
            off.reset_state()
        return told

    seen = recorder(ns, on_train_batch_end=look, on_test_batch_end=look)
    model = classifier(ns, metrics=[right, off])
    model.fit(
        x, labels, batch_size=3, epochs=2, shuffle=False, verbose=0, validation_data=(x, labels), callbacks=[seen]
    )  # fmt: skip
    return [seen.trace, float(right.result()), float(off.result())]


@scenario("compile.again.silent")
def compiling_again_keeps_what_is_not_given(ns, tmp):
    """The loss for itself, and metrics and weighted metrics together; an empty list takes them away."""
    x, y = line_data(6)
    model = line(ns, loss="mae", weighted_metrics=["mse"])
    found = []
    for given in ({}, {"loss": "mse"}, {"weighted_metrics": ["mae"]}, {"metrics": []}, {}, {"metrics": ["mse"]}):
        model.compile(ns.optimizers.SGD(0.1), **given)
        found.append(model.fit(x, y, batch_size=3, shuffle=False, verbose=0).history)
        found.append(model.loss)
    return [found, model.get_weights()]
