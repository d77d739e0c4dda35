"""Timer: which batch or epoch it ends at, by a clock of the test's own; what it counts, says and saves."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest

import kibitz
from kibitz.callbacks import Callback, EarlyStopping, Timer
from kibitz.errors import InvalidArgument, Unsupported, UnusableFile
from kibitz.testing import FakeModel, Recorder, drive

EPOCH, VALIDATED = {"loss": 1.0}, {"loss": 1.0, "val_loss": 1.0}


class Clock:
    """A clock that passes when somebody says so."""

    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


class Work(Callback):
    """A step of 10 seconds, and a batch of validation of 3."""

    def __init__(self, clock):
        super().__init__()
        self.clock = clock

    def on_train_batch_begin(self, batch, logs=None):
        self.clock.now += 10

    def on_test_batch_begin(self, batch, logs=None):
        self.clock.now += 3


def run(duration, epochs=5 * [EPOCH], *, batches=4, others=(), model=None, start=0, **arguments):
    clock = Clock()
    timer = Timer(duration, clock=clock, **arguments)
    record = Recorder()
    result = drive(
        [Work(clock), *others, timer, record], epochs=epochs, batches=batches, validation=2, model=model, start=start
    )
    return timer, result, record


@pytest.mark.parametrize(
    ("given", "seconds"),
    [
        ("2 h", 7200), ("90 min", 5400), ("1 h 30 min", 5400), ("1h30min", 5400), ("45s", 45), ("1.5 hours", 5400),
        ("2 days", 172800), ("1 D", 86400), ("00:12:00:00", 43200), ("01:00:00:30", 86430), ("00:00:45", 45),
        ("36:00:00", 129600), ("1 minute 1 second", 61), (90, 90), (0.5, 0.5), (np.float32(2.5), 2.5),
        (dt.timedelta(hours=1), 3600),
    ],
)  # fmt: skip
def test_a_duration_is_read(given, seconds):
    assert Timer(given).duration == seconds


@pytest.mark.parametrize(
    "given",
    ["", "soon", "2", "2 m", "12:00", "1 h 2 h", "1 h and 5 min", "-1 h", "00:75:00", "00:24:00:00", "0 s", 0, -1, True,
     float("nan"), float("inf"), [], "1 h;", "h"],
)  # fmt: skip
def test_what_is_no_duration_is_refused_when_it_is_given(given):
    with pytest.raises(InvalidArgument, match="Timer cannot read this duration") as raised:
        Timer(given)

    assert raised.value.cure == 'Timer(duration="90 min")'


def test_it_ends_at_the_first_batch_by_which_the_time_is_spent():
    timer, result, record = run(60)

    assert (result.kind, result.by, result.epochs_done) == ("stopped", "Timer", 2)
    assert record.hooks.count("on_train_batch_end") == 6
    assert (timer.stopped_epoch, timer.spent, timer.left) == (1, 60, 0)
    assert result.reason == "60s spent, of 60s"


def test_at_the_end_of_epochs_only_if_that_is_asked():
    _, result, record = run(60, at="epoch")

    assert result.epochs_done == 2
    assert record.hooks.count("on_train_batch_end") == 8


def test_time_of_validation_counts_and_is_told_apart():
    # An epoch is 40 s and its validation 6 s.
    timer, result, record = run("92 s", [VALIDATED] * 5)

    assert result.epochs_done == 2
    assert record.hooks.count("on_train_batch_end") == 8  # ended by the validation, at the end of its epoch
    assert (timer.train_seconds, timer.validation_seconds, timer.spent) == (80, 12, 92)


def test_enough_time_ends_nothing(capsys):
    timer, result, _ = run("1 h", verbose=1)

    assert (result.kind, timer.stopped_epoch, timer.left) == ("completed", None, 3400)
    assert capsys.readouterr().out == ""


def test_without_a_duration_it_only_measures():
    timer, result, _ = run(None, [VALIDATED])

    assert (result.kind, timer.train_seconds, timer.validation_seconds, timer.left) == ("completed", 40, 6, None)


def test_it_says_one_line_at_the_end_if_asked(capsys):
    run("1 min", verbose=1)
    assert capsys.readouterr().out == "Epoch 2: timer stopped training after 60s\n"

    run("1 min")
    assert capsys.readouterr().out == ""


def test_a_new_fit_begins_at_nothing():
    clock = Clock()
    timer = Timer(1000, clock=clock)
    for _ in range(2):
        drive([Work(clock), timer], epochs=[EPOCH], batches=2)
        clock.now += 500

    assert timer.spent == 20


def test_a_resumed_run_goes_on_counting_from_the_kept_attributes():
    clock = Clock()
    timer = Timer(60, clock=clock)

    class Restore(Callback):
        def on_train_begin(self, logs=None):
            timer.train_seconds, timer.validation_seconds = 30.0, 10.0

    result = drive([Work(clock), timer, Restore()], epochs=[EPOCH] * 3, batches=1)

    assert (result.epochs_done, timer.train_seconds, timer.validation_seconds) == (2, 50, 10)


def test_what_it_keeps_is_public_and_plain():
    timer, _, _ = run(60, [VALIDATED] * 3)
    kept = {name: value for name, value in vars(timer).items() if not name.startswith("_")}

    assert {"train_seconds", "validation_seconds", "stopped_epoch"} <= set(kept)
    assert all(isinstance(kept[name], float | int) for name in ("train_seconds", "validation_seconds", "stopped_epoch"))


def test_time_between_runs_and_in_evaluations_of_their_own_is_not_counted():
    clock = Clock()
    timer = Timer(1000, clock=clock)
    drive([Work(clock), timer], epochs=[EPOCH])
    clock.now += 500
    timer.on_test_begin({})
    clock.now += 500
    timer.on_test_end({})

    assert timer.spent == 10


def test_a_run_that_fails_is_counted_to_where_it_failed():
    clock = Clock()
    timer = Timer(1000, clock=clock)
    drive([Work(clock), timer], epochs=[EPOCH] * 2, batches=2, raise_at=(1, 1))
    clock.now += 500
    timer.on_test_begin({})

    assert timer.spent == 40


def test_who_asked_before_keeps_the_reason():
    timer, result, _ = run(10, others=[EarlyStopping("loss", patience=0)], at="epoch", batches=1, epochs=[EPOCH] * 1)
    assert result.by == "Timer"

    class First(Callback):
        def on_train_batch_end(self, batch, logs=None):
            self.run.stop("I was first")

    timer, result, _ = run(10, others=[First()])
    assert (result.reason, timer.stopped_epoch) == ("I was first", None)


def test_a_stop_that_is_taken_back_is_asked_for_again():
    class TakeBack(Callback):
        def on_epoch_end(self, epoch, logs=None):
            if epoch == 0:
                self.model.stop_training = False

    clock = Clock()
    timer = Timer(10, clock=clock)
    result = drive([Work(clock), timer, TakeBack()], epochs=[EPOCH] * 5)

    assert (result.epochs_done, timer.stopped_epoch) == (2, 1)


@pytest.mark.parametrize("name", ["last.keras", "last.weights.h5"])
def test_the_model_is_saved_once_where_it_stopped_before_validation(name, tmp_path):
    seen = []

    class Model(FakeModel):
        def save(self, filepath, overwrite=True):
            seen.append((str(filepath), overwrite, self.get_weights()[0].item(), self.stop_training))

        save_weights = save

    run(60, [VALIDATED] * 5, path=tmp_path / name, model=Model())

    # 46 s in the first epoch, so the second batch of the second.
    assert seen == [(str(tmp_path / name), True, 6.0, False)]


def test_nothing_is_saved_if_time_was_left(tmp_path):
    run("1 h", path=tmp_path / "last.keras")

    assert list(tmp_path.iterdir()) == []


def test_a_path_is_checked_when_it_is_given_and_its_place_before_the_first_step(tmp_path):
    with pytest.raises(InvalidArgument, match="the file's ending says which"):
        Timer("1 h", path="last.h5")
    with pytest.raises(InvalidArgument, match="without a duration it never is"):
        Timer(None, path="last.keras")
    with pytest.raises(InvalidArgument) as raised:
        Timer("1 h", at="step")
    assert raised.value.there_is == ["batch", "epoch"]

    (tmp_path / "file").write_text("")
    record = Recorder()
    with pytest.raises(UnusableFile):
        drive([Timer("1 h", path=tmp_path / "file" / "last.keras"), record], epochs=[EPOCH])
    assert record.calls == []


def test_a_model_that_cannot_be_written_down_is_refused_before_the_first_step(tmp_path):
    class Model(FakeModel):
        def get_config(self):
            raise Unsupported("It cannot be written down.", given=self, cure="weights only")

    record = Recorder()
    with pytest.raises(Unsupported):
        drive([Timer("1 h", path=tmp_path / "last.keras"), record], epochs=[EPOCH], model=Model())
    assert record.calls == []
    drive(Timer("1 h", path=tmp_path / "last.weights.h5"), epochs=[EPOCH], model=Model())


def test_in_a_fit_the_saved_model_is_that_of_the_batch(tmp_path):
    x, y = np.ones((8, 2), "float32"), np.ones((8, 1), "float32")
    model = kibitz.Sequential([kibitz.Input((2,)), kibitz.layers.Dense(1)])
    model.compile(kibitz.optimizers.SGD(0.125), "mse")
    clock = Clock()
    timer = Timer(60, clock=clock, path=tmp_path / "last.keras")

    history = model.fit(x, y, batch_size=2, epochs=5, verbose=0, callbacks=[Work(clock), timer])

    assert (history.run.outcome.by, timer.stopped_epoch) == ("Timer", 1)
    saved = kibitz.models.load_model(tmp_path / "last.keras")
    assert int(saved.optimizer.iterations) == 6
    for one, other in zip(saved.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
