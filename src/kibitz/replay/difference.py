"""Which parameters moved most between two moments of a run."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from kibitz.errors import InvalidArgument, ShapeMismatch, code, describe

MOST = 20
"""Parameters that are shown; `rows` has all."""


@dataclass(frozen=True)
class Moved:
    """How far one parameter went.

    Args:
        name: The parameter's name.
        shape: Its shape.
        norm: Its norm before (Euclidean, over all its numbers).
        moved: The norm of the difference.
        greatest: The greatest change of one number, without its sign.
        where: The place of that number in the parameter; () for a parameter without axes, None for one without numbers.

    Attributes: `relative`, what it moved by as a share of what it was: 0 if it stands still, infinite if it was all
        zeros, NaN if it is not finite any more; `broken`, whether it is not.

    Example:
        >>> import numpy as np
        >>> from kibitz.replay.difference import difference
        >>> moved = difference({"bias": np.array([3.0, 4.0])}, {"bias": np.array([3.0, 4.5])}).rows[0]
        >>> moved.norm, moved.moved, moved.relative, moved.where
        (5.0, 0.5, 0.1, (1,))
    """

    name: str
    shape: tuple[int, ...]
    norm: float
    moved: float
    greatest: float
    where: tuple[int, ...] | None

    @property
    def relative(self) -> float:
        """What it moved by, as a share of what it was."""
        if self.moved == 0:
            return 0.0
        return self.moved / self.norm if self.norm > 0 or math.isnan(self.norm) else self.moved * math.inf

    @property
    def broken(self) -> bool:
        """Whether the change, or what it is measured against, is not finite."""
        return not math.isfinite(self.moved) or math.isnan(self.relative)


@dataclass(frozen=True, repr=False)
class Difference:
    """Two states of a model side by side; print it, or draw its `picture`.

    Args:
        rows: The parameters: first those that are not finite any more, then by how far they moved for what they were.
        before: The earlier moment, in words.
        after: The later one.

    Example:
        >>> import numpy as np
        >>> from kibitz.replay.difference import difference
        >>> early = {"dense/kernel": np.ones((2, 3)), "dense/bias": np.full(3, 0.5)}
        >>> late = {"dense/kernel": np.full((2, 3), 1.1), "dense/bias": np.array([0.5, 0.5, 1.0])}
        >>> print(difference(early, late, names=("step 8,300", "step 8,400")))
        what moved from step 8,300 to step 8,400
        <BLANKLINE>
          parameter     shape    before   moved  relative  greatest  at
          dense/bias    (3,)      0.866     0.5    57.7 %       0.5  (2,)
          dense/kernel  (2, 3)    2.449  0.2449      10 %       0.1  (0, 0)
    """

    rows: tuple[Moved, ...]
    before: str = "before"
    after: str = "after"

    def __str__(self) -> str:
        shown = self.rows[:MOST]
        cells = [("parameter", "shape", "before", "moved", "relative", "greatest", "at"), *map(_cells, shown)]
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        sides = (str.ljust, str.ljust, str.rjust, str.rjust, str.rjust, str.rjust, str.ljust)
        lines = [
            "  " + "  ".join(side(cell, width) for side, cell, width in zip(sides, row, widths, strict=True)).rstrip()
            for row in cells
        ]
        more = len(self.rows) - len(shown)
        lines += [f"  ... {more:,} more, which moved less"] if more else []
        return "\n".join([self.title, "", *lines])

    __repr__ = __str__

    @property
    def title(self) -> str:
        """What is compared, in words."""
        return f"what moved from {self.before} to {self.after}"

    def picture(self, path: str | os.PathLike[str]) -> None:
        """Draw it as bars; needs matplotlib.

        Args:
            path: Where to: a .png, .svg, .pdf or .jpg file; the folder is made.

        Raises:
            InvalidArgument: If its ending is not that of a picture.
            MissingExtra: If matplotlib is not installed.
            UnusableFile: If the disk refuses.
        """
        from kibitz.replay.difference_picture import draw

        draw(self, path)


def difference(
    before: Mapping[str, Any], after: Mapping[str, Any], *, names: tuple[str, str] = ("before", "after")
) -> Difference:
    """Compare two states, parameter by parameter.

    Args:
        before: Host arrays by name.
        after: Host arrays of the same names and shapes.
        names: What the two moments are called, such as ("step 8,300", "step 8,400").

    Raises:
        InvalidArgument: If the names differ.
        ShapeMismatch: If the shapes of one of them differ.

    Example:
        >>> import numpy as np
        >>> from kibitz.replay.difference import difference
        >>> difference({"a": np.ones(4)}, {"a": np.ones(4)}).rows[0].relative
        0.0
    """
    unpaired = sorted(set(before) ^ set(after))
    if unpaired:
        raise InvalidArgument(
            "Two states are compared name by name, and these do not have the same names.",
            given=code(", ".join(unpaired[:4]) + (f", ... {len(unpaired)} in all" if len(unpaired) > 4 else "")),
            wanted="two states of one model",
            cure="two steps of the same run",
        )
    rows = [_moved(name, np.asarray(value), np.asarray(after[name])) for name, value in before.items()]
    return Difference(tuple(sorted(rows, key=_far)), *names)


def _moved(name: str, before: np.ndarray, after: np.ndarray) -> Moved:
    if before.shape != after.shape:
        raise ShapeMismatch(f"{name} has two shapes.", given=code(f"{describe(before)} and {describe(after)}"),
                            wanted="two states of one model", cure="two steps of the same run")  # fmt: skip
    old, new = (value.astype(np.complex128 if value.dtype.kind == "c" else np.float64) for value in (before, after))
    with np.errstate(all="ignore"):  # what is not finite is told as it is
        same = (before == after) | (np.isnan(old) & np.isnan(new))
        change = np.abs(np.where(same, 0, new - old))
        norm, moved = float(np.linalg.norm(old)), float(np.linalg.norm(change))
    if not change.size:
        return Moved(name, before.shape, 0.0, 0.0, 0.0, None)
    flat = int(np.argmax(change))  # the first NaN, if there is one
    where = tuple(int(each) for each in np.unravel_index(flat, change.shape))
    return Moved(name, before.shape, norm, moved, float(change.flat[flat]), where)


def _far(row: Moved) -> tuple[bool, float, str]:
    return (not row.broken, 0.0 if row.broken else -row.relative, row.name)


def _cells(row: Moved) -> tuple[str, ...]:
    return (shown(row.name), str(row.shape), f"{row.norm:.4g}", f"{row.moved:.4g}", share(row), f"{row.greatest:.4g}",
            "-" if row.where is None or row.moved == 0 else str(row.where) if row.where else "-")  # fmt: skip


def share(row: Moved) -> str:
    """How far it moved for what it was, for a person."""
    if row.broken:
        return "not finite"
    if math.isinf(row.relative):
        return "from 0"
    percent = 100 * row.relative
    return f"{percent:,.0f} %" if 1000 <= percent < 1e9 else f"{percent:.3g} %"


def shown(name: str) -> str:
    """A name in which nothing is a control code, since it may come out of a file."""
    return name if name.isprintable() else ascii(name)[1:-1]
