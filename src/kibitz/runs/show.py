"""`kibitz runs show`: one run on a page."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from kibitz.errors import describe
from kibitz.runs.found import Found, run_at
from kibitz.runs.ls import written
from kibitz.runs.page import Page, seconds, size
from kibitz.runs.record import Points, Record

NEWEST = 8
"""Commits that are listed beside the first one."""

LESS = re.compile(r"loss|error|entropy|divergence|false_|perplexity|(?<![a-z])r?m(a|s|ap|sl)e(?![a-z])")
MORE = re.compile(r"acc|auc|precision|recall|f1|f_?beta|iou|dice|r2|score|correlation|similarity|true_")
"""Which way is better, told by the name alone: a commit does not say it."""

SETTINGS = ("batch_size", "shuffle", "steps_per_epoch", "initial_epoch", "class_weight", "validation_freq", "seed")
VERSIONS = ("kibitz", "jax", "flax", "optax", "numpy", "python")
MACHINE = ("machine", "devices")


def show(page: Page, folder: str) -> None:
    """Put a run on a page: how far it is, its history, what it is made of, and its commits.

    Args:
        page: The page.
        folder: The folder of a run.

    Raises:
        UnusableFile: If it is not there, or nothing of it can be read.
        InvalidArgument: If it is no run's.
    """
    found = run_at(folder)
    record = found.told()
    head(page, found, record)
    if record.history:
        _history(page, record)
    elif record.latest:
        page.heading("latest numbers")
        page.table([[key, figure(value)] for key, value in record.latest.items()], right="1", indent=2, headed=False)
    page.heading("made of")
    page.table([[name, text] for name, text in _made_of(record).items() if text], indent=2, headed=False)
    _commits(page, found)


def head(page: Page, found: Found, record: Record) -> None:
    """What a run is and how it ended, in two lines, and a third for its parent."""
    process = "" if found.holder is None else f" (process {found.holder})"
    page.title(f"{found.path}: {found.outcome()}{process}")
    page.line(f"  {record.epoch:,} of {record.epochs:,} epochs, {record.step:,} steps, {seconds(record.seconds)} spent")
    if record.parent is not None:
        page.line(f"  branched off from {short(record.parent[0], page.width - 40)}, at step {record.parent[1]:,}")


def _history(page: Page, record: Record) -> None:
    rows = [["", "", "first", "best", "", "last"]]
    for key, points in record.history.items():
        values, best = [value for _, value in points], _best(key, points)
        where = ("", "") if best is None else (figure(best[1]), f"in epoch {best[0] + 1:,}")
        rows.append([short(key), page.picture(values), figure(values[0]), *where, figure(values[-1])])
    count = max(map(len, record.history.values()))
    page.heading(f"history of {count:,} {'epoch' if count == 1 else 'epochs'}")
    page.table(rows, right="235", indent=2)
    within = {key: value for key, value in record.latest.items() if not record.ended}
    if within:
        page.table([["now", ", ".join(f"{short(key)} {figure(value)}" for key, value in within.items())]],
                   indent=2, headed=False)  # fmt: skip


def _best(key: str, points: Points) -> tuple[int, float] | None:
    """The best epoch and its value; None if the name does not say what is better."""
    finite = [point for point in points if math.isfinite(point[1])]
    if not finite or not (LESS.search(key) or MORE.search(key)):
        return None
    sign = 1 if LESS.search(key) else -1
    return min(finite, key=lambda point: sign * point[1])


def _made_of(record: Record) -> dict[str, str]:
    made = record.made_of
    optimizer = _items(made.get("optimizer"))
    if not optimizer.get("use_ema"):
        optimizer.pop("ema_momentum", None)
    # What is off says nothing.
    chosen = ", ".join(f"{key}={_value(value)}" for key, value in optimizer.items()
                       if key != "class" and value is not None and value is not False)  # fmt: skip
    validation = {name: _source(each) for name, each in _items(made.get("validation")).items()}
    machine = _items(made.get("machine"))
    settings = {key: made.get(key) for key in SETTINGS if made.get(key) not in (None, 0) or key == "seed"}
    return {
        "model": _model(record),
        "optimizer": f"{_value(optimizer.get('class', ''))}({chosen})" if optimizer else "",
        "loss": _value(made.get("loss")),
        "metrics": ", ".join(_value(each) for each in _list(made.get("metrics")) if each != "loss"),
        "data": _source(made.get("data")),
        "validation": "; ".join(f"{name}: {text}" if name else text for name, text in validation.items()),
        "settings": ", ".join(f"{key}={_value(value)}" for key, value in settings.items()),
        "versions": ", ".join(f"{key} {_value(machine[key])}" for key in VERSIONS if key in machine),
        "machine": ", ".join(_value(machine[key]) for key in MACHINE if key in machine),
    }  # fmt: skip


def _model(record: Record) -> str:
    def counted(beginning: str) -> tuple[int, int]:
        of = [(math.prod(shape), dtype.itemsize) for name, (dtype, shape) in record.arrays.items()
              if name.startswith(beginning)]  # fmt: skip
        return sum(count for count, _ in of), sum(count * each for count, each in of)

    (count, held), (others, _) = counted(".params"), counted(".others")
    kinds = [name.partition(" ")[2] for name in _items(record.made_of.get("layers"))]
    beside = f", {others:,} numbers beside them" if others else ""
    return f"{count:,} parameters ({size(held)}){beside}" + (f": {', '.join(map(short, kinds))}" if kinds else "")


def _source(source: Any) -> str:
    """Arrays by dtype and shape; their digests are for comparing, and not for reading."""
    if isinstance(source, str):
        return source
    parts = {name: [str(each).rpartition(" ")[0] for each in _list(kinds)] for name, kinds in _items(source).items()}
    return ", ".join(f"{name} {' and '.join(kinds)}" for name, kinds in parts.items() if kinds)


def _commits(page: Page, found: Found) -> None:
    steps = list(found.sizes)
    page.heading(f"{len(steps):,} {'commit' if len(steps) == 1 else 'commits'}, {size(found.size)} with the end"
                 if found.final.exists() else f"{len(steps):,} commits, {size(found.size)}")  # fmt: skip
    listed = steps if len(steps) <= NEWEST + 2 else [steps[0], *steps[-NEWEST:]]
    rows = [[f"step {step:,}", size(found.sizes[step]), written(found, step)] for step in listed]
    if len(listed) < len(steps):
        rows.insert(1, [f"... {len(steps) - len(listed):,} more", "", ""])
    if rows:
        page.table(rows, right="1", indent=2, headed=False)


def _items(value: Any) -> dict[str, Any]:
    return {str(key): each for key, each in value.items()} if isinstance(value, Mapping) else {}


def _list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else []


def _value(value: Any) -> str:
    return value if isinstance(value, str) else describe(value)


def figure(value: float) -> str:
    """A number with as many digits as a person reads."""
    return f"{value:.4g}"


def short(name: str, most: int = 40) -> str:
    """A name that is cut where it is too long."""
    return name if len(name) <= most else name[: most - 3] + "..."
