"""N. The end of a run, whatever it was: the outcome is settled, and every callback that was begun is closed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from kibitz.callbacks.dispatch import Dispatch
from kibitz.engine.timeline import Timeline


@contextmanager
def ending(dispatch: Dispatch, timeline: Timeline) -> Iterator[None]:
    """Run a loop inside; afterwards the model is up to date and `on_run_end` has reached every callback.

    The exception that ended the run goes on to the caller as it was.
    """
    try:
        yield
    except BaseException as error:
        timeline.pull()
        dispatch.close(dispatch.run.ended(error, interrupted=isinstance(error, KeyboardInterrupt | SystemExit)))
        raise
    timeline.pull()
    dispatch.close(dispatch.run.ended())
