"""Which files are kept: the best by a number or the latest, and the old ones go only when the new one is safe."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kibitz.callbacks import LambdaCallback
from kibitz.callbacks.model_checkpoint import ModelCheckpoint
from kibitz.callbacks.monitor import Monitor
from kibitz.callbacks.state import Kept
from kibitz.checkpoint.keep import KeepBest
from kibitz.errors import InvalidArgument, UnknownMonitor
from kibitz.testing import FakeModel, drive
from tests.checkpoint.faults import names
from tests.drawn import examples

NAN, INF = math.nan, math.inf


def losses(*values):
    return [{"loss": value} for value in values]


class Naive:
    """All files with their numbers; the best few, of those alike the earlier ones."""

    def __init__(self, most, sign):
        self.most, self.sign, self.files = most, sign, []

    def rank(self, value):
        return self.sign * value if math.isfinite(value) else INF

    def offer(self, value, path):
        if len(self.files) == self.most:
            worst = max(self.rank(each) for each, _ in self.files)
            if not self.rank(value) < worst:
                return
            self.files.remove(next(each for each in self.files if self.rank(each[0]) == worst))
        self.files.append((value, path))


numbers = st.sampled_from([0.0, 0.5, 1.0, 1.5, NAN, INF, -INF]) | st.floats(-4, 4, width=32, allow_subnormal=False)


@examples(150)
@given(values=st.lists(numbers, max_size=12), most=st.integers(1, 4), mode=st.sampled_from(["min", "max"]))
def test_the_best_few_are_kept_and_of_those_alike_the_earlier(values, most, mode):
    keep = KeepBest(most, Monitor("loss", mode=mode).better)
    naive, disk = Naive(most, 1 if mode == "min" else -1), set()
    for number, value in enumerate(values):
        if keep.wants(value):
            disk.add(number)
            disk -= set(keep.took(value, number))
        naive.offer(value, number)
        assert disk == {path for _, path in keep.kept} == {path for _, path in naive.files}
        again = KeepBest(most)
        again.set_state(keep.get_state())
        assert repr(again.kept) == repr(keep.kept)


@examples(30)
@given(most=st.integers(1, 4), count=st.integers(0, 8))
def test_without_a_number_the_latest_are_kept(most, count):
    keep, disk = KeepBest(most), set()
    for number in range(count):
        assert keep.wants(None)
        disk = (disk | {number}) - set(keep.took(None, number))
    assert disk == set(range(max(0, count - most), count))


def test_a_file_that_takes_the_place_of_another_counts_once():
    keep = KeepBest(2, Monitor("loss", mode="min").better)
    assert [keep.took(*each) for each in ((1.0, "a"), (2.0, "b"), (0.5, "a"))] == [[], [], []]
    assert keep.kept == [(2.0, "b"), (0.5, "a")]
    assert keep.took(0.7, "c") == ["b"]


# -- on the disk -------------------------------------------------------------------------------------------------------


def test_the_best_few_files_are_on_the_disk(tmp_path):
    save = ModelCheckpoint(tmp_path / "{epoch}.keras", "loss", keep=2)
    drive(save, losses(3, 1, 2, 2, 0.5))
    assert names(tmp_path) == ["2.keras", "5.keras"]


def test_with_no_monitor_the_latest_files_are(tmp_path):
    drive(ModelCheckpoint(tmp_path / "{epoch}.keras", None, keep=2), losses(3, 1, 2, 5))
    assert names(tmp_path) == ["3.keras", "4.keras"]


def test_how_much_better_counts_as_better_does_not_decide_which_are_best(tmp_path):
    save = ModelCheckpoint(tmp_path / "{epoch}.keras", Monitor("loss", min_delta=10.0), keep=2)
    drive(save, losses(1.0, 3.0, 2.0, 0.5))
    assert names(tmp_path) == ["1.keras", "4.keras"]


@pytest.mark.parametrize(("threshold", "left"), [(None, ["3.keras", "5.keras"]), (1.5, ["5.keras", "6.keras"])])
def test_of_those_that_were_better_than_ever_the_best_few_are_kept(tmp_path, threshold, left):
    save = ModelCheckpoint(
        tmp_path / "{epoch}.keras", "loss", save_best_only=True, initial_value_threshold=threshold, keep=2
    )
    values = (4, 3, 2, 2.5, 1, 1.5) if threshold is None else (4, 3, 2, 2.5, 1, 0.5)
    drive(save, losses(*values))
    assert names(tmp_path) == left


class FailsAt(FakeModel):
    """A model whose saving fails once."""

    def __init__(self, at):
        super().__init__()
        self.at, self.saves = at, 0

    def save(self, filepath, overwrite=True):
        self.saves += 1
        if self.saves == self.at:
            raise OSError("no room")
        super().save(filepath, overwrite)


def test_a_save_that_fails_leaves_all_old_files_and_a_later_one_goes_on(tmp_path):
    save = ModelCheckpoint(tmp_path / "{epoch}.keras", "loss", keep=2)
    save.on_error = "warn"
    seen = []
    watch = LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append(names(tmp_path)))
    with pytest.warns(UserWarning, match="no room"):
        drive([save, watch], losses(4, 3, 2, 1), model=FailsAt(3))
    assert seen == [["1.keras"], ["1.keras", "2.keras"], ["1.keras", "2.keras"], ["2.keras", "4.keras"]]


def test_the_old_file_is_there_until_the_new_one_is(tmp_path):
    seen = []

    class Looks(FakeModel):
        def save(self, filepath, overwrite=True):
            seen.append(names(tmp_path))
            super().save(filepath, overwrite)

    drive(ModelCheckpoint(tmp_path / "{epoch}.keras", "loss", keep=1), losses(3, 2, 1), model=Looks())
    assert seen == [[], ["1.keras"], ["2.keras"]]
    assert names(tmp_path) == ["3.keras"]


def test_files_of_one_name_in_a_second_fit_are_counted_once(tmp_path):
    save = ModelCheckpoint(tmp_path / "{epoch}.keras", "loss", keep=2)
    drive(save, losses(3, 2))
    drive(save, losses(1, 5))
    assert names(tmp_path) == ["1.keras", "2.keras"]
    assert sorted(value for value, _ in save.keep.kept) == [1, 2]


def test_the_number_that_is_kept_by_is_smoothed_if_it_is_to_be(tmp_path):
    save = ModelCheckpoint(tmp_path / "{epoch}.keras", Monitor("loss", smoothing=0.5), keep=1)
    drive(save, losses(4, 0, 3, 2))  # averages 4, 2, 2.5, 2.25
    assert names(tmp_path) == ["2.keras"]


@pytest.mark.parametrize("by", ["loss", None])
@pytest.mark.parametrize("cut", [1, 2, 3, 4])
def test_gone_on_with_in_another_process_it_removes_what_it_would_have_removed(tmp_path, cut, by):
    epochs = losses(3, 1, 2, 4, 0.5)
    for run in ("whole", "cut"):
        (tmp_path / run).mkdir()
    drive(ModelCheckpoint(tmp_path / "whole" / "{epoch}.keras", by, keep=2), epochs)
    first, second = (ModelCheckpoint(tmp_path / "cut" / "{epoch}.keras", by, keep=2) for _ in range(2))
    kept = Kept(first)
    drive(first, epochs, kill_after=cut)
    begin = LambdaCallback(on_train_begin=lambda logs: Kept(second).restore(kept.state()))
    drive([second, begin], epochs, start=cut)
    assert names(tmp_path / "cut") == names(tmp_path / "whole")
    assert len(names(tmp_path / "cut")) == 2


@pytest.mark.parametrize("keep", [0, -1, 1.5, True, "2"])
def test_how_many_is_a_whole_number(tmp_path, keep):
    with pytest.raises(InvalidArgument, match="keeps a number of files"):
        ModelCheckpoint(tmp_path / "{epoch}.keras", keep=keep)


def test_several_files_need_names_that_differ(tmp_path):
    with pytest.raises(InvalidArgument, match="all have one name") as raised:
        ModelCheckpoint("best.weights.h5", save_weights_only=True, keep=3)
    assert raised.value.cure == 'ModelCheckpoint("best-{epoch:02d}.weights.h5", keep=3)'


def test_the_number_that_is_kept_by_must_be_there(tmp_path):
    with pytest.raises(UnknownMonitor):
        drive(ModelCheckpoint(tmp_path / "{epoch}.keras", keep=2), losses(1.0))


# -- when, and when asked ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("save_freq", "left"),
    [
        ("epoch", ["1-4", "2-4", "3-4"]), ("2 epochs", ["2-4"]), ("1 epoch", ["1-4", "2-4", "3-4"]),
        ("5 steps", ["2-1", "3-2"]), ("3 batches", ["1-3", "2-2", "3-1", "3-4"]), (5, ["2-1", "3-2"]),
        ("50% of the run", ["2-2", "3-4"]), ("0.5 epochs", ["1-2", "1-4", "2-2", "2-4", "3-2", "3-4"]), ("10 h", []),
    ],
)  # fmt: skip
def test_it_saves_as_often_as_it_was_told(tmp_path, save_freq, left):
    by_epoch = save_freq in {"epoch", "1 epoch", "2 epochs"}
    path = tmp_path / ("{epoch}-4.keras" if by_epoch else "{epoch}-{batch}.keras")
    drive(ModelCheckpoint(path, save_freq=save_freq), losses(3, 2, 1), batches=4)
    assert names(tmp_path) == [f"{name}.keras" for name in left]


@pytest.mark.parametrize("save_freq", ["batch", "often", "5", "steps", "0 steps", "1.5 steps", "200% of the run"])
def test_what_is_no_cadence_is_refused(tmp_path, save_freq):
    with pytest.raises(InvalidArgument, match="cure"):
        ModelCheckpoint(tmp_path / "m.keras", save_freq=save_freq)


def test_nothing_is_saved_where_the_condition_does_not_hold(tmp_path):
    save = ModelCheckpoint(tmp_path / "{epoch}.keras", when="loss < 2")
    drive(save, losses(3, 1, 2, NAN, 0.5))
    assert names(tmp_path) == ["2.keras", "5.keras"]
    with pytest.raises(UnknownMonitor, match="ModelCheckpoint asks for"):
        drive(ModelCheckpoint(tmp_path / "m.keras", when="los < 2"), losses(1.0))


def asking(at):
    """Asks the run to save, as a loop carries it out."""

    class Asks(LambdaCallback):
        def on_train_batch_end(self, batch, logs=None):
            if (self.run.epoch, batch) == at:
                self.run.save()
                self.run.carry_out(logs)

    return Asks()


def test_what_is_asked_for_is_saved_with_the_numbers_of_that_batch(tmp_path):
    save = ModelCheckpoint(tmp_path / "{epoch}-{loss:.0f}.keras", "loss", save_best_only=True)
    drive([save, asking((1, 2))], losses(3, 2, 4), batches=4)
    assert names(tmp_path) == ["1-3.keras", "2-2.keras"]


@pytest.mark.parametrize(
    ("name", "more"),
    [
        ("{epoch}", {"save_best_only": True}), ("{epoch}", {"keep": 2}), ("{val_loss:.0f}", {}),
        ("{epoch}", {"when": "val_loss < 9"}),
    ],
)  # fmt: skip
@pytest.mark.filterwarnings("ignore:ModelCheckpoint was asked to save, and did not")
def test_what_is_asked_for_where_there_is_no_number_to_decide_by_is_let_be(tmp_path, name, more):
    seen = []
    look = LambdaCallback(on_train_batch_end=lambda batch, logs: seen.append(names(tmp_path)))
    epochs = [{"loss": value, "val_loss": value} for value in (3.0, 2.0)]
    drive([ModelCheckpoint(tmp_path / f"{name}.keras", **more), asking((0, 0)), look], epochs, batches=2)
    assert seen[0] == seen[1] == []
    assert len(names(tmp_path)) == 2
