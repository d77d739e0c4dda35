"""Lines for a terminal or a pipe. Whatever comes from a file is made harmless here, for all lines pass this door."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Sequence
from typing import IO, Any

from kibitz.runs.sparkline import BLOCKS, PLAIN, sparkline, tall

MOST = 200
"""Characters of one text; a name out of a file may be as long as it likes."""

NARROWEST = 40
"""Columns below which a picture does not shrink."""

GAP = "  "


class Page:
    r"""Lines that are put together, and how they may look.

    Args:
        blocks: Whether block characters can be shown. False draws with ASCII.
        styled: Whether it is a terminal that knows bold and faint.
        width: Columns that a picture may take. A table is as wide as what stands in it.

    Attributes: `lines`, what was put on it; `status`, what the process exits with.

    Example:
        >>> from kibitz.runs.page import Page
        >>> page = Page()
        >>> page.table([["step", "size"], ["500", "12 kB"]], right="01")
        >>> page.line("a name\x1b[31m out of a file")
        >>> print(page)
          step   size
           500  12 kB
        a name\x1b[31m out of a file
    """

    def __init__(self, *, blocks: bool = True, styled: bool = False, width: int = 80):
        self.lines: list[str] = []
        self.width = max(NARROWEST, min(width, MOST))
        self.status = 0
        self._levels, self._styled = BLOCKS if blocks else PLAIN, styled

    @classmethod
    def to(cls, file: IO[str] | Any) -> Page:
        """A page for what a file, such as standard output, can show."""
        quiet = bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM", "dumb") == "dumb" or os.name == "nt"
        terminal = bool(getattr(file, "isatty", lambda: False)())
        width = shutil.get_terminal_size((80, 24)).columns
        return cls(blocks=shows(file, BLOCKS), styled=terminal and not quiet, width=width)

    def title(self, text: str) -> None:
        """A line that stands out."""
        self.lines.append(self._style("1", plain(text)))

    def line(self, text: str = "") -> None:
        """A plain line."""
        self.lines.append(plain(text))

    def heading(self, text: str) -> None:
        """An empty line, and one that names what follows."""
        self.lines += ["", GAP + self._style("1", plain(text))]

    def table(self, rows: Iterable[Sequence[str]], *, right: str = "", indent: int = 1, headed: bool = True) -> None:
        """Rows in columns.

        Args:
            rows: Texts, as many in each row; the first row names the columns if it is `headed`.
            right: The numbers of the columns that are set to the right, such as "13".
            indent: How far in it stands, in steps of two characters.
            headed: Whether the first row is a head.
        """
        table = [[plain(cell) for cell in row] for row in rows]
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        for number, row in enumerate(table):
            cells = [
                cell.rjust(width) if str(place) in right else cell.ljust(width)
                for place, (cell, width) in enumerate(zip(row, widths, strict=True))
            ]
            line = (GAP * indent + GAP.join(cells)).rstrip()
            self.lines.append(self._style("2", line) if headed and number == 0 else line)

    def picture(self, values: Sequence[float], width: int = 32) -> str:
        """Numbers as a small picture."""
        return sparkline(values, width, self._levels)

    def columns(self, heights: Sequence[float | None], rows: int, bounds: tuple[float, float]) -> list[str]:
        """Numbers as a picture of several lines; see `tall`."""
        return tall(heights, rows, self._levels, bounds)

    def __str__(self) -> str:
        return "\n".join(self.lines)

    def _style(self, code: str, text: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self._styled and text else text


def plain(text: str, most: int = MOST) -> str:
    r"""A text in which nothing is a control code: what cannot be printed is shown as an escape, and it has an end.

    Args:
        text: Any text, out of a file perhaps.
        most: Characters after which it is cut.

    Example:
        >>> from kibitz.runs.page import plain
        >>> plain("loss\n\x1b[2J")
        'loss\\n\\x1b[2J'
    """
    cut = text if len(text) <= most else text[: most - 3] + "..."
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in cut)


def shows(file: IO[str] | Any, text: str) -> bool:
    """Whether a file's encoding has these characters."""
    try:
        text.encode(getattr(file, "encoding", None) or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def readable(file: IO[str] | Any, text: str) -> str:
    """A text without characters that a file's encoding lacks."""
    if shows(file, text):
        return text
    return text.encode("ascii", "backslashreplace").decode()


def size(count: int) -> str:
    """Bytes for a person.

    Example:
        >>> from kibitz.runs.page import size
        >>> size(812), size(12_345), size(3_400_000_000)
        ('812 B', '12 kB', '3.4 GB')
    """
    amount, unit = float(count), "B"
    for larger in ("kB", "MB", "GB", "TB"):
        if amount < 999.5:
            break
        amount, unit = amount / 1000, larger
    return f"{amount:.1f} {unit}" if unit != "B" and amount < 9.95 else f"{amount:.0f} {unit}"


def seconds(spent: float) -> str:
    """A time that was spent, for a person.

    Example:
        >>> from kibitz.runs.page import seconds
        >>> seconds(0.25), seconds(90), seconds(7_300), seconds(200_000)
        ('0.2 s', '1 min 30 s', '2 h 1 min', '2 d 7 h')
    """
    if spent < 59.95:
        return f"{spent:.1f} s"
    whole = round(spent)
    for unit, length, smaller, part in (("d", 86_400, "h", 3_600), ("h", 3_600, "min", 60), ("min", 60, "s", 1)):
        if whole >= length:
            return f"{whole // length:,} {unit} {whole % length // part} {smaller}"
    return f"{whole} s"
