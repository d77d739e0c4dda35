"""Whoever looks on at a stretch that is run again sees what it would have seen then, byte for byte."""

from __future__ import annotations

import os
import tempfile
import warnings
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from tests.replay.randomly import Program, noted, programs, steps_of, within

EXAMPLES = int(os.environ.get("KIBITZ_REPLAYS", "3"))
"""How many random programs are tried; a deep search takes some hundreds."""


def lying_in(folder: Path) -> dict[str, tuple[bytes, int]]:
    """Every file, its bytes and when it was written."""
    files = (each for each in sorted(folder.rglob("*")) if each.is_file())
    return {str(each.relative_to(folder)): (each.read_bytes(), each.stat().st_mtime_ns) for each in files}


def replayed(program: Program, run: Path, steps: str, *, original: bool = False) -> tuple[list[Any], Any]:
    """What a callback hears of a stretch that is run again, with the original callbacks or without."""
    hears, model = program.hears(), program.model()
    hears.__name__ = "Looks"  # and is none of the run's own
    before = [each.tobytes() for each in model.export_state().values()]
    with noted(hears):
        others = program.listed() if original else program.lookers()
        done = model.replay(**program.data, run=run, steps=steps, callbacks=[*others, hears], verbose=0,
                            with_original=original)  # fmt: skip
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


PROGRAMS = {
    "layers that are frozen at first": Program(
        seed=1, noisy=True, shipped=("FreezeUntil",), rows=32, deaths=((6, "on_train_batch_end"),)
    ),
    "averages in place": Program(seed=2, noisy=True, shipped=("SwapEMAWeights",), epochs=2, rows=32, freq=1),
    "averages and layers that are frozen": Program(
        seed=9, noisy=True, optimizer="adam", shipped=("SwapEMAWeights", "FreezeUntil"), rows=32, freq=1,
        commit="1 epoch", deaths=((7, "on_train_batch_begin"),),
    ),
    "weights that are put back": Program(
        seed=3, optimizer="adam", shipped=("EarlyStopping", "ReduceLROnPlateau"), epochs=4, rows=32,
        writes=(("on_train_batch_end", "weights", 3),),
    ),
    "metrics that are begun anew": Program(
        seed=4, freq="3 steps", epochs=2, rows=32,
        writes=(("on_test_batch_end", "metrics", 2), ("on_train_batch_begin", "evaluate", 3),
                ("on_train_batch_end", "metrics", 3)),
    ),
    "runs within a hook": Program(
        seed=5, noisy=True, freq="3 steps", sets=True, epochs=2, rows=32,
        writes=(("on_epoch_end", "fit", 1), ("on_train_batch_end", "nested", 3)),
    ),
    "logs, and variables in place": Program(
        seed=6, optimizer="adam", freq=1,
        writes=(("on_test_end", "logs", 1), ("on_test_begin", "in place", 2), ("on_epoch_begin", "slots", 1)),
    ),
    "a stop in a validation": Program(
        seed=1, freq=1, epochs=4, rows=32, steps_per_epoch=3, deaths=((4, "on_epoch_end"),),
        writes=(("on_test_end", "stop", 1), ("on_train_batch_end", "rate", 2)),
    ),
    "a stop at once": Program(
        seed=2, optimizer="decay", freq=2, epochs=4, weights="class", keep=2, commit="2 steps",
        writes=(("on_epoch_begin", "stop now", 1), ("on_train_batch_begin", "weights", 2)),
    ),
    "a stop in a batch": Program(
        seed=3, rows=32, freq="3 steps", commit="1 step", deaths=((5, "on_train_batch_begin"),),
        writes=(("on_train_batch_end", "stop now", 4),),
    ),
    "a stop at the end of an epoch": Program(
        seed=6, rows=32, freq=1, writes=(("on_epoch_end", "stop", 2), ("on_epoch_end", "evaluate", 1))
    ),
    "a validation before the first step, and writes at the very end": Program(
        seed=3, freq=1, epochs=2, rows=32, sets=True, deaths=((6, "on_train_batch_end"),),
        writes=(("on_train_begin", "evaluate", 1), ("on_run_end", "weights", 1), ("on_train_end", "slots", 1)),
    ),
    "arrays in the logs": Program(
        seed=4, noisy=True, freq="2 steps", epochs=2, commit="1 step",
        writes=(("on_train_batch_end", "arrays", 1), ("on_epoch_end", "arrays", 1), ("on_test_end", "arrays", 2)),
    ),
    "a graph hook that the run had not": Program(
        seed=5, noisy=True, optimizer="adam", rows=32, new="GradientNorms every 2 steps", commit="2 steps",
        shipped=("ReduceLROnPlateau",), deaths=((7, "on_train_batch_end"),),
    ),
    "a step that is traced otherwise": Program(
        seed=0, shipped=("GradientClip", "LearningRateScheduler"), weights="sample", commit="5 steps", keep=2,
        deaths=((7, "on_epoch_end"), (9, "on_train_batch_end")),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", PROGRAMS)
def test_stretches_of_a_program_in_which_hooks_take_a_hand_are_heard_as_they_were(name, tmp_path):
    program = PROGRAMS[name]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        original = program.trained(tmp_path / "run")
        original = program.trained(tmp_path / "with", new=True) if program.new else original
        last = steps_of(original)
        there = lying_in(tmp_path / "run")
        for start, stop in ((0, last), (last // 2, max(last - 1, last // 2 + 1))):
            found, done = replayed(program, tmp_path / "run", f"{start}:{stop}")
            agree(program, original, found, start, stop, last)
            assert not done.apart
        found, done = replayed(program, tmp_path / "run", f"{last // 2}:{last}", original=not program.new)
        assert not done.apart
        assert lying_in(tmp_path / "run") == there


@settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck))
@given(program=programs(), data=st.data())
def test_what_is_heard_of_a_stretch_is_what_was_heard_of_it_then(program, data):
    with tempfile.TemporaryDirectory() as place, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        run = Path(place) / "run"
        original = program.trained(run)
        if program.new:
            original = program.trained(Path(place) / "with", new=True)
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
