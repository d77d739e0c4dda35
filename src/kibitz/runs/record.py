"""What a commit says about its run, checked before it is believed: a file may come from anybody."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from kibitz.checkpoint.packed import unpack
from kibitz.checkpoint.store import HELD, peek_commit
from kibitz.errors import UnusableFile, describe
from kibitz.outcome import Outcome

Points = list[tuple[int, float]]
"""The numbers of one key, each with its epoch."""


@dataclass(frozen=True)
class Record:
    """A commit without its weights.

    Args:
        step: Steps that are done.
        epoch: Epochs that are done.
        batch: Batches that are done of the epoch that is under way.
        epochs: Epochs that were planned.
        seconds: What has been spent on the run.
        outcome: How it ended, or was about to; None if it goes on.
        ended: Whether this is the end of the run.
        latest: The numbers as they stood.
        history: The numbers of the epochs, by key.
        made_of: What the run was made of, by name.
        arrays: Dtype and shape of each array of the state.
        parent: The run that it branched off from, and the step; None if it began by itself.
    """

    step: int
    epoch: int
    batch: int
    epochs: int
    seconds: float
    outcome: Outcome | None
    ended: bool
    latest: dict[str, float]
    history: dict[str, Points]
    made_of: Mapping[str, Any]
    arrays: Mapping[str, tuple[np.dtype, tuple[int, ...]]]
    parent: tuple[str, int] | None = None


def read_record(path: Path) -> Record:
    """Read what a commit says; its weights stay where they are, and its digest is not looked at.

    Args:
        path: The commit.

    Raises:
        UnusableFile: If it is not there, is cut short, or says what no commit says.
    """
    layout, held, document = peek_commit(path)

    def of(key: str, *kinds: type) -> Any:
        value = document.get(key) if isinstance(document, dict) else None
        if type(value) not in kinds:
            raise UnusableFile("This file says what no commit of a run says.", given=str(path),
                               wanted=f"{key} as {' or '.join(kind.__name__ for kind in kinds)}, not {describe(value)}",
                               cure="take another commit")  # fmt: skip
        return value

    stop, outcome = of("stop", list, type(None)), of("outcome", str, type(None))
    by, reason = (str(stop[1]), str(stop[0])) if stop is not None and len(stop) > 1 else ("", "")
    kind = outcome or ("stopped" if stop is not None else None)
    logs, made_of = (unpack(of(key, dict), held) for key in ("logs", "made_of"))
    return Record(
        step=of("step", int), epoch=of("epoch", int), batch=of("batch", int), epochs=of("epochs", int),
        seconds=of("seconds", int, float),
        outcome=None if kind is None else Outcome(kind, reason, by), ended=outcome is not None,
        latest=_numbers(logs), history=_history(unpack(of("callbacks", list), held)),
        made_of=made_of if isinstance(made_of, Mapping) else {},
        arrays={name: kind for name, kind in layout.items() if not name.startswith(HELD)},
        parent=_parent(document.get("parent")),
    )  # fmt: skip


def _parent(told: Any) -> tuple[str, int] | None:
    if not isinstance(told, Mapping) or not isinstance(told.get("run"), str) or type(told.get("step")) is not int:
        return None
    return told["run"], told["step"]


def _numbers(logs: Any) -> dict[str, float]:
    """Those of the logs that are numbers."""
    found = {str(key): number(value) for key, value in logs.items()} if isinstance(logs, Mapping) else {}
    return {key: value for key, value in found.items() if value is not None}


def number(value: Any) -> float | None:
    """A value out of a file as a number; None if it is none."""
    if isinstance(value, np.generic | np.ndarray) and value.ndim == 0 and value.dtype.kind in "fiu":
        value = value.item()
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def _history(callbacks: list[Any]) -> dict[str, Points]:
    """The numbers of each key with their epochs, out of what the run's History remembers."""
    found: dict[str, Points] = {}
    for each in callbacks:
        if not (isinstance(each, tuple) and len(each) == 3 and each[0] == "History" and isinstance(each[1], Mapping)):
            continue
        columns = each[1].get("columns")
        columns = columns if isinstance(columns, Mapping) else {}
        columns = {key: column for key, column in columns.items() if isinstance(column, list)}
        for row in zip(*columns.values(), strict=False):
            numbers = _numbers(dict(zip(columns, row, strict=True)))
            epoch = numbers.pop("epoch", math.nan)
            if math.isfinite(epoch):
                for key, value in numbers.items():
                    found.setdefault(key, []).append((int(epoch), value))
        break
    return found
