"""Each page of examples/ runs by itself and prints what stands beside this file."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.hurry import flags

ROOT = Path(__file__).parents[2]
PAGES = sorted(ROOT.glob("examples/[0-9]*.py"))
NUMBER = re.compile(r"-?\d+\.\d+(?:e[+-]\d+)?|-?\d+e[+-]\d+")


def printed_by(page: Path) -> list[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "XLA_FLAGS": flags()}
    done = subprocess.run([sys.executable, page], capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.mark.parametrize("page", PAGES, ids=[page.stem for page in PAGES])
def test_a_page_prints_what_it_promises(page):
    wanted = (Path(__file__).parent / f"{page.stem}.txt").read_text().splitlines()
    got = printed_by(page)
    # The words must be the same; a measured number may round another way on another machine.
    assert [NUMBER.sub("#", line) for line in got] == [NUMBER.sub("#", line) for line in wanted]
    numbers = [[float(each) for each in NUMBER.findall("\n".join(lines))] for lines in (got, wanted)]
    assert numbers[0] == pytest.approx(numbers[1], rel=0.1, abs=0.02)


def test_the_first_page_shows_each_hook_and_has_58_lines():
    lines = (Path(__file__).parent / "1_every_hook.txt").read_text().splitlines()
    assert len(lines) == 58
    kinds = {re.sub(r"\d+", "#", line.split(";")[0]) for line in lines}
    assert len(kinds) == 14


@pytest.mark.parametrize("page", PAGES, ids=[page.stem for page in PAGES])
def test_a_page_explains_itself_and_says_how_to_run_it(page):
    text = page.read_text()
    assert text.startswith(f'"""Page {page.stem[0]}. ')
    assert f"python examples/{page.name}" in text.split('"""')[1]
