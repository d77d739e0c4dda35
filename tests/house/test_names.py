"""The public names and their signatures are what was written down: a change of either is meant, or it is a mistake."""

from __future__ import annotations

import difflib
import subprocess
import sys

from tests.house.names import SNAPSHOT, exported, lines, public_modules, public_names


def test_the_public_names_are_those_written_down():
    written = SNAPSHOT.read_text(encoding="utf-8").splitlines()
    changed = [line for line in difflib.unified_diff(written, lines(), lineterm="", n=0) if not line.startswith("@@")]
    assert changed == [], "if this is meant: make names"


def test_every_public_name_can_be_reached_by_import():
    for path, module in public_modules().items():
        for name in exported(module):
            assert getattr(module, name) is not None, f"{path}.{name}"


def test_dir_shows_the_public_names():
    for path, module in public_modules().items():
        assert set(exported(module)) <= set(dir(module)), path


def test_no_public_name_begins_with_an_underscore():
    assert [name.path for name in public_names() if name.short.startswith("_") and name.short != "__version__"] == []


def test_a_star_import_gives_the_same_names():
    program = "import kibitz; from kibitz import *; print(all(name in globals() for name in kibitz.__all__))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "True\n"
