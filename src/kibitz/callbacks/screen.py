"""Where progress is drawn: in place in a terminal or a notebook, in plain lines in a pipe or a file."""

from __future__ import annotations

import atexit
import os
import sys
import threading
from typing import Any, ClassVar

SECONDS_BETWEEN_LINES = 10.0
BLOCK = "\N{BOX DRAWINGS HEAVY HORIZONTAL}"

Words = list[tuple[str, str]]
"""The pieces of one line, each with its style."""


def screen(since: float) -> Lines | Screen:
    """The place for a new bar, chosen by what standard output is now.

    Args:
        since: When the bar began, in seconds since the epoch.
    """
    file = getattr(sys.stdout, "beneath", sys.stdout)  # what an `Above` stands before
    plain = any(os.environ.get(name) for name in ("CI", "NO_COLOR")) or os.environ.get("TERM") == "dumb"
    if file is None or plain:
        return Lines(since)
    if getattr(file, "isatty", lambda: False)():
        return Screen(file, styled=True)
    return Screen(file, styled=False) if _in_notebook() else Lines(since)


def _in_notebook() -> bool:
    ipython = sys.modules.get("IPython")
    return ipython is not None and hasattr(ipython.get_ipython(), "kernel")


class Lines:
    """Plain lines without control codes: one when all is done, and now and then one on the way.

    Args:
        since: When the bar began, in seconds since the epoch.
    """

    in_place = False

    def __init__(self, since: float):
        self._last = since

    def due(self, now: float) -> bool:
        """Whether it is time for a line on the way."""
        if now - self._last < SECONDS_BETWEEN_LINES:
            return False
        self._last = now
        return True

    def close(self) -> None:
        """Nothing is open."""


class Screen:
    """One line that is drawn over itself; what others print meanwhile appears above it.

    Args:
        file: A terminal, or the output of a notebook.
        styled: Whether it knows colours, and the code that clears the rest of a line.
    """

    in_place = True
    drawn: ClassVar[Screen | None] = None
    """The one that is on the terminal: a bar within a bar takes its place until it is drawn again."""

    def __init__(self, file: Any, *, styled: bool):
        self.file, self.styled = file, styled
        self.lock = threading.RLock()
        self._line, self._length = "", 0  # what stands there now
        self._within = False  # whether somebody has begun a line and not ended it
        self._console: Any = None

    def draw(self, words: Words, *, final: bool = False) -> None:
        """Show this line in place of the last; a final one stays, and what follows begins below it."""
        with self.lock:
            self._take_over()
            self._put(*self._rendered(words, whole=final))
            if final:
                self.close()

    def above(self, stream: Any, text: str) -> None:
        """Print whole lines above the bar."""
        with self.lock:
            line = self._line, self._length
            if not self._within:
                self._put("", 0)
            stream.write(text)
            stream.flush()
            self._within = False
            if line[0]:
                self._put(*line)

    def within(self, stream: Any, text: str) -> None:
        """Print a part of a line, such as a question, in place of the bar; it is next drawn below."""
        with self.lock:
            if not self._within:
                self._put("", 0)
            stream.write(text)
            stream.flush()
            self._within = True

    def close(self) -> None:
        """Leave the line as it stands, and give the streams back."""
        with self.lock:
            if Screen.drawn is self:
                self.file.write("\n" if self._line else "")
                self._give_back()

    def make_way(self) -> None:
        """Clear the line, for another screen or for good; `draw` begins it anew."""
        with self.lock:
            self._put("", 0)
            self._give_back()

    def _take_over(self) -> None:
        if Screen.drawn is self:
            return
        if Screen.drawn is not None:
            Screen.drawn.make_way()
        Screen.drawn = self
        for name in ("stdout", "stderr"):
            stream = getattr(sys, name)
            if stream is self.file or (name == "stderr" and getattr(stream, "isatty", lambda: False)()):
                setattr(sys, name, Above(stream, self))
        atexit.register(self.close)

    def _give_back(self) -> None:
        Screen.drawn, self._line, self._length = None, "", 0
        for name in ("stdout", "stderr"):
            stream = getattr(sys, name)
            if isinstance(stream, Above) and stream.screen is self:
                stream.flush()
                setattr(sys, name, stream.beneath)
        self.file.flush()
        atexit.unregister(self.close)

    def _put(self, line: str, length: int) -> None:
        rest = "\x1b[K" if self.styled else " " * (self._length - length)
        end = "\r" if not line else ""
        self.file.write(("\n" if self._within else "\r") + line + rest + end)
        self.file.flush()
        self._line, self._length, self._within = line, length, False

    def _rendered(self, words: Words, *, whole: bool) -> tuple[str, int]:
        try:
            BLOCK.encode(getattr(self.file, "encoding", None) or "utf-8")
        except UnicodeEncodeError:
            words = [(text.replace(BLOCK, "="), style) for text, style in words]
        if not self.styled:
            line = "".join(text for text, _ in words)
            return line, len(line)
        from rich.console import Console
        from rich.text import Text

        if self._console is None:
            self._console = Console(file=self.file, highlight=False)
        text = Text.assemble(*words)
        if not whole:  # a line that wraps could not be drawn over
            text.truncate(self._columns() - 1, overflow="ellipsis")
        with self._console.capture() as captured:
            self._console.print(text, end="", soft_wrap=True)
        return captured.get(), text.cell_len

    def _columns(self) -> int:
        try:
            return os.get_terminal_size(self.file.fileno()).columns or 80
        except (OSError, ValueError):  # something that only says that it is a terminal
            return 80


class Above:
    """Stands before standard output while a bar is drawn, so that what is printed appears above the bar.

    Args:
        beneath: The stream that it stands before.
        screen: Where the bar is drawn.
    """

    def __init__(self, beneath: Any, screen: Screen):
        self.beneath, self.screen = beneath, screen
        self._part = ""

    def __getattr__(self, name: str) -> Any:
        return getattr(self.beneath, name)

    def write(self, text: str) -> int:
        """Print whole lines above the bar; keep a part of a line until it is whole, or flushed."""
        if Screen.drawn is not self.screen:  # somebody has kept this object longer than the bar lived
            return self.beneath.write(text)
        with self.screen.lock:
            lines, newline, self._part = (self._part + text).rpartition("\n")
            if newline:
                self.screen.above(self.beneath, lines + newline)
        return len(text)

    def flush(self) -> None:
        """Show what has been kept."""
        with self.screen.lock:
            part, self._part = self._part, ""
            if part and Screen.drawn is self.screen:
                self.screen.within(self.beneath, part)
            else:
                self.beneath.write(part)
                self.beneath.flush()
