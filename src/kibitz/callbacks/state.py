"""What a callback must remember to go on in another process: told by itself, or found among its attributes."""

from __future__ import annotations

import copy
import dis
import functools
import inspect
from collections import Counter, defaultdict, deque
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from kibitz.callbacks.base import Callback
from kibitz.callbacks.declared import called, has
from kibitz.errors import InvalidArgument, Unsupported

APART = frozenset(("params", "model", "run", "every", "on_error", "before", "after", "monitor_op"))
"""Attributes that a run gives to a callback, or that say how it is called; and what Keras's callbacks find out anew."""

BESIDE = "set by the subclass"
"""Under this name stands, in what `get_state` of a base gave, what hooks of a subclass have set besides."""

ATOMS = frozenset({type(None), bool, int, float, str})
KINDS = ATOMS | {list, tuple, dict, np.ndarray}

_ABSENT = object()


class Kept:
    """The state of one callback within a run.

    What `__init__` set is configuration, and is not kept: the program that goes on may have set it otherwise. What
    hooks set is state. A name that begins with an underscore says "may be lost".

    Args:
        callback: Any callback. If it has `get_state` and `set_state` of its own, these decide; of one that has
            inherited them, what its own hooks have set is kept as well.

    Example:
        >>> import kibitz
        >>> from kibitz.callbacks.state import Kept
        >>> stop = kibitz.callbacks.EarlyStopping("loss", patience=3)
        >>> kept = Kept(stop)
        >>> _ = kibitz.testing.drive(stop, epochs=[{"loss": 2.0}, {"loss": 3.0}])
        >>> kept.state()["watch"]["best"], kept.state()["watch"]["wait"]
        (2.0, 1)
    """

    def __init__(self, callback: Any):
        self.callback = callback
        self._configured = _attributes(callback)
        self._begun: dict[str, Any] | None = None

    def begun(self) -> None:
        """Training has begun: what is now as it was made, a new process makes likewise."""
        self._begun = _attributes(self.callback)

    def state(self) -> dict[str, Any]:
        """What it must remember: numbers, texts, None, NumPy arrays, and lists, tuples and dicts of these.

        Raises:
            Unsupported: If a hook has set something else; it says under which name.
        """
        own = _own(self.callback, "get_state")
        if own is not None:
            state = own()
            if not isinstance(state, Mapping):
                raise InvalidArgument(
                    f"{called(self.callback)}.get_state gives a dict of what it must remember.",
                    given=state,
                    wanted="a dict",
                    cure='return {"best": self.best}',
                )
            for name, value in state.items():
                self._require_plain(name, value, f"{called(self.callback)}.get_state() gives")
            beside = self._found(_business_of_base(type(self.callback)))
            return copied({**state, **({BESIDE: beside} if beside else {})})
        return copied(self._found(frozenset()))

    def _found(self, but: frozenset[str] | None) -> dict[str, Any]:
        """What hooks have set among the attributes, but for some; None: nothing is to be looked for."""
        if but is None:
            return {}
        own = {name: value for name, value in vars_of(self.callback).items() if name not in but}
        parts = {name: value for name, value in own.items() if _remembers(value)}
        changed = {name: value for name, value in own.items() if name not in parts and self._set(name, value)}
        for name, value in changed.items():
            self._require_plain(name, value, f"A hook of {called(self.callback)} has set")
        return {**changed, **{name: part.get_state() for name, part in parts.items()}}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Give a callback that was just made, and has begun, what another one remembered."""
        own = _own(self.callback, "set_state")
        state = copy.deepcopy(dict(state))
        if own is not None:
            beside = state.pop(BESIDE, {})
            own(state)
            state = beside if isinstance(beside, Mapping) else {}
        take(self.callback, state)

    def _set(self, name: str, value: Any) -> bool:
        """Whether a hook has set it: it is not what it was when it was made, or not what it was when training began."""
        return any(
            not _same(value, before.get(name, _ABSENT))
            for before in (self._configured, self._begun)
            if before is not None
        )

    def _require_plain(self, name: str, value: Any, who: str) -> None:
        odd = unplain(value)
        if odd is not None:
            raise Unsupported(
                f"{who} {name}, which cannot be kept for a run that goes on later.",
                given=odd,
                wanted="numbers, texts, None, NumPy arrays, and lists, tuples and dicts of these",
                cure=f"self._{name}, which says that it may be lost; or get_state and set_state of your own",
            )


@functools.cache
def _business_of_base(kind: type) -> frozenset[str] | None:
    """The attributes that are put by the base whose `get_state` a class has inherited; None if it has its own."""
    defines = next((place for place, each in enumerate(kind.__mro__) if "get_state" in vars(each)), 0)
    if not defines:
        return None
    methods = (value for base in kind.__mro__[defines:] for value in vars(base).values())
    return frozenset(name for method in methods for name in _put_by(method))


def _put_by(value: Any) -> Iterator[str]:
    """The names of the attributes that the code of a method or a property puts."""
    for function in (value, *(getattr(value, name, None) for name in ("fget", "fset", "__func__", "__wrapped__"))):
        waiting = [function.__code__] if inspect.isfunction(function) else []
        for code in waiting:
            yield from (each.argval for each in dis.get_instructions(code) if each.opname == "STORE_ATTR")
            waiting += [each for each in code.co_consts if inspect.iscode(each)]


def told(callback: Any) -> dict[str, Any]:
    """All public attributes of a callback that are plain, and what those tell that remember something themselves."""
    plain = {name: value for name, value in vars_of(callback).items() if unplain(value) is None}
    return {**plain, **{name: part.get_state() for name, part in _parts(callback).items()}}


def take(callback: Any, state: Mapping[str, Any]) -> None:
    """Give a callback such a state, or a part of one."""
    parts = _parts(callback)
    for name, value in state.items():
        if name in parts:
            parts[name].set_state(value)
        elif _is_state(name, getattr(callback, name, None)):  # a commit that a stranger wrote may say otherwise
            setattr(callback, name, value)


def vars_of(callback: Any) -> dict[str, Any]:
    """The public attributes of a callback that are its own; hooks that it was given are none of its state."""
    own = getattr(callback, "__dict__", {})
    return {
        name: value for name, value in own.items() if not name.startswith(("_", "on_")) and name not in APART
    }  # fmt: skip


def _is_state(name: str, value: Any) -> bool:
    return not name.startswith(("_", "on_")) and name not in APART and not callable(value)


def _parts(callback: Any) -> dict[str, Any]:
    """Its attributes that remember something themselves, such as a `Monitor`."""
    return {name: value for name, value in vars_of(callback).items() if _remembers(value)}


def _remembers(value: Any) -> bool:
    return type(value) not in KINDS and has(value, "get_state") and has(value, "set_state")


def unplain(value: Any) -> Any:
    """The first thing in a value that cannot be kept, or None.

    What is kept comes back as a list, a tuple or a dict; so what does more than these is not plain, such as a named
    tuple or a `defaultdict`. Logs are, for their numbers are what is meant.
    """
    if type(value) in ATOMS or isinstance(value, np.generic):
        return None
    if isinstance(value, np.ndarray):
        return value if value.dtype.hasobject else None
    if isinstance(value, Mapping):
        if isinstance(value, Counter | defaultdict) or not all(type(key) in {str, int} for key in value):
            return value
        return next((odd for odd in map(unplain, value.values()) if odd is not None), None)
    if type(value) in {list, tuple}:
        if ATOMS.issuperset(map(type, value)):  # long lists of numbers are looked at in no time
            return None
        return next((odd for odd in map(unplain, value) if odd is not None), None)
    return value


def copied(value: Any) -> Any:
    """A plain value once more, so that what a hook does to it later is not seen."""
    if type(value) in ATOMS:
        return value
    if isinstance(value, np.ndarray):
        return value.copy()
    if isinstance(value, list | tuple):
        return type(value)(value if ATOMS.issuperset(map(type, value)) else map(copied, value))
    if type(value) is dict:
        return {key: copied(each) for key, each in value.items()}
    return copy.deepcopy(value)


def _attributes(callback: Any) -> dict[str, Any]:
    """What it has now: copies, to see what is changed; of what cannot be copied the thing itself: if it is replaced."""
    return {name: _copied(value) for name, value in vars_of(callback).items()}


def _copied(value: Any) -> Any:
    if unplain(value) is None:
        return copied(value)
    return copy.copy(value) if isinstance(value, list | tuple | dict | set | deque | bytearray) else value


def _own(callback: Any, name: str) -> Any:
    method = getattr(callback, name, None)
    if not has(callback, name) or getattr(method, "__func__", method) is getattr(Callback, name, None):
        return None
    return method


def _same(one: Any, other: Any) -> bool:
    if one is other:
        return True
    if isinstance(one, np.ndarray) or isinstance(other, np.ndarray):
        alike = isinstance(one, np.ndarray) and isinstance(other, np.ndarray) and one.dtype == other.dtype
        return alike and one.shape == other.shape and one.tobytes() == other.tobytes()
    if type(one) is not type(other):
        return False
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(_same, one, other))
    if isinstance(one, Mapping):
        return list(one) == list(other) and all(_same(one[key], other[key]) for key in one)
    if isinstance(one, float | np.generic):  # by their bits: NaN is NaN, and -0.0 is not 0.0
        return np.asarray(one).tobytes() == np.asarray(other).tobytes()
    try:
        return bool(one == other)
    except Exception:  # noqa: BLE001 - what cannot be compared is another thing
        return False
