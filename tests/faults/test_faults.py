"""The fault suite in its short form, always the same; `make faults` is the long one."""

from __future__ import annotations

import os

import pytest

from tests.faults.mutants import MUTANTS, caught
from tests.faults.rows import ABSENT, covered
from tests.faults.table import FAULTS

# The mutants that are caught in no time; `make faults` runs them all.
QUICK = ["the lock is not taken", "callbacks do not get their states back", "a stop is forgotten"]


def test_the_list_is_tried_and_what_it_names_is_there():
    assert covered(FAULTS) >= 80
    assert all(ABSENT.values())


@pytest.mark.skipif(os.name == "nt", reason="signals, folders and locks as POSIX has them")
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", FAULTS)
def test_a_run_survives(name):
    row = FAULTS[name]
    assert len(list(row.faults(row.short))) > 0


@pytest.mark.skipif(os.name == "nt", reason="signals, folders and locks as POSIX has them")
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", QUICK)
def test_a_worse_kibitz_is_noticed(name):
    assert all(MUTANTS[name].caught_by())
    assert caught(MUTANTS[name]) is not None
