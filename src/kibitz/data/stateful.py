"""A stream that knows its place: batches that come one after the other, from wherever they were left.

The protocol is Grain's: an iterator has `get_state()`, which gives plain data, and `set_state(state)`, after which it
goes on where it stood then. Where a loader keeps the place itself, as torchdata's does, the two are `state_dict()` and
`load_state_dict(state)`, and the next `iter(loader)` goes on there.
"""

from __future__ import annotations

import copy
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from kibitz.data.generators import GeneratorSource
from kibitz.data.source import Batch
from kibitz.data.standard import is_array
from kibitz.errors import Bug, EmptyData, InvalidArgument, Unsupported, code, describe

PROTOCOLS = (("get_state", "set_state"), ("state_dict", "load_state_dict"))
PLAIN = bool | int | float | str | bytes | np.generic
DEEPEST = 8
"""How deep dicts and lists of a state may lie within one another; a file that holds it has a bound too."""


class StatefulSource(GeneratorSource):
    """Batches from an iterable whose place can be asked for and set.

    What is an iterator itself is read once. Of anything else each pass takes a new iterator.

    Args:
        given: The iterable.
        iterator: What `iter(given)` gave.
        name: What the user calls it, for the messages.
        class_weight: A weight for each class; None means none.

    Attributes: `entered`, whether it was put at a place; `kind`, what its class is called.

    Example:
        >>> import numpy as np
        >>> from kibitz.data.stateful import stateful_source
        >>> class Count:
        ...     at = 0
        ...     def __iter__(self):
        ...         return self
        ...     def __next__(self):
        ...         self.at += 1
        ...         return np.full((1, 1), self.at)
        ...     def get_state(self):
        ...         return {"at": self.at}
        ...     def set_state(self, state):
        ...         self.at = state["at"]
        >>> source = stateful_source(Count())
        >>> source.remember(lambda: 0)
        >>> [batch.x.item() for batch, _ in zip(source.batches(0), range(3))], source.at(2)
        ([1, 2, 3], {'at': 2})
    """

    def __init__(
        self, given: Any, iterator: Iterator[Any], name: str = "x", *, class_weight: dict[int, float] | None = None
    ):
        super().__init__(iterator, name, class_weight=class_weight)
        self.kind = type(given).__name__
        self.once, self.entered = iterator is given, False
        self._given = given
        self._holder = iterator if _methods(iterator) else given  # who has the two methods
        self._fresh, self._over = True, False  # whether nothing, and whether everything, was read of this pass
        self._looked: Batch | None = None
        self._number = 0  # batches that were read, those before `enter` included
        self._cursor: Callable[[], int] | None = None
        self._notes: deque[tuple[int, Any]] = deque()

    # -- its place ---------------------------------------------------------------------------------------------------

    def remember(self, cursor: Callable[[], int]) -> None:
        """Note from now on where each batch ends, as long as it may be asked for.

        Args:
            cursor: Tells how many batches have been trained on: batches may be read before that.

        Raises:
            Unsupported: If its state is no plain data.
        """
        self._cursor = cursor
        self._note()
        self.at(self._number)

    def at(self, number: int) -> Any:
        """Its state when so many batches had been read, none of those that were read ahead among them.

        Raises:
            Unsupported: If the state is no plain data.
        """
        state = next((state for noted, state in self._notes if noted == number), self)
        if state is self:
            raise Bug(f"The place behind batch {number} was not noted.", given=self.kind, cure="report it")
        odd = _unplain(state, "")
        if odd is not None:
            where, value = odd
            raise Unsupported(
                f"{self.kind}.{self._names[0]}() gives what cannot be kept for a run that goes on later.",
                given=code(f"state{where} = {describe(value)}"),
                wanted=f"numbers, texts, bytes, None, NumPy arrays, lists and dicts of these, {DEEPEST} deep at most",
                cure=f"(each for each in {self.name}): a generator, which is read again when the run goes on",
            )
        return state

    def enter(self, state: Any, number: int, *, over: bool) -> None:
        """Stand where another process has left it; nothing may have been read before.

        Args:
            state: What `at` gave there.
            number: How many batches had been read.
            over: Whether its pass ends there, and the next one shall begin.

        Raises:
            InvalidArgument: If it does not take the state.
        """
        self._start = self._state()
        anew = over and not self.once
        try:
            if not anew or self._holder is self._given:  # else the next pass has an iterator of its own
                self._set(state)
            if anew and self._holder is self._given:
                deque(self._iterator, 0)  # nothing but its end is left
                self._fresh, self._over = False, True
        except Exception as error:
            raise InvalidArgument(
                f"{self.name} does not take the state that it was left in: {type(error).__name__}: {error}.",
                given=code(f"{self.kind}.{self._names[1]}({state!r:.60})"),
                wanted="the pipeline that the run was begun with",
                cure="build it as it was, or begin in another folder",
            ) from error
        self._number = self._taken = number
        self.entered = True
        self._notes = deque([(number, state)])

    # -- its batches -------------------------------------------------------------------------------------------------

    def first(self) -> Batch:
        """Look at the batch that comes next; where none is left, at the first one of all."""
        if not self._ahead and self._over and not self.once:
            self._renew()
        try:
            return super().first()
        except EmptyData:
            if not self.entered:
                raise
            self._looked = self._looked or self._look()
            if self._looked is None:
                raise
            return self._looked

    def batches(self, number: int, first: int = 0) -> Iterator[Batch]:
        """Go on in a pass that was entered, or begin one."""
        if not self._fresh and not self.once:
            self._renew()
        self._fresh = False
        return super().batches(number, first)

    def _next(self) -> Batch | None:
        batch = super()._next()
        if batch is None:
            self._over = True
        else:
            self._number += 1
            self._note()
        return batch

    def _look(self) -> Batch | None:
        """The first batch of all, to learn shapes from; afterwards it stands where it stood."""
        state, taken = self._state(), self._taken
        self._set(self._start)
        batch = super()._next()
        self._set(state)
        self._taken = taken
        return batch

    def _note(self) -> None:
        if self._cursor is None:
            return
        cursor = self._cursor()
        while self._notes and self._notes[0][0] < cursor:
            self._notes.popleft()
        self._notes.append((self._number, self._state()))

    def _renew(self) -> None:
        iterator = iter(self._given)
        if self._holder is self._iterator:
            self._holder = iterator
        self._iterator = iterator
        self._fresh, self._over = True, False

    # -- the protocol ------------------------------------------------------------------------------------------------

    @property
    def _names(self) -> tuple[str, str]:
        return _methods(self._holder) or PROTOCOLS[0]

    def _state(self) -> Any:
        return copy.deepcopy(getattr(self._holder, self._names[0])())

    def _set(self, state: Any) -> None:
        mine = copy.deepcopy(state)
        if self._holder is self._given:
            getattr(self._given, self._names[1])(mine)
            self._renew()
        else:
            self._renew()
            getattr(self._holder, self._names[1])(mine)


def stateful_source(
    given: Any, name: str = "x", *, class_weight: dict[int, float] | None = None
) -> StatefulSource | None:
    """The source of an iterable that knows its place; None if this is none.

    Args:
        given: What the user gave.
        name: What the user calls it.
        class_weight: A weight for each class; None means none.
    """
    container = is_array(given) or isinstance(given, str | bytes | list | tuple | set | Mapping)
    if container or not hasattr(type(given), "__iter__"):
        return None
    iterator = iter(given)
    if _methods(iterator) is None and _methods(given) is None:
        return None
    return StatefulSource(given, iterator, name, class_weight=class_weight)


def _methods(thing: Any) -> tuple[str, str] | None:
    return next((names for names in PROTOCOLS if all(callable(getattr(thing, name, None)) for name in names)), None)


def _unplain(value: Any, where: str, deep: int = 0) -> tuple[str, Any] | None:
    """The first thing in a state that cannot be written down, and where it stands; None if there is none."""
    if value is None or isinstance(value, PLAIN) or (isinstance(value, np.ndarray) and not value.dtype.hasobject):
        return None
    if deep < DEEPEST and isinstance(value, Mapping) and all(type(key) in {str, int} for key in value):
        inside = value.items()
    elif deep < DEEPEST and isinstance(value, list | tuple):
        inside = enumerate(value)
    else:
        return where, value
    found = (_unplain(each, f"{where}[{key!r}]", deep + 1) for key, each in inside)
    return next((odd for odd in found if odd is not None), None)
