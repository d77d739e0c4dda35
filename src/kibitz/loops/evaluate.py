"""L. The loop of `evaluate`, as hooks.py draws it; validation inside fit is the same loop."""

from __future__ import annotations

from kibitz.callbacks.dispatch import Dispatch
from kibitz.data.feed import OnePass
from kibitz.logs import Logs
from kibitz.loops.epoch import Way, run_batches


def evaluate(dispatch: Dispatch, way: Way, feed: OnePass) -> Logs:
    """Measure the model on one pass over the data.

    Returns:
        The means over all batches, without what callbacks added.
    """
    run = dispatch.run
    run.stop_evaluating = False
    feed.begin()
    dispatch.fire("on_test_begin", {})
    logs = run_batches(dispatch, way, "test", stop=lambda: run.stop_evaluating)
    dispatch.fire("on_test_end", Logs(logs))
    return logs
