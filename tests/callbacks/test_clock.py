"""Cadences and durations are read in one place; a beat is due where it says it will be."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kibitz.callbacks import Timer
from kibitz.clock import SECONDS, Beat, Cadence, Clock
from kibitz.errors import InvalidArgument


@pytest.mark.parametrize(
    ("written", "cadence", "shown"),
    [
        ("100 steps", Cadence(100, "step"), "100 steps"),
        ("1 step", Cadence(1, "step"), "1 step"),
        ("batch", Cadence(1, "step"), "1 step"),
        (" 2  EPOCHS ", Cadence(2, "epoch"), "2 epochs"),
        ("epoch", Cadence(1, "epoch"), "1 epoch"),
        ("0.5 epochs", Cadence(0.5, "epoch"), "0.5 epochs"),
        ("10 min", Cadence(600, "second"), "10 min"),
        ("1.5 h", Cadence(5400, "second"), "90 min"),
        ("2 days", Cadence(172800, "second"), "48 h"),
        (".5 s", Cadence(0.5, "second"), "0.5 s"),
        ("min", Cadence(60, "second"), "1 min"),
        ("1 h 30 min", Cadence(5400, "second"), "90 min"),
        ("00:10:00", Cadence(600, "second"), "10 min"),
        ("5%", Cadence(0.05, "run"), "5% of the run"),
        ("5 % of the run", Cadence(0.05, "run"), "5% of the run"),
        ("run", Cadence(1, "run"), "100% of the run"),
    ],
)
def test_a_cadence_is_read_and_shown(written, cadence, shown):
    assert Cadence.read(written, "Mine") == cadence
    assert str(cadence) == shown
    assert Cadence.read(shown, "Mine") == cadence


@pytest.mark.parametrize(
    "written",
    ["", "often", "100", 100, None, True, "0 steps", "-1 steps", "1.5 steps", "%", "101% of the run", "1 h 2 h", "10 m",
     "1 h 5 steps", "00:75:00", "0 min", "00:00:00"],
)  # fmt: skip
def test_what_is_no_cadence_is_refused(written):
    with pytest.raises(InvalidArgument, match="Mine cannot read how often") as raised:
        Cadence.read(written, "Mine")
    assert raised.value.cure.startswith('every="')


def test_the_nearest_unit_is_named_and_a_number_alone_is_taken_for_steps():
    with pytest.raises(InvalidArgument) as raised:
        Cadence.read("100 stesp", "Mine", "save_freq")
    assert (raised.value.nearest, raised.value.cure) == ("step", 'save_freq="100 step"')
    with pytest.raises(InvalidArgument) as raised:
        Cadence.read(250, "Mine")
    assert raised.value.cure == 'every="250 steps"'


@given(st.integers(1, 10**6), st.sampled_from(sorted(SECONDS)))
def test_a_time_is_the_same_as_a_cadence_and_as_a_duration(amount, unit):
    written = f"{amount} {unit}"

    assert Cadence.read(written, "Mine").amount == Timer(written).duration == amount * SECONDS[unit]


@given(st.integers(1, 50), st.integers(0, 500))
def test_a_beat_in_steps_is_due_at_each_multiple_and_says_how_far_off_that_is(period, step):
    beat = Beat(Cadence(period, "step"), "Mine")
    beat.settle(None, 1)

    assert beat.due(Clock(step=step)) == (step > 0 and step % period == 0)
    assert beat.until(step) == period - step % period
    assert beat.due(Clock(step=step + int(beat.until(step))))


@given(st.integers(1, 40), st.integers(1, 9), st.sampled_from([0.01, 0.05, 0.1, 0.3, 0.5, 1.0]))
def test_a_share_of_a_run_falls_on_as_many_steps_as_it_has_shares_and_on_the_last(steps, epochs, share):
    beat = Beat(Cadence(share, "run"), "Mine")
    beat.settle(steps, epochs)
    length = steps * epochs
    due = [step for step in range(1, length + 1) if beat.due(Clock(step=step))]

    assert len(due) == min(length, math.floor(1 / share + 1e-9))
    if share in {0.01, 0.05, 0.1, 0.5, 1.0}:
        assert due[-1] == length


@pytest.mark.parametrize("cadence", [Cadence(0.05, "run"), Cadence(0.5, "epoch")])
def test_a_share_of_what_nobody_knows_is_refused(cadence):
    with pytest.raises(InvalidArgument, match="nobody knows how many steps"):
        Beat(cadence, "Mine").settle(None, 3)


def test_a_beat_by_time_is_due_once_its_time_has_passed_and_then_waits_anew():
    now = [0.0]
    beat = Beat(Cadence(10, "second"), "Mine", lambda: now[0])
    beat.settle(5, 1)
    found = []
    for now[0] in (4.0, 9.0, 11.0, 20.0, 21.0):
        found.append(beat.due(Clock(step=1)))

    assert found == [False, False, True, False, True]
    assert beat.until(3) == math.inf


def test_what_has_passed_before_a_run_was_left_counts_in_the_next():
    now = [100.0]
    beat = Beat(Cadence(10, "second"), "Mine", lambda: now[0])
    beat.settle(5, 1)
    now[0] = 107.0
    again = Beat(Cadence(10, "second"), "Mine", lambda: now[0])
    again.elapsed = beat.waited()
    again.settle(5, 1)
    now[0] = 110.0

    assert again.due(Clock(step=1))


@pytest.mark.parametrize(
    ("cadence", "steps", "every"),
    [(Cadence(1, "epoch"), None, True), (Cadence(2, "epoch"), 5, False), (Cadence(4, "step"), 5, True),
     (Cadence(6, "step"), 5, False), (Cadence(4, "step"), None, False)],
)  # fmt: skip
def test_it_is_known_whether_each_epoch_has_one(cadence, steps, every):
    beat = Beat(cadence, "Mine")
    beat.settle(steps, 3)

    assert beat.every_epoch(steps) is every
