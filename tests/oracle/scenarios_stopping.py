"""Stop requests: from each hook, of each kind, and what still runs after them."""

from __future__ import annotations

from tests.oracle.record import FIT_HOOKS, PREDICT_HOOKS, hooks_of, recorder
from tests.oracle.scenario import scenario
from tests.oracle.small import line, line_data, rows


def _stops_training_from(hook):
    def run(ns, tmp):
        def stop(self, index, logs):
            self.model.stop_training = True

        x, y = line_data(6)
        seen = recorder(ns, **{hook: stop})
        model = line(ns)
        history = model.fit(
            x, y, batch_size=2, epochs=3, shuffle=False, verbose=0, validation_data=(x, y), callbacks=[seen]
        )
        return [seen.trace, history.history, model.stop_training, model.get_weights()]

    run.__doc__ = f"stop_training set in {hook}: which batch is the last, and that validation and the ends still run."
    return run


for _hook in FIT_HOOKS:
    scenario(f"stop.{_hook}", name=f"stop_training_from_{_hook}")(_stops_training_from(_hook))


def _stops_evaluating_from(hook):
    def run(ns, tmp):
        def stop(self, index, logs):
            self.model.stop_evaluating = True

        x, y = line_data(6)
        seen = recorder(ns, **{hook: stop})
        model = line(ns)
        return [model.evaluate(x, y, batch_size=2, verbose=0, callbacks=[seen]), seen.trace]

    run.__doc__ = f"stop_evaluating set in {hook}: evaluate gives the means of the batches seen."
    return run


for _hook in ("on_test_begin", "on_test_batch_begin", "on_test_batch_end"):
    scenario(f"stop_evaluating.{_hook}", name=f"stop_evaluating_from_{_hook}")(_stops_evaluating_from(_hook))


def _stops_predicting_from(hook):
    def run(ns, tmp):
        def stop(self, index, logs):
            self.model.stop_predicting = True

        seen = recorder(ns, **{hook: stop})
        return [line(ns).predict(rows(8, 3), batch_size=2, verbose=0, callbacks=[seen]), seen.trace]

    run.__doc__ = f"stop_predicting set in {hook}: predict gives the outputs made so far."
    return run


for _hook in PREDICT_HOOKS[:3]:
    scenario(f"stop_predicting.{_hook}", name=f"stop_predicting_from_{_hook}")(_stops_predicting_from(_hook))


@scenario("stop_evaluating.validation")
def stop_evaluating_in_validation_leaves_validation_alone(ns, tmp):
    """The validation ends early, training goes on, and the next validation is whole until stopped again."""

    def stop(self, index, logs):
        if index == 1:
            self.model.stop_evaluating = True

    x, y = line_data(8)
    seen = recorder(ns, on_test_batch_end=stop)
    line(ns).fit(
        x, y, batch_size=2, epochs=2, shuffle=False, verbose=0, validation_data=(x, y), callbacks=[seen]
    )  # fmt: skip
    return seen.trace


@scenario("stop.taken_back")
def a_later_callback_may_take_a_stop_back(ns, tmp):
    """The flag is one for all: set by the first and cleared by the second, training goes on."""
    x, y = line_data(6)

    def stop(self, index, logs):
        self.model.stop_training = True

    def go_on(self, index, logs):
        self.model.stop_training = False

    first = recorder(ns, on_train_batch_end=stop, on_epoch_end=stop)
    second = recorder(ns, on_train_batch_end=go_on, on_epoch_end=go_on)
    line(ns).fit(x, y, batch_size=3, epochs=2, verbose=0, callbacks=[first, second])
    return hooks_of(second.trace)


@scenario("stop.reset")
def the_flag_stays_after_fit_and_the_next_fit_starts_anew(ns, tmp):
    """stop_training is True when a stopped fit returns; set from outside before a fit it means nothing."""
    x, y = line_data(4)
    model = line(ns)

    def stop(self, index, logs):
        self.model.stop_training = True

    seen = recorder(ns, on_epoch_end=stop)
    stopped = model.fit(x, y, epochs=3, verbose=0, callbacks=[seen])
    flags = [model.stop_training]
    whole = model.fit(x, y, epochs=3, verbose=0)
    flags.append(model.stop_training)
    model.stop_training = True
    ignored = model.fit(x, y, epochs=2, verbose=0)
    return [flags, stopped.epoch, whole.epoch, ignored.epoch]


@scenario("stop.closed_over_flag")
def a_stop_at_a_certain_batch_of_a_certain_epoch(ns, tmp):
    """The second epoch is left after its second batch: its logs are those of two batches."""
    x, y = line_data(8)
    state = {"epoch": 0}

    def stop(self, index, logs):
        if (state["epoch"], index) == (1, 1):
            self.model.stop_training = True

    seen = recorder(ns, on_train_batch_end=stop, on_epoch_begin=lambda self, epoch, logs: state.update(epoch=epoch))
    model = line(ns)
    history = model.fit(x, y, batch_size=2, epochs=4, shuffle=False, verbose=0, callbacks=[seen])
    return [seen.trace, history.history, int(model.optimizer.iterations)]


@scenario("stop.unwatched")
def a_stop_is_seen_where_nobody_looks_on_at_batches(ns, tmp):
    """Asked for before the first batch by callbacks without batch hooks: one batch runs, and no more."""
    x, y = line_data(8)
    found = []
    for hook, flag in (
        ("on_train_begin", "stop_training"),
        ("on_epoch_begin", "stop_training"),
        ("on_test_begin", "stop_evaluating"),
        ("on_predict_begin", "stop_predicting"),
    ):
        model = line(ns)
        seen = recorder(ns, hook, **{hook: lambda self, *_, flag=flag: setattr(self.model, flag, True)})
        history = model.fit(x, y, batch_size=2, epochs=2, shuffle=False, verbose=0, callbacks=[seen])
        numbers = model.evaluate(x, y, batch_size=2, verbose=0, callbacks=[seen])
        outputs = model.predict(x, batch_size=2, verbose=0, callbacks=[seen])
        found.append([hook, history.history, int(model.optimizer.iterations), numbers, outputs])
    return found


@scenario("stop.evaluate_unmoved")
def stop_training_does_not_end_an_evaluation_or_a_prediction(ns, tmp):
    """Each loop looks at its own flag only."""
    x, y = line_data(6)
    model = line(ns)

    def stop(self, index, logs):
        self.model.stop_training = True

    seen = recorder(ns, on_test_batch_end=stop, on_predict_batch_end=stop)
    model.evaluate(x, y, batch_size=2, verbose=0, callbacks=[seen])
    outputs = model.predict(x, batch_size=2, verbose=0, callbacks=[seen])
    return [hooks_of(seen.trace), outputs.shape]
