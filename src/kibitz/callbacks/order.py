"""The order in which callbacks are called: that of the list, but for those who say whom they come before or after."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from heapq import heappop, heappush
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
    first: list[set[int]] = [set() for _ in listed]  # who must have come before each, and has not
    for place, callback in enumerate(listed):
        before, after = placed(callback, "before"), placed(callback, "after")
        for other, candidate in enumerate(listed) if before or after else ():
            if other != place and _is_one_of(candidate, before):
                first[other].add(place)
            if other != place and _is_one_of(candidate, after):
                first[place].add(other)
    then: list[list[int]] = [[] for _ in listed]
    for place, others in enumerate(first):
        for other in others:
            then[other].append(place)
    free, ordered = [place for place, others in enumerate(first) if not others], []
    while free:  # the first in the list of those that may come: a heap
        ordered.append(place := heappop(free))
        for other in then[place]:
            first[other].discard(place)
            if not first[other]:
                heappush(free, other)
    if len(ordered) < len(listed):
        raise InvalidArgument(
            "These callbacks each want to come before the other.",
            given=code(", ".join(called(listed[place]) for place, others in enumerate(first) if others)),
            wanted="an order without a circle",
            cure="take one `before` or `after` away",
        )
    return [listed[place] for place in ordered]


def _is_one_of(callback: Any, kinds: Iterable[Any]) -> bool:
    return any(
        isinstance(callback, kind) if isinstance(kind, type) else isinstance(kind, str) and called(callback) == kind
        for kind in kinds
    )
