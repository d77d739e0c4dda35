"""LambdaCallback: each function is called at its hook, and a misspelt hook is told."""

from __future__ import annotations

import pytest

from kibitz.callbacks import LambdaCallback
from kibitz.callbacks.dispatch import Dispatch
from kibitz.errors import UnknownName, WrongType
from kibitz.hooks import HOOKS, KNOWN, arguments
from kibitz.testing import FakeModel, Recorder, drive


def noting(seen, hook):
    if arguments(hook) in ("logs", "outcome"):
        return lambda given: seen.append((hook, given))
    if "batch" in hook:
        return lambda batch, logs: seen.append((hook, batch, logs))
    return lambda epoch, given: seen.append((hook, epoch, given))


@pytest.mark.parametrize("hook", sorted(HOOKS))
def test_every_hook_may_be_given_by_its_name(hook):
    seen, record = [], Recorder()
    dispatch = Dispatch([LambdaCallback(**{hook: noting(seen, hook)}), record])

    given = (3, {"loss": 1.0}) if "," in arguments(hook) else ("outcome" if hook == "on_run_end" else {"loss": 1.0},)
    dispatch.fire(hook, *given)

    assert seen == record.calls == [(hook, *given)]


def test_the_older_names_of_the_batch_hooks_are_heard_in_training():
    seen = []
    old = LambdaCallback(on_batch_begin=noting(seen, "on_batch_begin"), on_batch_end=noting(seen, "on_batch_end"))

    drive(old, epochs=[{"loss": 1.0}])

    assert seen == [("on_batch_begin", 0, {}), ("on_batch_end", 0, {"loss": 1.0})]


def test_keras_order_of_arguments_is_kept():
    seen = []
    names = ("on_epoch_begin", "on_epoch_end", "on_train_begin", "on_train_end",
             "on_train_batch_begin", "on_train_batch_end")  # fmt: skip

    drive(LambdaCallback(*(noting(seen, name) for name in names)), epochs=[{"loss": 1.0}])

    assert [name for name, *_ in seen] == [
        "on_train_begin", "on_epoch_begin", "on_train_batch_begin", "on_train_batch_end",
        "on_epoch_end", "on_train_end",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "nearest"),
    [("on_epoch_ends", "on_epoch_end"), ("epoch_end", "on_epoch_end"), ("on_test_ende", "on_test_end")],
)
@pytest.mark.parametrize("function", [print, None])
def test_D32_a_misspelt_hook_is_refused(name, nearest, function):
    with pytest.raises(UnknownName) as raised:
        LambdaCallback(**{name: function})

    assert raised.value.what == "There is no hook of this name."
    assert raised.value.nearest == nearest
    assert raised.value.there_is == sorted(KNOWN)


@pytest.mark.parametrize(
    ("name", "takes"), [("on_epoch_end", "epoch, logs"), ("on_test_end", "logs"), ("set_model", "value")]
)
def test_what_cannot_be_called_is_refused(name, takes):
    with pytest.raises(WrongType) as raised:
        LambdaCallback(**{name: "loss"})

    assert raised.value.wanted == f"a function of ({takes})"
    assert raised.value.cure == f"LambdaCallback({name}=lambda {takes}: ...)"


def test_a_batch_function_that_cannot_take_logs_by_its_name_is_refused_before_the_first_step():
    with pytest.raises(WrongType, match="on_train_batch_end cannot take what it will be given"):
        drive(LambdaCallback(on_train_batch_end=lambda b, numbers: None), epochs=[{"loss": 1.0}])


def test_none_is_an_empty_hook_and_costs_nothing():
    dispatch = Dispatch([LambdaCallback(on_epoch_end=None, on_test_end=None)])

    assert not any(dispatch.listens(hook) for hook in HOOKS)


def test_the_setters_may_be_given_too():
    seen = []
    model = FakeModel()
    drive(LambdaCallback(on_epoch_end=print, set_model=seen.append), epochs=[], model=model)

    assert seen == [model]
