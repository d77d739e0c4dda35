"""An outline as text, no wider than a terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import TYPE_CHECKING

from kibitz.callbacks.touches import BITS
from kibitz.models.outline_words import ON_BITS, marks_of

if TYPE_CHECKING:
    from kibitz.models.outline import Outline, Part, Row

WIDTH = 100
GAP, LONGEST = 3, 30
TIED = "\N{NO-BREAK SPACE}"
"""Stands for a space at which no line is broken."""


def as_text(outline: Outline) -> str:
    """The title, the loop, and who the callbacks are."""
    column = max(len(_left(row)) for row in outline.rows) + GAP
    lines = [*textwrap.wrap(outline.title, WIDTH, subsequent_indent="  "), ""]
    for row in outline.rows:
        lines += _beside(_left(row).ljust(column), _right(row, WIDTH - column))
    if outline.parts:
        lines += ["", "callbacks, in the order in which they are called", ""]
        width = len(str(len(outline.parts)))
        column = 2 + width + 1 + min(max(len(part.name) for part in outline.parts), LONGEST) + GAP
        for part in outline.parts:
            lines += _told(part, column, width)
    if any(BITS in part.touches.marks for part in outline.parts):
        lines += ["", *textwrap.wrap(ON_BITS, WIDTH)]
    return "\n".join(line.rstrip() for line in lines)


def _left(row: Row) -> str:
    return "  " * (row.depth + 1) + row.text


def _right(row: Row, room: int) -> str:
    if not row.hook:
        return row.note
    whole = [f"{act.part.number} {act.part.name}" + (f" ({act.cadence})" if act.cadence else "") for act in row.acts]
    return ", ".join(each.replace(" ", TIED) if len(each) < room else each for each in whole) or "-"


def _told(part: Part, column: int, width: int) -> Iterator[str]:
    left = f"  {part.number:{width}} {part.name}"
    if len(left) + GAP > column:  # a long name has a line of its own
        yield left
        left = ""
    yield from _beside(left.ljust(column), "; ".join(marks_of(part, briefly=True)))
    for what, words in part.touches.words:
        yield from _beside(" " * (column + 2), f"{what}: {words}")


def _beside(left: str, right: str) -> list[str]:
    """Text behind a left column, in as many lines as it needs."""
    wrapped = textwrap.wrap(right, WIDTH - len(left), break_on_hyphens=False) or [""]
    return [line.replace(TIED, " ") for line in (left + wrapped[0], *(" " * len(left) + more for more in wrapped[1:]))]
