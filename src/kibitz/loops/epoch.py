"""J. The inner loop that training, evaluation and prediction share: batch by batch, a hook before and a hook after."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from kibitz.callbacks.dispatch import Dispatch
from kibitz.logs import Logs


class Way(Protocol):
    """A way along batches; the engine has one each for training, testing and predicting."""

    def more(self) -> bool:
        """Whether there is another batch: it has been read before it is announced."""
        ...

    def step(self) -> Logs:
        """Do what is done with a batch."""
        ...

    def leap(self) -> tuple[Logs, int]:
        """Do it with as many batches as go together; the last one's logs, and how many they were."""
        ...


def run_batches(dispatch: Dispatch, way: Way, kind: str, stop: Callable[[], bool]) -> Logs:
    """Go along all batches, or until somebody asks to stop.

    Args:
        dispatch: Where hooks are fired.
        way: Gives the logs of each batch.
        kind: "train", "test" or "predict".
        stop: Asked after each batch.

    Returns:
        The logs as they stood after the last batch, without what callbacks added to them.
    """
    begin, end = f"on_{kind}_batch_begin", f"on_{kind}_batch_end"
    clock = dispatch.run.clock if kind == "train" else None
    batch, logs = 0, Logs()
    if not (dispatch.listens(begin) or dispatch.listens(end) or stop()):
        return _unwatched(way, dispatch, kind)
    while _has_more(way, dispatch, kind, batch):
        dispatch.fire(begin, batch, {})
        logs = way.step()
        if clock is not None:
            clock.tick()
        shown = Logs(logs, batch=logs.batch)  # callbacks may add to theirs; the epoch's logs are built from ours
        dispatch.fire(end, batch, shown)
        batch += 1
        if stop():
            break
    return logs


def _unwatched(way: Way, dispatch: Dispatch, kind: str) -> Logs:
    """The same where nobody looks on at batches, so nobody can ask to stop at one."""
    batch, logs = 0, Logs()
    while _has_more(way, dispatch, kind, batch):
        logs, done = way.leap()
        batch += done
        if kind == "train":
            dispatch.run.clock.tick(done)
    return logs


def _has_more(way: Way, dispatch: Dispatch, kind: str, batch: int) -> bool:
    try:
        return way.more()
    except Exception as error:
        epoch = f" of epoch {dispatch.run.clock.epoch} (from 0)" if kind == "train" else ""
        error.add_note(f"while batch {batch}{epoch} was read")
        raise
