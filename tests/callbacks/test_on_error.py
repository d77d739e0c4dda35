"""What becomes of an exception in a hook: it ends the run, or is a warning, or the last word of who raised it."""

from __future__ import annotations

import warnings

import keras as real_keras
import pytest

from kibitz.callbacks import Callback, CallbackList, EarlyStopping
from kibitz.callbacks.declared import FAILURES, failure_of
from kibitz.errors import InvalidArgument
from kibitz.outcome import Outcome
from kibitz.testing import Recorder, drive
from tests.runs.small import Asks, bits, fit

HOOKS = (
    "on_train_begin", "on_epoch_begin", "on_train_batch_begin", "on_train_batch_end", "on_test_begin",
    "on_test_batch_begin", "on_test_batch_end", "on_test_end", "on_epoch_end", "on_train_end", "on_run_end",
)  # fmt: skip
LOGS = [{"loss": 1.0, "val_loss": 1.0}] * 2


class Breaks(Callback):
    """Raises at one hook, and notes how often that was called, and whether it was closed."""

    def __init__(self, hook, error=ZeroDivisionError, **declared):
        super().__init__(**declared)
        self.raised, self.closed = 0, 0

        def fail(*given, **named):
            self.raised += 1
            raise error("no")

        setattr(self, hook, fail)

    def on_run_end(self, outcome):
        self.closed += 1


def run(*callbacks):
    """A drive, and the warnings of it."""
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        result = drive(list(callbacks), epochs=LOGS, batches=2)
    return result, [str(each.message) for each in said]


def whole(*others):
    record = Recorder()
    run(*others, record)
    return record.calls


@pytest.mark.parametrize("hook", HOOKS)
@pytest.mark.parametrize("declared", [{}, {"on_error": "raise"}])
def test_an_exception_ends_the_run_where_nothing_else_is_said(hook, declared):
    record = Recorder()
    with pytest.raises(ZeroDivisionError) as raised:
        drive([Breaks(hook, **declared), record], epochs=LOGS, batches=2)
    assert raised.value.__notes__[0].startswith(f"in Breaks.{hook}")
    assert record.hooks[-1] == "on_run_end"


@pytest.mark.parametrize("hook", HOOKS)
def test_who_warns_goes_on_and_nobody_else_notices(hook):
    breaks, record = Breaks(hook, on_error="warn"), Recorder()
    result, said = run(breaks, record)

    assert result.kind == "completed"
    assert record.calls == whole()
    times = record.hooks.count(hook)
    assert breaks.raised == len(said) == times
    assert all(each.startswith(f"ZeroDivisionError in Breaks.{hook}") for each in said)
    assert all(each.endswith(": no; the run goes on") for each in said)
    assert breaks.closed == (hook != "on_run_end")


@pytest.mark.parametrize("hook", HOOKS)
def test_who_detaches_warns_once_is_not_called_again_and_is_closed(hook):
    breaks, record = Breaks(hook, on_error="detach"), Recorder()
    result, said = run(breaks, record)

    assert result.kind == "completed"
    assert record.calls == whole()
    assert breaks.raised == len(said) == 1
    assert said[0].startswith(f"ZeroDivisionError in Breaks.{hook}")
    assert said[0].endswith(": no; it is not called again in this run")
    assert breaks.closed == (hook != "on_run_end")


def test_where_it_was_raised_is_said():
    _, said = run(Breaks("on_train_batch_end", on_error="detach"))
    where = "Breaks.on_train_batch_end, epoch 0 (from 0), batch 0, step 1"
    assert said == [f"ZeroDivisionError in {where}: no; it is not called again in this run"]


@pytest.mark.parametrize("on_error", FAILURES)
@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_an_interruption_is_never_borne(on_error, error):
    record = Recorder()
    with pytest.raises(error):
        drive([Breaks("on_train_batch_end", error, on_error=on_error), record], epochs=LOGS, raise_at=(9, 9))
    assert record.calls[-1][1].kind == ("interrupted" if error is KeyboardInterrupt else "failed")


def test_a_detached_one_that_fails_in_closing_too_harms_nobody():
    class Hopeless(Recorder):
        on_error = "detach"

        def _note(self, hook, *given):
            super()._note(hook, *given)
            raise RuntimeError(hook)

    hopeless, record = Hopeless(), Recorder()
    _, said = run(hopeless, record)
    assert hopeless.hooks == ["on_train_begin", "on_run_end"]
    assert len(said) == 2
    assert record.calls[-1][1] == Outcome("completed")


def test_a_class_may_declare_it_and_an_instance_may_say_otherwise():
    class Notifies(Breaks):
        on_error = "detach"

    assert failure_of(Notifies("on_epoch_end")) == "detach"
    assert failure_of(Notifies("on_epoch_end", on_error="warn")) == "warn"
    stop = EarlyStopping("loss")
    stop.on_error = "detach"
    assert failure_of(stop) == "detach"


TEXT = """
{} says what shall become of its errors, and it is none of three.
  given    'detatch'
  there is raise, warn, detach
  nearest  "detach"
  cure     on_error="detach": it warns once, and is not called again"""


def test_an_unknown_word_is_refused():
    class Wrong(Recorder):
        on_error = "detatch"

    with pytest.raises(InvalidArgument) as raised:
        Breaks("on_epoch_end", on_error="detatch")
    assert f"\n{raised.value}" == TEXT.format("Breaks")

    wrong = Wrong()
    with pytest.raises(InvalidArgument) as raised:
        drive(wrong, epochs=LOGS)
    assert f"\n{raised.value}" == TEXT.format("Wrong")
    assert wrong.calls == []


@pytest.mark.parametrize("base", [Callback, real_keras.callbacks.Callback, object])
def test_a_method_of_this_name_is_the_users_own(base):
    class Own(base):
        seen = []

        def on_error(self, error):
            raise AssertionError("nobody calls this")

        def on_epoch_end(self, epoch, logs=None):
            self.seen.append(epoch)
            raise ZeroDivisionError

    own = Own()
    with pytest.raises(ZeroDivisionError):
        drive(own, epochs=LOGS)
    assert own.seen == [0]


def test_a_stop_that_a_failing_hook_asked_for_is_heard():
    class Both(Callback):
        on_error = "warn"

        def on_epoch_end(self, epoch, logs=None):
            self.run.stop("and yet")
            raise ZeroDivisionError

    result, said = run(Both())
    assert (result.kind, result.by, len(said)) == ("stopped", "Both", 1)


def test_a_detached_looker_costs_no_step_and_no_bit():
    alone, _ = fit()
    state = bits(alone)
    with pytest.warns(UserWarning, match="it is not called again in this run"):
        model, _ = fit(Asks("on_train_batch_end", lambda callback: 1 / 0, at=[2], on_error="detach"))
    assert bits(model) == state
    assert model.run_report().rewinds == {}


def test_its_time_is_counted_though_it_fails():
    with pytest.warns(UserWarning, match="division by zero; the run goes on"):
        model, _ = fit(Asks("on_train_begin", lambda callback: 1 / 0, on_error="warn"))
    assert model.run_report().hooks["Asks"] > 0


def test_a_hand_written_loop_bears_the_same():
    breaks, record = Breaks("on_epoch_end", on_error="detach"), Recorder()
    callbacks = CallbackList([breaks, record])
    callbacks.on_train_begin()
    with pytest.warns(UserWarning, match="it is not called again"):
        callbacks.on_epoch_end(0, {"loss": 1.0})
    for epoch in (1, 2):
        callbacks.on_epoch_end(epoch, {"loss": 1.0})
    callbacks.on_run_end(Outcome("completed"))
    assert (breaks.raised, breaks.closed, record.hooks.count("on_epoch_end")) == (1, 1, 3)
