"""Moments have names whoever looks on; what is known of a run; who hears what at the door of a replay."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest

from kibitz.callbacks import Callback
from kibitz.callbacks.dispatch import Dispatch
from kibitz.checkpoint.run_folder import RunFolder
from kibitz.clock import Clock
from kibitz.errors import NotReady, UnusableFile
from kibitz.hooks import HOOKS
from kibitz.replay.entry import Committed, EpochEnded, Lost, Validated, Wrote
from kibitz.replay.looking import Looking
from kibitz.replay.moment import BEFORE, BETWEEN, WITHIN, Moment, Moments
from kibitz.replay.past import Past, commit_before, past_of, refuse_writes
from kibitz.replay.stretch import Stretch
from kibitz.run import Run


def committed(step, epoch=0, *, begun=True):
    return Committed(step, epoch, begun, float(step), f"digest {step}")


# -- moments -------------------------------------------------------------------------------------------------------


def drive(moments, clock, *, skipped=False):
    """Two epochs of two steps, validated after each; what is asked for in between has its own evaluation."""
    found = []

    def fired(hook, index=0):
        found.append(moments.fired(hook, (index, {}) if "batch" in hook or "epoch" in hook else ({},)))

    def evaluated():
        if skipped:
            moments.evaluated()
            return
        fired("on_test_begin"), fired("on_test_batch_begin", 0), fired("on_test_batch_end", 0), fired("on_test_end")

    moments.boundary(begun=False)
    for epoch in range(2):
        fired("on_epoch_begin", epoch)
        for batch in range(2):
            fired("on_train_batch_begin", batch)
            clock.tick()
            fired("on_train_batch_end", batch)
            moments.boundary(begun=True)
        evaluated()
        fired("on_test_begin")
        fired("on_epoch_end", epoch)
        moments.boundary(begun=False)
    return found


def test_no_two_moments_of_a_run_have_one_name():
    clock = Clock()
    found = drive(Moments(clock), clock)
    assert len(set(found)) == len(found)


def test_moments_are_the_same_where_an_evaluation_was_left_out():
    clock, other = Clock(), Clock()
    whole, less = drive(Moments(clock), clock), drive(Moments(other), other, skipped=True)
    kept = [each for each in whole if each.hook not in {"on_test_batch_begin", "on_test_batch_end"}]
    kept = [each for each in kept if not (each.hook.startswith("on_test") and each.test == 1)]
    assert less == kept


def test_a_hook_that_is_not_heard_changes_no_name():
    clock = Clock()
    moments = Moments(clock)
    moments.boundary(begun=False)
    clock.tick(3)  # passed at once
    assert moments.fired("on_train_batch_end", (2, {})) == Moment(3, BEFORE, 0, "on_train_batch_end", 0)
    moments.boundary(begun=True)
    assert moments.fired("on_epoch_end", (0, {})).part == WITHIN
    moments.boundary(begun=False)
    assert moments.fired("on_train_end", ({},)).part == BETWEEN


def test_batches_of_an_evaluation_are_told_apart():
    moments = Moments(Clock())
    moments.fired("on_test_begin", ({},))
    assert moments.fired("on_test_batch_end", (0, {})) != moments.fired("on_test_batch_end", (1, {}))


# -- what is known -------------------------------------------------------------------------------------------------


def test_epochs_are_those_that_ended_and_the_one_that_was_left():
    told = [committed(0, begun=False), EpochEnded(0, 5, 1.0), committed(5, 1, begun=False), committed(8, 1)]
    assert Past.told(told).epochs == {0: (0, 5), 1: (5, 8)}


def test_epochs_that_begin_later_are_called_what_they_were():
    told = [committed(0, 3, begun=False), EpochEnded(3, 5, 1.0), committed(7, 4)]
    assert Past.told(told).epochs == {3: (0, 5), 4: (5, 7)}
    assert Past.told([committed(0, 3, begun=False), committed(2, 3)]).epochs == {3: (0, 2)}


def test_a_run_is_as_long_as_the_last_that_is_known_of_it():
    moment = Moment(9, BEFORE, 0, "on_train_batch_end", 0)
    assert Past.told([committed(5), Wrote(moment, "A", {"@stop": ["", True, True, False]})]).last == 9
    assert Past.told([committed(5)], last=7).last == 7


def test_writes_are_found_by_their_step_and_hook():
    past = Past.told([Wrote(Moment(9, WITHIN, 1, "on_test_begin", 0), "A", {})])
    assert past.writes_at(9, "on_test")
    assert not past.writes_at(9, "on_train")
    assert not past.writes_at(8, "on_test")


def test_validations_that_a_clock_decided_are_known_in_order():
    assert Past.told([Validated(3), committed(5), Validated(7)]).validated == [3, 7]


@pytest.mark.parametrize(("begin", "stop", "known"), [(0, 5, True), (0, 6, False), (5, 8, False), (9, 12, True)])
def test_steps_of_which_the_journal_was_lost_are_refused(begin, stop, known):
    past = Past.told([committed(0), committed(5), Lost(9), committed(9), committed(12)])
    assert past.gaps == [(5, 9)]
    if known:
        past.check_known(begin, stop, "journal.jsonl")
        return
    with pytest.raises(UnusableFile, match="What hooks wrote from step 5 to 9 is not known") as refused:
        past.check_known(begin, stop, "journal.jsonl")
    assert refused.value.cure == 'steps="9:"'


def test_a_journal_that_was_lost_whole_is_told_of():
    past = Past.told([Lost(9), committed(9), committed(12)])
    with pytest.raises(UnusableFile, match="What hooks wrote up to step 9 is not known"):
        past.check_known(0, 3, "journal.jsonl")


@pytest.mark.parametrize(("step", "begun", "now", "goes_on"), [
    (5, False, False, True), (5, True, False, False), (4, True, False, True), (5, True, True, True),
    (8, False, False, False), (8, True, True, False),
])  # fmt: skip
def test_it_is_known_whether_a_run_went_on_in_spite_of_a_stop(step, begun, now, goes_on):
    past = Past.told([EpochEnded(0, 5, 1.0), committed(8)])
    assert past.goes_on(step, begun=begun, now=now) is goes_on


# -- the commit to begin at ----------------------------------------------------------------------------------------


def document(step):
    from kibitz.checkpoint.document import FORMAT

    return {
        "format": FORMAT, "step": step, "epoch": 0, "batch": step, "begun": True, "epochs": 3, "stop": None,
        "row_seed": 1, "fits": 0, "journal": 0, "seconds": 1.0, "trainable": "1", "id": "0" * 32,
    }  # fmt: skip


@pytest.fixture
def kept(tmp_path):
    from kibitz.checkpoint.document import PACKED
    from kibitz.checkpoint.packed import pack

    folder = RunFolder(tmp_path)
    empty = {"logs": {}, "own": {}, "callbacks": [], "said": {}, "latest": {}, "made_of": {}, "source": None}
    for step in (0, 4, 8):
        held = {}
        packed = {name: pack(empty[name], f"document/{name}", held) for name in PACKED}
        folder.write(step, {"kernel": np.full(2, step), **held}, {**document(step), **packed})
    return folder


@pytest.mark.parametrize(("step", "begins"), [(0, 0), (3, 0), (4, 4), (7, 4), (8, 8), (11, 8)])
def test_a_replay_begins_at_the_last_commit_before(kept, step, begins):
    past = Past.told([committed(0), committed(4), committed(8), committed(12)])
    assert commit_before(kept, past, step).document["step"] == begins


def test_a_commit_of_which_the_journal_does_not_know_is_not_begun_at(kept):
    assert commit_before(kept, Past.told([committed(0), committed(4)]), 9).document["step"] == 4


def test_a_damaged_commit_is_passed_over_without_a_word(kept):
    kept.of(8).write_bytes(b"damaged")
    past = Past.told([committed(0), committed(4), committed(8)])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert commit_before(kept, past, 9).document["step"] == 4
    for step in (0, 4):
        kept.of(step).write_bytes(b"damaged")
    with pytest.raises(UnusableFile) as refused:
        commit_before(kept, past, 9)
    assert "step-000000000008" in str(refused.value.given)


def test_where_no_commit_lies_before_it_says_from_where_on_there_is_one(kept):
    kept.of(0).unlink()
    with pytest.raises(UnusableFile, match="No commit of this run lies before step 2") as refused:
        commit_before(kept, Past.told([committed(0), committed(4), committed(8)]), 2)
    assert refused.value.cure == 'steps="4:"'


def test_a_folder_without_a_run_is_no_past(tmp_path):
    with pytest.raises(NotReady, match="no run in this folder") as refused:
        past_of(RunFolder(tmp_path / "nothing", writes=False))
    assert "fit(..., run=" in refused.value.cure
    assert not (tmp_path / "nothing").exists()


def test_a_run_without_its_journal_is_refused_by_name(kept):
    with pytest.raises(UnusableFile, match="its journal is gone") as refused:
        past_of(kept)
    assert "journal.jsonl" in str(refused.value.given)


def test_the_error_for_one_who_would_write_has_its_four_parts():
    error = refuse_writes("Mine", "writes to the model", "runs/a")
    assert str(error).splitlines() == [
        "Mine writes to the model, and looking back is looking: the run is what it was.",
        "  given    replay(..., run='runs/a')",
        "  wanted   a callback that reads",
        '  cure     replay(..., branch="runs/other"), which begins another run there',
    ]


# -- the door ------------------------------------------------------------------------------------------------------


class Hears(Callback):
    """Writes down which hooks it hears."""

    adds = ()

    def __init__(self, *, stops_at=None, name="Hears"):
        super().__init__()
        self.__name__, self._stops_at = name, stops_at
        self._heard = []
        for hook in HOOKS:
            setattr(self, hook, self._hearing(hook))

    def _hearing(self, hook):
        def heard(*args, logs=None):
            self._heard.append((hook.removeprefix("on_"), self.run.step))
            if (hook, self.run.step) == self._stops_at:
                self.run.stop("seen enough")

        return heard


class Door:
    """A run of epochs of four steps that is run again, without a model."""

    def __init__(self, callbacks, stretch, past, live=None, order=None):
        self.run = Run("train")
        self.dispatch = Dispatch(callbacks, self.run)
        self.dispatch.attach(None, None)
        self.written = []
        self.looking = Looking(
            self.dispatch, Stretch(*stretch), past, self._write, live or {}, order or {}, lambda: None, "runs/a"
        )
        self.dispatch.watch = self.looking

    def _write(self, entry, args):
        self.written.append((entry.by, self.run.step, len(self.heard)))

    @property
    def heard(self):
        return self.dispatch.callbacks[-1]._heard

    def go(self, begin=0, epochs=2):
        fire, clock, looking = self.dispatch.fire, self.run.clock, self.looking
        fire("on_train_begin", {})
        looking.moments.boundary(begun=False)
        clock.step, clock.epoch = begin, begin // 4
        for epoch in range(clock.epoch, epochs):
            clock.start_epoch(epoch)
            fire("on_epoch_begin", epoch, {})
            while clock.batch < 4 and not self.run.stop_requested:
                if self.dispatch.quiet("train") < 1:
                    fire("on_train_batch_begin", clock.batch, {})
                    clock.tick()
                else:
                    clock.tick(int(min(self.dispatch.quiet("train"), 4 - clock.batch)))
                fire("on_train_batch_end", clock.batch - 1, {})
                looking.moments.boundary(begun=True)
                if looking.over(begun=True):
                    self.run.stop("over", now=True)
            clock.end_epoch()
            if self.run.stop_now:
                break
            fire("on_epoch_end", epoch, {})
            looking.moments.boundary(begun=False)
            if looking.over(begun=False):
                self.run.stop("over", now=True)
                break
        fire("on_train_end", {})
        self.dispatch.close(self.run.ended())
        return self


def past_with(*writes, ended=True):
    told = [committed(0, begun=False), *writes, EpochEnded(0, 4, 1.0), EpochEnded(1, 8, 2.0), committed(8, 2)]
    return Past.told(told, over=ended)


def wrote(by, step, part=BEFORE, hook="on_train_batch_end"):
    return Wrote(Moment(step, part, 0, hook, 0), by, {"optimizer/learning_rate": 0.1})


def test_only_the_stretch_is_heard_with_a_beginning_and_an_end():
    heard = Door([Hears()], (2, 4), past_with()).go().heard
    assert heard == [
        ("train_begin", 2), ("epoch_begin", 2), ("train_batch_begin", 2), ("train_batch_end", 3),
        ("train_batch_begin", 3), ("train_batch_end", 4), ("epoch_end", 4), ("train_end", 4), ("run_end", 4),
    ]  # fmt: skip


def test_a_stretch_that_begins_with_an_epoch_hears_it_begin_once():
    heard = Door([Hears()], (4, 5), past_with()).go().heard
    assert heard[:3] == [("train_begin", 4), ("epoch_begin", 4), ("train_batch_begin", 4)]
    assert heard[3:] == [("train_batch_end", 5), ("train_end", 5), ("run_end", 5)]


def test_the_whole_run_is_heard_whole():
    heard = Door([Hears()], (0, 8), past_with()).go().heard
    assert [hook for hook, _ in heard].count("epoch_begin") == 2
    assert heard[-3:] == [("epoch_end", 8), ("train_end", 8), ("run_end", 8)]


def test_what_was_written_before_the_stretch_and_in_it_is_written_again_where_it_was():
    past = past_with(
        wrote("A", 1), wrote("B", 2, WITHIN, "on_train_batch_begin"), wrote("C", 4, WITHIN, "on_epoch_end")
    )
    door = Door([Hears()], (2, 5), past).go()
    assert [(by, step) for by, step, _ in door.written] == [("A", 1), ("B", 2), ("C", 4)]
    assert door.written[1][2] == door.heard.index(("train_batch_begin", 2))


def test_with_the_original_others_write_before_and_behind_as_they_did_then():
    live, looker = Hears(name="Live"), Hears()
    past = past_with(wrote("First", 2), wrote("Last", 2), wrote("Live", 2))
    order = {"First": 0, "Live": 1, "Last": 2}
    door = Door([live, looker], (0, 4), past, live={0: 1}, order=order).go()
    assert [(by, step) for by, step, _ in door.written] == [("First", 2), ("Last", 2)]
    assert live._heard.index(("train_batch_end", 2)) > 0
    assert live._heard[0] == ("train_begin", 0)


def test_a_callback_that_only_looks_on_may_end_the_looking():
    door = Door([Hears(stops_at=("on_train_batch_end", 2))], (0, 8), past_with()).go()
    assert door.looking.ended
    assert door.run.stop_now
    assert door.heard[-3:] == [("train_batch_end", 2), ("train_end", 2), ("run_end", 2)]
    assert (door.run.outcome.reason, door.run.outcome.by) == ("seen enough", "Hears")


def test_a_callback_that_only_looks_on_asks_for_nothing():
    class Asks(Callback):
        def on_train_batch_end(self, batch, logs=None):
            self.run.evaluate()

    door = Door([Asks()], (0, 8), past_with())
    door.run.sets = ("",)
    with pytest.raises(NotReady, match="Asks asks for a validation") as refused:
        door.go()
    assert "self.model.evaluate" in refused.value.cure


def test_a_callback_that_only_looks_on_takes_no_stop_back():
    class Takes(Callback):
        def on_train_batch_end(self, batch, logs=None):
            self.run.flag(False)

    door = Door([Takes()], (0, 8), past_with())
    door.run.flag(True)
    door.run.clock.tick()
    with pytest.raises(NotReady, match="Takes takes a stop back"):
        door.dispatch.fire("on_train_batch_end", 0, {})


def test_nobody_is_waited_for_where_nobody_looks_on():
    door = Door([Hears()], (6, 8), past_with(wrote("A", 3)))
    assert door.looking.quiet("train", 0) == 3
    door.run.clock.step = 3
    assert door.looking.quiet("train", 0) == 3
    door.run.clock.step = 6
    assert door.looking.quiet("train", 0) == 0
    assert door.looking.quiet("test", 0) == math.inf


def test_a_replay_is_over_behind_the_stretch_and_a_run_that_ended_goes_on_to_its_end():
    door = Door([Hears()], (0, 8), past_with())
    door.run.clock.step = 8
    assert not door.looking.over(begun=True)
    shorter = Door([Hears()], (0, 6), past_with())
    shorter.run.clock.step = 6
    assert shorter.looking.over(begun=True)
    killed = Door([Hears()], (0, 8), past_with(ended=False))
    killed.run.clock.step = 8
    assert killed.looking.over(begun=False)
