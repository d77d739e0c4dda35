"""The names of things: paths of variables, inputs by name, objects that answer to the names of hooks."""

from __future__ import annotations

from unittest.mock import MagicMock, Mock

import numpy as np

from tests.oracle.record import plain, recorder
from tests.oracle.scenario import scenario
from tests.oracle.small import fix, line, line_data, raised, rows


@scenario("names.paths")
def variables_have_the_models_name_in_front(ns, tmp):
    """Once the model has built the layer; a layer that was built before keeps its own path, and gives it anywhere."""
    early = ns.layers.Dense(2, name="early")
    before = [hasattr(early, "kernel") and early.kernel.path]
    early.build((None, 3))
    before += [each.path for each in early.weights]
    model = ns.Sequential([early, ns.layers.Dense(2), ns.layers.BatchNormalization(name="norm")], name="stack")
    model.add(ns.layers.Dense(1))
    model.build((None, 3))
    model.compile(ns.optimizers.Adam(0.0), "mse")
    model.train_on_batch(rows(4, 3), rows(4, 1))  # before it Keras's optimizer keeps nothing yet
    lists = (model.weights, model.trainable_variables, model.non_trainable_weights, model.optimizer.variables)
    paths = [[(each.name, each.path) for each in listed] for listed in lists]
    in_layers = [[each.path for each in layer.weights] for layer in model.layers]
    return [before, paths, in_layers, model.layers[1].kernel.path, repr(model.layers[1].bias)]


@scenario("names.input")
def inputs_may_come_in_a_dict_under_the_inputs_name(ns, tmp):
    """fit, its split and validation, evaluate, predict, one batch by hand, a call; another name is a ValueError."""
    x, y = rows(8, 3), rows(8, 1, seed=1)
    model = ns.Sequential([ns.Input((3,), name="numbers"), ns.layers.Dense(1)])
    fix(model)
    model.compile(ns.optimizers.SGD(0.1), "mse", metrics=["mae"])
    given = {"numbers": x}
    found = [
        model.fit(given, y, batch_size=3, shuffle=False, verbose=0, validation_split=0.25).history,
        model.fit({**given, "more": x}, y, batch_size=8, verbose=0, validation_data=(given, y)).history,
        model.fit(((given, y) for _ in range(2)), epochs=1, shuffle=False, verbose=0).history,
        model.evaluate(given, y, verbose=0, return_dict=True),
        model.predict(given, verbose=0),
        model.predict_on_batch(given),
        np.array(model(given)),
        model.train_on_batch(given, y, return_dict=True),
    ]
    return [plain(found), raised(lambda: model.fit({"letters": x}, y, verbose=0), ValueError)]


@scenario("names.mocks")
def a_mock_is_a_callback(ns, tmp):
    """It is given what a callback is given, and nothing that Keras does not know of."""
    x, y = line_data(4)
    told = []
    for mock in (MagicMock(), Mock(), MagicMock(spec=ns.callbacks.Callback), Mock(wraps=ns.callbacks.Callback())):
        model, beside = line(ns), recorder(ns)  # without it Keras would call a mock from another thread
        model.fit(x, y, batch_size=2, verbose=0, validation_data=(x, y), callbacks=[mock, beside])
        model.evaluate(x, y, verbose=0, callbacks=[mock, beside])
        model.predict(x, verbose=0, callbacks=[mock, beside])
        told.append([[name, len(args), sorted(named)] for name, args, named in mock.method_calls])
        told.append(sorted(mock.on_epoch_end.call_args[0][1]))
    return told


@scenario("SGD.learning_rate.function")
def a_learning_rate_may_be_a_function_without_arguments(ns, tmp):
    """It is asked for its value, also one whose arguments all have defaults; it reads as a number."""
    x, y = line_data(6)
    found = []
    for make in (ns.optimizers.SGD, ns.optimizers.Adam):
        for rate in (lambda: 0.05, lambda rate=0.2: rate):
            model = line(ns, optimizer=make(rate))
            history = model.fit(x, y, batch_size=2, epochs=2, shuffle=False, verbose=0).history
            found += [float(model.optimizer.learning_rate), history, model.get_weights()]
    return found


@scenario("compile.metrics.kinds", "compile.loss_weights.kinds")
def what_is_no_list_of_metrics_is_a_value_error(ns, tmp):
    """A bare name, a bare metric, a number; the same for weighted metrics, and a word as a loss's weight."""
    metric = ns.metrics.MeanAbsoluteError
    given = [{name: value} for name in ("metrics", "weighted_metrics") for value in ("mae", metric(), 3)]
    given.append({"loss_weights": "heavy"})
    found = [raised(lambda given=given: line(ns).compile("sgd", "mse", **given), ValueError) for given in given]
    found.append(raised(lambda: line(ns).compile(0.01, "mse"), ValueError))
    line(ns).compile("sgd", "mse", metrics=("mae",))
    return found
