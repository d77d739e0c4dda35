"""The loop of `predict`, as hooks.py draws it."""

from __future__ import annotations

from kibitz.callbacks.dispatch import Dispatch
from kibitz.data.feed import OnePass
from kibitz.loops.epoch import Way, run_batches


def predict(dispatch: Dispatch, way: Way, feed: OnePass) -> None:
    """Run the model on one pass over the data; the way keeps the outputs."""
    run = dispatch.run
    run.stop_predicting = False
    feed.begin()
    dispatch.fire("on_predict_begin", {})
    run.carry_out({})
    run_batches(dispatch, way, "predict", lambda: run.stop_predicting or run.stop_requested)
    dispatch.fire("on_predict_end", {})
    run.carry_out({}, last=True)
