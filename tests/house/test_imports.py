"""Imports point down the table in ARCHITECTURE.md, from file to file, and `import kibitz` stays light."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass, field

import pytest

from tests.house.package import File, Import, block, files, home, wherever

ANYWHERE = {"numpy", "jax", "flax", "optax"}
"""What is on every user's machine and loaded anyway. All else is imported within the function that needs it."""


@dataclass
class Table:
    """The layers, and the words beside and below them."""

    layer: dict[str, int] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)
    allowed: set[tuple[str, str]] = field(default_factory=set)
    forbidden: set[tuple[str, str]] = field(default_factory=set)

    def entry(self, path: str) -> str | None:
        """The entry that a file falls under: its own, or else its folder's."""
        stem = path.removesuffix(".py")
        return stem if stem in self.layer else next((name for name in self.layer if path.startswith(name + "/")), None)


def read_table(lines: list[str]) -> Table:
    table = Table()
    for line in lines:
        if row := re.match(r"^ *(\d+) +(.*?)(?: *\| *(.*))?$", line):
            for name in _names(row[2]):
                table.layer[name], table.notes[name] = int(row[1]), row[3] or ""
        elif rule := re.match(r"^ *(\w+) (may|never) import (.*)$", line):
            pairs = {(rule[1], name) for name in re.findall(r"\w+", rule[3]) if name != "and"}
            (table.allowed if rule[2] == "may" else table.forbidden).update(pairs)
        else:
            pytest.fail(f"this line of the table in ARCHITECTURE.md says nothing that can be held: {line!r}")
    return table


def _names(text: str) -> list[str]:
    names = []
    for word in text.split():
        folder = re.match(r"(\w+)/\{(.*)\}$", word)
        names += [f"{folder[1]}/{each}" for each in folder[2].split(",")] if folder else [word.rstrip("/")]
    return names


TABLE = read_table(block("The layers"))


def wrong(file: File, table: Table = TABLE) -> list[str]:
    """What a file imports and should not."""
    found = []
    for each in file.imports:
        target = home(each.module)
        reason = _stranger(file, each, table) if target is None else _neighbour(file, each, target, table)
        if reason:
            found.append(f"src/kibitz/{file.path}:{each.line} imports {each.module}: {reason}")
    return found


def _stranger(file: File, each: Import, table: Table) -> str:
    top = each.module.split(".")[0]
    note = table.notes.get(table.entry(file.path) or "", "")
    if each.module.startswith("."):
        return "imports are absolute"
    if each.for_types or top in sys.stdlib_module_names:
        return ""
    if "standard library alone" in note or ("no JAX" in note and top in {"jax", "flax", "optax"}):
        return f"its layer promises {note}"
    if not each.inside and top not in ANYWHERE:
        return "import it within the function that needs it"
    return ""


def _neighbour(file: File, each: Import, target: str, table: Table) -> str:
    here, there = table.entry(file.path), table.entry(target)
    if each.for_types or here is None or there is None or target == file.path:
        return ""
    if target.endswith("__init__.py") and there != "__init__" and not file.is_init:
        return "import from the file, not from its package"
    names = here.split("/")[0], there.split("/")[0]
    if names in table.forbidden:
        return f"{names[0]} never import {names[1]}"
    if table.layer[there] > table.layer[here]:
        return f"layer {table.layer[there]} lies above layer {table.layer[here]}"
    sideways = table.layer[there] == table.layer[here] and names[0] != names[1]
    return "it lies beside" if sideways and names not in table.allowed else ""


def test_a_file_imports_downwards_only_and_from_files():
    assert wherever(wrong) == {}


def test_every_file_has_a_layer():
    assert wherever(lambda file: TABLE.entry(file.path) is None) == {}, (
        "the table in ARCHITECTURE.md has no place for it"
    )


def test_every_entry_of_the_table_stands():
    known = {TABLE.entry(file.path) for file in files()}
    assert sorted(set(TABLE.layer) - known) == []


def test_every_permission_of_the_table_is_used():
    used = {
        (TABLE.entry(file.path).split("/")[0], TABLE.entry(home(each.module)).split("/")[0])
        for file in files()
        for each in file.imports
        if home(each.module) and not each.for_types and TABLE.entry(file.path) and TABLE.entry(home(each.module))
    }
    assert sorted(TABLE.allowed - used) == []


PLANTED = {
    "upwards": ("clock.py", "from kibitz.engine.timeline import Timeline", "lies above"),
    "sideways": ("losses/regression.py", "from kibitz.metrics.base import Metric", "it lies beside"),
    "through a package": ("loops/fit.py", "from kibitz.losses import MeanSquaredError", "not from its package"),
    "a forbidden pair": ("callbacks/history.py", "from kibitz.engine.timeline import Timeline", "never import"),
    "relative": ("clock.py", "from .errors import WrongType", "absolute"),
    "a heavy stranger": ("models/model.py", "import h5py", "within the function"),
    "JAX where there is none": ("clock.py", "def now():\n    import jax", "no JAX"),
    "a stranger at the bottom": ("errors.py", "import numpy", "standard library alone"),
}


@pytest.mark.parametrize(("path", "line", "reason"), PLANTED.values(), ids=PLANTED)
def test_the_rule_sees_an_import_that_is_wrong(path, line, reason):
    (found,) = wrong(File(path, line))
    assert reason in found


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("metrics/base.py", "from kibitz.losses.base import Loss"),
        (
            "clock.py",
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from kibitz.engine.timeline import Timeline",
        ),
        ("models/model.py", "def save():\n    import h5py"),
        ("engine/span.py", "from kibitz.engine.step import step"),
    ],
)
def test_the_rule_lets_pass_what_is_right(path, line):
    assert wrong(File(path, line)) == []
