"""Which way is better: what `mode="auto"` of a callback asks."""

from __future__ import annotations

from functools import partial
from typing import Any

from kibitz.losses.base import Loss

_WAYS = {"losses": "down", "metrics": "up"}


def direction_of(fn: Any) -> str | None:
    """Whether the values of a function are to be made greater ("up") or smaller ("down"); None where nobody knows.

    Losses fall and the functions of `kibitz.metrics` rise; another function may say so itself, as `fn._direction`.

    Args:
        fn: A function `(y_true, y_pred)`, or a `Loss`.

    Example:
        >>> from kibitz.losses.regression import mean_squared_error
        >>> from kibitz.metrics.accuracy import binary_accuracy
        >>> from kibitz.metrics.direction import direction_of
        >>> direction_of(mean_squared_error), direction_of(binary_accuracy), direction_of(max)
        ('down', 'up', None)

    Unlike Keras: knows the accuracies, losses of one's own, and partial functions.
    """
    said = getattr(fn, "_direction", None)
    if said is not None:
        return said
    if isinstance(fn, Loss):
        return "down"
    if isinstance(fn, partial):
        return direction_of(fn.func)
    house, _, rooms = (getattr(fn, "__module__", None) or "").partition(".")
    return _WAYS.get(rooms.partition(".")[0]) if house == "kibitz" else None
