"""What is in the repository works everywhere: no file names the machine that it was written on."""

from __future__ import annotations

import re

import pytest

from tests.house.package import ROOT, tracked

# Each is written so that this file does not find itself.
MARKS = {
    "a folder of the machine": r"(?<![\w.])/(?:work|root|opt|home)/[\w.]",
    "a folder beside the repository": r"\.\./shared|/\.library|\.pyenv",
    "a registry's host": r"pypi\.org|pythonhosted\.org|registry\.npmjs|deb\.debian|files\.pytho[n]",
    "a merge that is not done": r"^(?:<{7} |>{7} )",
}
BINARY = {".png", ".npz", ".h5", ".keras", ".gz", ".ico", ".gif"}


@pytest.mark.parametrize("mark", MARKS.values(), ids=MARKS)
def test_no_file_names(mark):
    found = []
    for path in tracked():
        if path.suffix not in BINARY and path.name != "test_clean.py":
            text = path.read_text(encoding="utf-8")
            found += [f"{path.relative_to(ROOT)}: {hit[0]}" for hit in re.finditer(mark, text, re.MULTILINE)]
    assert found == []


@pytest.mark.parametrize(
    ("mark", "text"),
    [
        ("a folder of the machine", "see /work" + "/main"),
        ("a folder beside the repository", ".." + "/shared/x"),
        ("a registry's host", "https://pypi" + ".org"),
        ("a merge that is not done", "<" * 7 + " HEAD"),
    ],
)
def test_the_rule_sees(mark, text):
    assert re.search(MARKS[mark], text, re.MULTILINE)


def test_no_file_is_large():
    # 512 KiB of text is a mistake; data have a home of their own.
    assert [path.name for path in tracked() if path.stat().st_size > 512 * 1024] == []
