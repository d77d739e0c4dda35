"""CallbackList: a hand-written loop with callbacks, live beside Keras's."""

from __future__ import annotations

import jax.numpy as jnp
import keras
import numpy as np
import pytest

from kibitz.callbacks import Callback, CallbackList, CSVLogger, EarlyStopping, History, LambdaCallback, ProgbarLogger
from kibitz.errors import Unbalanced, WrongType
from kibitz.hooks import ALIASES, HOOKS, arguments
from kibitz.logs import Logs
from kibitz.outcome import Outcome
from kibitz.testing import FakeModel, Recorder

FIRED = sorted({*HOOKS, *ALIASES.values()} - {"on_run_end"})
BEGINS = ("on_train_begin", "on_test_begin", "on_predict_begin")


def heard(module, base, hook, *given):
    """What a callback of each library hears when a list is told of a hook."""
    seen = []

    class Hears(base):
        pass

    def hear(self, *args, **named):
        seen.append((args, named))

    setattr(Hears, hook, hear)
    made = module([Hears()])
    for begin in BEGINS:
        if begin != hook:
            getattr(made, begin)()
    getattr(made, hook)(*given)
    return [(ordered(args), {name: ordered(value) for name, value in named.items()}) for args, named in seen]


def ordered(value):
    """Dicts as lists, since equal dicts may have their keys in another order."""
    if isinstance(value, dict):
        return list(value.items())
    return [ordered(each) for each in value] if isinstance(value, tuple) else value


@pytest.mark.parametrize("hook", FIRED)
@pytest.mark.parametrize(
    "logs", [(), (None,), ({"b": np.float32(0.5), "a": {"z": 1, "c": "text"}},)], ids=["", "none", "some"]
)
def test_every_hook_reaches_the_callbacks_as_in_keras(hook, logs):
    given = ((3,) if "," in arguments(hook) else ()) + logs

    ours = heard(CallbackList, Callback, hook, *given)

    assert ours == heard(keras.callbacks.CallbackList, keras.callbacks.Callback, hook, *given)
    assert len(ours) == 1


def test_the_older_names_are_heard_when_the_newer_are_called():
    seen = []
    old = LambdaCallback(on_batch_end=lambda batch, logs: seen.append((batch, dict(logs))))

    CallbackList([old]).on_train_batch_end(2, {"loss": 1})

    assert seen == [(2, {"loss": 1.0})]


def test_all_callbacks_of_a_moment_share_one_dict_in_order_and_the_callers_stays():
    order, given = [], {"loss": jnp.float32(2.0)}

    def first(epoch, logs):
        logs["added"] = 1
        order.append("first")

    def second(epoch, logs):
        order.append(dict(logs))

    CallbackList([LambdaCallback(on_epoch_end=first), LambdaCallback(on_epoch_end=second)]).on_epoch_end(0, given)

    assert order == ["first", {"loss": 2.0, "added": 1}]
    assert type(order[1]["loss"]) is float
    assert list(given) == ["loss"]


def test_what_cannot_be_a_float_is_left_as_it_is():
    array, record = np.zeros((2, 3)), Recorder()
    CallbackList([record]).on_predict_batch_end(0, {"outputs": array, "text": "2", "none": None, "list": [1]})

    logs = record.calls[0][2]
    assert logs["outputs"] is array
    assert (logs["text"], logs["none"], logs["list"]) == ("2", None, [1])


def test_a_batchs_own_values_go_through():
    seen = []
    watch = LambdaCallback(on_train_batch_end=lambda batch, logs: seen.append((logs["loss"], logs.batch["loss"])))

    CallbackList([watch]).on_train_batch_end(0, Logs({"loss": np.float32(2)}, batch={"loss": np.float32(3)}))

    assert seen == [(2.0, 3.0)]


@pytest.mark.parametrize("module", [CallbackList, keras.callbacks.CallbackList])
def test_history_and_the_bar_are_added_behind_the_others_if_there_is_none(module):
    names = [
        type(each).__name__ for each in module([EarlyStopping("loss")], add_history=True, add_progbar=True).callbacks
    ]

    assert names == ["EarlyStopping", "History", "ProgbarLogger"]


def test_ones_own_are_not_doubled():
    mine = [ProgbarLogger(), History()]

    assert CallbackList(mine, add_history=True, add_progbar=True).callbacks == mine


@pytest.mark.parametrize("given", [None, [], (), History(), [History()], (History(),), [[History()], [[History()]]]])
def test_none_one_several_or_nested_lists_are_taken(given):
    made = CallbackList(given)

    assert all(isinstance(each, History) for each in made.callbacks)
    assert len(made.callbacks) == str(given).count("History")


def test_model_and_parameters_reach_everybody_in_keras_order():
    order, model = [], FakeModel()

    class Hears(Callback):
        def set_model(self, model):
            order.append(model)

        def set_params(self, params):
            order.append(params)

    history = History()
    made = CallbackList([Hears(), history], model=model, epochs=3, steps=2, verbose=0)

    assert order == [model, {"epochs": 3, "steps": 2, "verbose": 0}]
    assert (history.model, history.params, made.model, made.params) == (model, order[1], model, order[1])
    assert model.history is history
    made.set_params({"epochs": 9})
    assert history.params == {"epochs": 9}


def test_without_a_model_and_parameters_nobody_is_given_any():
    class Refuses(Callback):
        def set_model(self, model):
            raise AssertionError

        set_params = set_model

    CallbackList([Refuses()], model=None)


def test_append_adds_one_that_hears_from_now_on():
    first, second, model = Recorder(), Recorder(), FakeModel()
    callbacks = CallbackList([first], model=model, epochs=2)
    callbacks.on_train_begin()

    callbacks.append(second)
    callbacks.on_epoch_begin(0)
    callbacks.on_train_end()

    assert first.hooks == ["on_train_begin", "on_epoch_begin", "on_train_end"]
    assert second.hooks == ["on_epoch_begin", "on_train_end"]
    assert (second.model, second.params) == (model, {"epochs": 2})
    assert callbacks.callbacks == [first, second]


def test_one_that_was_appended_last_is_closed_too():
    record = Recorder()
    callbacks = CallbackList([])
    callbacks.on_train_begin()
    callbacks.append(record)
    callbacks.on_run_end(Outcome("completed"))

    assert record.hooks == ["on_run_end"]


@pytest.mark.parametrize("wrong", [History, print, object()], ids=["a class", "a function", "no hooks"])
def test_what_is_no_callback_is_refused_by_name(wrong):
    with pytest.raises(WrongType, match=r"callbacks\[1\] is"):
        CallbackList([History(), wrong])

    callbacks = CallbackList([History()])
    with pytest.raises(WrongType):
        callbacks.append(wrong)
    assert len(callbacks.callbacks) == 1


def test_a_hook_that_cannot_be_called_is_refused():
    with pytest.raises(WrongType, match="on_epoch_end cannot take"):
        CallbackList(LambdaCallback(on_epoch_end=lambda epoch: None))


@pytest.mark.parametrize("kind", ["train", "test", "predict"])
def test_an_end_without_its_begin_is_told_and_reaches_nobody(kind):
    record = Recorder()
    callbacks = CallbackList([record])

    with pytest.raises(Unbalanced) as raised:
        getattr(callbacks, f"on_{kind}_end")({})

    assert record.calls == []
    assert isinstance(raised.value, ValueError)
    assert str(raised.value) == (
        f"on_{kind}_end was called without an on_{kind}_begin before it.\n"
        f"  given    callbacks.on_{kind}_end(logs)\n"
        f"  wanted   callbacks.on_{kind}_begin() first\n"
        f"  cure     callbacks.on_{kind}_begin(), the loop, callbacks.on_{kind}_end(logs)"
    )


def test_a_second_end_is_one_too_many():
    callbacks = CallbackList([])
    callbacks.on_train_begin()
    callbacks.on_test_begin()
    callbacks.on_test_end()
    callbacks.on_train_end()

    with pytest.raises(Unbalanced):
        callbacks.on_train_end()


def test_an_end_reaches_everybody_even_if_one_raises():
    record = Recorder()

    def fail(logs):
        raise ValueError("mine")

    callbacks = CallbackList([LambdaCallback(on_train_end=fail), record])
    callbacks.on_train_begin()
    with pytest.raises(ValueError, match="mine"):
        callbacks.on_train_end()

    assert record.hooks == ["on_train_begin", "on_train_end"]


def test_closing_after_an_exception_closes_files_and_the_list_may_be_used_again(tmp_path):
    logger = CSVLogger(tmp_path / "log.csv")
    callbacks = CallbackList([logger])
    error = RuntimeError("the step failed")
    callbacks.on_train_begin()
    try:
        raise error
    except RuntimeError:
        callbacks.on_run_end(Outcome("failed", error=error))

    assert logger.csv_file is None
    callbacks.on_train_begin()
    callbacks.on_train_end()
    with pytest.raises(Unbalanced):
        callbacks.on_train_end()


def test_a_list_is_itself_a_callback():
    inner = Recorder()
    outer = CallbackList([CallbackList([inner])])
    outer.on_train_begin()
    outer.on_train_batch_end(0, {"loss": 1})

    assert inner.calls == [("on_train_begin", {}), ("on_train_batch_end", 0, {"loss": 1.0})]


def test_a_loop_of_ones_own_is_stopped_by_the_models_flag():
    model, history = FakeModel(), History()
    callbacks = CallbackList([EarlyStopping("loss"), history], model=model, epochs=9)
    callbacks.on_train_begin()
    for epoch in range(9):
        callbacks.on_epoch_begin(epoch)
        callbacks.on_epoch_end(epoch, {"loss": np.float32(1.0)})
        if model.stop_training:
            break
    callbacks.on_train_end()

    assert history.epoch == [0, 1]


def test_without_a_model_the_callback_says_that_it_would_stop():
    stop = EarlyStopping("loss")
    callbacks = CallbackList([stop, History()])
    callbacks.on_train_begin()
    for epoch in range(2):
        callbacks.on_epoch_end(epoch, {"loss": 1.0})
    callbacks.on_train_end()

    assert stop.stopped_epoch == 1


def test_kerass_own_callbacks_work_in_our_list_and_ours_in_kerass():
    for module, callback in ((CallbackList, keras.callbacks.History()), (keras.callbacks.CallbackList, History())):
        callbacks = module([callback], model=FakeModel())
        callbacks.on_train_begin()
        callbacks.on_epoch_end(0, {"loss": np.float32(2.0)})
        callbacks.on_train_end()
        assert callback.history == {"loss": [2.0]}
