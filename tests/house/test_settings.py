"""Whatever is switched off says why, beside the switch; and the promised commands are the ones that run."""

from __future__ import annotations

import itertools
import re
import tomllib

import pytest

from conftest import CAREFUL, SLOW, WHOLE
from tests.house.package import ROOT, tracked, wherever

PROJECT = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
SETTINGS = tomllib.loads(PROJECT)
SWITCH = re.compile(r"#\s*(?:noqa|type:\s*ignore|pyright:\s*ignore)(.*)")


def silent_switches(text: str) -> list[str]:
    """Comments that silence a tool without the rule's name, or without a reason."""
    found = [match[0] for match in map(SWITCH.search, text.splitlines()) if match]
    named = r"(?:: [A-Z]+\d+(?:, [A-Z]+\d+)*|\[\w+(?:, \w+)*\])"
    return [each for each in found if not re.search(rf"{named} - \S.{{6,}}", each)]


def test_every_rule_that_is_off_says_why():
    lint = SETTINGS["tool"]["ruff"]["lint"]
    off = [*lint["ignore"], *(rule for rules in lint["per-file-ignores"].values() for rule in rules)]
    told = re.findall(r'"([A-Z]+\d*)",? *\]?,? +# (?=\w+|`)(.{10,})$', PROJECT, re.MULTILINE)
    assert sorted(set(off) - {rule for rule, _ in told}) == []


def test_every_warning_that_is_let_pass_says_whose_it_is():
    (section,) = re.findall(r"^filterwarnings = \[\n(.*?)^\]", PROJECT, re.MULTILINE | re.DOTALL)
    lines = [line.strip() for line in section.splitlines()]
    assert lines[0] == '"error",'
    assert [
        line for above, line in itertools.pairwise(lines) if line.startswith('"') and not above.startswith("#")
    ] == []


def test_a_tool_is_silenced_by_rule_and_with_a_reason():
    assert wherever(lambda file: silent_switches(file.text)) == {}


def test_a_test_is_skipped_with_a_reason_only():
    for path in tracked():
        if path.suffix == ".py" and path.is_relative_to(ROOT / "tests"):
            marks = re.findall(r"pytest\.(?:mark\.)?(?:skip|xfail|skipif)\b(?!\()", path.read_text(encoding="utf-8"))
            assert marks == [], path


@pytest.mark.parametrize("path", [*SLOW, *WHOLE])
def test_what_the_fast_run_leaves_out_or_keeps_whole_is_there_with_a_reason(path):
    assert (ROOT / path).exists()
    assert len({**SLOW, **WHOLE}[path].split()) > 4


def test_what_is_compiled_with_care_is_there_with_a_reason():
    assert [path for path, reason in CAREFUL.items() if not (ROOT / path).exists() or not reason] == []


def test_the_library_sets_lower_bounds_and_no_caps():
    for bound in SETTINGS["project"]["dependencies"]:
        assert re.fullmatch(r"[a-z0-9-]+>=[\d.]+", bound), bound


def test_continuous_integration_runs_the_developers_command():
    assert (ROOT / ".ci" / "run").read_text(encoding="utf-8").rstrip().endswith("make test")
    assert (ROOT / ".ci" / "run").stat().st_mode & 0o111


def test_the_package_is_typed():
    assert (ROOT / "src" / "kibitz" / "py.typed").exists()


def test_the_rule_sees_a_silent_switch():
    assert silent_switches("x = 1  # noqa") == ["# noqa"]
    assert silent_switches("x = 1  # noqa: F401") == ["# noqa: F401"]
    assert silent_switches("x = 1  # pyright: ignore[reportX]") == ["# pyright: ignore[reportX]"]
    assert (
        silent_switches("x = 1  # noqa: F401 - handed on to others\ny = 1  # pyright: ignore[reportX] - as it is") == []
    )
