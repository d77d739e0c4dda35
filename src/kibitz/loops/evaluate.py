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
    own = run.kind == "test"  # and not the validation of a fit, which has its own place for what was asked for
    run.stop_evaluating = False
    feed.begin()
    dispatch.fire("on_test_begin", {})
    if own:
        run.carry_out({})
    logs = run_batches(dispatch, way, "test", lambda: run.stop_evaluating or (own and run.stop_requested))
    shown = Logs(logs)
    dispatch.fire("on_test_end", shown)
    if own:
        run.carry_out(shown, last=True)
    return logs
