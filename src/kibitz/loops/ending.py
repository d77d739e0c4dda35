"""N. The end of a run, whatever it was: the outcome is settled, and every callback that was begun is closed."""

from __future__ import annotations

from kibitz.callbacks.dispatch import Dispatch
from kibitz.engine.timeline import Timeline


class ending:  # noqa: N801 - it stands behind `with`, as the functions of contextlib do
    """Run a loop inside; afterwards the model is up to date and `on_run_end` has reached every callback.

    The exception that ended the run goes on to the caller as it was. That is why this is no generator: one would make
    a RuntimeError of a callback's StopIteration.

    Args:
        dispatch: Where hooks are fired.
        timeline: The state of the model.
    """

    def __init__(self, dispatch: Dispatch, timeline: Timeline):
        self._dispatch, self._timeline = dispatch, timeline

    def __enter__(self) -> None:
        """Nothing has begun yet."""

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        """Settle the outcome, and close everybody."""
        self._timeline.pull()
        interrupted = isinstance(error, KeyboardInterrupt | SystemExit)
        self._dispatch.close(self._dispatch.run.ended(error, interrupted=interrupted))
