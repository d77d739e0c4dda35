"""`on`: a function at one hook, given what its parameters name."""

from __future__ import annotations

import copy
import functools

import pytest

import kibitz as keras
from kibitz.callbacks import CallbackList, EarlyStopping
from kibitz.errors import InvalidArgument, NotReady, UnknownMonitor, UnknownName, WrongType
from kibitz.hooks import HOOKS
from kibitz.outcome import Outcome
from kibitz.testing import FakeModel, Recorder, drive
from tests.runs.small import X, Y, bits, fit

LOGS = [{"loss": 4.0, "val_loss": 3.0}, {"loss": 2.0, "val_loss": 3.5}, {"loss": 1.0, "val_loss": 1.0}]


def driven(*callbacks, **given):
    return drive(list(callbacks), epochs=LOGS, batches=2, **given)


@pytest.mark.parametrize("hook", HOOKS)
@pytest.mark.parametrize("prefix", ["", "on_"])
def test_it_is_called_where_the_hook_is(hook, prefix):
    calls, record = [], Recorder()

    @keras.on(prefix + hook.removeprefix("on_"))
    def note():
        calls.append(hook)

    driven(note, record)
    assert calls == [name for name in record.hooks if name == hook]


def test_each_parameter_is_what_it_is_called():
    seen, model = [], FakeModel()

    @keras.on("train_batch_end")
    def at_batch(logs, run, step, batch, model, epoch):
        seen.append((epoch, batch, step, dict(logs), model, run.step))

    driven(at_batch, model=model)
    assert seen == [
        (epoch, batch, 2 * epoch + batch + 1, {"loss": LOGS[epoch]["loss"]}, model, 2 * epoch + batch + 1)
        for epoch in range(3) for batch in range(2)
    ]  # fmt: skip


def test_at_epochs_and_at_the_end():
    seen = []

    @keras.on("epoch_end")
    def at_epoch(epoch, step, logs):
        seen.append((epoch, step, logs["val_loss"]))

    @keras.on("run_end")
    def at_end(outcome, step):
        seen.append((outcome, step))

    driven(at_epoch, at_end)
    assert seen == [(0, 2, 3.0), (1, 4, 3.5), (2, 6, 1.0), (Outcome("completed"), 6)]


def test_a_parameter_with_a_default_is_given_what_it_names_and_else_left_alone():
    seen = []

    @keras.on("epoch_end")
    def show(epoch=None, *, factor=2, outcome="none"):
        seen.append((epoch, factor, outcome))

    driven(show)
    assert seen == [(0, 2, "none"), (1, 2, "none"), (2, 2, "none")]


def test_what_it_adds_to_the_logs_is_there():
    @keras.on("epoch_end", before="History")
    def add(logs):
        logs["twice"] = 2 * logs["loss"]

    assert driven(add).logs["twice"] == 2.0


def test_the_function_can_still_be_called_and_keeps_its_name():
    @keras.on("epoch_end")
    def double(epoch, logs=None):
        return 2 * epoch

    assert (double(4), double(epoch=5), double.__name__) == (8, 10, "double")
    assert keras.on("epoch_end")(lambda epoch: None).__name__ == "<lambda>"
    assert keras.on("epoch_end")(functools.partial(lambda epoch: None)).__name__ == "function"


def test_its_name_stands_in_outcomes_notes_and_reports():
    @keras.on("epoch_end")
    def enough(run, epoch):
        run.stop("good") if epoch else None

    @keras.on("train_batch_end")
    def broken(batch):
        raise ZeroDivisionError

    model, history = fit(enough, epochs=5)
    assert str(history.run.outcome) == "stopped by enough: good"
    assert "enough" in model.run_report().hooks
    with pytest.raises(ZeroDivisionError) as raised:
        driven(broken)
    assert raised.value.__notes__ == ["in broken.on_train_batch_end, epoch 0 (from 0), batch 0, step 1"]


@pytest.mark.parametrize(
    ("hook", "every", "times"),
    [("train_batch_end", "4 steps", [4]), ("epoch_end", "2 epochs", [4]), ("train_batch_end", "50% of the run", [3, 6]),
     ("train_batch_end", None, [1, 2, 3, 4, 5, 6]), ("epoch_end", "epoch", [2, 4, 6])],
)  # fmt: skip
def test_every(hook, every, times):
    steps = []

    @keras.on(hook, every=every)
    def note(step):
        steps.append(step)

    driven(note)
    assert steps == times


@pytest.mark.parametrize(
    ("hook", "when", "times"),
    [("epoch_end", "loss < 3", [4, 6]), ("epoch_end", "loss < 3 and val_loss <= 1", [6]),
     ("train_batch_end", "loss >= 4", [1, 2]), ("train_end", "loss == 1", [6]), ("test_end", "loss > 3", [4]),
     ("train_batch_end", "batch.loss < 2", [5, 6]), ("test_batch_end", "batch.loss > 3", [4]),
     ("epoch_end", "isfinite(loss) and loss < 2", [6])],
)  # fmt: skip
def test_when(hook, when, times):
    steps = []

    @keras.on(hook, when=when)
    def note(step):
        steps.append(step)

    driven(note)
    assert steps == times


def test_every_and_when_must_both_hold():
    steps = []

    @keras.on("train_batch_end", every="3 steps", when="loss < 2")
    def note(step):
        steps.append(step)

    driven(note)
    assert steps == [6]


def test_on_error_before_and_after_are_as_for_any_callback():
    @keras.on("epoch_end", on_error="detach", after=EarlyStopping)
    def broken(epoch):
        raise ZeroDivisionError

    with pytest.warns(UserWarning, match="ZeroDivisionError in broken.on_epoch_end.*it is not called again"):
        assert driven(broken, EarlyStopping("loss")).kind == "completed"


def test_it_can_be_used_in_several_runs_and_copied():
    seen = []

    @keras.on("epoch_end")
    def note(epoch):
        seen.append(epoch)

    driven(note)
    driven(copy.copy(note))
    assert seen == [0, 1, 2, 0, 1, 2]


def test_it_looks_on_and_changes_no_bit():
    alone, _ = fit()
    state, seen = bits(alone), []

    @keras.on("train_batch_end", every="5 steps")
    def look(model, logs):
        seen.append((len(model.get_weights()), logs["loss"]))

    model, _ = fit(look)
    assert bits(model) == state
    assert model.run_report().rewinds == {}
    assert len(seen) == 2


def test_in_an_evaluation_it_has_the_run_too():
    seen = []

    @keras.on("test_batch_end")
    def note(batch, run):
        seen.append((batch, run.kind))

    fit()[0].evaluate(X[:8], Y[:8], batch_size=4, verbose=0, callbacks=[note])
    assert seen == [(0, "test"), (1, "test")]


# -- what is refused --------------------------------------------------------------------------------------------------


def refused(error, make):
    with pytest.raises(error) as raised:
        make()
    return "\n" + str(raised.value)


def test_a_hook_that_is_not_there():
    assert refused(UnknownName, lambda: keras.on("epochs_end")).splitlines()[1:3] == [
        "There is no hook of this name.",
        "  given    'epochs_end'",
    ]
    assert 'nearest  "epoch_end"' in refused(UnknownName, lambda: keras.on("epochs_end"))
    refused(UnknownName, lambda: keras.on(3))


def test_a_parameter_that_the_hook_has_not():
    def show(epoch, loss):
        pass

    assert (
        refused(WrongType, lambda: keras.on("epoch_end")(show))
        == """
show asks for "loss", which on_epoch_end has not.
  given    def show(epoch, loss)
  wanted   parameters named epoch, step, logs, model, run
  cure     def show(epoch, step): ..."""
    )


@pytest.mark.parametrize(
    ("hook", "function", "name"),
    [
        ("epoch_end", lambda batch: None, "batch"),
        ("epoch_end", lambda outcome: None, "outcome"),
        ("run_end", lambda logs: None, "logs"),
        ("epoch_end", lambda *args: None, "args"),
        ("epoch_end", lambda **kwargs: None, "kwargs"),
        ("epoch_end", lambda **logs: None, "logs"),
        ("epoch_end", lambda epoch, /: None, "epoch"),
    ],
)
def test_what_cannot_be_given_by_name_is_refused_at_once(hook, function, name):
    assert f'asks for "{name}", which on_{hook} has not' in refused(WrongType, lambda: keras.on(hook)(function))


@pytest.mark.parametrize("given", [3, "text", EarlyStopping, None])
def test_what_is_no_function(given):
    assert refused(WrongType, lambda: keras.on("epoch_end")(given)).startswith(
        "\nOnly a function can be turned into a callback."
    )


@pytest.mark.parametrize("hook", sorted({*HOOKS} - {"on_train_batch_end", "on_epoch_end"}))
def test_a_cadence_at_a_hook_that_has_none(hook):
    name = hook.removeprefix("on_")
    text = refused(InvalidArgument, lambda: keras.on(name, every="3 steps"))
    assert text.startswith(f"\nA cadence is about train_batch_end or epoch_end, and this is {name}.")


def test_a_cadence_that_is_about_the_other_hook_is_refused_before_the_first_step():
    record = Recorder()
    seldom = keras.on("epoch_end", every="3 steps")(lambda epoch: None)
    assert refused(WrongType, lambda: driven(record, seldom)).startswith("\n<lambda> has no on_train_batch_end")
    assert record.calls == []


def test_a_cadence_that_cannot_be_read_has_the_functions_name():
    def show(epoch):
        pass

    text = refused(InvalidArgument, lambda: keras.on("epoch_end", every="3 epocks")(show))
    assert text.startswith("\nshow cannot read how often.")
    assert refused(InvalidArgument, lambda: keras.on("epoch_end", on_error="no")(show)).startswith("\nshow says what")


WITHOUT = (
    "train_begin",
    "epoch_begin",
    "train_batch_begin",
    "test_begin",
    "predict_begin",
    "predict_batch_end",
    "run_end",
)


@pytest.mark.parametrize("hook", WITHOUT)
def test_a_condition_where_the_logs_have_no_numbers(hook):
    text = refused(InvalidArgument, lambda: keras.on(hook, when="loss < 1"))
    assert (
        text
        == f"""
A condition is about the numbers in the logs, and those of {hook} hold none.
  given    on("{hook}", when="loss < 1")
  wanted   one of train_batch_end, epoch_end, train_end, test_batch_end, test_end
  cure     @kibitz.on("epoch_end", when="loss < 1")"""
    )


@pytest.mark.parametrize(
    ("hook", "when"),
    [("epoch_end", "val_los < 1"), ("train_batch_end", "val_loss < 1"), ("test_end", "val_loss < 1"),
     ("train_end", "x > 1"), ("epoch_end", "batch.loss > 1"), ("train_batch_end", "batch.val_loss > 1")],
)  # fmt: skip
def test_a_condition_on_a_number_that_will_not_be_there_is_refused_before_the_first_step(hook, when):
    record, note = Recorder(), keras.on(hook, when=when)(lambda step: None)
    text = refused(UnknownMonitor, lambda: driven(record, note))
    assert text.startswith(f'\n<lambda> asks for "{when.split()[0]}", which the logs will not hold.')
    assert record.calls == []


def test_a_condition_that_cannot_be_read():
    text = refused(InvalidArgument, lambda: keras.on("epoch_end", when="loss <")(lambda epoch: None))
    assert text.startswith("\n<lambda> cannot read its condition: it ends too early.")


@pytest.mark.parametrize("name", ["run", "step", "epoch"])
def test_in_a_loop_of_ones_own_there_is_no_run_to_ask_for(name):
    function = {"run": lambda run: None, "step": lambda step: None, "epoch": lambda epoch: None}[name]
    callbacks = CallbackList([keras.on("train_batch_end")(function)])
    callbacks.on_train_begin()
    text = refused(NotReady, lambda: callbacks.on_train_batch_end(0, {"loss": 1.0}))
    assert text.startswith("\n<lambda> asks for the run, and a loop of your own has none.")


def test_in_a_loop_of_ones_own_it_has_batch_logs_and_model():
    seen, model = [], FakeModel()
    note = keras.on("train_batch_end", every="2 steps")(
        lambda batch, logs, model: seen.append((batch, logs["loss"], model))
    )
    callbacks = CallbackList([note], model=model)
    callbacks.on_train_begin()
    for batch in range(4):
        callbacks.on_train_batch_end(batch, {"loss": 1.0})
    assert seen == [(1, 1.0, model), (3, 1.0, model)]
