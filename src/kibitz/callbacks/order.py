"""The order in which callbacks are called: that of the list, but for those who say whom they come before or after."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from kibitz.callbacks.declared import called, placed
from kibitz.errors import InvalidArgument, code


def in_order(callbacks: Sequence[Any]) -> list[Any]:
    """Put callbacks in the order that they declare, and else leave them in that of the list.

    A callback declares with `before` and `after`, a class or several, or their names. Who is not there does not matter.

    Args:
        callbacks: The callbacks.

    Raises:
        InvalidArgument: If what they declare goes round in a circle.

    Example:
        >>> from kibitz.callbacks import CSVLogger, EarlyStopping
        >>> from kibitz.callbacks.order import in_order
        >>> class Smooth(EarlyStopping):
        ...     before = CSVLogger
        >>> [type(each).__name__ for each in in_order([CSVLogger("log.csv"), Smooth("loss")])]
        ['Smooth', 'CSVLogger']
    """
    listed = list(callbacks)
    first: dict[int, set[int]] = {place: set() for place in range(len(listed))}  # who must have come before each
    for place, callback in enumerate(listed):
        for other, candidate in enumerate(listed):
            if other != place and _is_one_of(candidate, placed(callback, "before")):
                first[other].add(place)
            if other != place and _is_one_of(candidate, placed(callback, "after")):
                first[place].add(other)
    ordered: list[int] = []
    while len(ordered) < len(listed):
        free = [place for place in first if place not in ordered and first[place] <= set(ordered)]
        if not free:
            names = [called(listed[place]) for place in first if place not in ordered]
            raise InvalidArgument(
                "These callbacks each want to come before the other.",
                given=code(", ".join(names)),
                wanted="an order without a circle",
                cure="take one `before` or `after` away",
            )
        ordered.append(free[0])
    return [listed[place] for place in ordered]


def _is_one_of(callback: Any, kinds: Iterable[Any]) -> bool:
    return any(
        isinstance(callback, kind) if isinstance(kind, type) else isinstance(kind, str) and called(callback) == kind
        for kind in kinds
    )
