"""A moment in which Ctrl-C waits: while a step destroys the state that it is given, and its own is not yet kept."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Put an interruption off until the block is done; whatever handles it then handles it right behind the block.

    Only the main thread can be interrupted, so elsewhere nothing is done. The handler that was there is there again.

    Example:
        >>> import signal
        >>> from kibitz.engine.uninterrupted import uninterrupted
        >>> before = signal.getsignal(signal.SIGINT)
        >>> with uninterrupted():
        ...     within = signal.getsignal(signal.SIGINT)
        >>> within is before, signal.getsignal(signal.SIGINT) is before
        (False, True)
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    asked: list[Any] = []
    handler = signal.signal(signal.SIGINT, lambda *given: asked.append(given))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler if handler is not None else signal.SIG_DFL)
        for _ in asked:  # pressed twice is another thing than once
            signal.raise_signal(signal.SIGINT)
