"""F. The loop of `fit`, as hooks.py draws it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from kibitz.callbacks.dispatch import Dispatch
from kibitz.data.feed import Feed
from kibitz.engine.timeline import Timeline
from kibitz.logs import Logs
from kibitz.loops.epoch import Way, run_batches
from kibitz.loops.validation import Validation


@dataclass(frozen=True)
class FitPlan:
    """What one call of fit will do; every argument has been checked when this is made.

    Args:
        feed: The batches, epoch by epoch.
        planned: The numbers of the epochs.
        validation: The validations; None means that there are none.
        reset: Begins the running means anew.
        finalize: What an optimizer does to the weights once training is over; called before `on_train_end`.
    """

    feed: Feed
    planned: range
    validation: Validation | None
    reset: Callable[[], None]
    finalize: Callable[[], None]


def fit(dispatch: Dispatch, timeline: Timeline, way: Way, plan: FitPlan) -> None:
    """Train, epoch by epoch."""
    run, feed, logs, done = dispatch.run, plan.feed, Logs(), 0
    run.clock.epoch = plan.planned.start
    dispatch.fire("on_train_begin", {})
    run.carry_out({})
    first = plan.planned.start if run.first_epoch is None else run.first_epoch
    feed.skip(first - plan.planned.start)
    for epoch in range(first, plan.planned.stop):
        if not feed.begin():
            break
        plan.reset()
        run.clock.start_epoch(epoch)
        timeline.refresh()  # epoch hooks may look at the user's own module, and nobody can see that they do
        dispatch.fire("on_epoch_begin", epoch, {})
        run.carry_out({})
        logs = run_batches(dispatch, way, "train", lambda: run.stop_requested, plan.validation)
        run.clock.end_epoch()
        done += 1
        if run.stop_now:
            break
        timeline.refresh()
        if plan.validation is not None:
            logs = Logs(sorted({**logs, **plan.validation.of_epoch()}.items()), batch=logs.batch)
        if run.stop_now:
            break
        dispatch.fire("on_epoch_end", epoch, logs)
        run.carry_out(logs)
        if run.stop_requested:
            break
    if not run.stop_requested and feed.warn_if_short(done):
        run.stop("the data ended")
    plan.finalize()
    dispatch.fire("on_train_end", logs)
    run.carry_out(logs, last=True)
