"""F. The loop of `fit`, as hooks.py draws it."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

from kibitz.callbacks.dispatch import Dispatch
from kibitz.data.feed import Feed
from kibitz.engine.timeline import Timeline
from kibitz.logs import Logs
from kibitz.loops.epoch import Way, run_batches


@dataclass(frozen=True)
class FitPlan:
    """What one call of fit will do; every argument has been checked when this is made.

    Args:
        feed: The batches, epoch by epoch.
        epochs: The number that the last epoch's number stays below.
        initial_epoch: The number of the first epoch.
        validate: Runs one validation and gives its means; None means that there is none.
        validation_freq: After every how many epochs, or after which epochs (counted from 1), validation is due.
        reset: Begins the running means anew.
        finalize: What an optimizer does to the weights once training is over; called before `on_train_end`.
    """

    feed: Feed
    epochs: int
    initial_epoch: int
    validate: Callable[[], Logs] | None
    validation_freq: int | Collection[int]
    reset: Callable[[], None]
    finalize: Callable[[], None]

    def validation_due(self, epoch: int) -> bool:
        """Whether validation follows epoch number `epoch`."""
        if self.validate is None:
            return False
        if isinstance(self.validation_freq, int):
            return (epoch + 1) % self.validation_freq == 0
        return epoch + 1 in self.validation_freq


def fit(dispatch: Dispatch, timeline: Timeline, way: Way, plan: FitPlan) -> None:
    """Train, epoch by epoch."""
    run, feed, logs, done = dispatch.run, plan.feed, Logs(), 0
    dispatch.fire("on_train_begin", {})
    first = plan.initial_epoch if run.first_epoch is None else run.first_epoch
    feed.skip(first - plan.initial_epoch)
    for epoch in range(first, plan.epochs):
        if not feed.begin():
            break
        plan.reset()
        run.clock.start_epoch(epoch)
        timeline.refresh()  # epoch hooks may look at the user's own module, and nobody can see that they do
        dispatch.fire("on_epoch_begin", epoch, {})
        logs = run_batches(dispatch, way, "train", stop=lambda: run.stop_requested)
        done += 1
        if run.stop_now:
            break
        timeline.refresh()
        if plan.validate is not None and plan.validation_due(epoch):
            val = {f"val_{name}": value for name, value in plan.validate().items()}
            logs = Logs(sorted({**logs, **val}.items()), batch=logs.batch)
        dispatch.fire("on_epoch_end", epoch, logs)
        if run.stop_requested:
            break
    if not run.stop_requested and feed.warn_if_short(done):
        run.stop("the data ended")
    plan.finalize()
    dispatch.fire("on_train_end", logs)
