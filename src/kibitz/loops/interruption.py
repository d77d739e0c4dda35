"""Ctrl-C in a run: pressed once, the run ends after the batch that is under way; twice, where it is."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class Interruption:
    """What handles Ctrl-C while runs go on; it raises nothing the first time, so nothing can swallow it.

    Example:
        >>> from kibitz.loops.interruption import Interruption
        >>> interruption = Interruption()
        >>> interruption()
        >>> try:
        ...     interruption.heed()
        ... except KeyboardInterrupt:
        ...     print("between two batches")
        between two batches
    """

    def __init__(self) -> None:
        self.closing = False  # whether a run is being closed because of it
        self._asked = False

    def __call__(self, *_: Any) -> None:
        """Ctrl-C was pressed."""
        if self._asked or self.closing:
            signal.default_int_handler(signal.SIGINT, None)
        self._asked = True

    def is_asked(self) -> bool:
        """Whether it was pressed since the last time that somebody heeded it."""
        return self._asked

    def heed(self) -> None:
        """Raise here, if it was pressed since the last time."""
        if self._asked:
            self._asked = False
            signal.default_int_handler(signal.SIGINT, None)  # Python's own, which raises KeyboardInterrupt


@contextmanager
def interruptible() -> Iterator[Interruption]:
    """While this lasts, Ctrl-C waits for somebody to heed it; a run within another one shares what it is given.

    Only where Python's own handler was in place, and in the main thread, which alone can be interrupted: a program that
    has a handler of its own sees what it saw before.
    """
    mine = Interruption()
    if threading.current_thread() is not threading.main_thread():
        yield mine
        return
    there = signal.getsignal(signal.SIGINT)
    if there is not signal.default_int_handler:
        yield there if isinstance(there, Interruption) else mine
        return
    signal.signal(signal.SIGINT, mine)
    try:
        yield mine
    finally:
        if signal.getsignal(signal.SIGINT) is mine:  # else a hook has put another one there
            signal.signal(signal.SIGINT, there)
    mine.heed()
