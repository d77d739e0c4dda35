"""The benchmark still runs, compares like with like, and its page shows what its report holds.

No clock decides anything here: every contestant runs once, on next to nothing.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from itertools import pairwise

import numpy as np
import pytest

import kibitz
from benchmarks import table
from benchmarks.bench import PARTS
from benchmarks.effort import CHECK
from benchmarks.figures import contestants, ratio, row
from benchmarks.hand import Hand
from benchmarks.hand_module import HandModule
from benchmarks.modules import workload
from benchmarks.report import merge, read
from benchmarks.rounds import turns
from benchmarks.stamp import ROOT, stamp
from benchmarks.workloads import BATCH, dense, digits, targets
from tests.hurry import flags


@pytest.mark.slow
def test_every_contestant_of_every_part_still_runs(tmp_path):
    checked = [sys.executable, "-m", "benchmarks.bench", "--check", "--out", str(tmp_path / "none.json")]
    environment = {**os.environ, "XLA_FLAGS": flags()}  # nothing is timed
    done = subprocess.run(checked, cwd=ROOT, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    assert [line.split()[0] for line in done.stdout.splitlines()] == list(PARTS)
    assert list(tmp_path.iterdir()) == []


# -- like with like ----------------------------------------------------------------------------------------------------


def like(hand, kind):
    """Kibitz's model with the weights that the peer begins with."""
    model = dense(kibitz, kind)
    model.set_weights([np.asarray(each) for layer in hand.params for each in layer])
    return model


@pytest.mark.parametrize("scan", [True, False], ids=["scan", "loop"])
@pytest.mark.parametrize("kind", ["A", "B"])
def test_the_peer_by_hand_trains_as_fit_does(kind, scan):
    x, y = digits(rows=BATCH)
    y = targets(kind, y)
    hand = Hand(kind, scan=scan)
    history = like(hand, kind).fit(x, y, batch_size=BATCH, epochs=4, verbose=0)
    # Optax and Keras put their epsilons in other places.
    assert hand.fit(x, y, epochs=4) == pytest.approx(history.history["loss"][-1], rel=2e-3)


def test_the_peer_by_hand_measures_and_predicts_as_evaluate_and_predict_do():
    x, y = digits(rows=2 * BATCH + 7)
    hand = Hand("B", scan=True)
    model = like(hand, "B")
    assert hand.evaluate(x, y) == pytest.approx(model.evaluate(x, y, batch_size=BATCH, verbose=0), rel=1e-5)
    np.testing.assert_allclose(hand.predict(x), model.predict(x, batch_size=BATCH, verbose=0), atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["D", "E"])
def test_the_loop_by_hand_trains_a_module_as_fit_does(kind):
    ours, theirs = (workload(kind, CHECK) for _ in range(2))
    ours, theirs = (each._replace(x=each.x[: each.batch_size], y=each.y[: each.batch_size]) for each in (ours, theirs))
    model = kibitz.Model(ours.module)
    model.compile(ours.optimizer, ours.kibitz_loss)
    history = model.fit(ours.x, ours.y, batch_size=ours.batch_size, epochs=3, verbose=0)
    assert HandModule(theirs).fit(3) == pytest.approx(history.history["loss"][-1], rel=1e-4)


def test_each_round_has_every_contestant_once_and_another_one_first():
    names = ["a", "b", "c"]
    order = list(turns(names, 4))
    rounds = [order[at : at + 3] for at in range(0, 12, 3)]
    assert [sorted(each) for each in rounds] == [names] * 4
    assert all(one[0] != other[0] for one, other in pairwise(rounds))


# -- what is reported --------------------------------------------------------------------------------------------------


def test_a_ratio_is_of_medians_and_shows_single_rounds():
    found = ratio("us / them", {"us": [1.0, 2.0, 30.0], "them": [2.0, 1.0, 3.0]}, "us", "them", 1.05)
    assert (found["measured"], found["between"], found["met"]) == (1.0, [0.5, 10.0], True)


@pytest.mark.parametrize(("measured", "aim", "met"), [(1.05, 1.05, True), (1.06, 1.05, False), (9.0, None, None)])
def test_an_aim_is_met_or_not_and_without_one_a_row_is_shown(measured, aim, met):
    assert row("what", measured, aim)["met"] is met


def test_a_part_that_is_measured_alone_leaves_the_others_with_their_own_stamps(tmp_path):
    path = tmp_path / "report.json"
    for name, date in (("B", "old"), ("A", "old"), ("B", "new")):
        merge(path, name, {"stamp": {"date": date}, "contestants": {}, "rows": []}, ["A", "B"])
    assert [(name, part["stamp"]["date"]) for name, part in read(path).items()] == [("A", "old"), ("B", "new")]


def test_a_table_has_every_row_every_contestant_and_every_stamp():
    part = {
        "stamp": stamp(CHECK),
        "contestants": contestants({"us": [1.0, 4.0, 2.0]}, "s"),
        "rows": [row("us / them", 1.25, 1.05, (1.0, 1.5), note="a note"), row("programs", 3, 4, unit="count")],
    }
    report = json.loads(json.dumps({"A": part}))
    text = table.written(report)
    assert "| A | us / them | 1.250 | 1.000 to 1.500 | at most 1.050 | not met | a note |" in text
    assert "| A | programs | 3 |  | at most 4 | met |  |" in text
    assert "| A | us | 2 | 1 | 4 | s | 3 |" in text
    assert f"| A | {stamp(CHECK)['date'][:10]}" in text


def test_the_table_of_peers_has_kibitz_as_a_share_of_each():
    found = {"microseconds a step": {"A": {"kibitz": {"wall": 50.0, "processor": 80.0},
                                           "torch by hand": {"wall": 200.0, "processor": 100.0}}},
             "versions": {"torch": "2"}, "rounds": 5, "rows": {"A": 60_000}, "epochs": {"A": 20}, "cores": 2,
             "python": "3.11"}  # fmt: skip
    assert table.peers(found)[2] == ["A", "torch by hand", "200", "0.25", "100", "0.80"]
    assert "20 epochs of 60,000 rows" in table.peers_stamp(found)


def test_the_page_shows_the_report_that_is_kept_beside_it():
    text = table.PAGE.read_text(encoding="utf-8")
    assert text == table.page(text, read(table.RESULTS)), "`python -m benchmarks.table` writes it anew"


def test_the_page_says_what_every_part_measures():
    named = Counter(table.PAGE.read_text(encoding="utf-8").partition(table.BEGIN)[0].split("`"))
    assert [name for name in PARTS if not named[name]] == []
