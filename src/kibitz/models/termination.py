"""SIGTERM in a durable run: the batch is done, the run is committed, everybody is closed, and the process ends."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

CODE = 143
"""What a process that was asked to terminate exits with: 128 and the signal's number."""


class Termination:
    """Whether somebody has asked this process to end.

    Example:
        >>> from kibitz.models.termination import Termination
        >>> Termination().asked
        False
    """

    def __init__(self) -> None:
        self.asked = False

    @contextmanager
    def heeded(self) -> Iterator[None]:
        """While this lasts, SIGTERM is noted; before and afterwards it is handled as it was.

        Only the main thread can be told, so elsewhere nothing is done. A program's own handler is left alone.
        """
        main = threading.current_thread() is threading.main_thread()
        if not main or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
            yield
            return
        signal.signal(signal.SIGTERM, self._note)
        try:
            yield
        finally:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)

    def _note(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        self.asked = True

    def obey(self) -> None:
        """End the process, if that was asked for.

        Raises:
            SystemExit: With the code 143.
        """
        if self.asked:
            sys.exit(CODE)
