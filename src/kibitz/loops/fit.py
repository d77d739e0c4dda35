"""F. The loop of `fit`, as hooks.py draws it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from kibitz.callbacks.dispatch import Dispatch
from kibitz.data.feed import Feed
from kibitz.engine.timeline import Timeline
from kibitz.logs import Logs
from kibitz.loops.epoch import Way, run_batches
from kibitz.loops.place import Keeper, Place
from kibitz.loops.validation import Validation
from kibitz.run import Run


@dataclass(frozen=True)
class FitPlan:
    """What one call of fit will do; every argument has been checked when this is made.

    Args:
        feed: The batches, epoch by epoch.
        planned: The numbers of the epochs.
        validation: The validations; None means that there are none.
        reset: Begins the running means anew.
        keeper: Keeps the run for another process. None: it is not durable.
        finalize: What an optimizer does to the weights once training is over; called before `on_train_end`.
    """

    feed: Feed
    planned: range
    validation: Validation | None
    reset: Callable[[], None]
    finalize: Callable[[], None]
    keeper: Keeper | None = None


def fit(dispatch: Dispatch, timeline: Timeline, way: Way, plan: FitPlan) -> None:
    """Train, epoch by epoch; a run that another process has begun is gone on with where that one was left."""
    run, feed, keeper = dispatch.run, plan.feed, plan.keeper
    run.clock.epoch = plan.planned.start
    dispatch.fire("on_train_begin", {})
    epochs, place, logs = _begin(run, plan)
    done = epochs.start - plan.planned.start
    for epoch in epochs:
        if not feed.begin() and place is None:
            break
        plan.reset()
        run.clock.start_epoch(epoch)
        timeline.refresh()  # epoch hooks may look at the user's own module, and nobody can see that they do
        dispatch.fire("on_epoch_begin", epoch, {})
        run.carry_out({})
        if place is not None and keeper is not None:  # what was open is open again
            keeper.restore()
        if place is None or not run.stop_requested:
            logs = run_batches(dispatch, way, "train", lambda: run.stop_requested, plan.validation, place)
        run.clock.end_epoch()
        place, done = None, done + 1
        if run.stop_now:
            break
        timeline.refresh()
        if plan.validation is not None:
            logs = Logs(sorted({**logs, **plan.validation.of_epoch()}.items()), batch=logs.batch)
        run.trained = epoch + 1 == plan.planned.stop
        if run.stop_now:
            break
        dispatch.fire("on_epoch_end", epoch, logs)
        run.carry_out(logs)
        run.boundary(logs, begun=False)
        if run.stop_requested:
            break
    if not run.stop_requested and feed.warn_if_short(done):
        run.stop("the data ended")
    plan.finalize()
    run.trained = True
    dispatch.fire("on_train_end", logs)
    run.carry_out(logs, last=True)
    if keeper is not None:
        keeper.end(logs)


def _begin(run: Run, plan: FitPlan) -> tuple[range, Place | None, Logs]:
    """Which epochs are left, the place within the first of them to go on from, and the logs as they stood there.

    What callbacks have asked for in `on_train_begin` belongs to the run where that begins, and is written down with it.
    Where a run is gone on with, it is done before the state is put back.
    """
    keeper, start, stop = plan.keeper, plan.planned.start, plan.planned.stop
    place = None if keeper is None else keeper.place
    if place is None or keeper is None:
        first = start if run.first_epoch is None else run.first_epoch
        plan.feed.skip(first - start)
        if keeper is not None:
            keeper.restore()
        run.carry_out({})
        return range(first, stop), None, Logs()
    if not place.begins:
        run.carry_out({})
    run.first_epoch = place.epoch  # for those who must be ready before the state is put back
    plan.feed.seek(place.epoch - start, place.batch if place.begun else 0, place.step)
    if place.begun:
        return range(place.epoch, stop), place, place.logs
    keeper.restore()
    if place.begins:
        run.carry_out({})
    over = place.ended or run.stop_requested
    return range(stop if over else place.epoch, stop), None, place.logs
