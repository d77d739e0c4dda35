"""What the documents show works, and what they point at is there.

A block marked `python` is run, in one namespace a document. A block marked `text` right behind it is what it prints.
"""

from __future__ import annotations

import contextlib
import io
import re
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.house.package import ROOT, SRC, tracked

DOCUMENTS = [path for path in tracked() if path.suffix == ".md"]


class Shown(NamedTuple):
    """A block of code, where it begins, and what it should print; None if the document does not say."""

    line: int
    code: str
    output: str | None


def blocks(text: str) -> list[Shown]:
    found = re.finditer(r"^```python\n(.*?)^```\n(?:\n*```text\n(.*?)^```$)?", text, re.MULTILINE | re.DOTALL)
    return [Shown(text[: each.start()].count("\n") + 2, each[1], each[2]) for each in found]


def run(shown: list[Shown], name: str) -> list[tuple[int, str, str]]:
    """(line, expected, printed) for each block that prints something else than the document says."""
    namespace: dict[str, object] = {"__name__": "__main__"}
    wrong = []
    for each in shown:
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile("\n" * (each.line - 1) + each.code, name, "exec"), namespace)
        if each.output is not None and printed.getvalue().split() != each.output.split():
            wrong.append((each.line, each.output, printed.getvalue()))
    return wrong


def named(path: Path) -> list[str]:
    """Files and folders that a document names between backticks or links to."""
    prose = re.sub(r"^```.*?^```$", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    quoted = re.findall(r"`([\w./-]+/[\w./-]*|[\w-]+\.(?:py|md|toml|txt))`", prose)
    linked = re.findall(r"\]\((?!https?:|#)([^)#]+)", prose)
    return quoted + linked


@pytest.mark.parametrize(
    "path", [path for path in DOCUMENTS if blocks(path.read_text(encoding="utf-8"))], ids=lambda path: path.name
)
def test_what_a_document_shows_works(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run(blocks(path.read_text(encoding="utf-8")), path.name) == []


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_what_a_document_names_is_there(path):
    homes = (path.parent, ROOT, SRC)
    made_later = {"demo/", ".venv/", "build/", "dist/"}
    missing = [
        name for name in named(path) if name not in made_later and not any((home / name).exists() for home in homes)
    ]
    assert missing == []


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_verb_of_make_that_a_document_names_is_there(path):
    verbs = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert set(re.findall(r"`make ([\w-]+)`", path.read_text(encoding="utf-8"))) <= verbs


def test_the_changelog_begins_with_the_version_that_is_built():
    (version,) = re.findall(r'^__version__ = "(.*)"$', (SRC / "__init__.py").read_text(encoding="utf-8"), re.MULTILINE)
    (latest, *_) = re.findall(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert latest == version


def test_the_rule_sees_a_block_that_prints_something_else():
    text = "```python\nx = 1\nprint(x)\n```\n\n```text\n2\n```\n\n```python\nprint(x + 1)\n```\n```text\n2\n```\n"
    assert run(blocks(text), "doc.md") == [(2, "2\n", "1\n")]


def test_every_departure_has_a_test_that_carries_its_number_and_the_other_way_round():
    page = (ROOT / "docs" / "departures.md").read_text(encoding="utf-8")
    told = set(re.findall(r"^\| (D\d+[a-f]?) \|", page, re.MULTILINE))
    tests = "\n".join(path.read_text(encoding="utf-8") for path in tracked() if path.match("tests/**/*.py"))
    named = re.findall(r"\bdef test_((?:D\d+[a-f]?_)+)", tests)
    carried = {number for numbers in named for number in numbers.strip("_").split("_")}
    assert (sorted(told - carried), sorted(carried - told)) == ([], [])
