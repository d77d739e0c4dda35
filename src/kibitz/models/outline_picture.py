"""An outline as a picture: the loop as boxes within boxes, callbacks as labels in the order of their calls."""

from __future__ import annotations

import os
import textwrap
from typing import TYPE_CHECKING, Any

from kibitz.callbacks.figure import check_picture, new_figure, save_figure
from kibitz.callbacks.touches import BITS, BY_THE_CLOCK, HANDS, NOT_SAID
from kibitz.models.outline_words import ON_BITS, marks_of

if TYPE_CHECKING:
    from kibitz.models.outline import Act, Outline, Part, Row

INK, SOFT, HOT, GREY = "#1f3a5f", "#9db4c0", "#c8553d", "#6b7785"
SHADES = ("#ffffff", "#f3f6f9", "#e6edf2", "#d9e3ea", "#ccd9e2", "#c0d0da")
KINDS = {
    "only looks on": ("#ffffff", SOFT, INK),
    "writes or sends": ("#fdf3d8", "#c99a1b", "#7d5f0c"),
    "may take a hand": ("#fbe9e4", HOT, HOT),
    "acts within the step": (INK, INK, "#ffffff"),
    "is not said": ("#f4f4f4", GREY, GREY),
}
"""How a label is filled, edged and written, by what its callback may touch."""

TITLE, SIZE, SMALL = 12.0, 9.0, 8.0  # of letters, in points
WIDE = 0.602  # how wide a letter of DejaVu Sans Mono is, which comes with matplotlib
LINE, MARGIN, INDENT, GAP, PAD = 21.0, 24.0, 16.0, 26.0, 5.0  # points
LEAST, MOST = 560.0, 1000.0  # points from side to side
LONGEST = 40  # letters of a name


def draw(outline: Outline, path: str | os.PathLike[str]) -> None:
    """Save the picture.

    Args:
        outline: The outline.
        path: Where to.

    Raises:
        InvalidArgument: If its ending is not that of a picture.
        MissingExtra: If matplotlib is not installed.
        UnusableFile: If the disk refuses.
    """
    target = check_picture("outline", path)
    save_figure(_Picture(outline).figure(), target)


class _Picture:
    """Lays everything out in points from the upper left corner, then draws it."""

    def __init__(self, outline: Outline):
        self.outline, self.down = outline, MARGIN + 1.8 * LINE
        self.column = MARGIN + GAP + max(row.depth * INDENT + _wide(row.text) for row in outline.rows)
        self.words_at = MARGIN + max((_label_width(part) for part in outline.parts), default=0) + 14
        self.right = self._right()
        self.labels: list[tuple[float, float, Act]] = []  # left, middle, who
        self.tops: list[float] = []
        self.boxes: list[tuple[int, float, float]] = []  # depth, top, bottom; the outer ones behind
        self._lay_out()

    def figure(self) -> Any:
        told = self._told()
        height = self.down + LINE * (2.2 + len(told)) + MARGIN
        figure = new_figure((self.right + MARGIN) / 72, height / 72)
        figure.set_layout_engine("none")
        axes = figure.add_axes((0, 0, 1, 1))
        axes.set(xlim=(0, self.right + MARGIN), ylim=(height, 0))
        axes.axis("off")
        _write(axes, MARGIN, MARGIN + LINE / 3, self.outline.title, INK, size=TITLE)
        for depth, top, bottom in sorted(self.boxes):
            left = MARGIN - 9 + INDENT * depth
            shade = SHADES[min(depth + 1, len(SHADES) - 1)]
            _box(axes, left, top, (self.right - PAD * depth - left, bottom - top), (shade, "white"))
        for top, row in zip(self.tops, self.outline.rows, strict=True):
            self._row(axes, top + LINE / 2, row)
        for left, middle, act in self.labels:
            _label(axes, left, middle, act.part)
            _write(axes, left + _label_width(act.part) + 5, middle, act.cadence, GREY, size=SMALL)
        self._legend(axes, self.down + LINE)
        for place, (part, words) in enumerate(told):
            middle = self.down + LINE * (2.4 + place)
            if part is not None:
                _label(axes, MARGIN, middle, part)
            _write(axes, self.words_at, middle, words, INK, size=SMALL)
        return figure

    def _right(self) -> float:
        """The right edge of all that is drawn, if nothing had to be broken into lines."""
        acts = [sum(_act_width(act) for act in row.acts) for row in self.outline.rows]
        notes = [_wide(row.note, SMALL) for row in self.outline.rows]
        told = [_wide("; ".join(marks_of(part)), SMALL) for part in self.outline.parts]
        loop = self.column + max(*acts, *notes) + PAD * max(row.depth for row in self.outline.rows)
        widest = max(loop, self.words_at + max(told, default=0), MARGIN + _wide(self.outline.title, TITLE))
        return min(max(widest + SIZE + MARGIN, LEAST), MOST) - MARGIN

    def _lay_out(self) -> None:
        """Go down the rows, and close each box behind the last row within it."""
        open_boxes: list[tuple[int, float]] = []
        for row in self.outline.rows:
            while open_boxes and open_boxes[-1][0] >= row.depth:
                self._close(open_boxes)
            if row.opens:
                self.down += 2
                open_boxes.append((row.depth, self.down))
            self.tops.append(self.down)
            self.down += LINE * self._placed(row)
        while open_boxes:
            self._close(open_boxes)

    def _close(self, open_boxes: list[tuple[int, float]]) -> None:
        self.boxes.append((*open_boxes.pop(), self.down))
        self.down += PAD

    def _placed(self, row: Row) -> int:
        """Put the labels of a row into as many lines as they need, and say how many these are."""
        left, lines = self.column, 1
        for act in row.acts:
            if left > self.column and left + _act_width(act) > self.right:
                left, lines = self.column, lines + 1
            self.labels.append((left, self.down + LINE * (lines - 0.5), act))
            left += _act_width(act)
        return max(lines, len(self._noted(row)))

    def _row(self, axes: Any, middle: float, row: Row) -> None:
        left = MARGIN + INDENT * row.depth
        quiet = row.text.startswith("...") or (row.hook and not row.acts)
        _write(axes, left, middle, row.text, GREY if quiet else INK, bold=row.opens)
        for place, words in enumerate(self._noted(row)):
            _write(axes, self.column, middle + place * LINE, words, GREY, size=SMALL)

    def _noted(self, row: Row) -> list[str]:
        return textwrap.wrap(row.note, int((self.right - self.column) / (SMALL * WIDE)))

    def _told(self) -> list[tuple[Part | None, str]]:
        """What each callback may touch, line by line, and a word on bits if there is reason."""
        room = int((self.right - self.words_at) / (SMALL * WIDE))
        told: list[tuple[Part | None, str]] = []
        for part in self.outline.parts:
            first, *rest = textwrap.wrap("; ".join(marks_of(part)), room)
            told += [(part, first), *((None, words) for words in rest)]
        if any(BITS in part.touches.marks for part in self.outline.parts):
            told += [(None, words) for words in textwrap.wrap(ON_BITS, room)]
        return told

    def _legend(self, axes: Any, middle: float) -> None:
        left, kinds = MARGIN, {_kind(part) for part in self.outline.parts}
        shown = [(kind, colours, False) for kind, colours in KINDS.items() if kind in kinds]
        if any(_by_the_clock(part) for part in self.outline.parts):
            shown.append(("by the clock", ("white", GREY, GREY), True))
        for words, (fill, edge, _), dashed in shown:
            _box(axes, left, middle - 6, (12, 12), (fill, edge), dashed=dashed)
            _write(axes, left + 18, middle, words, GREY, size=SMALL)
            left += 18 + _wide(words, SMALL) + 22


def _kind(part: Part) -> str:
    marks = part.touches.marks
    if BITS in marks:
        return "acts within the step"
    if NOT_SAID in marks:
        return "is not said"
    if part.touches.only_looks:
        return "only looks on"
    return "may take a hand" if set(HANDS) & set(marks) else "writes or sends"


def _by_the_clock(part: Part) -> bool:
    return BY_THE_CLOCK in part.touches.marks


def _label(axes: Any, left: float, middle: float, part: Part) -> None:
    fill, edge, ink = KINDS[_kind(part)]
    _box(axes, left, middle - 7, (_label_width(part), 14), (fill, edge), dashed=_by_the_clock(part))
    _write(axes, left + 6, middle, _named(part), ink, size=SMALL)


def _box(
    axes: Any, left: float, top: float, size: tuple[float, float], colours: tuple[str, str], *, dashed: bool = False
) -> None:
    from matplotlib.patches import FancyBboxPatch

    axes.add_patch(
        FancyBboxPatch((left, top), *size, boxstyle="round,pad=0,rounding_size=4", facecolor=colours[0],
                       edgecolor=colours[1], linewidth=0.9, linestyle=(0, (3, 2)) if dashed else "solid")
    )  # fmt: skip


def _label_width(part: Part) -> float:
    return _wide(_named(part), SMALL) + 12


def _named(part: Part) -> str:
    name = part.name if len(part.name) <= LONGEST else f"{part.name[: LONGEST - 3]}..."
    return f"{part.number} {name}"


def _act_width(act: Act) -> float:
    """A label, its cadence, and the space behind them."""
    return _label_width(act.part) + (6 + _wide(act.cadence, SMALL) if act.cadence else 0) + 12


def _wide(text: str, size: float = SIZE) -> float:
    return len(text) * size * WIDE


def _write(
    axes: Any, left: float, middle: float, text: str, color: str, *, size: float = SIZE, bold: bool = False
) -> None:
    axes.text(
        left, middle, text, color=color, fontsize=size, family="DejaVu Sans Mono", va="center_baseline",
        weight="bold" if bold else "normal", parse_math=False,
    )  # fmt: skip
