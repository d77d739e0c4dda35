"""Exceptions: which one reaches the user, who heard of the hook before, and what is left of the model."""

from __future__ import annotations

import numpy as np

from tests.oracle.record import FIT_HOOKS, PREDICT_HOOKS, hooks_of, recorder
from tests.oracle.scenario import scenario
from tests.oracle.small import line, line_data, raised, rows


class UsersError(Exception):
    """Raised by a user's callback."""


def _raises(error):
    def act(self, index, logs):
        if index in (None, 1):
            raise error

    return act


def _raises_in_fit(hook):
    def run(ns, tmp):
        x, y = line_data(6)
        before, fails, after = recorder(ns), recorder(ns, **{hook: _raises(UsersError("mine"))}), recorder(ns)
        model = line(ns)
        reached = raised(
            lambda: model.fit(
                x, y, batch_size=2, epochs=2, shuffle=False, verbose=0, validation_data=(x[:4], y[:4]),
                callbacks=[before, fails, after],
            ),
            UsersError,
        )  # fmt: skip
        left = model.get_weights() if hook in SAFE else None
        # The ends are closed for everybody in Kibitz (Keras's fault D15).
        later = [] if hook.endswith(("train_end", "test_end")) else hooks_of(after.trace)
        return [reached, hooks_of(before.trace), hooks_of(fails.trace), later, left]

    run.__doc__ = f"An error in {hook} reaches the caller of fit; later callbacks and later hooks are not called."
    return run


# In the other hooks Keras leaves the model without weights (its fault D13).
SAFE = [hook for hook in FIT_HOOKS if "test" not in hook]
for _hook in FIT_HOOKS:
    scenario(f"raise.{_hook}", name=f"error_in_{_hook}")(_raises_in_fit(_hook))


def _raises_in_predict(hook):
    def run(ns, tmp):
        fails, after = recorder(ns, **{hook: _raises(UsersError("mine"))}), recorder(ns)
        model = line(ns)
        reached = raised(
            lambda: model.predict(rows(6, 3), batch_size=2, verbose=0, callbacks=[fails, after]), UsersError
        )
        return [reached, hooks_of(fails.trace), [] if hook == "on_predict_end" else hooks_of(after.trace)]

    run.__doc__ = f"An error in {hook} reaches the caller of predict."
    return run


for _hook in PREDICT_HOOKS:
    scenario(f"raise.{_hook}", name=f"error_in_{_hook}")(_raises_in_predict(_hook))


def _raises_in_evaluate(hook):
    def run(ns, tmp):
        x, y = line_data(6)
        fails = recorder(ns, **{hook: _raises(UsersError("mine"))})
        model = line(ns)
        reached = raised(lambda: model.evaluate(x, y, batch_size=2, verbose=0, callbacks=[fails]), UsersError)
        return [reached, hooks_of(fails.trace)]

    run.__doc__ = f"An error in {hook} reaches the caller of evaluate."
    return run


for _hook in FIT_HOOKS[4:8]:
    scenario(f"raise.evaluate.{_hook}", name=f"error_in_{_hook}_of_evaluate")(_raises_in_evaluate(_hook))


@scenario("raise.keyboard")
def ctrl_c_in_a_hook_is_a_keyboard_interrupt(ns, tmp):
    """KeyboardInterrupt reaches the caller; neither epoch nor training end is called."""
    x, y = line_data(6)
    seen = recorder(ns, on_train_batch_end=_raises(KeyboardInterrupt()))
    model = line(ns)
    reached = raised(
        lambda: model.fit(x, y, batch_size=2, shuffle=False, verbose=0, callbacks=[seen]), KeyboardInterrupt
    )
    return [reached, hooks_of(seen.trace), model.get_weights(), int(model.optimizer.iterations)]


@scenario("raise.data")
def an_error_in_the_data_reaches_the_caller(ns, tmp):
    """A generator that fails at its fourth batch: the batches before it were trained on."""
    x, y = line_data(4)

    def batches():
        for _ in range(3):
            yield x, y
        raise UsersError("no more")

    seen = recorder(ns, "on_train_batch_end", "on_epoch_end", "on_train_end")
    model = line(ns)
    reached = raised(
        lambda: model.fit(batches(), steps_per_epoch=5, shuffle=False, verbose=0, callbacks=[seen]), UsersError
    )
    return [reached, hooks_of(seen.trace), model.get_weights()]


@scenario("raise.loss")
def an_error_in_a_loss_reaches_the_caller(ns, tmp):
    """A loss function of one's own that raises."""
    x, y = line_data(4)

    def wrong(y_true, y_pred):
        raise UsersError("no loss")

    model = line(ns, loss=wrong)
    return raised(lambda: model.fit(x, y, verbose=0), UsersError)


@scenario("raise.then_fit")
def a_model_trains_on_after_an_error(ns, tmp):
    """fit again after a failed fit: from the weights and the step of the failing batch."""
    x, y = line_data(6)
    seen = recorder(ns, on_train_batch_end=_raises(UsersError("mine")))
    model = line(ns, optimizer=ns.optimizers.Adam(0.05))
    raised(lambda: model.fit(x, y, batch_size=2, shuffle=False, verbose=0, callbacks=[seen]), UsersError)
    middle = model.get_weights()
    history = model.fit(x, y, batch_size=2, shuffle=False, verbose=0)
    return [middle, history.history, model.get_weights(), int(model.optimizer.iterations)]


@scenario("raise.not_compiled")
def a_model_must_be_compiled_before_it_is_fitted(ns, tmp):
    """fit, evaluate and the on_batch methods are a ValueError before compile; predict is not."""
    x, y = line_data(4)
    model = ns.Sequential([ns.Input((3,)), ns.layers.Dense(1)])
    model.set_weights([np.ones((3, 1)), np.zeros(1)])
    calls = (model.fit, model.evaluate, model.train_on_batch, model.test_on_batch)
    return [[raised(lambda call=call: call(x, y), ValueError) for call in calls], model.predict(x, verbose=0)]


@scenario("raise.shapes")
def arrays_of_other_lengths_are_a_value_error(ns, tmp):
    """Data, targets and weights must have as many rows."""
    x, y = line_data(6)
    model = line(ns)
    return [
        raised(lambda: model.fit(x, y[:4], verbose=0), ValueError),
        raised(lambda: model.evaluate(x[:2], y, verbose=0), ValueError),
        raised(lambda: model.fit(x, y, sample_weight=np.ones(3), verbose=0), ValueError),
    ]


@scenario("raise.names")
def a_name_that_is_not_there_is_a_value_error(ns, tmp):
    """Of a loss, a metric, an optimizer, a layer and an activation."""
    x, y = line_data(4)

    def fits(**settings):
        model = line(ns, **settings)
        model.fit(x, y, verbose=0)

    return [
        raised(lambda: fits(loss="mean_sqared_error"), ValueError),
        raised(lambda: fits(metrics=["acuracy"]), ValueError),
        raised(lambda: fits(optimizer="adamm"), ValueError),
        raised(lambda: ns.layers.Dense(1, activation="rellu"), ValueError),
        raised(lambda: line(ns).get_layer("nobody"), ValueError),
    ]
