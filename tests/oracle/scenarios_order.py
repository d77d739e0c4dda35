"""Which hook is called when, with what, and for whom."""

from __future__ import annotations

from tests.oracle.record import HOOKS, hooks_of, recorder
from tests.oracle.scenario import scenario
from tests.oracle.small import fix, line, line_data, raised, rows

OLD = ("on_batch_begin", "on_batch_end")


@scenario("F1", "order.fit", "fit.callbacks", "fit.validation_data", "fit.epochs", "fit.batch_size")
def fit_calls_the_hooks_in_order_and_validation_calls_the_test_hooks(ns, tmp):
    """The same callback sees training and validation, hook for hook, with all logs."""
    x, y = line_data()
    seen = recorder(ns)
    line(ns).fit(
        x, y, batch_size=5, epochs=2, shuffle=False, verbose=0, validation_data=(x[:8], y[:8]), callbacks=[seen]
    )
    return seen.trace


@scenario("order.evaluate", "evaluate.callbacks")
def evaluate_calls_the_test_hooks_alone(ns, tmp):
    """Evaluate fires test hooks only, and the end has the logs of the whole."""
    x, y = line_data()
    seen = recorder(ns)
    line(ns).evaluate(x, y, batch_size=4, verbose=0, callbacks=[seen])
    return seen.trace


@scenario("order.predict", "predict.callbacks")
def predict_calls_the_predict_hooks_alone(ns, tmp):
    """Predict fires predict hooks only, and each batch's end has its outputs."""
    seen = recorder(ns)
    line(ns).predict(rows(10, 3), batch_size=4, verbose=0, callbacks=[seen])
    return seen.trace


@scenario("F2")
def beginnings_have_empty_logs_and_never_none(ns, tmp):
    """Every begin and the end of predict get a dict of nothing."""
    x, y = line_data(4)
    kinds = []

    def note(hook):
        def call(self, *args, **named):
            logs = named.get("logs", args[-1])
            kinds.append([hook, isinstance(logs, dict), len(logs)])

        return call

    hooks = [hook for hook in HOOKS if hook.endswith("begin")] + ["on_predict_end"]
    callback = type("Notes", (ns.callbacks.Callback,), {hook: note(hook) for hook in hooks})()
    model = line(ns)
    model.fit(x, y, verbose=0, validation_data=(x, y), callbacks=[callback])
    model.evaluate(x, y, verbose=0, callbacks=[callback])
    model.predict(x, verbose=0, callbacks=[callback])
    return kinds


@scenario("F7")
def the_old_batch_names_are_called_by_the_train_hooks(ns, tmp):
    """on_batch_begin/end run for training batches, not for test or predict; the new name wins if both are there."""
    calls = []

    class Old(ns.callbacks.Callback):
        def on_batch_begin(self, batch, logs=None):
            calls.append(["old begin", batch, logs])

        def on_batch_end(self, batch, logs=None):
            calls.append(["old end", batch, dict(logs)])

    class Both(Old):
        def on_train_batch_end(self, batch, logs=None):
            calls.append(["new end", batch])

    x, y = line_data(4)
    model = line(ns)
    for callback in (Old(), Both()):
        model.fit(x, y, batch_size=2, shuffle=False, verbose=0, validation_data=(x, y), callbacks=[callback])
        model.evaluate(x, y, verbose=0, callbacks=[callback])
        model.predict(x, verbose=0, callbacks=[callback])
    return calls


@scenario("F8")
def batch_hooks_get_their_logs_by_keyword_and_the_others_by_position(ns, tmp):
    """Any name serves for the logs of an epoch; at a batch only `logs` does."""

    class OtherNames(ns.callbacks.Callback):
        def on_train_begin(self, whatever=None):
            whatever["seen"] = 1

        def on_epoch_begin(self, i, anything):
            anything["seen"] = 1

        def on_epoch_end(self, i, /, anything):
            anything["seen"] = i

    class WrongAtABatch(ns.callbacks.Callback):
        def on_train_batch_end(self, b, numbers):
            pass

    x, y = line_data(4)
    model = line(ns)
    history = model.fit(x, y, verbose=0, callbacks=[OtherNames()])
    return [sorted(history.history), raised(lambda: model.fit(x, y, verbose=0, callbacks=[WrongAtABatch()]), TypeError)]


@scenario("F9", "train_on_batch.x", "train_on_batch.y", "test_on_batch.x", "test_on_batch.y", "predict_on_batch.x")
def the_on_batch_methods_call_no_hook(ns, tmp):
    """train_on_batch, test_on_batch and predict_on_batch are silent, also after a fit with callbacks."""
    x, y = line_data(4)
    model, seen = line(ns), recorder(ns)
    model.fit(x, y, verbose=0, callbacks=[seen])
    before = len(seen.trace)
    numbers = [model.train_on_batch(x, y), model.test_on_batch(x, y), model.predict_on_batch(x)]
    return [before, len(seen.trace), [[float(each) for each in pair] for pair in numbers[:2]], numbers[2]]


@scenario("callback.set_model", "callback.set_params")
def the_model_is_set_before_the_params_and_both_before_the_first_hook(ns, tmp):
    """set_model, set_params, then on_train_begin; validation sets neither again."""
    calls = []

    class Setup(ns.callbacks.Callback):
        def set_model(self, model):
            super().set_model(model)
            calls.append("set_model")

        def set_params(self, params):
            super().set_params(params)
            calls.append("set_params")

        def on_train_begin(self, logs=None):
            calls.append(["train_begin", self.model is self.mine, self.params])

        def on_test_begin(self, logs=None):
            calls.append(["test_begin", self.model is self.mine])

    x, y = line_data(4)
    callback = Setup()
    callback.mine = line(ns)
    callback.mine.fit(x, y, verbose=0, validation_data=(x, y), callbacks=[callback])
    return calls


@scenario("callback.params", "fit.verbose", "evaluate.verbose", "predict.verbose")
def params_tell_how_the_call_was_made(ns, tmp):
    """verbose as given, epochs, and steps; in validation they remain those of fit."""
    x, y = line_data(10)
    seen = []

    class Params(ns.callbacks.Callback):
        def on_train_begin(self, logs=None):
            seen.append(["train", dict(self.params)])

        def on_test_begin(self, logs=None):
            seen.append(["test", dict(self.params)])

        def on_predict_begin(self, logs=None):
            seen.append(["predict", dict(self.params)])

    model = line(ns)
    model.fit(x, y, batch_size=4, epochs=2, verbose=0, validation_data=(x[:3], y[:3]), callbacks=[Params()])
    model.evaluate(x, y, batch_size=2, verbose=0, callbacks=[Params()])
    model.predict(x, batch_size=5, verbose=0, callbacks=[Params()])
    return seen


@scenario("order.callbacks")
def callbacks_of_one_hook_run_in_the_order_of_the_list(ns, tmp):
    """At each hook the first callback of the list is called before the second."""
    x, y = line_data(4)
    order = []

    def named(name):
        def call(hook):
            return lambda self, *args, **logs: order.append([name, hook])

        return type(name, (ns.callbacks.Callback,), {hook: call(hook) for hook in HOOKS})()

    model = line(ns)
    both = [named("first"), named("second")]
    model.fit(x, y, verbose=0, validation_data=(x, y), callbacks=both)
    model.predict(x, verbose=0, callbacks=both)
    return order


@scenario("F6")
def one_dict_of_logs_goes_to_all_callbacks(ns, tmp):
    """A key that one callback adds is seen by the next and by History; the next batch starts anew."""
    x, y = line_data(6)
    seen = []

    class Adds(ns.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            seen.append(["first", batch, list(logs)])
            logs["extra"] = 10.0 + batch

        def on_epoch_end(self, epoch, logs=None):
            logs["added"] = 2.0 * epoch

    class Looks(ns.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            seen.append(["second", batch, list(logs), logs["extra"]])

        def on_epoch_end(self, epoch, logs=None):
            seen.append(["second", epoch, list(logs), logs["added"]])

    history = line(ns).fit(x, y, batch_size=3, epochs=2, shuffle=False, verbose=0, callbacks=[Adds(), Looks()])
    return [seen, history.history]


@scenario("callback.bare")
def a_callback_without_hooks_changes_nothing(ns, tmp):
    """A bare Callback goes along with every call."""
    x, y = line_data(4)
    model, bare = line(ns), ns.callbacks.Callback()
    history = model.fit(x, y, verbose=0, validation_data=(x, y), callbacks=[bare])
    return [history.history, model.predict(x, verbose=0, callbacks=[bare]), bare.params["epochs"], bare.model is model]


@scenario("callback.no_super")
def a_callback_that_forgets_to_call_its_base_works(ns, tmp):
    """super().__init__() may be left out."""

    class Forgets(ns.callbacks.Callback):
        def __init__(self):
            self.losses = []

        def on_train_batch_end(self, batch, logs=None):
            self.losses.append(logs["loss"])

        def on_train_end(self, logs=None):
            self.losses.append(self.params["epochs"])
            self.losses.append(len(self.model.get_weights()))

    x, y = line_data(6)
    callback = Forgets()
    line(ns).fit(x, y, batch_size=3, shuffle=False, verbose=0, callbacks=[callback])
    return callback.losses


@scenario("callback.duck")
def any_object_with_the_hooks_is_a_callback(ns, tmp):
    """No base class is asked for."""
    calls = []

    def call(name):
        return lambda self, *args, **logs: calls.append([name, *args[:1]] if "epoch" in name else name)

    duck = type("Duck", (), {name: call(name) for name in ("set_params", "set_model", *OLD, *HOOKS)})()
    x, y = line_data(4)
    line(ns).fit(x, y, verbose=0, callbacks=[duck])
    return calls


@scenario("fit.initial_epoch")
def an_initial_epoch_moves_the_indices_and_the_end_stays(ns, tmp):
    """epochs is a bound: from 3 to 5 are the epochs 3 and 4."""
    x, y = line_data(4)
    seen = recorder(ns, "on_train_begin", "on_epoch_begin", "on_epoch_end", "on_train_end")
    history = line(ns).fit(x, y, initial_epoch=3, epochs=5, verbose=0, callbacks=[seen])
    return [seen.trace, history.epoch, history.history]


@scenario("fit.no_epochs")
def a_fit_of_no_epoch_only_begins_and_ends(ns, tmp):
    """epochs=0, or an initial epoch past the end: train begins and ends, and History is empty."""
    x, y = line_data(4)
    model, found = line(ns), []
    for bounds in ({"epochs": 0}, {"epochs": 2, "initial_epoch": 2}):
        seen = recorder(ns)
        history = model.fit(x, y, verbose=0, callbacks=[seen], **bounds)
        found.append([seen.trace, history.history, history.epoch])
    return [found, model.get_weights()]


@scenario("model.unbuilt")
def a_model_without_an_input_is_built_by_its_first_batch(ns, tmp):
    """The shapes come from the data; the model has its weights when training begins."""
    x, y = line_data(4)
    model = ns.Sequential([ns.layers.Dense(2, name="a"), ns.layers.Dense(1, name="b")])
    model.compile("sgd", "mse")
    seen = recorder(ns, "on_train_begin", on_train_begin=lambda self, *_: [w.shape for w in self.model.get_weights()])
    before = model.built
    model.fit(x, y, verbose=0, callbacks=[seen])
    fix(model)
    return [before, model.built, seen.trace, model.predict(x, verbose=0)]


@scenario("order.nothing_fires_without_training")
def compile_and_building_fire_nothing(ns, tmp):
    """A callback hears nothing before fit; after fit its trace is one run long."""
    x, y = line_data(4)
    seen, model = recorder(ns), line(ns)
    model.compile("sgd", "mse")
    lengths = [len(seen.trace)]
    for _ in range(2):
        model.fit(x, y, verbose=0, callbacks=seen)
        lengths.append(len(seen.trace))
    return [lengths, hooks_of(seen.trace)]
