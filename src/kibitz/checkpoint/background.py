"""Writing in the background, one thing at a time; what goes wrong there is raised where it is heard."""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Thread


class Background:
    """Does one job at a time in a thread of its own.

    Attributes: `seconds`, how long the last job took.

    Example:
        >>> from kibitz.checkpoint.background import Background
        >>> background, done = Background(), []
        >>> background.begin(lambda: done.append(1))
        >>> background.wait()
        >>> done, background.busy
        ([1], False)
    """

    def __init__(self) -> None:
        self.seconds = 0.0
        self._thread: Thread | None = None
        self._error: BaseException | None = None

    @property
    def busy(self) -> bool:
        """Whether a job is under way."""
        return self._thread is not None and self._thread.is_alive()

    def begin(self, job: Callable[[], None]) -> None:
        """Begin a job; one that is under way is waited for.

        Raises:
            Exception: What went wrong in the job before.
        """
        self.wait()
        self._thread = Thread(target=self._do, args=(job,), name="kibitz writes a commit")
        self._thread.start()

    def wait(self) -> None:
        """Wait for the job that is under way.

        Raises:
            Exception: What went wrong in it.
        """
        if self._thread is not None:
            self._thread.join()  # if Ctrl-C comes here, the job is still waited for when the run is closed
            self._thread = None
        error, self._error = self._error, None
        if error is not None:
            raise error

    def _do(self, job: Callable[[], None]) -> None:
        began = time.perf_counter()
        try:
            job()
        except BaseException as error:  # noqa: BLE001 - it is raised where it is heard
            self._error = error
        finally:
            self.seconds = time.perf_counter() - began
