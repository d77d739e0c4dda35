"""ThroughputMonitor: what counts as training time, by a clock of the test's own, and what is logged and said."""

from __future__ import annotations

import math

import numpy as np
import pytest

import kibitz
from kibitz.callbacks import Callback, EarlyStopping, ThroughputMonitor
from kibitz.callbacks.dispatch import Dispatch
from kibitz.errors import InvalidArgument, UnknownMonitor, WrongType
from kibitz.run import Run
from kibitz.testing import FakeModel, Recorder, drive

EPOCH, VALIDATED = {"loss": 1.0}, {"loss": 1.0, "val_loss": 1.0}


class Work(Callback):
    """Compiling takes 100 seconds, a step 2, a batch of validation 50; a hook between epochs 7."""

    def __init__(self):
        super().__init__()
        self.now, self.cold = 0.0, True

    def on_train_batch_begin(self, batch, logs=None):
        self.now += 102 if self.cold else 2
        self.cold = False

    def on_test_batch_begin(self, batch, logs=None):
        self.now += 50

    def on_epoch_end(self, epoch, logs=None):
        self.now += 7


def run(epochs, *, batches=4, before=(), **arguments):
    work, record = Work(), Recorder()
    monitor = ThroughputMonitor(clock=lambda: work.now, **arguments)
    drive([*before, monitor, work, record], epochs=epochs, batches=batches)
    return record.logs("on_epoch_end")


def test_the_first_step_is_left_out_and_validation_is_no_training():
    for logs in (*run([EPOCH] * 3), *run([VALIDATED] * 3)):
        assert logs["steps_per_second"] == 0.5


def test_an_only_step_counts_as_it_is():
    first, second = run([EPOCH] * 2, batches=1)

    assert (first["steps_per_second"], second["steps_per_second"]) == (1 / 102, 0.5)


def test_each_step_counts_the_same_share_of_the_samples():
    # 30 rows in 4 steps of 8: the last one is short.
    assert [logs["samples_per_second"] for logs in run([EPOCH] * 2, samples=30)] == [3.75, 3.75]


def test_an_epoch_that_is_cut_short_counts_what_was_done():
    class Stop(Callback):
        def on_train_batch_end(self, batch, logs=None):
            if self.run.step == 6:
                self.run.stop("enough")

    logs = run([EPOCH] * 3, samples=40, before=[Stop()])

    assert [each["samples_per_second"] for each in logs] == [5, 5]


def test_where_nobody_knows_of_samples_only_steps_are_logged():
    (logs,) = run([EPOCH])

    assert set(logs) == {"loss", "steps_per_second"}


def test_it_says_a_line_an_epoch_if_asked(capsys):
    run([EPOCH] * 2, samples=4000, verbose=1)

    assert capsys.readouterr().out == (
        "Epoch 1: 0.5 steps/s, 500 samples/s (without the first step)\nEpoch 2: 0.5 steps/s, 500 samples/s\n"
    )
    run([EPOCH], batches=1, verbose=1, parts=True)
    assert capsys.readouterr().out.startswith("Epoch 1: 0.0098 steps/s, device 0.0 s, data 0.0 s, hooks ")


def test_the_samples_are_those_that_the_run_has_trained_on():
    class Rows(Callback):
        """As the engine counts them: 8 in a batch, of the last one 6, and of validation none."""

        def on_train_batch_begin(self, batch, logs=None):
            self.run.report.samples += 6 if batch == 3 else 8

    first, second = run([VALIDATED] * 2, before=[Rows()])

    assert (first["samples_per_second"], second["samples_per_second"]) == (22 / 6, 30 / 8)


def test_a_validation_in_the_midst_of_an_epoch_is_no_training():
    now, logs = iter([0.0, 100.0, 102.0, 152.0, 154.0, 204.0, 210.0]), {}
    monitor = ThroughputMonitor(clock=lambda: next(now))
    monitor.on_train_begin()
    monitor.on_epoch_begin(0)
    for batch in range(3):
        if batch == 2:
            monitor.on_test_begin()
            monitor.on_test_end()
        monitor.on_train_batch_end(batch)
    monitor.on_test_begin()
    monitor.on_test_end()
    monitor.on_epoch_end(0, logs)

    assert logs["steps_per_second"] == 2 / 4


def test_only_the_first_epoch_is_watched_batch_by_batch():
    dispatch = Dispatch([ThroughputMonitor()], Run("train"))
    dispatch.attach(FakeModel(), {"verbose": 0, "epochs": 2, "steps": 1})
    watched = []
    dispatch.fire("on_train_begin", {})
    for epoch in range(2):
        dispatch.fire("on_epoch_begin", epoch, {})
        watched.append(dispatch.quiet("train"))
        dispatch.fire("on_train_batch_end", 0, {})

    assert watched == [0, math.inf]


def test_the_parts_are_those_of_the_runs_report_within_the_epochs_training():
    class Report(Callback):
        def on_train_batch_begin(self, batch, logs=None):
            self.run.report.seconds["device"] += 1
            self.run.report.seconds["data"] += 0.25

        def on_test_batch_begin(self, batch, logs=None):
            self.run.report.seconds["device"] += 100

    first, second = run([VALIDATED] * 2, before=[Report()], parts=True)

    assert (first["device_seconds"], first["data_seconds"]) == (3, 0.75)
    assert (second["device_seconds"], second["data_seconds"]) == (4, 1)
    assert second["hooks_seconds"] > 0


def test_a_callback_behind_it_may_watch_what_it_adds_and_nothing_else():
    drive([ThroughputMonitor(samples=1), EarlyStopping("samples_per_second", mode="max")], epochs=[EPOCH])
    with pytest.raises(UnknownMonitor):
        drive([ThroughputMonitor(), EarlyStopping("data_seconds", mode="min")], epochs=[EPOCH])


def test_in_a_loop_of_ones_own_it_counts_as_well():
    now = iter([0.0, 5.0, 6.0])
    monitor = ThroughputMonitor(clock=lambda: next(now), samples=30, parts=True)
    logs = {}
    monitor.on_train_begin()
    monitor.on_epoch_begin(0)
    for batch in range(3):
        monitor.on_train_batch_end(batch)
    monitor.on_epoch_end(0, logs)

    assert (logs["steps_per_second"], logs["samples_per_second"], logs["data_seconds"]) == (2, 20, 0)


def test_no_time_no_rate():
    monitor = ThroughputMonitor(clock=lambda: 1.0)
    record = Recorder()
    drive([monitor, record], epochs=[EPOCH])

    assert math.isnan(record.logs("on_epoch_end")[0]["steps_per_second"])


@pytest.mark.parametrize("samples", [0, -1, "60000", True, float("nan")])
def test_what_is_no_number_of_rows_is_refused(samples):
    with pytest.raises(InvalidArgument, match="ThroughputMonitor cannot work with this samples"):
        ThroughputMonitor(samples=samples)
    with pytest.raises(WrongType, match="parts is yes or no"):
        ThroughputMonitor(parts="data")


def test_in_a_fit_it_measures_something_and_changes_no_bit():
    def train(*callbacks):
        kibitz.utils.set_random_seed(1)
        model = kibitz.Sequential([kibitz.Input((2,)), kibitz.layers.Dense(1)])
        model.compile("sgd", "mse")
        x = np.ones((10, 2), "float32")
        history = model.fit(x, x[:, :1], batch_size=4, epochs=2, verbose=0, callbacks=list(callbacks))
        return model.get_weights()[0].tobytes(), history.history

    weights, history = train(ThroughputMonitor(parts=True))

    assert weights == train()[0]
    assert all(len(history[key]) == 2 and min(history[key]) > 0 for key in ("steps_per_second", "samples_per_second"))
    assert all(len(history[f"{part}_seconds"]) == 2 for part in ("device", "data", "hooks"))
