"""A callback with a cadence is called at exactly its steps, sees what one sees who looks at every batch, costs none."""

from __future__ import annotations

import functools
import math
from unittest.mock import MagicMock, Mock

import keras as real_keras
import pytest
from hypothesis import given
from hypothesis import strategies as st

import kibitz as keras
from kibitz.callbacks.declared import beat_of, failure_of
from kibitz.clock import Beat
from kibitz.errors import InvalidArgument, WrongType
from kibitz.outcome import Outcome
from kibitz.testing import Recorder, drive
from tests.drawn import examples
from tests.runs.small import SIZE, STEPS, Sees, X, Y, batches, bits, build, fit, manner, weights

ONE = {"loss": 1.0}


class OfClass(Sees):
    every = "5 steps"


class Duck:
    """No base class at all."""

    def __init__(self):
        self.seen = []

    def on_train_batch_end(self, batch, logs=None):
        self.seen.append(batch)


class OfKeras(real_keras.callbacks.Callback):
    def __init__(self):
        super().__init__()
        self.seen = []

    def on_train_batch_end(self, batch, logs=None):
        self.seen.append(batch)


def looking(**given):
    """What one sees who looks at every batch, step by step, and the bits in the end."""
    sees = Sees()
    model, _ = fit(sees, **given)
    return sees.seen, bits(model)


@pytest.mark.parametrize(
    "callback",
    [OfClass, lambda: Sees(every="5 steps"), lambda: keras.every("5 steps", Sees())],
    ids=["class", "init", "every"],
)
def test_it_fires_at_its_steps_counted_over_epochs_with_what_everybody_sees_there(callback):
    everything, state = looking()
    sees = callback()
    model, _ = fit(sees)

    assert list(sees.seen) == [5, 10]
    assert sees.seen == {step: everything[step] for step in (5, 10)}
    assert bits(model) == state
    assert model.run_report().rewinds == {}


@pytest.mark.parametrize("kind", [Duck, OfKeras])
def test_every_gates_callbacks_that_know_nothing_of_kibitz(kind):
    callback = keras.every("5 steps", kind())
    fit(callback)

    assert callback.seen == [4, 3]  # steps 5 and 10, in batches counted from 0
    assert not hasattr(callback, "every")


def test_a_reader_of_weights_every_seven_steps_has_no_step_done_twice():
    model, _ = fit(Sees(every="7 steps"), epochs=7)

    assert model.run_report().rewinds == {}
    assert model.run_report().steps == 42


@examples(8)
@given(every=st.integers(1, 8), other=st.integers(1, 8), watched=st.booleans())
def test_cadences_side_by_side_each_see_the_exact_state(every, other, watched):
    one, two = Sees(every=f"{every} steps"), Sees(every=f"{other} steps")
    model, _ = fit(one, two, *([Recorder()] if watched else []), epochs=3)

    assert list(one.seen) == list(range(every, 19, every))
    assert list(two.seen) == list(range(other, 19, other))
    assert all(one.seen[step] == two.seen[step] for step in one.seen.keys() & two.seen.keys())
    everything, state = in_three_epochs()
    assert (one.seen | two.seen).items() <= everything.items()
    assert bits(model) == state


@functools.cache
def in_three_epochs():
    return looking(epochs=3)


def test_in_between_nothing_is_called():
    calls = []

    class Seldom(keras.callbacks.Callback):
        every = "4 steps"

        def on_train_batch_end(self, batch, logs=None):
            calls.append(self.run.step)

    fit(Seldom())
    drive(Seldom(), epochs=[ONE] * 3, batches=3)
    assert calls == [4, 8, 12, 4, 8]


def test_only_the_hook_that_the_cadence_is_about_is_gated():
    record, gated = Recorder(), keras.every("2 epochs", Recorder())
    drive([record, gated], epochs=[ONE] * 4, batches=2)

    assert [call[1] for call in gated.calls if call[0] == "on_epoch_end"] == [1, 3]
    rest = [call for call in record.calls if call[0] != "on_epoch_end"]
    assert [call for call in gated.calls if call[0] != "on_epoch_end"] == rest


@pytest.mark.parametrize(
    ("every", "steps"),
    [("0.5 epochs", [3, 6, 9, 12]), ("25% of the run", [3, 6, 9, 12]), ("1.5 epochs", [9]), ("100%", [12]),
     ("30%", [4, 8, 11])],
)  # fmt: skip
def test_shares_fall_where_so_much_is_done(every, steps):
    sees = Sees(every=every)
    fit(sees)
    assert list(sees.seen) == steps


def test_epochs_are_counted_by_their_own_number_and_steps_within_this_run():
    ends, sees = Recorder(), Sees(every="4 steps")
    fit(keras.every("2 epochs", ends), sees, epochs=5, initial_epoch=2)

    assert [call[1] for call in ends.calls if call[0] == "on_epoch_end"] == [3]
    assert list(sees.seen) == [4, 8, 12, 16]


@pytest.mark.parametrize(
    "given",
    [
        {"steps_per_epoch": 4},
        {"epochs": 3, "initial_epoch": 1},
        {"x": X[:5], "y": Y[:5], "batch_size": 2, "epochs": 4},
        {"x": None, "y": None, "batch_size": None},
        {"x": None, "y": None, "batch_size": None, "steps_per_epoch": 3, "epochs": 3},
    ],
    ids=["steps_per_epoch", "initial_epoch", "short", "generator", "generator and steps_per_epoch"],
)
def test_whatever_is_fed(given):
    def told():
        return {**given, "x": batches(9)} if given.get("x", 1) is None else given

    count = {"epochs": 1} if given.get("x", 1) is None and "steps_per_epoch" not in given else {}
    everything, state = looking(**told(), **count)
    sees = Sees(every="3 steps")
    model, _ = fit(sees, **told(), **count)

    assert list(sees.seen) == [step for step in everything if step % 3 == 0]
    assert sees.seen.items() <= everything.items()
    assert bits(model) == state


@pytest.mark.parametrize("donates", [False, True])
def test_step_by_step_and_donated(donates):
    with manner(loops=False, donates=donates):
        everything, state = looking()
        sees = Sees(every="5 steps")
        model, _ = fit(sees)
        assert model.core.programs.manner("train").donates is donates
    assert list(sees.seen) == [5, 10]
    assert sees.seen.items() <= everything.items()
    assert bits(model) == state


def test_run_eagerly():
    sees, everything = Sees(every="2 steps"), Sees()
    for callback in (everything, sees):
        fit(callback, model=build(run_eagerly=True), x=X[:12], y=Y[:12], epochs=1)
    assert sees.seen == {2: everything.seen[2]}


def test_a_callback_that_is_called_every_so_often_may_write():
    class Halves(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if self.run.step % 5 == 0:
                self.model.set_weights([weight / 2 for weight in self.model.get_weights()])

    found = [bits(fit(callback)[0]) for callback in (Halves(), keras.every("5 steps", Halves()))]
    assert found[0] == found[1]
    assert found[0] != bits(fit()[0])


def test_a_stop_at_a_cadence_is_heard_there():
    @keras.on("train_batch_end", every="4 steps")
    def enough(run):
        run.stop("four will do")

    model, history = fit(enough)
    assert int(model.optimizer.iterations) == 4
    assert str(history.run.outcome) == "stopped by enough: four will do"


# -- words of one's own -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("base", [real_keras.callbacks.Callback, keras.callbacks.Callback, object])
@pytest.mark.parametrize("own", [3, 0.5, None, "batch", "epoch", "whenever", "hour", ["a"], {"n": 1}, lambda: 3])
@pytest.mark.parametrize("name", ["every", "before", "after", "on_error"])
def test_what_a_callback_for_keras_keeps_under_these_names_is_its_own(base, own, name):
    class Mine(base):
        def __init__(self):
            super().__init__()
            setattr(self, name, own)
            self.seen = []

        def on_train_batch_end(self, batch, logs=None):
            self.seen.append(batch)

    mine = Mine()
    drive([Recorder(), mine], epochs=[ONE], batches=4)

    assert mine.seen == [0, 1, 2, 3]
    assert getattr(mine, name) is own
    assert (beat_of(mine), failure_of(mine)) == (None, "raise")


@pytest.mark.parametrize("mock", [MagicMock(), Mock(spec=keras.callbacks.Callback), MagicMock(spec=Duck)])
def test_a_mock_declares_nothing(mock):
    drive([Recorder(), mock], epochs=[ONE], batches=4)
    assert mock.on_train_batch_end.call_count == 4
    assert (beat_of(mock), failure_of(mock)) == (None, "raise")


def test_every_leaves_alone_what_the_callback_keeps_under_that_name():
    class Mine(OfKeras):
        def __init__(self):
            super().__init__()
            self.every = 2

        def on_train_batch_end(self, batch, logs=None):
            self.seen.append(batch % self.every)

    mine = keras.every("3 steps", Mine())
    drive(mine, epochs=[ONE], batches=6)
    assert (mine.seen, mine.every) == ([0, 1], 2)


def test_a_cadence_from_outside_has_its_way():
    sees = keras.every("3 steps", OfClass())
    fit(sees)
    assert list(sees.seen) == [3, 6, 9, 12]


def test_a_cadence_that_a_constructor_keeps_is_one():
    class Mine(Sees):
        def __init__(self, every="4 steps"):
            super().__init__()
            self.every = every

    mine = Mine()
    fit(mine)
    assert list(mine.seen) == [4, 8, 12]


# -- what is refused before the first step ----------------------------------------------------------------------------


class AtEpochs(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        pass


class AtBatches(keras.callbacks.Callback):
    def on_batch_end(self, batch, logs=None):
        pass


@pytest.mark.parametrize(
    ("callback", "text"),
    [
        (AtEpochs(every="3 steps"), """
AtEpochs has no on_train_batch_end, and that is what a cadence of 3 steps is about.
  given    every="3 steps"
  wanted   a callback that overrides on_train_batch_end
  cure     every="1 epoch", which is about on_epoch_end"""),
        (keras.every("10 min", AtEpochs()), """
AtEpochs has no on_train_batch_end, and that is what a cadence of 10 min is about.
  given    every="10 min"
  wanted   a callback that overrides on_train_batch_end
  cure     every="1 epoch", which is about on_epoch_end"""),
        (AtBatches(every="2 epochs"), """
AtBatches has no on_epoch_end, and that is what a cadence of 2 epochs is about.
  given    every="2 epochs"
  wanted   a callback that overrides on_epoch_end
  cure     every="100 steps", which is about on_train_batch_end"""),
    ],
)  # fmt: skip
def test_a_cadence_about_a_hook_that_is_not_there_is_an_error_before_the_first_step(callback, text):
    record, model = Recorder(), build()
    with pytest.raises(WrongType) as raised:
        fit(record, callback, model=model)
    assert f"\n{raised.value}" == text
    assert record.calls == []


def test_the_older_name_of_the_hook_has_the_cadence_too():
    seen = []

    class Older(keras.callbacks.Callback):
        every = "3 steps"

        def on_batch_end(self, batch, logs=None):
            seen.append(batch)

    drive(Older(), epochs=[ONE], batches=7)
    assert seen == [2, 5]


def test_a_class_that_cannot_be_read_is_refused_before_the_first_step():
    class Wrong(Sees):
        every = "5 stepz"

    record = Recorder()
    with pytest.raises(InvalidArgument) as raised:
        fit(record, Wrong())
    assert str(raised.value).splitlines()[0] == "Wrong cannot read how often."
    assert raised.value.cure == 'every="5 step"'
    assert record.calls == []


def test_a_constructor_and_every_refuse_at_once():
    for make in (lambda: Sees(every="5 stepz"), lambda: keras.every("5 stepz", Sees())):
        with pytest.raises(InvalidArgument, match="Sees cannot read how often"):
            make()


@pytest.mark.parametrize("every", ["10% of the run", "0.5 epochs"])
def test_a_share_of_a_run_of_unknown_length_is_an_error_before_the_first_step(every):
    record = Recorder()
    with pytest.raises(InvalidArgument, match=r"Sees acts at shares of .*, and nobody knows"):
        fit(record, Sees(every=every), x=batches(4), y=None, batch_size=None, epochs=1)
    assert record.calls == []


def test_what_takes_no_attribute_cannot_be_given_a_cadence():
    class Closed:
        __slots__ = ("every",)

        def on_train_batch_end(self, batch, logs=None):
            pass

    with pytest.raises(WrongType) as raised:
        keras.every("3 steps", Closed())
    assert raised.value.what == "Closed takes no attribute, so it cannot be told how often it acts."


# -- time -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("due", [lambda: True, lambda: False], ids=["always", "never"])
def test_a_cadence_by_time_changes_no_number(monkeypatch, due):
    everything, state = looking()
    monkeypatch.setattr(Beat, "_time_has_come", lambda self: due())
    sees = Sees(every="1 min")
    model, _ = fit(sees)

    assert sees.seen.items() <= everything.items()
    assert bool(sees.seen) is due()
    assert bits(model) == state


def test_a_cadence_by_time_is_asked_at_every_batch_at_which_somebody_looks(monkeypatch):
    monkeypatch.setattr(Beat, "_time_has_come", lambda self: True)
    sees = Sees(every="1 min")
    fit(sees, Recorder())
    assert list(sees.seen) == list(range(1, 13))


# -- runs that are not alone ------------------------------------------------------------------------------------------


def test_a_fit_within_a_hook_counts_its_own_steps():
    class Nests(Sees):
        every = "5 steps"

        def on_train_batch_end(self, batch, logs=None):
            super().on_train_batch_end(batch, logs)
            self.inner = Sees(every="2 steps")
            fit(self.inner, model=build(optimizer="sgd"), epochs=1)

    nests, outer = Nests(), Sees(every="3 steps")
    fit(nests, outer)

    assert (list(nests.seen), list(outer.seen), list(nests.inner.seen)) == ([5, 10], [3, 6, 9, 12], [2, 4, 6])


def test_a_fit_of_the_same_model_within_a_hook_leaves_cadences_where_they_are():
    class Nests(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            self.model.fit(
                X[:SIZE], Y[:SIZE], batch_size=2, epochs=1, verbose=0, callbacks=[keras.every("2 steps", Duck())]
            )
            self.after = weights(self.model)

    nests, sees = Nests(every="5 steps"), Sees(every="5 steps")
    fit(nests, sees)
    assert list(sees.seen) == [5, 10]
    assert sees.seen[10][3] == nests.after


def loop(callbacks, epochs, steps):
    callbacks.on_train_begin()
    for epoch in range(epochs):
        callbacks.on_epoch_begin(epoch)
        for batch in range(steps):
            callbacks.on_train_batch_begin(batch)
            callbacks.on_train_batch_end(batch, {"loss": 1.0})
        callbacks.on_epoch_end(epoch, {"loss": 1.0})
    callbacks.on_train_end()


def test_a_hand_written_loop_counts_steps_too():
    duck, share, ends = keras.every("4 steps", Duck()), keras.every("50% of the run", Duck()), Recorder()
    callbacks = keras.callbacks.CallbackList([duck, share, keras.every("2 epochs", ends)], epochs=2, steps=5)
    loop(callbacks, 2, 5)
    assert (duck.seen, share.seen) == ([3, 2], [4, 4])
    assert [call[1] for call in ends.calls if call[0] == "on_epoch_end"] == [1]

    loop(callbacks, 2, 5)  # another run is counted anew
    assert duck.seen == [3, 2, 3, 2]


def test_a_callback_that_joins_a_hand_written_loop_counts_with_it():
    duck = keras.every("50% of the run", Duck())
    callbacks = keras.callbacks.CallbackList([], epochs=1, steps=4)
    callbacks.on_train_begin()
    for batch in range(4):
        if batch == 1:
            callbacks.append(duck)
        callbacks.on_train_batch_end(batch, {})
    callbacks.on_run_end(Outcome("completed"))
    assert duck.seen == [1, 3]


@pytest.mark.parametrize("params", [{}, {"epochs": 2}, {"steps": 5}])
def test_a_share_in_a_hand_written_loop_of_unknown_length_is_an_error_at_its_beginning(params):
    callbacks = keras.callbacks.CallbackList([keras.every("50% of the run", Duck())], **params)
    with pytest.raises(InvalidArgument, match="nobody knows how many steps that has"):
        callbacks.on_train_begin()


def test_evaluations_are_not_cut_where_a_training_cadence_falls():
    model, _ = fit(Sees(every="1 step"), validation_data=(X, Y), validation_batch_size=2)
    alone, _ = fit(validation_data=(X, Y), validation_batch_size=2)
    assert model.run_report().steps == alone.run_report().steps
    assert math.isfinite(model.history.history["val_loss"][-1])


def test_a_training_cadence_says_nothing_of_an_evaluation():
    from kibitz.callbacks.dispatch import Dispatch

    dispatch = Dispatch([Sees(every="2 steps")])
    assert dispatch.quiet("train") == 1
    assert dispatch.quiet("test") == math.inf
    assert STEPS == 6
