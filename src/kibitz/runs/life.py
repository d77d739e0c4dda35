"""A run's life in steps: its epochs, its numbers, its commits, and what hooks wrote."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from kibitz.runs.axis import Reach
from kibitz.runs.found import Found
from kibitz.runs.record import Record, number
from kibitz.runs.writes import LOGS


@dataclass(frozen=True)
class Write:
    """What a hook wrote.

    Args:
        step: Steps that were done.
        hook: At which hook.
        what: The values by name.
    """

    step: int
    hook: str
    what: Mapping[str, Any]


@dataclass
class Life:
    """What is known of a run, in steps.

    Args:
        steps: How many there are.
        epochs: Both ends of each epoch, by its number: its first step, and the one behind its last.
        curves: The numbers of each key, with the steps that they stand for.
        kept: The commits that are there.
        gone: Those that were let go.
        writes: What hooks wrote, by the callback's name; but for what they only added to the logs.
        settings: The numbers among that, by name, with the steps for which each stood; but for those with a curve.
    """

    steps: int
    epochs: dict[int, tuple[int, int]]
    curves: dict[str, list[Reach]]
    kept: list[int]
    gone: list[int] = field(default_factory=list)
    writes: dict[str, list[Write]] = field(default_factory=dict)
    settings: dict[str, list[Reach]] = field(default_factory=dict)


def life_of(found: Found, record: Record, journal: Iterable[Any] = ()) -> Life:
    """Put together what the folder of a run tells.

    Args:
        found: The run.
        record: Its end, or its newest commit.
        journal: What its journal has, each with the steps that were done as `step`: a write has `what`, `by` and
            `hook`, a commit has its `digest`, and what has neither is the end of an `epoch`. Without a journal epochs
            are taken to be of one length, and nothing is known of writes.
    """
    wrote, committed, ended = [], [], {}
    for each in journal:
        if hasattr(each, "what"):
            wrote += [each] if set(each.what) - {LOGS} else []
        elif hasattr(each, "digest"):
            committed.append(each.step)
        else:
            ended[each.epoch] = each.step
    epochs, kept = _epochs(record, ended), list(found.sizes)
    curves = {
        key: [(*epochs[epoch], value) for epoch, value in record.history[key] if epoch in epochs]
        for key in sorted(record.history, key=lambda key: (key.removeprefix("val_"), key))
    }
    writes: dict[str, list[Write]] = {}
    for each in wrote:
        writes.setdefault(str(each.by), []).append(Write(each.step, str(each.hook), each.what))
    gone = sorted(set(committed) - set(kept))
    curves = {key: each for key, each in curves.items() if each}
    settings = {key: each for key, each in _settings(writes, record.step).items() if key not in curves}
    return Life(record.step, epochs, curves, kept, gone, writes, settings)


def _epochs(record: Record, told: Mapping[int, int]) -> dict[int, tuple[int, int]]:
    """Both ends of each epoch that anything is known of."""
    known = sorted({epoch for points in record.history.values() for epoch, _ in points} | set(told))
    first = known[0] if known else 0
    done, steps = max(record.epoch - first, 1), record.step - record.batch

    def end(number: int) -> int:
        return told.get(number, steps * (number + 1 - first) // done)

    found = {number: (end(number - 1) if number > first else 0, end(number)) for number in known}
    return {number: (start, behind) for number, (start, behind) in found.items() if 0 <= start < behind}


def _settings(writes: Mapping[str, list[Write]], steps: int) -> dict[str, list[Reach]]:
    """The numbers that hooks wrote, each with the steps for which it stood: up to the next one of its name."""
    found: dict[str, list[Reach]] = {}
    for write in sorted(itertools.chain(*writes.values()), key=lambda write: write.step):
        for key, value in write.what.items():
            now = None if str(key).startswith("@") else number(value)
            if now is not None:
                before = found.setdefault(str(key), [])
                if before:
                    start, _, was = before.pop()
                    before += [(start, write.step, was)] if write.step > start else []
                before.append((write.step, steps, now))
    shown = {_last(key, found): [reach for reach in each if reach[1] > reach[0]] for key, each in found.items()}
    return {key: each for key, each in shown.items() if each}


def _last(key: str, keys: Collection[str]) -> str:
    """The last part of a name, if no other name ends so: optimizer/learning_rate is the learning_rate."""
    last = key.rpartition("/")[2]
    return last if [each.rpartition("/")[2] for each in keys].count(last) == 1 else key
