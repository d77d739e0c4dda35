"""Contestants run in turns: each once in every round, in an order that moves on by one from round to round."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator
from typing import Any

from benchmarks.effort import Effort

Contestant = Callable[[int], Any]
"""`run(epochs)`: one whole call, from NumPy arrays to a result on the host."""


def turns(names: list[str], rounds: int) -> Iterator[str]:
    """Whose turn it is: nobody is always first, and nobody always comes behind the same one."""
    for turn in range(rounds):
        at = turn % len(names)
        yield from names[at:] + names[:at]


def timed(found: dict[str, Contestant], effort: Effort, epochs: int = 1) -> dict[str, list[float]]:
    """Seconds of each contestant, round by round; one epoch of each comes before, so that compiling is in no time."""
    seconds: dict[str, list[float]] = {name: [] for name in found}
    for run in found.values():
        run(1)
    for name in turns(list(found), effort.rounds):
        gc.collect()  # each begins with no garbage of those before it
        began = time.perf_counter()
        found[name](epochs)
        seconds[name].append(time.perf_counter() - began)
    return seconds
