"""The demo of looking back finds what was planted, in its short form."""

from __future__ import annotations

import pytest

from kibitz.demo.lookback import BATCH, look_back


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo")
    return folder, look_back(folder, steps=120)


def test_it_finds_the_step_that_was_planted(told):
    folder, step = told
    assert step == 120 * 3 // 5 + 7
    assert (folder / "lookback.png").read_bytes()[:4] == b"\x89PNG"
    for name in ("run", "branch"):
        assert list((folder / "lookback" / name / "commits").iterdir())


def test_it_is_told_in_characters_that_every_pipe_has(tmp_path, capsys):
    assert look_back(tmp_path, steps=120) == 79
    out = capsys.readouterr().out
    assert f"rows {79 * BATCH}, {79 * BATCH + 1}" in " ".join(out.split())
    assert "the same to the bit at all" in " ".join(out.split())
    assert "hidden/kernel" in out
    again = look_back(tmp_path, steps=120)  # over the folders of the one before
    assert again == 79
