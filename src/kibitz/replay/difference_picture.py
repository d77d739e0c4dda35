"""A difference as a picture: a bar for each parameter, as long as it moved far for what it was."""

from __future__ import annotations

import math
import os
from typing import TYPE_CHECKING, Any

from kibitz.callbacks.figure import check_picture, new_figure, save_figure
from kibitz.replay.difference import MOST, share, shown

if TYPE_CHECKING:
    from kibitz.replay.difference import Difference, Moved

INK, SOFT, HOT, GREY = "#1f3a5f", "#9db4c0", "#c8553d", "#6b7785"
LONGEST = 40  # letters of a name


def draw(difference: Difference, path: str | os.PathLike[str]) -> None:
    """Save the picture; see `Difference.picture`."""
    target = check_picture("Difference", path)
    rows = difference.rows[:MOST]
    figure = new_figure(8.0, 1.3 + 0.3 * max(len(rows), 1))
    axes = figure.add_subplot()
    lengths = _lengths(rows)
    bars = axes.barh(range(len(rows)), lengths, color=[_colour(row) for row in rows], height=0.62)
    for bar, row in zip(bars, rows, strict=True):
        if not math.isfinite(row.relative):  # it has no length of its own
            bar.set(facecolor="white", edgecolor=_colour(row), hatch="////", linewidth=0.8)
    for place, (row, length) in enumerate(zip(rows, lengths, strict=True)):
        axes.text(length, place, f"  {share(row)}", va="center", color=INK, fontsize=8, parse_math=False)
    axes.set_yticks(range(len(rows)), [_label(row) for row in rows], family="DejaVu Sans Mono", fontsize=8, color=INK,
                    parse_math=False)  # fmt: skip
    axes.set_ylim(max(len(rows), 1) - 0.4, -0.6)
    axes.set_xlim(0, max(lengths, default=0) * 1.18 or 1)
    axes.set_xlabel("norm of the change, as a share of the norm before", color=GREY, fontsize=8)
    axes.xaxis.set_major_formatter(lambda value, _: f"{100 * value:g} %")
    axes.tick_params(axis="x", colors=GREY, labelsize=8)
    axes.tick_params(axis="y", length=0)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_color(SOFT)
    more = len(difference.rows) - len(rows)
    title = difference.title + (f"; {more:,} more moved less" if more else "")
    axes.set_title(shown(title), color=INK, fontsize=11, loc="left", parse_math=False)
    save_figure(figure, target)


def _lengths(rows: tuple[Moved, ...]) -> list[float]:
    """How long the bars are; one that has no length of its own is as long as the longest."""
    finite = [row.relative for row in rows if math.isfinite(row.relative)]
    longest = max(finite, default=0.0) or 1.0
    return [row.relative if math.isfinite(row.relative) else longest for row in rows]


def _colour(row: Moved) -> Any:
    if row.broken:
        return HOT
    return INK if math.isfinite(row.relative) else SOFT


def _label(row: Moved) -> str:
    name = shown(row.name)
    side = (LONGEST - 3) // 2
    return name if len(name) <= LONGEST else f"{name[:side]}...{name[-side:]}"
