"""What a callback asks its run for is done once, in one order, after everybody has had the hook, and changes no bit."""

from __future__ import annotations

import contextlib

import numpy as np
import pytest

import kibitz as keras
from kibitz.callbacks import Callback, ModelCheckpoint
from kibitz.errors import NotReady, UnknownMonitor, UnknownName
from kibitz.hooks import HOOKS
from kibitz.run import Run
from kibitz.testing import Recorder, drive
from tests.runs.small import Asks, X, Y, batches, bits, build, fit, weights

HELD = {"validation_data": (X[:8], Y[:8]), "validation_batch_size": 4}
SETS = {"validation_data": {"clean": (X[:8], Y[:8]), "noisy": (X[8:], Y[8:])}}
SELDOM = {"validation_freq": 100}
"""Validation is never due, so that only those who ask have one."""


class Notes(Recorder):
    """Writes down hooks, and what others ask it for; it stands behind everybody."""

    def save_now(self, logs):
        self.calls.append(("save", dict(logs)))

    def flush(self):
        self.calls.append(("flush",))

    def done(self):
        """What was done because it was asked for: validations, saves, flushes."""
        names = {"on_test_begin": "evaluate", "save": "save", "flush": "flush", "on_run_end": "end"}
        return [names[call[0]] for call in self.calls if call[0] in names]

    def asked(self, what):
        """The number of the hook after which each was done, and that hook."""
        return [self.hooks[at - 1] for at, name in enumerate(self.hooks) if name == what]


def everything(callback):
    callback.run.flush()
    callback.run.stop("enough")
    callback.run.save()
    callback.run.evaluate()
    for _ in range(3):  # once is enough
        callback.run.save()
        callback.run.evaluate()
        callback.run.flush()


AFTER = {
    "on_train_begin": "on_train_begin",
    "on_epoch_begin": "on_epoch_begin",
    "on_train_batch_begin": "on_train_batch_end",
    "on_train_batch_end": "on_train_batch_end",
    "on_epoch_end": "on_epoch_end",
    "on_train_end": "on_train_end",
}
"""The hook after which is done what was asked for in each."""


@pytest.mark.parametrize("hook", AFTER)
def test_asked_for_in_any_hook_it_is_done_once_in_one_order_at_the_next_safe_moment(hook):
    notes = Notes()
    fit(Asks(hook, everything, at=[1]), notes, **HELD, **SELDOM)

    assert notes.done() == ["evaluate", "save", "flush", "end"]
    assert notes.asked("on_test_begin") == [AFTER[hook]]
    assert notes.asked("save") == ["on_test_end"]
    assert notes.asked("flush") == ["save"]
    assert notes.calls[-1][1].kind == "stopped"


@pytest.mark.parametrize("hook", ["on_test_begin", "on_test_batch_begin", "on_test_batch_end", "on_test_end"])
@pytest.mark.parametrize("freq", [1, "4 steps"], ids=["at the end", "within"])
def test_asked_for_within_a_validation_it_is_done_when_the_batch_or_epoch_around_it_is_at_its_end(hook, freq):
    notes = Notes()
    fit(Asks(hook, everything, at=[1]), notes, **HELD, validation_freq=freq)

    assert notes.done() == ["evaluate", "evaluate", "save", "flush", "end"]
    assert notes.asked("on_test_begin")[1] == ("on_epoch_end" if freq == 1 else "on_train_batch_end")


def test_the_save_has_the_numbers_of_the_evaluation_of_that_moment():
    notes, seen = Notes(), []

    def ask(callback):
        seen.append(callback.model.evaluate(X[:8], Y[:8], verbose=0))
        callback.run.save()
        callback.run.evaluate()

    fit(Asks("on_train_batch_end", ask, at=[3]), notes, **HELD, **SELDOM)
    [saved] = [call[1] for call in notes.calls if call[0] == "save"]

    assert list(saved) == ["loss", "mae", "val_loss", "val_mae"]
    assert [saved["val_loss"], saved["val_mae"]] == pytest.approx(seen[0])


def test_the_checkpoint_of_an_evaluation_asked_for_at_a_step_is_the_best_by_its_numbers(tmp_path):
    path = tmp_path / "best.weights.h5"
    save = ModelCheckpoint(path, save_best_only=True, save_weights_only=True)

    def ask(callback):
        callback.run.evaluate()
        callback.run.save()
        callback.there = weights(callback.model)

    asks = Asks("on_train_batch_end", ask, at=[8])
    model, history = fit(asks, save, **HELD, **SELDOM)

    assert save.best == history.history["val_loss"][0]
    model.load_weights(path)
    assert weights(model) == asks.there


@pytest.mark.parametrize("hook", ["on_epoch_begin", "on_train_batch_end"])
def test_a_checkpoint_without_its_number_saves_nothing_and_says_so(tmp_path, hook):
    save = ModelCheckpoint(tmp_path / "{val_loss:.2f}.weights.h5", save_best_only=True, save_weights_only=True)
    words = "ModelCheckpoint was asked to save, and did not: there is no val_loss at this moment"
    with pytest.warns(UserWarning, match=words):
        fit(Asks(hook, lambda callback: callback.run.save(), at=[1]), save, **HELD, **SELDOM)
    assert list(tmp_path.iterdir()) == []


def test_a_checkpoint_saves_at_once_what_needs_no_number(tmp_path):
    save = ModelCheckpoint(tmp_path / "{epoch}-{batch}.weights.h5", save_weights_only=True, save_freq=1000)
    fit(Asks("on_train_batch_end", lambda callback: callback.run.save(), at=[2, 9]), save)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["1-2.weights.h5", "2-3.weights.h5"]


def test_some_sets_are_evaluated_by_name():
    notes, names = Notes(), []

    class Who(Callback):
        def on_test_begin(self, logs=None):
            names.append((self.run.validating, self.run.step))

    def ask(callback):
        callback.run.evaluate({3: "clean", 5: ["noisy"], 7: ["noisy", "clean"], 9: None}[callback.run.step])
        callback.run.save()

    fit(Asks("on_train_batch_end", lambda cb: ask(cb) if cb.run.step in {3, 5, 7, 9} else None), Who(), notes,
        **SETS, **SELDOM)  # fmt: skip
    saved = [sorted(key for key in call[1] if key.startswith("val_")) for call in notes.calls if call[0] == "save"]
    clean, noisy = ["val_clean_loss", "val_clean_mae"], ["val_noisy_loss", "val_noisy_mae"]

    assert saved == [clean, noisy, clean + noisy, clean + noisy]
    assert names == [("clean", 3), ("noisy", 5), ("clean", 7), ("noisy", 7), ("clean", 9), ("noisy", 9)]


def test_sets_asked_for_one_by_one_are_evaluated_together():
    notes = Notes()

    def ask(callback):
        callback.run.evaluate("noisy")
        callback.run.evaluate("clean")

    fit(Asks("on_train_batch_end", ask, at=[1]), notes, **SETS, **SELDOM)
    assert notes.done() == ["evaluate", "evaluate", "end"]


def refusal(ask, hook="on_train_begin", error=UnknownName, **given):
    with pytest.raises(error) as raised:
        fit(Asks(hook, ask), **given)
    return str(raised.value)


def test_an_unknown_set_is_refused_with_the_names_there_are():
    assert refusal(lambda callback: callback.run.evaluate("claen"), **SETS) == (
        "No set of validation data has this name.\n"
        "  given    'claen'\n"
        "  there is clean, noisy\n"
        '  nearest  "clean"\n'
        "  cure     self.run.evaluate() for all there are"
    )
    assert refusal(lambda callback: callback.run.evaluate(["clean", 3]), **SETS).splitlines()[1] == "  given    3"
    assert "No set of validation data has this name" in refusal(lambda callback: callback.run.evaluate("val"), **HELD)


def test_without_validation_data_an_evaluation_is_refused():
    assert refusal(lambda callback: callback.run.evaluate(), error=NotReady) == (
        "There is nothing to evaluate on: this run has no validation data.\n"
        "  given    self.run.evaluate()\n"
        "  wanted   a fit with validation_data\n"
        "  cure     fit(..., validation_data=(x, y)), or self.model.evaluate(x, y) in the hook itself"
    )


def test_where_nobody_saves_a_save_is_refused():
    assert refusal(lambda callback: callback.run.save(), error=NotReady) == (
        "Nothing in this run saves.\n"
        "  given    self.run.save()\n"
        "  wanted   a callback that saves\n"
        '  cure     fit(..., callbacks=[..., ModelCheckpoint("model.keras")])'
    )


def test_a_flush_that_concerns_nobody_is_no_mistake():
    fit(Asks("on_train_batch_end", lambda callback: callback.run.flush()))


@pytest.mark.parametrize("what", ["evaluate", "save", "flush"])
def test_when_the_run_is_over_nothing_can_be_asked(what):
    said = []

    def ask(callback):
        with pytest.raises(NotReady) as raised:
            getattr(callback.run, what)()
        said.append(str(raised.value))

    fit(Asks("on_run_end", ask), Notes(), **HELD)
    assert said[0].splitlines() == [
        "The run is over: what is asked of it now would not be done.",
        f"  given    self.run.{what}()",
        "  wanted   a hook before on_run_end",
        f"  cure     self.run.{what}() in on_train_end or earlier",
    ]
    assert len(said) == 1


def test_what_is_asked_for_while_it_is_carried_out_is_done_the_next_time():
    class Again(Notes):
        def save_now(self, logs):
            super().save_now(logs)
            self.run.flush()

    again = Again()
    fit(Asks("on_train_batch_end", lambda callback: callback.run.save(), at=[2]), again)
    assert again.done() == ["save", "flush", "end"]
    assert again.asked("flush") == ["on_train_batch_end"]


def test_what_the_last_evaluation_asks_for_is_done_still():
    notes = Notes()
    more = Asks("on_test_end", lambda callback: callback.run.save() or callback.run.evaluate())
    fit(Asks("on_train_end", lambda callback: callback.run.evaluate()), more, notes, **HELD, **SELDOM)
    assert notes.done() == ["evaluate", "save", "end"]


def test_what_the_last_save_asks_for_is_done_still():
    class Again(Notes):
        def save_now(self, logs):
            super().save_now(logs)
            self.run.flush()

    again = Again()
    fit(Asks("on_train_end", lambda callback: callback.run.save()), again)
    assert again.done() == ["save", "flush", "end"]


@pytest.mark.parametrize("error", [None, ZeroDivisionError])
def test_a_callback_that_looks_on_at_a_run_within_its_own_asks_its_own_again_afterwards(error):
    class Nests(Callback):
        def on_train_batch_end(self, batch, logs=None):
            outer = self.run
            with contextlib.suppress(ZeroDivisionError):
                self.model.evaluate(X[:4], Y[:4], verbose=0, callbacks=[self])
            assert self.run is outer
            self.run.stop("seen enough")

        def on_test_end(self, logs=None):
            self.inner = self.run
            if error is not None:
                raise error

    nests = Nests()
    _, history = fit(nests)
    assert nests.inner.kind == "test"
    assert str(history.run.outcome) == "stopped by Nests: seen enough"


def test_a_run_that_was_refused_is_none_to_go_back_to():
    history = keras.callbacks.History()
    with pytest.raises(UnknownMonitor):
        fit(history, keras.callbacks.EarlyStopping("no"))
    refused = history.run
    fit(history)
    assert history.run is not refused
    assert history.run.outcome.kind == "completed"


def test_a_failed_run_carries_out_nothing_more():
    def fail(callback):
        callback.run.save()
        raise ZeroDivisionError

    notes = Notes()
    with pytest.raises(ZeroDivisionError):
        fit(Asks("on_train_batch_end", fail), notes)
    assert notes.done() == ["end"]


def test_drive_carries_out_what_is_asked_for():
    notes = Notes()
    drive([Asks("on_train_batch_end", lambda callback: callback.run.save(), at=[2]), notes], epochs=[{"loss": 1.0}] * 2)
    assert notes.done() == ["save", "end"]


# -- runs of their own ------------------------------------------------------------------------------------------------


def alone(kind, *callbacks):
    model = build()
    if kind == "test":
        return model.evaluate(X, Y, batch_size=4, verbose=0, callbacks=list(callbacks))
    return model.predict(X, batch_size=4, verbose=0, callbacks=list(callbacks))


@pytest.mark.parametrize("kind", ["test", "predict"])
@pytest.mark.parametrize("side", ["begin", "batch_begin", "batch_end", "end"])
def test_an_evaluation_and_a_prediction_save_and_flush_when_they_are_asked(kind, side):
    def ask(callback):
        callback.run.flush()
        callback.run.save()

    notes = Notes()
    found = alone(kind, Asks(f"on_{kind}_{side}", ask, at=[1]), notes)

    assert [name for name in notes.done() if name != "evaluate"] == ["save", "flush", "end"]
    assert notes.asked("save") == [f"on_{kind}_{side.replace('batch_begin', 'batch_end')}"]
    assert np.array_equal(found, alone(kind))


@pytest.mark.parametrize("kind", ["test", "predict"])
def test_an_evaluation_and_a_prediction_have_nothing_to_evaluate_on(kind):
    with pytest.raises(NotReady, match="There is nothing to evaluate on"):
        alone(kind, Asks(f"on_{kind}_batch_end", lambda callback: callback.run.evaluate()))


@pytest.mark.parametrize("kind", ["test", "predict"])
def test_an_evaluation_and_a_prediction_stop_when_they_are_asked(kind):
    record = Recorder()
    alone(kind, Asks(f"on_{kind}_batch_end", lambda callback: callback.run.stop("seen enough"), at=[2]), record)

    assert record.hooks.count(f"on_{kind}_batch_end") == 2
    assert record.hooks[-2:] == [f"on_{kind}_end", "on_run_end"]
    assert str(record.calls[-1][1]) == "stopped by Asks: seen enough"


def test_a_stop_of_the_training_lets_its_validation_be_finished():
    record = Recorder()
    fit(Asks("on_test_batch_begin", lambda callback: callback.run.stop("seen enough")), record, **HELD)
    assert record.hooks.count("on_test_batch_end") == 2
    assert record.hooks[-4:] == ["on_test_end", "on_epoch_end", "on_train_end", "on_run_end"]


def test_a_stop_at_once_within_a_validation_skips_the_end_of_the_epoch():
    record = Recorder()
    asks = Asks("on_test_batch_begin", lambda callback: callback.run.stop("seen enough", now=True))
    fit(asks, record, **HELD)
    assert record.hooks[-3:] == ["on_test_end", "on_train_end", "on_run_end"]


def test_a_stop_at_once_lets_be_done_what_was_asked_for_with_it():
    notes = Notes()

    def ask(callback):
        callback.run.stop("seen enough", now=True)
        everything(callback)

    fit(Asks("on_train_batch_end", ask), notes, **SETS, **SELDOM)
    assert notes.done() == ["evaluate", "evaluate", "save", "flush", "end"]
    assert notes.hooks[-3:] == ["flush", "on_train_end", "on_run_end"]


# -- nobody is harmed --------------------------------------------------------------------------------------------------


class Means(Callback):
    """The numbers of the training at the end of each batch, from wherever they can be had."""

    def on_train_begin(self, logs=None):
        self.seen, self.own, self.ends = [], [], []

    def on_train_batch_end(self, batch, logs=None):
        own = {name: float(value) for name, value in self.model.get_metrics_result().items()}
        metric = next(each for each in self.model.metrics if each.name == "mae")
        self.own.append((own, float(metric.result())))
        self.seen.append(({key: value for key, value in logs.items() if not key.startswith("val_")}, dict(logs.batch)))

    def on_epoch_end(self, epoch, logs=None):
        self.ends.append({key: value for key, value in logs.items() if not key.startswith("val_")})


@pytest.mark.parametrize(
    "given",
    [{"validation_freq": "4 steps"}, {"validation_freq": "1 step"}, {**SELDOM, "ask": True},
     {**SELDOM, **SETS, "ask": True}],
    ids=["4 steps", "every step", "asked", "sets"],
)  # fmt: skip
def test_a_validation_in_the_midst_of_an_epoch_harms_no_number_of_the_training_and_no_bit(given):
    given = {**HELD, **given}
    asks = [Asks("on_train_batch_end", lambda callback: callback.run.evaluate())] if given.pop("ask", False) else []
    alone, means = Means(), Means()
    model, _ = fit(alone)
    state = bits(model)
    model, history = fit(*asks, means, **given)

    assert (means.seen, means.own, means.ends) == (alone.seen, alone.own, alone.ends)
    assert bits(model) == state
    assert any(key.startswith("val_") for key in history.history)


def test_what_was_measured_is_there_until_it_is_measured_anew():
    seen = []

    class Looks(Callback):
        def on_train_batch_end(self, batch, logs=None):
            seen.append(dict(self.run.validation))

    fit(Asks("on_train_batch_end", lambda callback: callback.run.evaluate(), at=[3, 8]), Looks(), **HELD, **SELDOM)
    assert seen[:3] == [{}] * 3
    assert sorted(seen[3]) == ["val_loss", "val_mae"]
    assert seen[3] == seen[7] != seen[8] == seen[11]


def test_numbers_that_were_asked_for_stand_in_the_logs_of_the_epoch_in_which_they_were_measured():
    _, history = fit(Asks("on_train_batch_end", lambda callback: callback.run.evaluate(), at=[8]), epochs=3, **HELD,
                     **SELDOM)  # fmt: skip
    rows = history.rows()
    assert [row["val_loss"] is None for row in rows] == [True, False, True]


@pytest.mark.parametrize("hook", ["on_train_begin", "on_epoch_end", "on_train_end"])
def test_numbers_measured_between_epochs_stand_in_the_logs_of_none(hook):
    _, history = fit(Asks(hook, lambda callback: callback.run.evaluate()), epochs=3, **HELD, **SELDOM)
    assert sorted(history.history) == ["loss", "mae"]


def test_a_validation_of_one_set_leaves_a_watcher_of_another_waiting():
    stop = keras.callbacks.EarlyStopping("val_noisy_loss", patience=1)
    asks = Asks("on_train_batch_end", lambda callback: callback.run.evaluate("clean"))
    _, history = fit(asks, stop, epochs=3, **SETS, **SELDOM)
    assert len(history.epoch) == 3
    assert stop.best is None


def test_after_an_evaluation_behind_the_last_epoch_the_models_metrics_are_its_own():
    notes = Notes()
    model, _ = fit(Asks("on_train_end", lambda callback: callback.run.evaluate()), notes, **HELD, **SELDOM)
    [numbers] = notes.logs("on_test_end")
    assert {name: float(value) for name, value in model.get_metrics_result().items()} == pytest.approx(numbers)


def test_an_evaluation_of_a_generator_can_be_asked_for_again_and_again():
    notes = Notes()
    asks = Asks("on_train_batch_end", lambda callback: callback.run.evaluate() or callback.run.save(), at=[3, 3])
    fit(asks, notes, validation_data=batches(4), validation_steps=2, epochs=1)
    assert notes.done().count("evaluate") == 2


# -- those who are asked ----------------------------------------------------------------------------------------------


class Breaks(Callback):
    def on_epoch_end(self, epoch, logs=None):
        pass

    def save_now(self, logs):
        raise OSError("the disk is full")


def test_an_exception_of_whoever_saves_says_who_it_was():
    with pytest.raises(OSError, match="full") as raised:
        fit(Asks("on_train_batch_end", lambda callback: callback.run.save()), Breaks())
    assert raised.value.__notes__ == ["in Breaks.save_now"]


def test_whoever_saves_may_fail_as_it_has_declared():
    saver, notes = Breaks(on_error="detach"), Notes()
    with pytest.warns(
        UserWarning, match="OSError in Breaks.save_now: the disk is full; it is not called again"
    ) as said:
        fit(Asks("on_train_batch_end", lambda callback: callback.run.save()), saver, notes)
    assert len(said) == 1
    assert notes.done().count("save") == 12


def test_a_stop_asked_for_by_whoever_saves_is_known_to_be_its_own():
    class Full(Notes):
        def save_now(self, logs):
            self.run.stop("the disk is full")

    _, history = fit(Asks("on_train_batch_end", lambda callback: callback.run.save()), Full())
    assert str(history.run.outcome) == "stopped by Full: the disk is full"


def test_what_a_run_keeps_is_let_go_at_its_end():
    _, history = fit(Notes(), **HELD)
    run = history.run
    assert (run.savers, run.flushers, run.acts, run.sets, run.validate) == ([], [], [], None, None)


def test_a_run_that_nobody_goes_along_has_no_hook_to_carry_out():
    run = Run("train")
    run.flushers.append(lambda: done.append("flush"))
    done = []
    run.flush()
    run.carry_out({})
    run.carry_out({})
    assert done == ["flush"]
    assert len(HOOKS) == 15
