"""N. The end of a run, whatever it was: the outcome is settled, and every callback that was begun is closed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from kibitz.callbacks.dispatch import Dispatch
from kibitz.engine.timeline import Timeline
from kibitz.loops.interruption import interruptible


@contextmanager
def ending(dispatch: Dispatch, timeline: Timeline) -> Iterator[None]:
    """Run a loop inside; afterwards the model is up to date and `on_run_end` has reached every callback.

    The exception that ended the run goes on to the caller as it was. Ctrl-C is heeded between batches; pressed again,
    it cuts through hooks too.
    """
    run = dispatch.run
    with interruptible() as interruption:
        run.heed, run.asked_to_end = interruption.heed, interruption.is_asked
        try:
            yield
            interruption.heed()
        except BaseException as error:
            interrupted = isinstance(error, KeyboardInterrupt | SystemExit)
            interruption.closing = interrupted
            try:
                timeline.pull()
                dispatch.close(run.ended(error, interrupted=interrupted))
            finally:
                interruption.closing = False
            raise
        timeline.pull()
        dispatch.close(run.ended())
