"""What a monitor makes of numbers, beside naive code; and a `Monitor` given to the callbacks that watch one."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kibitz.callbacks import Callback, EarlyStopping, LambdaCallback, ModelCheckpoint, ReduceLROnPlateau
from kibitz.callbacks.monitor import Monitor
from kibitz.callbacks.state import Kept
from kibitz.errors import InvalidArgument, UnknownMonitor
from kibitz.testing import FakeModel, drive
from tests.checkpoint.faults import names
from tests.drawn import examples

NAN, INF = math.nan, math.inf


def losses(*values):
    return [{"loss": value} for value in values]


some = st.sampled_from([0.0, 1.0, 1.5, NAN, INF, -INF, 1e30, -1e30, 1e300, 1 + 2**-30])
values = some | st.floats(-4, 4) | st.floats(-4, 4, width=32).map(np.float32)
modes = st.sampled_from(["min", "max"])
deltas = st.sampled_from([0, 0.1, -0.25, 1, np.float32(0.5)])


def is_better(value, best, mode, delta):
    """As the docstring says it: finite, and better than the best by more than the delta, in float32."""
    if not math.isfinite(value):
        return False
    if best is None or math.isnan(best):
        return True
    with np.errstate(over="ignore"):
        moved = np.float32(value + abs(delta) if mode == "min" else value - abs(delta))
        return bool(moved < np.float32(best)) if mode == "min" else bool(moved > np.float32(best))


@examples(200)
@given(value=values, best=values | st.none(), mode=modes, delta=deltas)
def test_better_is_better_by_more_than_the_delta(value, best, mode, delta):
    monitor = Monitor("n", mode=mode, min_delta=delta)
    assert monitor.better(value, best) is is_better(value, best, mode, delta)
    assert monitor.better(value, best, by=0.0) is is_better(value, best, mode, 0.0)


@pytest.mark.parametrize(("mode", "value"), [("min", 1 - 1e-9), ("max", 1 + 1e-9)])
def test_what_float32_cannot_tell_apart_is_no_improvement(mode, value):
    monitor = Monitor("n", mode=mode)
    assert not monitor.better(value, 1.0)
    assert monitor.better(1 - 1e-6 if mode == "min" else 1 + 1e-6, 1.0)


@examples(150)
@given(
    given=st.lists(values, max_size=10),
    mode=modes,
    delta=deltas,
    patience=st.integers(0, 3),
    bar=st.sampled_from([None, 0.0, 1.0, INF]),
    counts=st.lists(st.booleans(), min_size=10, max_size=10),
)
def test_best_waiting_and_patience_are_those_of_naive_code(given, mode, delta, patience, bar, counts):
    monitor = Monitor("n", mode=mode, min_delta=delta, patience=patience)
    best, wait = None, 0
    for number, value in enumerate(given):
        better = is_better(value, best, mode, delta)
        news = better or number == 0
        best = value if better else best
        if news and (bar is None or is_better(value, bar, mode, delta)):
            wait = 0
        elif counts[number]:
            wait += 1
        assert monitor.take(value, bar=bar, counts=counts[number]) is news
        assert (monitor.best, monitor.wait, monitor.begun) == (best, wait, True)
        assert monitor.spent is (wait >= max(patience, 1))
    monitor.reset()
    assert (monitor.best, monitor.wait, monitor.begun, monitor.spent) == (None, 0, False, False)


@examples(100)
@given(given=st.lists(values, max_size=10), smoothing=st.sampled_from([0, 0.1, 0.5, 0.9]), cut=st.integers(0, 10))
def test_smoothing_is_a_moving_average_of_what_is_finite_and_goes_on_after_a_cut(given, smoothing, cut):
    monitor, average = Monitor("n", mode="min", smoothing=smoothing), None
    for number, value in enumerate(given):
        if number == cut:
            state = monitor.get_state()
            monitor = Monitor("n", mode="min", smoothing=smoothing)
            monitor.set_state(state)
            assert repr(monitor.get_state()) == repr(state)
        read = monitor.read({"n": value})
        if smoothing and math.isfinite(value):
            average = float(value) if average is None else smoothing * average + (1 - smoothing) * float(value)
            assert read == average
        else:
            assert repr(read) == repr(float(value))
        monitor.take(read)


@pytest.mark.parametrize(("name", "value"), [
    ("smoothing", 1), ("smoothing", -0.1), ("smoothing", NAN), ("smoothing", "much"), ("patience", -1),
    ("patience", True), ("min_delta", NAN), ("min_delta", "small"), ("mode", "least"),
])  # fmt: skip
def test_a_setting_that_cannot_be_is_refused(name, value):
    with pytest.raises(InvalidArgument, match="Monitor") as raised:
        Monitor("loss", **{name: value})
    assert raised.value.cure


# -- a Monitor in the place of a name ----------------------------------------------------------------------------------


def test_early_stopping_has_the_patience_the_delta_and_the_smoothing_of_a_monitor_it_was_given():
    stop = EarlyStopping(Monitor("loss", mode="min", patience=2, min_delta=0.25, smoothing=0.5))
    result = drive(stop, losses(4, 0, 8, 0.5, 3, 0, 0))  # averages 4, 2, 5, 2.75, 2.875
    assert (result.epochs_done, stop.best, stop.best_epoch, stop.patience, stop.min_delta) == (4, 2.0, 1, 2, 0.25)
    assert result.reason == "loss no better than 2 of epoch 1 (from 0); patience 2"
    assert (stop.monitor, stop.mode) == ("loss", "min")


def test_reduce_lr_on_plateau_has_those_of_its_monitor():
    model = FakeModel(learning_rate=1.0)
    drive(ReduceLROnPlateau(Monitor("loss", patience=2), factor=0.5), losses(1, 1, 1, 1, 1), model=model)
    assert float(model.optimizer.learning_rate) == 0.25
    model = FakeModel(learning_rate=1.0)
    drive(ReduceLROnPlateau(Monitor("loss", patience=2, smoothing=0.9), factor=0.5), losses(5, 1, 1, 1, 1), model=model)
    assert float(model.optimizer.learning_rate) == 1.0


def test_model_checkpoint_has_the_smoothing_of_its_monitor(tmp_path):
    path = tmp_path / "{epoch}.keras"
    drive(ModelCheckpoint(path, Monitor("loss", smoothing=0.5), save_best_only=True), losses(4, 0, 2.5, 1))
    assert names(tmp_path) == ["1.keras", "2.keras", "4.keras"]  # averages 4, 2, 2.25, 1.625


@pytest.mark.parametrize("first", [EarlyStopping, ReduceLROnPlateau])
def test_callbacks_that_are_given_the_same_monitor_each_have_their_own(first):
    monitor = Monitor("loss", mode="min", patience=2)
    monitor.take(-5.0)
    one, other = first(monitor), EarlyStopping(monitor)
    assert one.best is None
    drive(one, losses(1, 1))
    assert (one.best, one.wait) == (1, 1)
    assert (other.best, other.wait) == (None, 0)
    assert (monitor.best, monitor.owner) == (-5.0, "Monitor")
    alone, both = EarlyStopping(Monitor("loss", patience=2)), [EarlyStopping(monitor), EarlyStopping(monitor)]
    epochs = losses(3, 2, 2, 1, 1, 1, 1)
    assert drive(alone, epochs).epochs_done == drive(both, epochs).epochs_done == 6


def test_two_fits_with_one_monitor_do_not_mix():
    stop = EarlyStopping(Monitor("loss", patience=2, smoothing=0.5))
    seen = []
    for _ in range(2):
        result = drive(stop, losses(4, 5, 6, 7))
        seen.append((result.epochs_done, stop.best, stop.best_epoch, stop.watch.get_state()))
    assert seen[0] == seen[1]


def test_a_kind_of_monitor_of_ones_own_stays_one():
    class Halved(Monitor):
        def read(self, logs, model=None):
            value = super().read(logs, model)
            return None if value is None else value / 2

    stop = EarlyStopping(Halved("loss", mode="min"))
    drive(stop, losses(4, 2))
    assert stop.best == 1


@pytest.mark.parametrize(("kind", "given"), [
    (EarlyStopping, {"patience": 3}), (EarlyStopping, {"mode": "max"}), (EarlyStopping, {"min_delta": 0.1}),
    (ReduceLROnPlateau, {"patience": 3}), (ModelCheckpoint, {"mode": "max"}),
])  # fmt: skip
def test_a_setting_beside_a_monitor_that_has_its_own_is_refused(kind, given):
    path = ["m.keras"] if kind is ModelCheckpoint else []
    ((name, value),) = given.items()
    with pytest.raises(InvalidArgument, match=f"{kind.__name__} was given a monitor") as raised:
        kind(*path, Monitor("loss"), **given)
    assert raised.value.cure == f'{kind.__name__}(Monitor("loss", {name}={value!r}))'


def test_a_monitor_that_was_given_is_settled_in_the_callbacks_name():
    with pytest.raises(UnknownMonitor, match="EarlyStopping has nothing to watch"):
        drive(EarlyStopping(Monitor("val_los", mode="min")), losses(1))


@pytest.mark.parametrize("cut", [1, 2, 3])
def test_smoothing_and_waiting_go_on_in_another_process(cut):
    epochs, ends = losses(4, 0, 8, 0.5, 3, 0, 0), []
    for first, last in ((None, EarlyStopping(_smooth())), (EarlyStopping(_smooth()), EarlyStopping(_smooth()))):
        more = []
        if first is not None:
            kept = Kept(first)
            drive(first, epochs, kill_after=cut)
            state = kept.state()
            more = [LambdaCallback(on_train_begin=lambda logs, it=last, state=state: Kept(it).restore(state))]
        result = drive([last, *more], epochs, start=0 if first is None else cut)
        ends.append((result.epochs_done, last.best_epoch, last.watch.get_state()))
    assert ends[0] == ends[1]


def _smooth():
    return Monitor("loss", mode="min", patience=2, min_delta=0.25, smoothing=0.5)


# -- EarlyStopping(when=...) -------------------------------------------------------------------------------------------

BOTH = [{"loss": loss, "val_loss": 5.0 + number} for number, loss in enumerate((3.0, 2.0, 1.0, 0.5))]


@pytest.mark.parametrize("epochs", [losses(3, 2, 1, 0.5), BOTH], ids=["without validation", "with validation"])
def test_a_condition_alone_decides_alone(epochs):
    stop = EarlyStopping(when="loss < 1.5")
    result = drive(stop, epochs)
    assert (result.epochs_done, result.reason, stop.stopped_epoch) == (3, "loss < 1.5 in epoch 2 (from 0)", 2)


@pytest.mark.parametrize(("given", "done"), [
    ({"patience": 1}, 2), ({"patience": 2}, 3), ({"monitor": "loss"}, 3), ({"restore_best_weights": True}, 2),
    ({"baseline": 9.0}, 2), ({"monitor": "val_loss", "patience": 9}, 3),
])  # fmt: skip
def test_a_condition_ends_training_besides_what_else_is_asked_for(given, done):
    assert drive(EarlyStopping(when="loss < 1.5", **given), BOTH).epochs_done == done


@pytest.mark.parametrize("given", [{"restore_best_weights": True}, {"patience": 3}, {"baseline": 1.0}])
def test_what_is_asked_for_besides_a_condition_is_never_let_be_in_silence(given):
    with pytest.raises(UnknownMonitor, match="val_loss"):
        drive(EarlyStopping(when="loss < 1", **given), losses(3, 2))


def test_with_a_condition_the_best_weights_are_put_back():
    model = FakeModel()
    drive(EarlyStopping("loss", when="loss > 5", restore_best_weights=True), losses(3, 2, 6, 1), model=model)
    assert model.get_weights()[0].tolist() == [2.0]


@pytest.mark.parametrize(("when", "said"), [("loss < 9", ["Epoch 1: early stopping"]), ("loss < 0", [])])
def test_it_says_that_a_condition_has_ended_training_also_in_the_first_epoch(when, said, capsys):
    drive(EarlyStopping(when=when, verbose=1), losses(3, 2))
    assert capsys.readouterr().out.splitlines() == said


def test_a_condition_on_what_will_not_be_there_is_refused_and_where_validation_is_not_due_it_waits():
    with pytest.raises(UnknownMonitor, match='EarlyStopping asks for "val_loss"'):
        drive(EarlyStopping(when="val_loss < 9"), losses(3, 2))
    epochs = [{"loss": 1.0}, {"loss": 1.0, "val_loss": 1.0}, {"loss": 1.0}]
    assert drive(EarlyStopping(when="val_loss < 9"), epochs).epochs_done == 2


# -- subclasses written for Keras --------------------------------------------------------------------------------------


def test_a_subclass_may_set_best_wait_and_patience():
    class Sets(EarlyStopping):
        def on_train_begin(self, logs=None):
            super().on_train_begin(logs)
            self.best, self.wait, self.patience = 0.5, 1, 3

    stop = Sets("loss")
    result = drive(stop, losses(2, 1, 1, 0.25))
    assert (result.epochs_done, stop.best, stop.patience) == (4, 0.25, 3)
    assert drive(Sets("loss"), losses(2, 1, 1, 1)).epochs_done == 4  # the first value is never counted as waiting


@pytest.mark.parametrize(("compare", "best"), [(np.greater, 3), (np.less, 1), (None, 1)])
@pytest.mark.parametrize("where", ["init", "begin"])
def test_a_subclass_may_set_how_it_compares(compare, best, where):
    class Sets(EarlyStopping):
        def __init__(self):
            super().__init__("loss", patience=9)
            if where == "init":
                self.monitor_op = compare

        def on_train_begin(self, logs=None):
            super().on_train_begin(logs)
            if where == "begin":
                self.monitor_op = compare

    stop = Sets()
    drive(stop, losses(2, 3, 1))
    assert stop.best == best
    assert stop.monitor_op is (np.greater if best == 3 else np.less)


def test_a_subclass_may_compare_by_itself():
    class Compares(EarlyStopping):
        def on_epoch_end(self, epoch, logs=None):
            current = self.get_monitor_value(logs)
            self.wait += 1
            if self.best is None or self._is_improvement(current, self.best):
                self.best, self.wait = current, 0
            if self.wait >= self.patience:
                self.stopped_epoch = epoch
                self.model.stop_training = True

    stop = Compares("loss", patience=2)
    result = drive(stop, losses(2, 1, 1, 1, 1))
    assert (result.epochs_done, stop.best, stop.wait, stop.stopped_epoch) == (4, 1, 2, 3)


def test_what_a_subclass_adds_is_kept_with_what_it_inherits():
    class Counts(EarlyStopping):
        def on_train_begin(self, logs=None):
            super().on_train_begin(logs)
            self.calls = 0

        def on_epoch_end(self, epoch, logs=None):
            super().on_epoch_end(epoch, logs)
            self.calls += 1

    stop, again = Counts("loss", patience=5), Counts("loss", patience=5)
    kept = Kept(stop)
    drive(stop, losses(2, 1, 1, 1), kill_after=3)
    again.on_train_begin()
    Kept(again).restore(kept.state())
    assert (again.calls, again.best, again.wait, again.best_epoch) == (3, 1, 1, 1)


def test_a_monitor_in_a_callback_of_ones_own_tells_what_is_better():
    class Best(Callback):
        def __init__(self):
            super().__init__()
            self.watch, self.epochs = Monitor("loss", owner="Best"), []

        def settle(self, forecast):
            self.watch.settle(forecast)

        def on_epoch_end(self, epoch, logs=None):
            if self.watch.take(self.watch.read(logs)):
                self.epochs.append(epoch)

    best = Best()
    drive(best, losses(NAN, 3, 4, 2))
    assert best.epochs == [0, 1, 3]
