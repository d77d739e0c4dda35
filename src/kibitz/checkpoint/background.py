"""Writing in the background, one thing at a time; what goes wrong there is raised where it is heard."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from queue import SimpleQueue
from threading import Event, Thread, current_thread

_writing: dict[str, Background] = {}  # by the folder: its lock lets only one fit write there
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_writing.clear)  # the threads that write did not come along


def settled(folder: Path | None = None) -> None:
    """Wait for what this process is writing into a folder, so that what is found there depends on no clock.

    What goes wrong there is told to those who write. Whoever looks from within the writing does not wait for itself.

    Args:
        folder: The folder. None means any.
    """
    for key in list(_writing) if folder is None else (os.path.realpath(folder),):
        if (background := _writing.get(key)) is not None:
            background.rest()


class Background:
    """Does one job at a time in a thread that is there from the beginning: to start one takes milliseconds.

    Args:
        folder: Where the jobs write. Who looks into it can wait for them, with `settled`. None tells nobody.

    Attributes: `seconds`, how long the last job took.

    Example:
        >>> from kibitz.checkpoint.background import Background
        >>> background, done = Background(), []
        >>> background.begin(lambda: done.append(1))
        >>> background.wait()
        >>> done, background.busy
        ([1], False)
        >>> background.close()
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.seconds = 0.0
        self._jobs: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._idle = Event()
        self._idle.set()
        self._error: BaseException | None = None
        # A daemon, so that a process that never comes to `close` can end.
        self._thread = Thread(target=self._work, name="kibitz writes commits", daemon=True)
        self._thread.start()
        self._key = None if folder is None else os.path.realpath(folder)
        if self._key is not None:
            _writing[self._key] = self

    @property
    def busy(self) -> bool:
        """Whether a job is under way."""
        return not self._idle.is_set()

    def begin(self, job: Callable[[], None]) -> None:
        """Begin a job; one that is under way is waited for.

        Raises:
            Exception: What went wrong in the job before.
        """
        self.wait()
        self._idle.clear()
        self._jobs.put(job)

    def wait(self) -> None:
        """Wait for the job that is under way.

        Raises:
            Exception: What went wrong in it.
        """
        self.rest()  # if Ctrl-C comes here, the job is still waited for when the run is closed
        error, self._error = self._error, None
        if error is not None:
            raise error

    def rest(self) -> None:
        """Wait for the job that is under way, and leave what went wrong in it to `wait`."""
        if current_thread() is not self._thread:
            self._idle.wait()

    def close(self) -> None:
        """Wait, and let the thread end; nothing can be begun afterwards.

        Raises:
            Exception: What went wrong in the last job.
        """
        self._jobs.put(None)
        self._thread.join()
        if self._key is not None and _writing.get(self._key) is self:
            del _writing[self._key]
        self.wait()

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            began = time.perf_counter()
            try:
                job()
            except BaseException as error:  # noqa: BLE001 - it is raised where it is heard
                self._error = error
            self.seconds = time.perf_counter() - began
            self._idle.set()
