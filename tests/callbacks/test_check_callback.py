"""`check_callback` sees each thing that a callback can do wrong, says it in a sentence, and lets right ones pass."""

from __future__ import annotations

import functools
import threading
from pathlib import Path

import numpy as np
import pytest

import kibitz
from kibitz.callbacks import Callback
from kibitz.errors import BrokenCallback, InvalidArgument, KibitzError, WrongType
from kibitz.testing import Check, Checked, check_callback
from kibitz.testing.bench import Bench
from kibitz.testing.checks import AS_IT_IS, IN_RUNS


@pytest.fixture(scope="module")
def bench():
    return Bench()


@pytest.fixture(autouse=True)
def one_bench_for_all(bench, monkeypatch):
    """Each check makes a model of its own, and compiles its steps; these tests make one together."""
    monkeypatch.setattr("kibitz.testing.checked.Bench", lambda: bench)


class LooksOn(Callback):
    """Reads all there is to read, and changes nothing."""

    def __init__(self):
        super().__init__()
        self.losses = []

    def on_train_begin(self, logs=None):
        self.losses = []

    def on_train_batch_end(self, batch, logs=None):
        self.model.get_weights()

    def on_epoch_end(self, epoch, logs=None):
        self.losses.append(logs["loss"])
        logs["lowest"] = min(self.losses)


class NoHook:
    pass


class Arguments(Callback):
    def on_epoch_end(self, logs):
        pass


class Misspelt(Callback):
    def on_epoch_ends(self, epoch, logs=None):
        pass


class Empty(Callback):
    def on_train_batch_end(self, batch, logs=None):
        """Nothing to do."""


class NeedsAMetric(Callback):
    def settle(self, forecast):
        kibitz.callbacks.EarlyStopping("val_auc", mode="max").settle(forecast)


class NeedsValidation(Callback):
    def on_epoch_end(self, epoch, logs=None):
        logs["val_loss"] + 1


class SaysThatItNeedsValidation(NeedsValidation):
    def settle(self, forecast):
        kibitz.callbacks.EarlyStopping().settle(forecast)


class NeedsBatches(Callback):
    def on_epoch_end(self, epoch, logs=None):
        assert self.params["steps"] > 1


class NeedsSilence(Callback):
    def on_train_begin(self, logs=None):
        {0: "silent", 1: "bar"}[self.params["verbose"]]


class NeedsTraining(Callback):
    def on_train_begin(self, logs=None):
        self.seen = 0

    def on_test_end(self, logs=None):
        self.seen += 1


class NeedsTrainingToPredict(Callback):
    def on_train_begin(self, logs=None):
        self.seen = 0

    def on_predict_end(self, logs=None):
        self.seen += 1


class Once(Callback):
    seen = False

    def on_train_begin(self, logs=None):
        assert not self.seen

    def on_train_end(self, logs=None):
        self.seen = True


class NeedsTheLastEpoch(Callback):
    def on_train_end(self, logs=None):
        assert self.run.outcome is None
        assert self.run.epoch == self.params["epochs"] - 1


class ClosesInTheWrongHook(Callback):
    def on_train_begin(self, logs=None):
        self._open = True

    def on_train_end(self, logs=None):
        self._open = False

    def on_run_end(self, outcome):
        assert not getattr(self, "_open", False)


class ClosesOnlyAfterFailures(Callback):
    def on_run_end(self, outcome):
        assert outcome.kind != "failed"


class LeavesAFile(Callback):
    def __init__(self, path, opened):
        super().__init__()
        self._path, self._opened, self._file = path, opened, None

    def on_train_begin(self, logs=None):
        self._file = self._path.open("w")
        self._opened.append(self._file)

    def on_train_end(self, logs=None):
        self._file.close()


class LeavesAThread(Callback):
    def __init__(self, done):
        super().__init__()
        self._done = done

    def on_test_end(self, logs=None):
        threading.Thread(target=self._done.wait, name="a notifier", daemon=True).start()


class Writes(Callback):
    def on_train_end(self, logs=None):
        self.model.set_weights([weight + 1 for weight in self.model.get_weights()])


class TakesOut(Callback):
    def on_epoch_end(self, epoch, logs=None):
        logs.pop("loss")


class Stops(Callback):
    def on_epoch_end(self, epoch, logs=None):
        self.model.stop_training = True


class PutsText(Callback):
    def on_epoch_end(self, epoch, logs=None):
        logs["when"] = "now"


class Forgets(Callback):
    def on_train_begin(self, logs=None):
        self._seen = 0

    def on_epoch_end(self, epoch, logs=None):
        self._seen += 1
        logs["seen"] = self._seen


WRONG = {
    "is an instance with hooks": (NoHook, "has no hook"),
    "hooks can be called": (Arguments, "Arguments.on_epoch_end cannot take what it will be given"),
    "no hook is misspelt": (Misspelt, "did you mean on_epoch_end?"),
    "no empty hook at batches": (Empty, "on_train_batch_end is called at every batch, and does nothing"),
    "fit with validation": (NeedsAMetric, 'there will be no "val_auc"'),
    "fit without validation": (NeedsValidation, "it raised UnknownKey"),
    "one epoch of one batch": (NeedsBatches, "in NeedsBatches.on_epoch_end, epoch 0"),
    "verbose 1 and 2": (NeedsSilence, "it raised KeyError: 2 (in NeedsSilence.on_train_begin)"),
    "evaluate alone": (NeedsTraining, "it raised AttributeError"),
    "predict alone": (NeedsTrainingToPredict, "it raised AttributeError"),
    "used again": (Once, "in Once.on_train_begin"),
    "a stopped run": (NeedsTheLastEpoch, "in NeedsTheLastEpoch.on_train_end"),
    "an interrupted run": (ClosesInTheWrongHook, "while the run was closed: AssertionError"),
    "a failed run": (ClosesOnlyAfterFailures, "while the run was closed: AssertionError"),
    "the same bits": (Writes, "the weights after the run are others than without it"),
    "only numbers in logs": (PutsText, 'it puts "when" into the logs of on_epoch_end'),
    "state goes on": (Forgets, "its epochs have other numbers in their logs"),
}


@pytest.mark.parametrize(("name", "wrong"), WRONG.items(), ids=[kind.__name__ for kind, _ in WRONG.values()])
def test_what_is_wrong_is_seen_and_said(name, wrong):
    kind, words = wrong
    checked = check_callback(kind, raises=False)
    found = {check.name: check for check in checked.failed}

    assert name in found
    assert words in found[name].why
    assert found[name].cure


def test_every_check_can_fail():
    assert {*AS_IT_IS, *IN_RUNS} - set(WRONG) == {"nothing stays open"}, "this one has tests of its own below"


@pytest.mark.parametrize(
    "callback", [LooksOn, LooksOn(), functools.partial(LooksOn)], ids=["class", "instance", "function"]
)
def test_a_right_one_passes_all(callback):
    checked = check_callback(callback)

    assert (checked.name, checked.ok, checked.failed, checked.skipped) == ("LooksOn", True, (), ())
    assert "called at on_train_begin, on_epoch_end, on_train_batch_end" in str(checked)


def test_a_file_that_only_on_train_end_closes_is_named(tmp_path):
    opened = []
    checked = check_callback(LeavesAFile, tmp_path / "log.txt", opened, raises=False)
    for file in opened:
        file.close()
    (found,) = checked.failed

    assert found.name == "nothing stays open"
    assert found.why == (
        f"the file {tmp_path / 'log.txt'} is still open after a run that was interrupted and a run that failed"
    )
    assert "on_run_end" in found.cure


def test_a_thread_that_goes_on_is_named(bench, monkeypatch):
    monkeypatch.setattr(bench, "_patience", 0.0)
    done = threading.Event()
    try:
        checked = check_callback(LeavesAThread, done, raises=False)
    finally:
        done.set()

    assert checked.failed[0].why.startswith("the thread a notifier is still open after")


def test_what_takes_a_hand_says_so():
    for kind, words in ((TakesOut, 'has "loss" taken out'), (Stops, "the run has 1 epochs, and without it 4")):
        assert words in "".join(check.why for check in check_callback(kind, raises=False).failed)
        assert [check.name for check in check_callback(kind, raises=False, changes=True).skipped] == ["the same bits"]


def test_a_need_that_is_said_before_the_first_step_is_no_failure():
    checked = check_callback(SaysThatItNeedsValidation)

    assert [check.name for check in checked.skipped] == ["fit without validation"]
    assert "needs validation" in checked.skipped[0].why


def test_what_cannot_be_made_is_said_and_the_rest_is_left_out():
    checked = check_callback(kibitz.callbacks.CSVLogger, raises=False)

    assert checked.name == "CSVLogger"
    assert "missing 1 required positional argument: 'filename'" in checked.failed[0].why
    assert {check.result for check in checked.checks[2:]} == {"skipped"}


def test_a_failure_is_an_assertion_with_each_sentence_and_its_cure():
    with pytest.raises(BrokenCallback) as raised:
        check_callback(PutsText)

    assert isinstance(raised.value, AssertionError)
    assert isinstance(raised.value, KibitzError)
    assert raised.value.what.startswith("PutsText fails 1 of 18 checks.\n  only numbers in logs: it puts")
    assert raised.value.cure == 'logs["when"] = float(...), or an attribute of its own'


def test_a_real_interruption_ends_the_check():
    class Interrupted(Callback):
        def on_epoch_end(self, epoch, logs=None):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        check_callback(Interrupted)


def test_an_instance_takes_no_arguments():
    with pytest.raises(WrongType, match="An instance takes no arguments"):
        check_callback(LooksOn(), 3)


def test_an_instance_that_cannot_be_copied_is_used_all_along(tmp_path):
    callback = LooksOn()
    callback._lock = threading.Lock()
    checked = check_callback(callback)

    assert [check.name for check in checked.skipped] == ["state goes on"]
    assert callback.losses, "it was this very instance"


def test_an_instance_that_can_be_copied_is_left_alone():
    callback = LooksOn()
    check_callback(callback)

    assert (callback.losses, callback.model) == ([], None)


def test_any_object_with_hooks_is_a_callback():
    class Bare:
        def __init__(self):
            self.best = None

        def on_epoch_end(self, epoch, logs=None):
            self.best = logs["loss"] if self.best is None else min(self.best, logs["loss"])

    assert check_callback(Bare).ok


def test_get_state_and_set_state_are_used_where_they_are():
    class Hidden(Forgets):
        def get_state(self):
            return {"seen": np.int64(self._seen)}

        def set_state(self, state):
            self._seen = int(state["seen"])

    class Wrong(Hidden):
        def set_state(self, state):
            self._seen = 0

    assert check_callback(Hidden).ok
    assert [check.name for check in check_callback(Wrong, raises=False).failed] == ["state goes on"]


def test_what_no_second_run_could_repeat_is_not_asked_to_go_on():
    clock = iter(range(1000))

    class Timed(Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.last = next(clock)

    assert check_callback(Timed).ok


def test_what_is_measured_is_not_compared_and_the_report_says_so():
    clock = iter(range(1000))

    class Level(Callback):
        """Two runs may well find the same level: that they need not is for the callback to say."""

        adds = measures = ("level",)

        def on_epoch_end(self, epoch, logs=None):
            logs["level"] = next(clock) // 10
            logs["twice"] = 2 * logs["loss"]

    class Measures(Level):
        measures = ()

        def on_epoch_end(self, epoch, logs=None):
            logs["level"] = next(clock)

    for kind in (Level, Measures):
        (found,) = [check for check in check_callback(kind).checks if check.name == "state goes on"]
        assert (found.result, found.why) == ("ok", "apart from what no two runs have in common: level")


def test_a_run_that_is_refused_before_its_first_batch_is_not_asked():
    class ForFitAlone(Callback):
        def settle(self, forecast):
            if forecast.steps == 1:
                self.on_predict_begin()

        def on_predict_begin(self, logs=None):
            raise InvalidArgument("ForFitAlone needs more.", given=None, wanted="a fit", cure="fit")

    class ForPredictAlone(ForFitAlone):
        def settle(self, forecast):
            self.on_predict_begin()

    checked = check_callback(ForFitAlone)
    assert [check.name for check in checked.skipped] == ["one epoch of one batch", "predict alone"]
    assert checked.skipped[1].why == (
        "it says before the first batch that it is not for predict: ForFitAlone needs more."
    )
    assert "used again" in [check.name for check in check_callback(ForPredictAlone, raises=False).failed]


def test_what_a_library_keeps_open_of_its_own_is_not_the_callback_s():
    matplotlib = pytest.importorskip("matplotlib")
    opened = []

    class Draws(Callback):
        def on_epoch_end(self, epoch, logs=None):
            opened.append(Path(matplotlib.get_data_path(), "fonts/ttf/DejaVuSans.ttf").open("rb"))  # noqa: SIM115 - it is to stay open

    try:
        assert check_callback(Draws).ok
    finally:
        for file in opened:
            file.close()


def test_a_report_is_a_table():
    checked = Checked("Mine", (Check("one", "ok", "so it is"), Check("two", "failed", "no", "do it")))

    assert str(checked).splitlines() == [
        "Mine",
        "  ok       one                       so it is",
        "  failed   two                       no",
        "                                     cure: do it",
    ]
