"""Cadences: what is read, what is refused and in which words, and that a beat falls where a naive counter falls."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kibitz.clock import UNITS, Beat, Cadence, Clock
from kibitz.errors import InvalidArgument


@pytest.mark.parametrize(
    ("written", "amount", "unit"),
    [
        ("100 steps", 100, "step"), ("1 step", 1, "step"), ("step", 1, "step"), ("7batches", 7, "step"),
        ("batch", 1, "step"), ("1 epoch", 1, "epoch"), ("epoch", 1, "epoch"), ("2 epochs", 2, "epoch"),
        ("0.5 epochs", 0.5, "epoch"), (".25 epochs", 0.25, "epoch"), ("2. epochs", 2, "epoch"), ("10 s", 10, "second"),
        ("1 sec", 1, "second"), ("0.5 seconds", 0.5, "second"), ("10 min", 600, "second"), ("2 minutes", 120, "second"),
        ("1.5 h", 5400, "second"), ("hour", 3600, "second"), ("2 hours", 7200, "second"), ("5%", 0.05, "run"),
        ("5% of the run", 0.05, "run"), ("100 % of the run", 1.0, "run"), ("0.25 run", 0.25, "run"),
        ("run", 1.0, "run"), ("  10\tMin ", 600, "second"), ("5 %  OF the Run", 0.05, "run"),
    ],
)  # fmt: skip
def test_every_spelling_is_read(written, amount, unit):
    assert Cadence.read(written, "Timer") == Cadence(amount, unit)


def test_every_unit_that_is_listed_can_be_written():
    for unit, (kind, _) in UNITS.items():
        assert Cadence.read(f"1 {unit}", "Timer").unit == kind


@given(st.sampled_from(sorted(UNITS)), st.integers(1, 10**9), st.sampled_from(["", ".5", ".125"]))
def test_what_is_shown_can_be_read_and_is_the_same(unit, whole, rest):
    kind = UNITS[unit][0]
    number = f"{whole}{'' if kind == 'step' else rest}" if kind != "run" else f"0.{whole}"
    cadence = Cadence.read(f"{number} {unit}", "Timer")

    again = Cadence.read(str(cadence), "Timer")

    assert again.unit == cadence.unit
    assert again.amount == pytest.approx(cadence.amount, rel=1e-9)


@pytest.mark.parametrize(
    ("written", "nearest", "cure"),
    [
        ("100", None, 'every="100 steps"'),
        (100, None, 'every="100 steps"'),
        (0.5, None, 'every="100 steps"'),
        (True, None, 'every="100 steps"'),
        (None, None, 'every="100 steps"'),
        ("", None, 'every="100 steps"'),
        ("often", None, 'every="100 steps"'),
        ("10 minuts", "minutes", 'every="10 minutes"'),
        ("10 epoch s", "epochs", 'every="10 epochs"'),
        ("5% of run", "% of the run", 'every="5 % of the run"'),
        ("% of the run", None, 'every="100 steps"'),
        ("-5 steps", "steps", 'every="100 steps"'),
        ("0 steps", None, 'every="100 steps"'),
        ("0 min", None, 'every="100 steps"'),
        ("1.5 steps", None, 'every="100 steps"'),
        ("120% of the run", None, 'every="100 steps"'),
        ("2 run", None, 'every="100 steps"'),
        ("9" * 400 + " steps", None, 'every="100 steps"'),
        ("9" * 400 + " s", None, 'every="100 steps"'),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_refused_with_the_nearest_unit(written, nearest, cure):
    with pytest.raises(InvalidArgument) as raised:
        Cadence.read(written, "Timer")

    assert raised.value.what == "Timer cannot read how often."
    assert (raised.value.nearest, raised.value.cure) == (nearest, cure)


def test_the_whole_text_of_the_refusal():
    with pytest.raises(InvalidArgument) as raised:
        Cadence.read("10 minuts", "fit", "validation_freq")

    assert str(raised.value).splitlines() == [
        "fit cannot read how often.",
        "  given    '10 minuts'",
        '  wanted   "100 steps", "1 epoch", "10 min" or "5% of the run"',
        '  nearest  "minutes"',
        '  cure     validation_freq="10 minutes"',
    ]


def naive(period, steps):
    """The steps, from 1, at which so many periods are first full: counted in fractions, which are exact."""
    period = max(Fraction(1), Fraction(period))
    return [step for step in range(1, steps + 1) if step // period > (step - 1) // period]


def paced(written, steps=None, epochs=1):
    beat = Beat(Cadence.read(written, "Timer"), "Timer")
    beat.settle(steps, epochs)
    return beat


def due_at(beat, steps):
    return [step for step in range(1, steps + 1) if beat.due(Clock(step=step))]


CUTS = st.lists(st.integers(1, 9), max_size=40)


def gone_along(beat, total, cuts):
    """Where it is due for one who goes as `run_batches` does: in leaps, never beyond the next time."""
    clock, found, cuts = Clock(), [], iter(cuts)
    while clock.step < total:
        quiet = beat.until(clock.step) - 1
        clock.tick(int(min(next(cuts, 1), quiet, total - clock.step)) if quiet >= 1 else 1)
        if beat.due(clock):
            found.append(clock.step)
    return found


@given(st.integers(1, 40), CUTS)
def test_steps_are_due_at_every_multiple_however_the_run_is_cut(every, cuts):
    beat = paced(f"{every} steps")
    assert due_at(beat, 120) == naive(every, 120) == gone_along(beat, 120, cuts)


@given(st.integers(1, 100), st.integers(1, 37), st.integers(1, 4), CUTS)
def test_shares_of_a_run_fall_where_so_much_of_it_is_first_done(percent, steps, epochs, cuts):
    beat, total = paced(f"{percent}% of the run", steps, epochs), steps * epochs
    assert due_at(beat, total) == naive(Fraction(percent * total, 100), total) == gone_along(beat, total, cuts)


@given(st.integers(1, 400), st.integers(1, 37), st.integers(1, 4), CUTS)
def test_fractional_epochs_fall_where_so_much_of_them_is_first_done(hundredths, steps, epochs, cuts):
    cadence = f"{hundredths / 100} epochs"
    beat, total = paced(cadence, steps, epochs), steps * epochs
    if beat.cadence.in_epochs:
        assert beat.until(0) == math.inf
    else:
        expected = naive(Fraction(hundredths * steps, 100), total)
        assert due_at(beat, total) == expected == gone_along(beat, total, cuts)


@given(st.integers(1, 60), st.integers(0, 500))
def test_until_is_the_distance_to_the_next_time(every, step):
    beat = paced(f"{every} steps")
    ahead = beat.until(step)

    assert ahead >= 1
    assert beat.due(Clock(step=step + int(ahead)))
    assert not any(beat.due(Clock(step=each)) for each in range(step + 1, step + int(ahead)))


def test_nothing_is_due_before_the_first_step():
    assert not paced("1 step").due(Clock(step=0))


def test_the_whole_run_is_its_last_step():
    assert due_at(paced("100% of the run", 7, 3), 21) == [21]


@pytest.mark.parametrize("every", [1, 2, 3])
def test_whole_epochs_are_counted_from_1_and_by_their_own_number(every):
    beat = paced(f"{every} epochs", None, 6)
    due = [epoch for epoch in range(6) if beat.due(Clock(epoch=epoch))]
    assert due == [epoch for epoch in range(6) if (epoch + 1) % every == 0]
    assert beat.until(5) == math.inf


@given(st.integers(1, 12), st.integers(1, 12))
def test_every_epoch_says_whether_each_epoch_has_one(every, steps):
    beat = paced(f"{every} steps")
    due = naive(every, 6 * steps * every)
    each = all(any(first < step <= first + steps for step in due) for first in range(0, 6 * every * steps, steps))
    assert beat.every_epoch(steps) is each
    assert beat.every_epoch(None) is False


def test_times_are_waited_for_anew_after_each():
    now = [100.0]
    beat = Beat(Cadence.read("10 s", "Timer"), "Timer", lambda: now[0])
    beat.settle(None, 1)
    found = []
    for time in (100, 109.9, 110, 111, 119.9, 125, 134.9, 135, 200, 209):
        now[0] = time
        if beat.due(Clock()):
            found.append(time)

    assert found == [110, 125, 135, 200]
    assert beat.waited() == 9
    assert beat.until(3) == math.inf
    assert not beat.every_epoch(100)


def test_a_time_that_was_waited_for_in_an_earlier_process_counts():
    now = [0.0]
    beat = Beat(Cadence.read("1 min", "Timer"), "Timer", lambda: now[0])
    beat.elapsed = 50.0
    beat.settle(None, 1)
    now[0] = 9.0
    assert not beat.due(Clock())
    now[0] = 10.0
    assert beat.due(Clock())
    assert beat.waited() == 0


def test_a_time_begins_at_the_first_look_where_nobody_has_settled_it():
    now = [5.0]
    beat = Beat(Cadence.read("10 s", "Timer"), "Timer", lambda: now[0])
    assert not beat.due(Clock())
    now[0] = 15.0
    assert beat.due(Clock())


@pytest.mark.parametrize(("written", "what"), [("5% of the run", "the run"), ("0.5 epochs", "an epoch")])
def test_a_share_of_what_nobody_knows_is_refused(written, what):
    with pytest.raises(InvalidArgument) as raised:
        Beat(Cadence.read(written, "Timer"), "Timer", name="save_freq").settle(None, 3)

    assert str(raised.value).splitlines() == [
        f"Timer acts at shares of {what}, and nobody knows how many steps that has.",
        f'  given    "{written}", data of unknown length',
        "  wanted   a number of steps, or steps_per_epoch",
        '  cure     save_freq="100 steps", or fit(..., steps_per_epoch=...)',
    ]


@pytest.mark.parametrize("written", ["100 steps", "2 epochs", "10 s"])
def test_other_cadences_need_no_length(written):
    paced(written, None, 3)


def test_the_clock_knows_whether_an_epoch_is_under_way():
    clock = Clock()
    assert not clock.in_epoch
    clock.start_epoch(3)
    clock.tick(4)
    assert (clock.epoch, clock.batch, clock.step, clock.in_epoch) == (3, 4, 4, True)
    clock.end_epoch()
    assert (clock.epoch, clock.batch, clock.step, clock.in_epoch) == (3, 4, 4, False)
