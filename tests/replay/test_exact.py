"""Whoever looks on at a stretch that is run again sees what it would have seen then, byte for byte."""

from __future__ import annotations

import os
import tempfile
import warnings
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from tests.replay.randomly import Program, noted, programs, steps_of, within

EXAMPLES = int(os.environ.get("KIBITZ_REPLAYS", "6"))
"""How many random programs are tried; a deep search takes some hundreds."""


def lying_in(folder: Path) -> dict[str, tuple[bytes, int]]:
    """Every file, its bytes and when it was written."""
    files = (each for each in sorted(folder.rglob("*")) if each.is_file())
    return {str(each.relative_to(folder)): (each.read_bytes(), each.stat().st_mtime_ns) for each in files}


def replayed(program: Program, run: Path, steps: str, **given: Any) -> tuple[list[Any], Any]:
    """What a callback hears of a stretch that is run again, and what is told of it."""
    hears, model = program.hears(), program.model()
    before = [each.tobytes() for each in model.export_state().values()]
    with noted(hears):
        done = model.replay(**program.data, run=run, steps=steps, callbacks=[*program.lookers(), hears], verbose=0,
                            **given)  # fmt: skip
    assert [each.tobytes() for each in model.export_state().values()] == before
    return hears._events, done


def heard(events: list[Any]) -> list[Any]:
    return [event for event in events if event[0] not in {"boundary", "restored"}]


def agree(program: Program, original: list[Any], found: list[Any], start: int, stop: int, last: int) -> None:
    """What was heard of the stretch is what was heard then; but for how it begins and ends in the midst of a run."""
    expected = within(original, start, stop, ended=stop == last)
    got = heard(found)
    if "on_train_begin" in program.hooks:
        assert got[0][0] == "on_train_begin"
        got = got[1:]
    if got and got[0][0] == "on_epoch_begin" and (not expected or expected[0][0] != "on_epoch_begin"):
        got = got[1:]
    if stop < last:  # it ends in the midst of the run, and is told so
        while got and got[-1][0] in {"on_train_end", "on_run_end"}:
            got = got[:-1]
    for one, other in zip(got, expected, strict=False):
        assert one == other
    assert [event[:3] for event in got] == [event[:3] for event in expected]


@settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck))
@given(program=programs(), data=st.data())
def test_what_is_heard_of_a_stretch_is_what_was_heard_of_it_then(program, data):
    with tempfile.TemporaryDirectory() as place, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        run = Path(place) / "run"
        original = program.trained(run)
        last = steps_of(original)
        there = lying_in(run)
        stretches = [(0, last)]
        start = data.draw(st.integers(0, last - 1))
        stretches.append((start, data.draw(st.integers(start + 1, last))))
        for start, stop in stretches:
            note(f"{program} {start}:{stop}")
            found, done = replayed(program, run, f"{start}:{stop}")
            agree(program, original, found, start, stop, last)
            assert not done.apart
        assert lying_in(run) == there
