"""Each parameter of compile, and of train_on_batch, test_on_batch and predict_on_batch."""

from __future__ import annotations

import numpy as np

from tests.oracle.record import recorder
from tests.oracle.scenario import scenario
from tests.oracle.small import class_data, classifier, line, line_data, rows


@scenario("compile.run_eagerly")
def a_model_may_run_eagerly(ns, tmp):
    """run_eagerly=True: the same numbers, and the loss function is called for every batch, not once for all."""
    calls = []

    def loss(y_true, y_pred):
        calls.append(1)
        return (y_true - y_pred) ** 2

    x, y = line_data(20)
    model = line(ns, loss=loss, run_eagerly=True)
    history = model.fit(x, y, batch_size=2, shuffle=False, verbose=0)
    return [history.history, model.get_weights(), model.run_eagerly, len(calls) >= 10]


@scenario("compile.jit_compile")
def compilation_may_be_asked_for_or_declined(ns, tmp):
    """jit_compile True, False and "auto" give the same numbers."""
    x, y = line_data(6)
    found = []
    for choice in (True, False, "auto"):
        model = line(ns, jit_compile=choice)
        found.append([model.fit(x, y, batch_size=3, shuffle=False, verbose=0).history, model.get_weights()])
    return found


@scenario("compile.steps_per_execution")
def steps_per_execution_changes_no_number_of_the_epoch(ns, tmp):
    """Blocks of two steps: the epoch's logs and the weights are those of single steps."""
    x, y = line_data(8)
    model = line(ns, steps_per_execution=2)
    seen = recorder(ns, "on_epoch_end", "on_train_end")
    model.fit(x, y, batch_size=2, epochs=2, shuffle=False, verbose=0, validation_data=(x, y), callbacks=[seen])
    return [seen.trace, seen.params, model.get_weights(), model.predict(x, batch_size=2, verbose=0)]


@scenario("compile.auto_scale_loss")
def auto_scale_loss_does_nothing_in_float32(ns, tmp):
    """It is for mixed_float16; a float32 model trains the same with and without."""
    x, y = line_data(6)
    found = []
    for scale in (True, False):
        model = line(ns, auto_scale_loss=scale)
        model.fit(x, y, shuffle=False, verbose=0)
        found.append([model.get_weights(), type(model.optimizer).__name__])
    return found


@scenario("compile.again")
def compiling_again_starts_the_optimizer_anew_and_keeps_the_weights(ns, tmp):
    """Momentum and steps are gone, weights stay; other metrics are logged."""
    x, y = line_data(6)
    model = line(ns, optimizer=ns.optimizers.SGD(0.05, momentum=0.9))
    model.fit(x, y, batch_size=3, shuffle=False, verbose=0)
    between = model.get_weights()
    model.compile(ns.optimizers.SGD(0.05, momentum=0.9), "mae", metrics=["mse"])
    history = model.fit(x, y, batch_size=3, shuffle=False, verbose=0)
    return [between, history.history, model.get_weights(), int(model.optimizer.iterations)]


@scenario("compile.in_hooks")
def a_hook_may_compile_once_the_last_step_is_done(ns, tmp):
    """At the end of the last epoch, and of training: the optimizer begins anew, the weights stay."""
    x, y = line_data(6)
    found = []
    for hook in ("on_epoch_end", "on_train_end"):
        model = line(ns, optimizer=ns.optimizers.SGD(0.05, momentum=0.9))

        def again(self, *_):
            if self.last or self.epochs == 1:
                self.model.compile(ns.optimizers.SGD(0.05, momentum=0.9), "mae", metrics=["mse"])
            self.epochs += 1

        kind = type("Compiles", (ns.callbacks.Callback,), {hook: again, "epochs": 0, "last": hook == "on_train_end"})
        history = model.fit(x, y, batch_size=3, epochs=2, shuffle=False, verbose=0, callbacks=[kind()]).history
        found.append([history, model.get_weights(), int(model.optimizer.iterations)])
        found.append([model.fit(x, y, batch_size=3, shuffle=False, verbose=0).history, model.get_weights()])
    return found


@scenario("compile.defaults")
def compile_without_arguments_takes_rmsprop(ns, tmp):
    """The optimizer is RMSprop with its defaults; a loss must still be given."""
    x, y = line_data(4)
    model = line(ns)
    model.compile(loss="mse")
    model.fit(x, y, shuffle=False, verbose=0)
    return [type(model.optimizer).__name__, float(model.optimizer.learning_rate), model.get_weights()]


@scenario("compile.positional")
def compile_takes_its_arguments_by_position(ns, tmp):
    """optimizer, loss, loss_weights, metrics, weighted_metrics."""
    x, y = line_data(4)
    model = line(ns)
    model.compile("sgd", "mse", None, ["mae"], ["mse"])
    return model.fit(x, y, 2, 1, 0, shuffle=False).history


@scenario("train_on_batch.return_dict", "train_on_batch.sample_weight", "train_on_batch.class_weight")
def train_on_batch_takes_one_step_and_gives_its_logs(ns, tmp):
    """A list or a dict; the means are this batch's alone; weights by row and by class."""
    x, labels = class_data(6)
    model = classifier(ns, metrics=["accuracy"], weighted_metrics=["sparse_categorical_crossentropy"])
    found = [model.train_on_batch(x, labels, return_dict=True) for _ in range(2)]
    found.append([float(each) for each in model.train_on_batch(x, labels)])
    weights = np.array([0, 1, 2, 0.5, 1, 1], "float32")
    found.append(model.train_on_batch(x, labels, sample_weight=weights, return_dict=True))
    found.append(model.train_on_batch(x, labels, class_weight={0: 3.0, 1: 0.5}, return_dict=True))
    return [found, model.get_weights(), int(model.optimizer.iterations)]


@scenario("test_on_batch.return_dict", "test_on_batch.sample_weight")
def test_on_batch_trains_nothing(ns, tmp):
    """Logs of this batch alone, with weights or without; the weights of the model stay."""
    x, y = line_data(6)
    model = line(ns, weighted_metrics=["mse"])
    weights = np.arange(6, dtype="float32")
    found = [
        model.test_on_batch(x, y, return_dict=True),
        model.test_on_batch(x[:2], y[:2], sample_weight=weights[:2], return_dict=True),
        [float(each) for each in model.test_on_batch(x, y, weights)],
    ]
    return [found, model.get_weights(), line(ns, metrics=None).test_on_batch(x, y)]


@scenario("predict_on_batch.x.kinds")
def predict_on_batch_gives_numpy(ns, tmp):
    """Of NumPy and of JAX arrays, as predict gives."""
    import jax.numpy as jnp

    x = rows(5, 3)
    model = line(ns)
    outputs = [model.predict_on_batch(x), model.predict_on_batch(jnp.asarray(x))]
    return [outputs, [isinstance(each, np.ndarray) for each in outputs], model.predict(x, verbose=0)]


@scenario("model.call")
def a_model_is_a_function_of_its_input(ns, tmp):
    """model(x) gives the outputs, and training=False is its habit."""
    x = rows(4, 3)
    model = line(ns)
    return [np.asarray(model(x)), np.asarray(model(x, training=False)), model.predict(x, verbose=0)]


@scenario("evaluate.before_fit")
def evaluate_needs_no_training(ns, tmp):
    """compile and evaluate, with an unbuilt metric, in small batches."""
    x, y = line_data(7)
    model = line(ns, metrics=["mae"])
    return [model.evaluate(x, y, 3, 0), model.optimizer.iterations.numpy().item()]
