"""docs/callbacks.md has a row for every callback that is exported, in the right group, and its example can be made."""

from __future__ import annotations

import re

import keras
import numpy as np
import pytest

import kibitz
from tests.callbacks.table import NAMES
from tests.callbacks.wandb_runs import offline_run
from tests.house.package import ROOT

ROWS = re.compile(r"^\| `(\w+)` \| (.+) \| `(.+)` \|$", re.MULTILINE)
PAGE = (ROOT / "docs" / "callbacks.md").read_text(encoding="utf-8")
SHOWN = {name: example for name, _, example in ROWS.findall(PAGE)}


def group(heading):
    """The names in the table behind a line."""
    return [name for name, _, _ in ROWS.findall(PAGE.partition(heading)[2].partition("\n\n")[2].partition("\n\n")[0])]


def test_each_callback_has_one_row_in_its_group():
    theirs = [name for name in NAMES if hasattr(keras.callbacks, name) and name != "Callback"]
    wandb = [name for name in NAMES if name.startswith("Wandb")]

    assert group("Keras's own, with Keras's arguments:") == theirs
    assert group("Beyond Keras:") == [name for name in NAMES if name not in (*theirs, *wandb, "Callback")]
    assert group("without TensorFlow:") == wandb


@pytest.mark.parametrize("name", SHOWN)
def test_its_example_makes_it(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    there = {each: getattr(kibitz.callbacks, each) for each in NAMES}
    x = np.zeros((16, 2), "float32")
    if name.startswith("Wandb"):
        with offline_run(tmp_path):
            made = eval(SHOWN[name], there, {"x": x})
    else:
        made = eval(SHOWN[name], there, {"x": x})

    assert type(made).__name__ == name
