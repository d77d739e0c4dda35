"""The first step after which something holds is found, beside a search that tries every step."""

from __future__ import annotations

import math
import warnings
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kibitz.errors import InvalidArgument
from kibitz.replay.bisection import Onset, bisect


class Past:
    """A run of which is known after how many steps something holds; it counts what is asked of it."""

    def __init__(self, holds):
        self.holds = holds  # holds[k]: after k steps; holds[0]: before the first
        self.asked, self.scans, self.run = [], [], 0

    def at(self, commit):
        self.asked.append(commit)
        return self.holds[commit]

    def scan(self, start, stop):
        self.scans.append((start, stop))
        for step in range(start, stop):
            self.run += 1
            if self.holds[step + 1]:
                return Onset("it", step, 3, steps_run=self.run)
        return Onset("it", None)

    def bisect(self, commits):
        return bisect(commits, self.at, self.scan, when="it")


def most(commits):
    return math.ceil(math.log2(len(commits))) + 2


@st.composite
def pasts(draw, *, monotone):
    steps = draw(st.integers(0, 60))
    if monotone:
        onset = draw(st.integers(0, steps + 1))
        holds = [done >= onset for done in range(steps + 1)]
    else:
        holds = draw(st.lists(st.booleans(), min_size=steps + 1, max_size=steps + 1))
    commits = sorted({0, steps, *draw(st.lists(st.integers(0, steps)))})
    return holds, commits


@given(pasts(monotone=True))
def test_of_what_holds_on_the_first_step_is_found_at_the_promised_cost(past):
    holds, commits = past
    seen = Past(holds)
    found = seen.bisect(commits)
    brute = next((done for done, held in enumerate(holds) if held), None)
    assert found.monotone
    assert found.evaluations == len(seen.asked) == len(set(seen.asked))
    assert found.steps_run == seen.run
    assert len(seen.scans) <= 1
    if brute is None:
        assert (found.step, seen.scans) == (None, [])
        assert found.evaluations == len(commits)
    elif brute == 0:
        assert (found.step, found.at_start, found.steps_run, found.evaluations) == (0, True, 0, 1)
    else:
        assert (found.step, found.epoch) == (brute - 1, 3)
        assert not found.at_start
        assert found.evaluations <= most(commits)


@given(pasts(monotone=False))
def test_of_what_comes_and_goes_a_step_is_found_at_which_it_comes_and_it_is_told_where_that_is_seen(past):
    holds, commits = past
    seen = Past(holds)
    at_commits = [holds[commit] for commit in commits]
    fades = any(at_commits) and not at_commits[0] and not at_commits[-1]
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        found = seen.bisect(commits)
    assert [each.category for each in told] == [UserWarning] * fades
    assert found.monotone is not fades
    assert len(seen.scans) <= 1
    if not any(at_commits):
        assert found.step is None
    elif at_commits[0]:
        assert (found.step, found.at_start) == (0, True)
    else:
        ((start, stop),) = seen.scans
        turned = commits.index(stop)
        assert commits.index(start) == turned - 1
        assert not holds[start]
        assert holds[stop]
        assert found.step == next(done for done in range(start, stop + 1) if holds[done]) - 1
        assert found.steps_run == found.step + 1 - start == seen.run
        if fades:  # then it is the first interval of all
            assert turned == at_commits.index(True)
        else:
            assert found.evaluations <= most(commits)


def test_a_long_run_costs_one_interval_and_the_logarithm_of_its_commits():
    seen = Past([done >= 83_213 for done in range(100_001)])
    commits = range(0, 100_001, 500)
    found = seen.bisect(commits)
    assert found.step == 83_212
    assert found.evaluations <= 10
    assert found.steps_run == 213


def test_a_run_that_begins_with_a_later_commit_is_searched_from_there():
    found = Past([done >= 3 for done in range(9)]).bisect([4, 8])
    assert (found.step, found.at_start) == (4, True)
    assert str(found) == "it holds already at the first commit, before step 4."


def test_one_commit_is_enough():
    assert Past([True]).bisect([0]).at_start
    assert Past([False]).bisect([0]).step is None


def test_without_a_commit_there_is_nothing_to_search():
    with pytest.raises(InvalidArgument, match="no commit to begin at"):
        Past([]).bisect([])


def test_a_commit_that_says_otherwise_than_the_steps_before_it_is_an_error_with_both_named():
    with pytest.raises(InvalidArgument, match="at the commit after 8 steps, and after none of the steps") as raised:
        bisect([0, 4, 8], lambda commit: commit == 8, lambda start, stop: Onset("loss > 10", None),
               when="loss > 10")  # fmt: skip
    assert str(raised.value.given) == "steps 4 to 7"


def test_the_warning_points_at_who_called_bisect_and_names_what_was_looked_for():
    def model_bisect():
        return bisect([0, 2, 4], lambda commit: commit == 2, lambda start, stop: Onset("it", start), when="loss > 10")

    with pytest.warns(UserWarning, match="loss > 10 holds at the commit after 2 steps, and not at the last") as told:
        model_bisect()
    assert told[0].filename == __file__
    assert Path(__file__).read_text(encoding="utf-8").splitlines()[told[0].lineno - 1].strip() == "model_bisect()"


def test_the_answer_is_a_sentence():
    found = Onset("loss > 10", 8312, steps_run=313, evaluations=9)
    assert str(found) == (
        "loss > 10 holds for the first time after step 8,312 (all counted from 0); "
        "found with 313 steps run again and 9 commits looked at."
    )
    found = replace(found, epoch=8, batch=312, rows=tuple(range(40, 72)), steps_run=1, evaluations=1, monotone=False)
    assert str(found) == (
        "loss > 10 holds for the first time after step 8,312, which is batch 312 of epoch 8, "
        "of the rows 40, 41, 42, 43, 44, 45, ... 32 in all (all counted from 0); "
        "found with 1 step run again and 1 commit looked at; "
        "it does not hold at the end, so it may have come and gone before."
    )
    assert str(Onset("it", 0, at_start=True, evaluations=1)) == "it holds already before the first step."
    assert str(Onset("it", None, evaluations=201)).startswith("it holds at none of the 201 commits that there are")
