"""Names say what is in a thing, and the way of the data is lettered in the files themselves."""

from __future__ import annotations

import ast
import re

import pytest

from tests.house.package import SRC, File, block, files, wherever
from tests.house.test_doors import DOORS

EMPTY_FILES = {"utils", "util", "helpers", "helper", "common", "misc", "tools", "lib", "internal", "support"}
EMPTY_CLASSES = re.compile(r"(Manager|Helper|Mixin|Impl|Util|Utils)$|^(Base|Abstract)[A-Z]")


def empty_words(file: File) -> list[str]:
    """Names in a file that say nothing of what they name."""
    parts = file.path.removesuffix(".py").split("/")
    found = [] if file.path in DOORS else [part for part in parts if part.strip("_") in EMPTY_FILES]
    classes = [node.name for node in file.nodes if isinstance(node, ast.ClassDef)]
    return found + [name for name in classes if EMPTY_CLASSES.search(name)]


def borrowed(file: File) -> list[str]:
    """Names with a leading underscore that are another file's: an underscore means "this file only"."""
    modules = [
        node for node in file.nodes if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("kibitz")
    ]
    return [
        each.name
        for node in modules
        for each in node.names
        if each.name.startswith("_") and not each.name.endswith("__")
    ]


def test_a_name_says_what_is_in_it():
    assert wherever(empty_words) == {}


def test_an_underscore_means_this_file_only():
    assert wherever(borrowed) == {}


def silent(file):
    doc = ast.get_docstring(file.tree)
    return not doc or not doc.splitlines()[0].endswith((".", ":"))


def test_every_file_begins_with_what_it_is():
    assert wherever(silent) == {}


def lettered() -> list[tuple[str, str]]:
    """(letter, file) as ARCHITECTURE.md draws it; a file below another, without a letter, has the same one."""
    found = []
    for line in block("The way of the data"):
        if below := re.match(r"^ {3}(\S+\.py)", line):
            found.append((found[-1][0], below[1]))
        found += re.findall(r"(?<!\S)([A-Z])  (\S+\.py)", line)
    return found


def test_the_way_of_the_data_goes_from_A_to_N():
    assert "".join(dict(lettered())) == "ABCDEFGHIJKLMN"


@pytest.mark.parametrize(("letter", "path"), lettered())
def test_a_letter_names_a_file_that_begins_with_it(letter, path):
    assert (SRC / path).is_file()
    assert (SRC / path).read_text(encoding="utf-8").startswith(f'"""{letter}. ')


def test_no_other_file_begins_with_a_letter():
    marked = {file.path for file in files() if re.match(r'^r?"""[A-N]\. ', file.text)}
    assert sorted(marked - {path for _, path in lettered()}) == []


def test_the_rules_see_an_empty_word_and_a_borrowed_name():
    text = "from kibitz.clock import _tick\nclass BaseCallback: ...\nclass Based: ..."
    assert empty_words(File("losses/helpers.py", text)) == ["helpers", "BaseCallback"]
    assert borrowed(File("losses/mask.py", text)) == ["_tick"]
