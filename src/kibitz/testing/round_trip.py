"""Whether a callback can be stopped, put away as plain values, and go on in another process as if nothing had been."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np

from kibitz.callbacks.base import Callback, Numbers
from kibitz.callbacks.declared import has
from kibitz.callbacks.state import Kept, told, unplain
from kibitz.testing.bench import Bench, Took
from kibitz.testing.subject import Subject

NUMBERS = (1.0, 0.5, 0.7, 0.6, 0.4, 0.45, 0.5, 0.55)
"""What all logs of an epoch hold: better, worse, better, and worse to the end, so that who waits must count."""

CUTS = (1, 3, 6)
"""After how many epochs a run is cut."""


def state_of(callback: Any) -> dict[str, Any]:
    """A callback's state: what its `get_state` gives, or else its public attributes that are plain values.

    Args:
        callback: The callback.

    Example:
        >>> from kibitz.testing.round_trip import state_of
        >>> class Count:
        ...     seen, _file = 0, None
        ...     def __init__(self):
        ...         self.seen, self._file = 3, None
        >>> state_of(Count())
        {'seen': 3}
    """
    return copy.deepcopy(callback.get_state() if has(callback, "get_state") else told(callback))


def round_trip(subject: Subject, bench: Bench) -> tuple[str | BaseException | None, list[str]]:
    """Cut a run at several epochs, go on each time with a fresh instance, and compare with the run that was not cut.

    Returns:
        What differs, in words; or what was raised on the way; or None if each ended as the whole run did. And the keys
        of the logs that were not compared, for they are measured and no two runs have the same.
    """
    wholes = []
    for _ in range(2):
        callback = subject.make()
        took = bench.fit([_Chosen(), callback], epochs=len(NUMBERS))
        if took.error is not None:
            return took.error, []
        wholes.append((took, state_of(callback), getattr(callback, "measures", ())))
    (whole, final, told), (other, again, _) = wholes
    # What two whole runs do not have in common, such as a time of day, no third one can have.
    final = {name: value for name, value in final.items() if name in again and same(value, again[name])}
    measured = set(told) if isinstance(told, tuple | list) else set()
    for (_, logs), (_, others) in zip(whole.epochs, other.epochs, strict=False):
        measured |= {key for key in logs.keys() & others.keys() if not same(logs[key], others[key])}
    measured &= {key for _, logs in whole.epochs for key in logs}
    for cut in CUTS:
        if cut < len(whole.epochs):
            found = _cut_and_go_on(subject, bench, cut, whole, final, measured)
            if found is not None:
                return found, []
    return None, sorted(measured)


def _cut_and_go_on(
    subject: Subject, bench: Bench, cut: int, whole: Took, final: dict[str, Any], measured: set[str]
) -> str | BaseException | None:
    first, second, held = subject.make(), subject.make(), {}
    kept = Kept(first)

    def put_away(model: Any) -> None:
        held.update(callback=kept.state(), model=model.export_state())

    scissors = _Then(put_away, epoch=cut - 1, begun=kept.begun)
    took = bench.fit([_Chosen(), first, scissors], epochs=len(NUMBERS), raising=scissors.error)
    if took.error is not scissors.error:
        return took.error
    going_on = _Then(lambda _: Kept(second).restore(held["callback"]))
    took = bench.fit([_Chosen(), second, going_on], epochs=len(NUMBERS), first=cut, state=held["model"])
    if took.error is not None:
        return took.error
    when = f"cut after {cut} of {len(whole.epochs)} epochs and gone on with in a fresh instance"
    ended = state_of(second)
    for name, value in final.items():
        if not same(ended.get(name), value):
            return f"{when}, it ends with {name}={_short(ended.get(name))}, and uncut with {_short(value)}"
    rest = [(epoch, logs) for epoch, logs in whole.epochs if epoch >= cut]
    if not same([epoch for epoch, _ in took.epochs], [epoch for epoch, _ in rest]):
        return f"{when}, the run ends after epoch {took.epochs[-1][0]}, and uncut after epoch {rest[-1][0]} (from 0)"
    if not same(_comparable(took.epochs, measured), _comparable(rest, measured)):
        return f"{when}, its epochs have other numbers in their logs"
    if not same(took.weights, whole.weights):
        return f"{when}, the model has other weights"
    return None


def _comparable(epochs: list[tuple[int, dict[str, Any]]], measured: set[str]) -> list[dict[str, Any]]:
    return [{key: value for key, value in logs.items() if key not in measured} for _, logs in epochs]


class _Chosen(Callback):
    """Puts chosen numbers in place of the epoch's: of a real model, they would only ever get better."""

    adds = ()

    def on_epoch_end(self, epoch: int, logs: Numbers = None) -> None:
        for key in logs or {}:
            logs[key] = NUMBERS[epoch]  # pyright: ignore[reportOptionalSubscript] - None has no keys


class _Then(Callback):
    """Does something when training has begun, or at the end of an epoch, behind which the process dies."""

    adds = ()

    def __init__(self, do: Callable[[Any], None], epoch: int | None = None, begun: Callable[[], None] | None = None):
        super().__init__()
        self._do, self._epoch, self._begun = do, epoch, begun
        self.error = KeyboardInterrupt()

    def on_train_begin(self, logs: Numbers = None) -> None:
        if self._begun is not None:
            self._begun()
        if self._epoch is None:
            self._do(self.model)

    def on_epoch_end(self, epoch: int, logs: Numbers = None) -> None:
        if epoch == self._epoch:
            self._do(self.model)
            raise self.error


def same(one: Any, other: Any) -> bool:
    """Whether two plain values are equal to the bit; NaN is equal to NaN."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(value, other[key]) for key, value in one.items())
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, str | bytes) or isinstance(other, str | bytes) or one is None or other is None:
        return one == other
    if unplain(one) is not None or unplain(other) is not None:
        return one is other or type(one) is type(other)  # an object of another run has another identity
    mine, theirs = np.asarray(one), np.asarray(other)
    return (mine.dtype, mine.shape, mine.tobytes()) == (theirs.dtype, theirs.shape, theirs.tobytes())


def _short(value: Any) -> str:
    text = " ".join(repr(value).split())
    return text if len(text) <= 40 else text[:37] + "..."
