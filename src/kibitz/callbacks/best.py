"""Whether a number is the best so far, said in Keras's words."""

from __future__ import annotations

from typing import Any

from kibitz.callbacks.say import say


def improved(callback: Any, epoch: int, current: float, path: str) -> bool:
    """Whether the number that a callback watches is better than its `best`; with `verbose`, it is said.

    Args:
        callback: A `Watching` that saves, with `best`, `monitor` and `verbose`.
        epoch: The epoch, from 0.
        current: The number now.
        path: Where is saved if it is better.

    Example:
        >>> from kibitz.callbacks import ModelCheckpoint
        >>> from kibitz.callbacks.best import improved
        >>> keep = ModelCheckpoint("a.keras", "loss", save_best_only=True, mode="min", initial_value_threshold=2.0)
        >>> improved(keep, 0, 1.5, "a.keras")
        True
    """
    better = callback.watch.better(current, callback.best)
    if callback.verbose > 0:
        best = "None" if callback.best is None else f"{callback.best:.5f}"
        done = f"improved from {best} to {current:.5f}, saving model to {path}"
        say(f"\nEpoch {epoch + 1}: {callback.monitor} {done if better else f'did not improve from {best}'}")
    return better
