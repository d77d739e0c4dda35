"""EarlyStopping: when it stops, what it keeps, what it says; live beside Keras's."""

from __future__ import annotations

import math
import warnings

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kibitz.callbacks import EarlyStopping
from kibitz.errors import InvalidArgument, UnknownMonitor
from kibitz.testing import FakeModel, Recorder, drive
from tests.drawn import examples

NAN, INF = math.nan, math.inf
KEPT = ("wait", "best", "best_epoch", "stopped_epoch", "patience", "monitor", "mode", "baseline", "start_from_epoch")


def losses(*values):
    return [{"loss": value} for value in values]


@pytest.mark.parametrize(
    ("values", "arguments", "epochs_run", "best"),
    [
        pytest.param((1, 1, 1, 1), {"patience": 0}, 2, 1, id="no patience: the first epoch that brings nothing"),
        pytest.param((1, 2, 3, 4), {"patience": 1}, 2, 1, id="patience 1 is patience 0"),
        pytest.param((1, 2, 3, 4), {"patience": 2}, 3, 1, id="two epochs that bring nothing"),
        pytest.param((3, 2.95, 2.9, 2.85), {"patience": 1, "min_delta": 0.2}, 2, 3, id="delta is from the best"),
        pytest.param((3, 2.8, 2.6), {"min_delta": 0.2}, 2, 3, id="exactly min_delta is nothing"),
        pytest.param((5, 4, 3, 2), {"patience": 2, "baseline": 1}, 4, 2, id="better epochs never stop"),
        pytest.param((5, 0.5, 3, 2), {"patience": 2, "baseline": 1}, 4, 0.5, id="beating the baseline resets"),
        pytest.param((5, 4, 6, 6, 6), {"patience": 1, "start_from_epoch": 2}, 4, 6, id="early epochs do not count"),
        pytest.param((1, NAN, 0.5, 0.4), {"patience": 2}, 4, 0.4, id="NaN in between"),
        pytest.param((1, 2, 3, 4), {"mode": "max"}, 4, 4, id="more is better"),
    ],
)
def test_it_stops_when_patience_is_spent(values, arguments, epochs_run, best):
    stop = EarlyStopping("loss", **arguments)

    result = drive(stop, epochs=losses(*values))

    assert (result.epochs_done, stop.best) == (epochs_run, best)
    asked = stop.stopped_epoch > 0
    assert stop.stopped_epoch == (epochs_run - 1 if asked else 0)
    assert result.kind == ("stopped" if asked else "completed")


arguments = st.fixed_dictionaries(
    {
        "patience": st.integers(0, 4),
        "min_delta": st.sampled_from([0, 0.1, -0.2, 0.5, np.float32(0.1)]),
        "mode": st.sampled_from(["min", "max", "auto"]),
        "baseline": st.sampled_from([None, 0.5, 1.0, 2.0]),
        "restore_best_weights": st.booleans(),
        "start_from_epoch": st.integers(0, 3),
        "verbose": st.integers(0, 1),
    }
)
values = st.lists(
    st.sampled_from([0.0, 0.1, 0.3, 0.5, 0.6, 1.0, 1.1, 2.0, 2.5]) | st.floats(-4, 4, width=32, allow_subnormal=False),
    min_size=1,
    max_size=9,
)


@examples(80)
@given(values=values, arguments=arguments, start=st.integers(0, 2), later_nan=st.booleans())
def test_it_does_at_every_epoch_what_kerass_does(values, arguments, start, later_nan):
    start = min(start, len(values))
    first = max(start, arguments["start_from_epoch"])
    if later_nan and first + 1 < len(values):
        values[first + 1] = NAN  # a first NaN is Keras's fault D16, and has a test of its own
    ours, theirs = EarlyStopping("loss", **arguments), keras.callbacks.EarlyStopping("loss", **arguments)
    seen = []
    for callback in (ours, theirs):
        model = FakeModel()
        result = drive(callback, epochs=losses(*values), batches=2, model=model, start=start)
        kept = {name: getattr(callback, name) for name in KEPT}
        seen.append((result.epochs_done, kept, model.get_weights()[0].tolist(), callback.best_weights))

    assert seen[0] == seen[1]


def test_it_says_what_kerass_says(capsys):
    for module in (EarlyStopping, keras.callbacks.EarlyStopping):
        drive(module("loss", patience=2, verbose=1, restore_best_weights=True), epochs=losses(2, 1, 3, 3, 3))
        drive(module("loss", verbose=1, restore_best_weights=True), epochs=losses(2, 1))
        drive(module("loss", verbose=0, restore_best_weights=True), epochs=losses(1, 2))
    printed = capsys.readouterr().out.splitlines()

    half = len(printed) // 2
    assert printed[:half] == printed[half:]
    assert printed[:2] == [
        "Epoch 4: early stopping",
        "Restoring model weights from the end of the best epoch: 2.",
    ]


def test_the_outcome_says_who_stopped_and_why():
    result = drive(EarlyStopping("loss", patience=2), epochs=losses(3, 2, 2, 2, 2))

    assert (result.kind, result.by) == ("stopped", "EarlyStopping")
    assert result.reason == "loss no better than 2 of epoch 1 (from 0); patience 2"


@pytest.mark.parametrize(
    ("values", "epochs_run", "best"),
    [
        ((NAN, 1, 1, 1, 1), 4, 1),
        ((NAN, 2, 1, 0.5, 0.25), 5, 0.25),
        ((NAN, NAN, NAN, 1), 3, None),
        ((-INF, 1, 1, 1, 1), 4, 1),
        ((1, -INF, 0.5, 0.4, 0.3), 5, 0.3),
    ],
)
def test_D16_what_is_not_a_finite_number_never_becomes_the_best(values, epochs_run, best):
    stop = EarlyStopping("loss", patience=2)

    result = drive(stop, epochs=losses(*values))

    assert (result.epochs_done, stop.best) == (epochs_run, best)


def test_a_run_that_never_had_a_finite_number_says_so():
    result = drive(EarlyStopping("loss", patience=1), epochs=losses(NAN, NAN, NAN))

    assert result.reason == "loss has not been a finite number; patience 1"


def test_the_best_weights_are_put_back_at_the_planned_end_too():
    model = FakeModel()

    drive(EarlyStopping("loss", patience=9, restore_best_weights=True), epochs=losses(3, 1, 2), model=model)

    assert model.get_weights()[0].tolist() == [2.0]


def test_without_the_wish_nothing_is_put_back_and_no_weights_are_read():
    class Unread(FakeModel):
        def get_weights(self):
            raise AssertionError

    model, stop = Unread(), EarlyStopping("loss", patience=1)
    drive(stop, epochs=losses(1, 2, 3), model=model)

    assert stop.best_weights is None
    assert FakeModel.get_weights(model)[0].tolist() == [2.0]


@pytest.mark.parametrize("error", [KeyboardInterrupt(), RuntimeError("the step failed")])
def test_D22_after_an_interruption_the_best_weights_can_still_be_put_back(error):
    model, stop = FakeModel(), EarlyStopping("loss", restore_best_weights=True, patience=9)

    result = drive(stop, epochs=losses(1, 2, 3), model=model, raise_at=(2, 0), error=error)

    assert result.kind in ("interrupted", "failed")
    assert model.get_weights()[0].tolist() == [2.0]
    stop.restore()
    assert model.get_weights()[0].tolist() == [1.0]


def test_a_second_fit_begins_anew():
    stop = EarlyStopping("loss", patience=1, restore_best_weights=True)
    drive(stop, epochs=losses(1, 2))

    result = drive(stop, epochs=losses(5, 4, 6, 6))

    assert (result.epochs_done, stop.best, stop.best_epoch, stop.stopped_epoch) == (3, 4, 1, 2)


def test_an_epoch_without_validation_decides_nothing_and_warns_of_nothing():
    epochs = [{"loss": 1.0}, {"loss": 1.0, "val_loss": 2.0}, {"loss": 1.0}, {"loss": 1.0, "val_loss": 3.0}]
    stop = EarlyStopping("val_loss", patience=1)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = drive(stop, epochs=epochs * 2)

    assert (result.epochs_done, stop.wait) == (4, 1)


def test_it_works_around_a_loop_without_a_run():
    class Model:
        stop_training = False

    model, stop = Model(), EarlyStopping("loss")
    stop.set_model(model)
    stop.on_train_begin()
    stop.on_epoch_end(0, {"loss": 1.0})
    assert not model.stop_training
    stop.on_epoch_end(1, {"loss": 1.0})
    assert model.stop_training
    stop.on_train_end()


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # Keras's own
def test_it_works_in_kerass_own_fit_and_asks_kerass_metrics_for_the_direction():
    model = keras.Sequential([keras.layers.Dense(1)])
    model.compile("sgd", "binary_crossentropy", metrics=["accuracy"])
    stop = EarlyStopping("accuracy", patience=0, restore_best_weights=True)
    x, y = np.zeros((4, 2), "float32"), np.zeros((4, 1), "float32")

    history = model.fit(x, y, epochs=5, verbose=0, callbacks=[stop])

    assert stop.watch.direction == "max"
    assert (len(history.epoch), stop.stopped_epoch) == (2, 1)


def test_a_subclass_may_watch_another_number():
    class Gap(EarlyStopping):
        def get_monitor_value(self, logs):
            return logs["val_loss"] - logs["loss"]

    epochs = [{"loss": 3.0, "val_loss": 3.0}, {"loss": 2.0, "val_loss": 2.5}, {"loss": 1.0, "val_loss": 2.4}]

    assert drive(Gap(), epochs=epochs).epochs_done == 2


@pytest.mark.parametrize(
    "wrong",
    [
        {"patience": -1},
        {"patience": True},
        {"patience": "3"},
        {"patience": NAN},
        {"min_delta": NAN},
        {"min_delta": None},
        {"baseline": "low"},
        {"baseline": NAN},
        {"start_from_epoch": -1},
        {"start_from_epoch": None},
        {"mode": "least"},
    ],
    ids=str,
)
def test_D30_arguments_are_checked_when_they_are_given(wrong):
    ((name, value),) = wrong.items()

    with pytest.raises(InvalidArgument) as raised:
        EarlyStopping(**wrong)

    assert raised.value.given is value
    assert f"{name}=" in raised.value.cure
    assert "EarlyStopping" in raised.value.what


def test_patience_may_be_endless():
    assert drive(EarlyStopping("loss", patience=INF), epochs=losses(*[1] * 9)).kind == "completed"


def test_keras_order_of_arguments_is_kept():
    stop = EarlyStopping("loss", -0.5, 3, 1, "max", 0.25, True, 2)

    assert [getattr(stop, name) for name in ("monitor", "min_delta", "patience", "verbose", "mode", "baseline")] == [
        "loss", 0.5, 3, 1, "max", 0.25,
    ]  # fmt: skip
    assert (stop.restore_best_weights, stop.start_from_epoch) == (True, 2)


def test_a_stop_still_closes_everybody():
    record = Recorder()
    drive([EarlyStopping("loss"), record], epochs=losses(1, 1, 1))

    assert record.hooks[-2:] == ["on_train_end", "on_run_end"]
    assert record.calls[-1][1].by == "EarlyStopping"


def set_late(kind, **late):
    """A subclass as users write them: what is watched is said after `super().__init__()`."""

    def init(self, *args, **kwargs):
        kind.__init__(self, *args, **kwargs)
        for name, value in late.items():
            setattr(self, name, value)

    return type("Late", (kind,), {"__init__": init})


@pytest.mark.parametrize(
    ("late", "epochs_run"),
    [
        ({"monitor": "loss"}, 2),
        ({"monitor": "loss", "patience": 3}, 6),
        ({"monitor": "loss", "patience": 2, "min_delta": 0.5}, 3),
        ({"monitor": "score", "mode": "max", "patience": 2}, 3),
        ({"monitor": "score", "mode": "min", "patience": 2}, 7),
    ],
)
def test_what_a_subclass_sets_after_init_counts_as_in_keras(late, epochs_run):
    epochs = [{"loss": loss, "score": -step} for step, loss in enumerate((1.0, 1.1, 0.9, 1.0, 1.0, 1.0, 1.0), start=1)]
    found = []
    for kind in (EarlyStopping, keras.callbacks.EarlyStopping):
        stop = set_late(kind, **late)()
        result = drive(stop, epochs=epochs, batches=1, model=FakeModel())
        kept = {name: getattr(stop, name) for name in KEPT}
        found.append((result.epochs_done, kept))

    assert found[0] == found[1]
    assert found[0][0] == epochs_run


def test_what_is_set_after_init_is_checked_as_in_it():
    stop = EarlyStopping("loss")
    for name, value in (("mode", "mix"), ("patience", -1), ("min_delta", "much")):
        with pytest.raises(InvalidArgument):
            setattr(stop, name, value)
    with pytest.raises(UnknownMonitor, match='there will be no "lost"'):
        drive(set_late(EarlyStopping, monitor="lost")(), epochs=losses(1, 2))


def test_with_a_condition_a_number_named_later_is_watched_too():
    stop = set_late(EarlyStopping, monitor="loss")(when="loss < 0")

    assert drive(stop, epochs=losses(1, 2, 3)).epochs_done == 2
