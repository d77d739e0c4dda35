"""What may be given as callbacks, and instances that are used more than once."""

from __future__ import annotations

import numpy as np

from tests.oracle.record import hooks_of, recorder
from tests.oracle.scenario import scenario
from tests.oracle.small import line, line_data, printed, raised, without_times


@scenario("fit.callbacks.single", "fit.callbacks.tuple", "fit.callbacks.none")
def callbacks_may_be_one_a_list_a_tuple_or_none(ns, tmp):
    """A single instance needs no list around it; a tuple is a list; None and [] are nobody."""
    x, y = line_data(4)
    model, lengths = line(ns), []
    for wrap in (lambda c: c, lambda c: [c], lambda c: (c,)):
        seen = recorder(ns)
        model.fit(x, y, verbose=0, callbacks=wrap(seen))
        model.evaluate(x, y, verbose=0, callbacks=wrap(seen))
        model.predict(x, verbose=0, callbacks=wrap(seen))
        lengths.append(hooks_of(seen.trace))
    for nobody in (None, [], ()):
        model.fit(x, y, verbose=0, callbacks=nobody)
        model.evaluate(x, y, verbose=0, callbacks=nobody)
        model.predict(x, verbose=0, callbacks=nobody)
    return [lengths, model.get_weights()]


@scenario("callbacks.shared")
def one_instance_serves_fit_evaluate_and_predict(ns, tmp):
    """The trace of one callback through three calls, with the params and the model of each."""
    x, y = line_data(4)
    seen = recorder(ns)
    first, second = line(ns), line(ns)
    first.fit(x, y, verbose=0, callbacks=[seen])
    second.evaluate(x, y, verbose=0, callbacks=[seen])
    owner = seen.model is second
    first.predict(x, verbose=0, callbacks=[seen])
    return [hooks_of(seen.trace), owner, seen.model is first, seen.params]


@scenario("callbacks.twice_in_turn")
def a_callback_keeps_its_attributes_from_fit_to_fit(ns, tmp):
    """Nothing of a user's callback is reset between two fits."""
    x, y = line_data(4)

    class Counts(ns.callbacks.Callback):
        def __init__(self):
            super().__init__()
            self.batches, self.epochs = 0, []

        def on_train_batch_end(self, batch, logs=None):
            self.batches += 1

        def on_epoch_end(self, epoch, logs=None):
            self.epochs.append(epoch)

    counts, model = Counts(), line(ns)
    for _ in range(2):
        model.fit(x, y, batch_size=2, epochs=2, verbose=0, callbacks=[counts])
    return [counts.batches, counts.epochs]


@scenario("callbacks.own_history")
def a_history_of_ones_own_is_used_and_returned(ns, tmp):
    """No second History is made; over two fits its numbers grow and its epochs start anew."""
    x, y = line_data(4)
    mine, model = ns.callbacks.History(), line(ns)
    first = model.fit(x, y, epochs=2, verbose=0, callbacks=[mine])
    found = [first is mine, model.history is mine, list(mine.epoch), len(mine.history["loss"])]
    second = model.fit(x, y, epochs=2, verbose=0, callbacks=[mine])
    return [found, second is mine, mine.epoch, mine.history]


@scenario("callbacks.own_progbar")
def a_progress_bar_of_ones_own_takes_the_place_of_the_usual_one(ns, tmp):
    """One bar, not two."""
    x, y = line_data(4)
    with printed() as text:
        line(ns).fit(x, y, batch_size=2, epochs=2, shuffle=False, verbose=2, callbacks=[ns.callbacks.ProgbarLogger()])
    return without_times(text.getvalue())


@scenario("callbacks.history_last")
def history_stands_after_the_callbacks_given(ns, tmp):
    """At the end of an epoch the user's callbacks come first: History has not that epoch yet."""
    x, y = line_data(4)
    lengths = []

    class Looks(ns.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            lengths.append(len(self.model.history.history.get("loss", [])))

        def on_train_end(self, logs=None):
            lengths.append(len(self.model.history.history["loss"]))

    line(ns).fit(x, y, epochs=2, verbose=0, callbacks=[Looks()])
    return lengths


@scenario("callbacks.list_given")
def a_callback_list_with_its_model_is_used_as_it_is(ns, tmp):
    """A CallbackList made with a model and a history: fit trains with it and returns that history."""
    x, y = line_data(4)
    model, seen = line(ns), recorder(ns)
    together = ns.callbacks.CallbackList([seen], add_history=True, model=model)
    history = model.fit(x, y, epochs=2, verbose=0, callbacks=together)
    return [seen.trace, history.history, seen.model is model]


@scenario("callback_list.loop")
def a_callback_list_serves_a_loop_written_by_hand(ns, tmp):
    """Around train_on_batch: hooks in order, logs by keyword at batches, params as given, history kept."""
    x, y = line_data(6)
    model, seen = line(ns), recorder(ns)
    hooks = ns.callbacks.CallbackList([seen], add_history=True, model=model, epochs=2, steps=3, verbose=0)
    hooks.on_train_begin()
    for epoch in range(2):
        hooks.on_epoch_begin(epoch)
        for batch in range(3):
            hooks.on_train_batch_begin(batch)
            part = slice(2 * batch, 2 * batch + 2)
            logs = model.train_on_batch(x[part], y[part], return_dict=True)
            hooks.on_train_batch_end(batch, logs)
        hooks.on_test_begin()
        hooks.on_test_batch_begin(0)
        hooks.on_test_batch_end(0, {"mae": 1, "loss": 2.5})
        hooks.on_test_end({"loss": 2.5})
        hooks.on_epoch_end(epoch, logs)
    hooks.on_train_end(logs)
    hooks.on_predict_begin()
    hooks.on_predict_batch_begin(0)
    hooks.on_predict_batch_end(0)
    hooks.on_predict_end()
    return [seen.trace, seen.params, model.history.history, model.history.epoch, seen.model is model]


@scenario("callback_list.floats")
def a_callback_list_gives_floats_in_the_order_of_the_keys(ns, tmp):
    """NumPy and JAX scalars become floats, words and arrays stay, a dict in the logs is spread."""
    import jax.numpy as jnp

    seen = recorder(ns, "on_epoch_end")
    hooks = ns.callbacks.CallbackList([seen], model=line(ns))
    hooks.on_epoch_end(0, {"b": np.float32(1), "a": jnp.ones(()), "s": "word", "c": np.ones(2), "d": {"q": 1}})
    return seen.trace


@scenario("callback_list.unbalanced")
def an_end_without_a_begin_is_a_value_error(ns, tmp):
    """A CallbackList keeps the books of begins and ends."""
    model = line(ns)
    never, balanced = (ns.callbacks.CallbackList([ns.callbacks.Callback()], model=model) for _ in range(2))
    balanced.on_test_begin()
    balanced.on_test_end()
    return [raised(never.on_train_end, ValueError), raised(balanced.on_test_end, ValueError)]


@scenario("callback_list.old_names")
def a_callback_list_has_the_old_batch_hooks_too(ns, tmp):
    """on_batch_begin and on_batch_end of the list call the same of each callback."""
    calls = []

    class Old(ns.callbacks.Callback):
        def on_batch_begin(self, batch, logs=None):
            calls.append(["begin", batch, dict(logs)])

        def on_batch_end(self, batch, logs=None):
            calls.append(["end", batch, dict(logs)])

    hooks = ns.callbacks.CallbackList([Old()], model=line(ns))
    hooks.on_train_begin()
    hooks.on_batch_begin(3)
    hooks.on_batch_end(3, {"loss": 1.5})
    hooks.on_train_end()
    return calls


@scenario("callbacks.same_twice")
def the_same_instance_twice_is_called_twice(ns, tmp):
    """A list is taken at its word."""
    x, y = line_data(4)
    seen = recorder(ns)
    line(ns).fit(x, y, verbose=0, callbacks=[seen, seen])
    return hooks_of(seen.trace)
