"""Writing in the background, one thing at a time; what goes wrong there is raised where it is heard."""

from __future__ import annotations

import time
from collections.abc import Callable
from queue import SimpleQueue
from threading import Event, Thread


class Background:
    """Does one job at a time in a thread that is there from the beginning: to start one takes milliseconds.

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

    def __init__(self) -> None:
        self.seconds = 0.0
        self._jobs: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._idle = Event()
        self._idle.set()
        self._error: BaseException | None = None
        # A daemon, so that a process that never comes to `close` can end.
        self._thread = Thread(target=self._work, name="kibitz writes commits", daemon=True)
        self._thread.start()

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
        self._idle.wait()  # if Ctrl-C comes here, the job is still waited for when the run is closed
        error, self._error = self._error, None
        if error is not None:
            raise error

    def close(self) -> None:
        """Wait, and let the thread end; nothing can be begun afterwards.

        Raises:
            Exception: What went wrong in the last job.
        """
        self._jobs.put(None)
        self._thread.join()
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
