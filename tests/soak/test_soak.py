"""The soaks in their short form: each of them runs, gives all its figures, and what does not hang on a clock is met.

`make soak` is the long one. Here nothing says how long a hook or a step takes, nor how much memory is held.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.hurry import flags
from tests.soak import __main__ as soak
from tests.soak.figure import Figure
from tests.soak.memory import Growth
from tests.soak.table import SOAKS, Row

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory as Linux tells it")


def test_each_soak_runs_and_what_is_counted_is_as_it_should_be():
    words = [sys.executable, "-m", "tests.soak", "--short"]
    environment = {**os.environ, "XLA_FLAGS": flags()}  # nothing is timed
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, env=environment, check=False)
    lines = done.stdout.splitlines()
    assert [name for name in SOAKS if f"{name} (short)" not in lines] == [], done.stderr
    figures = [line for line in lines if "(at most" in line]
    assert len(figures) > 40
    assert [line for line in lines if "ended with" in line] == []
    counted = [line for line in figures if line.partition("(at most")[0].rstrip()[-1].isdigit()]
    assert len(counted) > 12
    assert [line for line in counted if line.endswith("NOT MET")] == []


def test_a_leak_is_a_slope_and_what_comes_at_first_is_none():
    growth = Growth()
    growth.samples = [(done, 5 * 10**6 if done < 100 else 10**7) for done in range(1000)]
    assert abs(growth.slope) < 1
    assert growth.rise == 0
    growth.samples = [(done, 10**7 + 300 * done) for done in range(1000)]
    assert growth.slope == pytest.approx(300)
    growth.sample(1000)
    assert growth.samples[-1][1] > 2**20


@pytest.mark.parametrize(("value", "met"), [(1.0, True), (1.01, False)])
def test_a_target_is_met_or_not_and_decides_on_the_exit(monkeypatch, capsys, value, met):
    figure = Figure("what", value, 1.0, "s")
    monkeypatch.setattr(soak, "SOAKS", {"one": Row(lambda size: iter([figure]), 1, 1)})
    monkeypatch.setattr(soak, "apart", lambda call, *args: call(*args))
    assert soak.main([]) == (0 if met else 1)
    out = capsys.readouterr().out
    assert ("NOT MET" in out) is not met
    assert f"1 targets, {int(met)} met, {int(not met)} not" in out
