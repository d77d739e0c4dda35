"""J. The inner loop that training, evaluation and prediction share: batch by batch, a hook before and a hook after."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Protocol

from kibitz.callbacks.dispatch import Dispatch
from kibitz.logs import Logs
from kibitz.loops.place import Place


class Way(Protocol):
    """A way along batches; the engine has one each for training, testing and predicting."""

    def more(self) -> bool:
        """Whether there is another batch: it has been read before it is announced."""
        ...

    def step(self) -> Logs:
        """Do what is done with a batch."""
        ...

    def leap(self, most: float) -> tuple[Logs, int]:
        """Do it with as many batches as go together, at most so many; the last one's logs, and how many they were."""
        ...


class Within(Protocol):
    """What is done within an epoch besides training: validation at a cadence of its own."""

    def quiet(self) -> float:
        """How many batches may pass before it is due."""
        ...

    def due_at_step(self) -> bool:
        """Whether it is due now."""
        ...

    def measure(self) -> dict[str, float]:
        """Do it, and give the numbers."""
        ...


def run_batches(
    dispatch: Dispatch,
    way: Way,
    kind: str,
    stop: Callable[[], bool],
    within: Within | None = None,
    place: Place | None = None,
) -> Logs:
    """Go along all batches, or until somebody asks to stop.

    Where nobody looks on, batches are passed many at a time.

    Args:
        dispatch: Where hooks are fired.
        way: Gives the logs of each batch.
        kind: "train", "test" or "predict".
        stop: Asked after each batch.
        within: What may be due between a batch and its end. None means nothing.
        place: Where in the midst of an epoch to go on. None means at its beginning.

    Returns:
        The logs as they stood after the last batch, without what callbacks added to them.
    """
    begin, end = f"on_{kind}_batch_begin", f"on_{kind}_batch_end"
    training, run = kind == "train", dispatch.run
    own = run.kind == kind  # validation is within a step or an epoch of its fit, where nothing else is done
    batch, logs = (0, Logs()) if place is None else (place.batch, place.logs)
    while _has_more(way, dispatch, kind, batch):
        quiet = 0 if stop() else min(dispatch.quiet(kind), math.inf if within is None else within.quiet())
        if quiet >= 1:
            logs, done = way.leap(quiet)
        else:
            dispatch.fire(begin, batch, {})
            logs, done = way.step(), 1
        batch += done
        if training:
            run.clock.tick(done)
        shown = Logs(logs, batch=logs.batch)  # callbacks may add to theirs; the epoch's logs are built from ours
        if within is not None and within.due_at_step():
            shown = Logs(sorted({**shown, **within.measure()}.items()), batch=logs.batch)
        dispatch.fire(end, batch - 1, shown)
        if own:
            run.carry_out(shown)
        if training:
            run.boundary(logs, begun=True)
        if stop():
            break
    return logs


def _has_more(way: Way, dispatch: Dispatch, kind: str, batch: int) -> bool:
    dispatch.run.heed()
    try:
        return way.more()
    except Exception as error:
        epoch = f" of epoch {dispatch.run.clock.epoch} (from 0)" if kind == "train" else ""
        error.add_note(f"while batch {batch}{epoch} was read")
        raise
