"""N. The end of a run, whatever it was: the outcome is settled, and every callback that was begun is closed."""

from __future__ import annotations

from types import TracebackType

from kibitz.callbacks.dispatch import Dispatch
from kibitz.engine.timeline import Timeline
from kibitz.loops.interruption import interruptible


class ending:  # noqa: N801 - it stands behind `with`, as the functions of contextlib do
    """Run a loop inside; afterwards the model is up to date and `on_run_end` has reached every callback.

    The exception that ended the run goes on to the caller as it was. That is why this is no generator: one would make
    a RuntimeError of a callback's StopIteration. Ctrl-C is heeded between batches; pressed again, it cuts through hooks
    too.

    Args:
        dispatch: Where hooks are fired.
        timeline: The state of the model.
    """

    def __init__(self, dispatch: Dispatch, timeline: Timeline):
        self._dispatch, self._timeline = dispatch, timeline
        self._guard = interruptible()

    def __enter__(self) -> None:
        """Let Ctrl-C wait for a batch to be done."""
        interruption = self._interruption = self._guard.__enter__()
        run = self._dispatch.run
        run.heed, run.asked_to_end = interruption.heed, interruption.is_asked

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Settle the outcome, and close everybody."""
        try:
            self._close(error)
        finally:
            self._guard.__exit__(kind, error, trace)

    def _close(self, error: BaseException | None) -> None:
        if error is None:
            try:
                self._interruption.heed()
            except KeyboardInterrupt as pressed:
                self._settle(pressed)
                raise
        self._settle(error)

    def _settle(self, error: BaseException | None) -> None:
        interrupted = isinstance(error, KeyboardInterrupt | SystemExit)
        self._interruption.closing = interrupted
        try:
            self._timeline.pull()
            self._dispatch.close(self._dispatch.run.ended(error, interrupted=interrupted))
        finally:
            self._interruption.closing = False
