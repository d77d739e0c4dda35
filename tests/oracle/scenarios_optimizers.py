"""Optimizers step for step: fifty steps of each, its weights, its clipping, its schedules, its variables."""

from __future__ import annotations

import numpy as np

from tests.oracle.record import recorder
from tests.oracle.scenario import scenario
from tests.oracle.small import line, line_data, stacked


def _fifty_steps(ns, optimizer):
    """Ten epochs of five steps, with the weights after the first, second and last step."""
    x, y = line_data(20)
    model = line(ns, optimizer=optimizer)
    kept = []

    def keep(self, batch, logs):
        step = int(self.model.optimizer.iterations)
        if step in (1, 2, 10, 50):
            kept.append(self.model.get_weights())

    seen = recorder(ns, "on_train_batch_end", on_train_batch_end=keep)
    history = model.fit(x, y, batch_size=4, epochs=10, shuffle=False, verbose=0, callbacks=[seen])
    return [kept, history.history]


OPTIMIZERS = {
    "sgd": lambda o: o.SGD(0.05),
    "sgd_with_momentum": lambda o: o.SGD(0.05, momentum=0.9),
    "sgd_with_nesterov": lambda o: o.SGD(0.05, momentum=0.9, nesterov=True),
    "rmsprop": lambda o: o.RMSprop(0.02),
    "rmsprop_centered": lambda o: o.RMSprop(0.02, rho=0.8, momentum=0.5, centered=True, epsilon=1e-3),
    "adam": lambda o: o.Adam(0.05),
    "adam_amsgrad": lambda o: o.Adam(0.05, beta_1=0.8, beta_2=0.9, epsilon=1e-3, amsgrad=True),
    "adamw": lambda o: o.AdamW(0.05, weight_decay=0.1),
    "adagrad": lambda o: o.Adagrad(0.1, initial_accumulator_value=0.2),
    "nadam": lambda o: o.Nadam(0.05),
    "clipped_by_norm": lambda o: o.SGD(0.2, clipnorm=0.1),
    "clipped_by_global_norm": lambda o: o.Adam(0.05, global_clipnorm=0.1),
    "clipped_by_value": lambda o: o.SGD(0.2, clipvalue=0.05),
    "decayed_weights": lambda o: o.SGD(0.05, weight_decay=0.05),
}
for _name, _make in OPTIMIZERS.items():

    def _run(ns, tmp, _make=_make):
        return _fifty_steps(ns, _make(ns.optimizers))

    _run.__doc__ = f"Fifty steps of {_name.replace('_', ' ')}: the weights on the way and the losses."
    scenario(f"optimizer.{_name}", rtol=2e-4, name=f"fifty_steps_of_{_name}")(_run)


SCHEDULES = {
    "exponential": lambda s: s.ExponentialDecay(0.1, decay_steps=10, decay_rate=0.5),
    "staircase": lambda s: s.ExponentialDecay(0.1, decay_steps=10, decay_rate=0.5, staircase=True),
    "piecewise": lambda s: s.PiecewiseConstantDecay([5, 20], [0.1, 0.05, 0.01]),
    "polynomial": lambda s: s.PolynomialDecay(0.1, decay_steps=30, end_learning_rate=0.01, power=2.0),
    "inverse_time": lambda s: s.InverseTimeDecay(0.1, decay_steps=5, decay_rate=0.5),
    "cosine": lambda s: s.CosineDecay(0.1, decay_steps=40, alpha=0.1),
    "cosine_with_warmup": lambda s: s.CosineDecay(0.0, decay_steps=30, warmup_target=0.1, warmup_steps=10),
    "cosine_restarts": lambda s: s.CosineDecayRestarts(0.1, first_decay_steps=10),
}
for _name, _make in SCHEDULES.items():

    def _run(ns, tmp, _make=_make):
        schedule = _make(ns.optimizers.schedules)
        values = [float(schedule(step)) for step in (0, 1, 7, 20, 45)]
        optimizer = ns.optimizers.SGD(schedule)
        return [values, *_fifty_steps(ns, optimizer), float(optimizer.learning_rate)]

    _run.__doc__ = f"A learning rate by the {_name.replace('_', ' ')} schedule: its values, and the weights it makes."
    scenario(f"schedule.{_name}", rtol=2e-4, name=f"a_schedule_{_name}")(_run)


@scenario("compile.optimizer")
def an_optimizer_goes_by_name_by_class_and_by_instance(ns, tmp):
    """ "adam" is Adam with its defaults; the names are not case sensitive."""
    x, y = line_data(4)
    found = []
    for name in ("sgd", "Adam", "rmsprop", "ADAGRAD", "nadam", "adamw"):
        model = line(ns, optimizer=name)
        model.fit(x, y, epochs=2, shuffle=False, verbose=0)
        found.append([type(model.optimizer).__name__, float(model.optimizer.learning_rate), model.get_weights()])
    return found


@scenario("optimizer.config")
def an_optimizer_tells_its_settings(ns, tmp):
    """get_config holds what it was made with, and from_config makes the same again."""
    made = ns.optimizers.Adam(0.25, beta_1=0.5, clipnorm=1.0)
    config = made.get_config()
    again = type(made).from_config(config)
    wanted = ("learning_rate", "beta_1", "beta_2", "epsilon", "amsgrad", "clipnorm", "weight_decay")
    schedule = ns.optimizers.SGD(ns.optimizers.schedules.CosineDecay(0.5, 10))
    return [
        {key: config[key] for key in wanted},
        float(again.learning_rate),
        again.get_config()["beta_1"],
        float(schedule.learning_rate),
    ]


@scenario("optimizer.schedule_is_not_set")
def a_learning_rate_by_schedule_cannot_be_set(ns, tmp):
    """Assigning to it is a TypeError, in Keras's words or ours."""
    optimizer = ns.optimizers.SGD(ns.optimizers.schedules.ExponentialDecay(0.5, 10, 0.5))
    model = line(ns, optimizer=optimizer)
    try:
        model.optimizer.learning_rate = 0.1
    except TypeError:
        return "TypeError"
    return "set"


@scenario("optimizer.ema", rtol=1e-4)
def an_average_of_the_weights_replaces_them_at_the_end(ns, tmp):
    """use_ema: while fit runs the weights are their own, after it they are their moving average."""
    x, y = line_data(8)
    model = line(ns, optimizer=ns.optimizers.SGD(0.1, use_ema=True, ema_momentum=0.5))
    seen = recorder(ns, "on_epoch_end", on_epoch_end=lambda self, *_: self.model.get_weights())
    model.fit(x, y, batch_size=4, epochs=2, shuffle=False, verbose=0, callbacks=[seen])
    return [seen.trace, model.get_weights()]


@scenario("optimizer.accumulate", rtol=1e-4)
def gradients_may_be_gathered_over_steps(ns, tmp):
    """gradient_accumulation_steps=2: the weights move at every second batch."""
    x, y = line_data(8)
    model = line(ns, optimizer=ns.optimizers.SGD(0.1, gradient_accumulation_steps=2))
    seen = recorder(ns, "on_train_batch_end", on_train_batch_end=lambda self, *_: self.model.get_weights())
    model.fit(x, y, batch_size=2, epochs=2, shuffle=False, verbose=0, callbacks=[seen])
    return seen.trace


@scenario("optimizer.frozen")
def a_frozen_layer_is_not_moved_and_not_decayed(ns, tmp):
    """layer.trainable = False before compile: weights stay, the others train."""
    x, y = line_data(6)
    model = ns.Sequential([ns.Input((3,)), ns.layers.Dense(3, name="a"), ns.layers.Dense(1, name="b")])
    random = np.random.default_rng(4)
    model.set_weights([random.uniform(-1, 1, np.shape(each)) for each in model.get_weights()])
    model.get_layer("a").trainable = False
    model.compile(ns.optimizers.AdamW(0.1, weight_decay=0.5), "mse")
    model.fit(x, y, epochs=3, shuffle=False, verbose=0)
    return [model.get_weights(), len(model.trainable_weights), len(model.non_trainable_weights), len(model.weights)]


@scenario("optimizer.regularized")
def regularizers_are_in_the_loss(ns, tmp):
    """L1, L2 and both, on kernel, bias and output: added to the loss in training and in evaluation."""
    x, y = line_data(6)
    found = []
    for layer in (
        ns.layers.Dense(1, kernel_regularizer="l2"),
        ns.layers.Dense(1, kernel_regularizer=ns.regularizers.L1(0.05), bias_regularizer=ns.regularizers.L2(0.5)),
        ns.layers.Dense(1, kernel_regularizer=ns.regularizers.L1L2(l1=0.1, l2=0.2)),
    ):
        model = stacked(ns, (3,), layer, metrics=["mse"])
        history = model.fit(x, y, batch_size=3, epochs=2, shuffle=False, verbose=0, validation_data=(x, y))
        found.append([history.history, model.get_weights()])
    return found
