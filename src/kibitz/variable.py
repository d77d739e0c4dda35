"""A number or an array that lives somewhere else, behaving as Keras's variables do.

The engine holds all state; what a user gets in hand (`optimizer.learning_rate`, `layer.kernel`, a metric's total) is
this: two functions, one that reads the live value and one that writes it.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from kibitz.errors import ReadOnly


class Variable:
    """A live value that is read, assigned, and used in arithmetic.

    Use it where Keras code expects a variable: `float(v)`, `np.asarray(v)`, `v.numpy()`, `v.value`, `v.assign(...)`.

    Args:
        read: Gives the value as it is now.
        write: Takes a new value. None makes the variable read-only.
        name: Its short name, such as "kernel".
        path: Its place in the model, such as "dense/kernel". None means `name`.
        trainable: Whether an optimizer moves it.

    Raises:
        ReadOnly: On assignment, if the variable is read-only.

    Example:
        >>> from kibitz.variable import Variable
        >>> home = {"rate": 0.5}
        >>> rate = Variable(lambda: home["rate"], lambda new: home.update(rate=new), name="rate")
        >>> rate.assign(0.25)
        >>> float(rate), home["rate"], rate * 2
        (0.25, 0.25, 0.5)

    Source: https://keras.io/api/ops/ (the variables of Keras 3).
    """

    __array_priority__ = 100
    __hash__ = object.__hash__

    def __init__(
        self,
        read: Callable[[], Any],
        write: Callable[[Any], None] | None = None,
        *,
        name: str = "variable",
        path: str | None = None,
        trainable: bool = True,
    ):
        self._read, self._write = read, write
        self.name, self.path, self.trainable = name, path or name, trainable

    @property
    def value(self) -> Any:
        """The value as it is now."""
        return self._read()

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the value; `()` for a number."""
        return tuple(np.shape(self._read()))

    @property
    def ndim(self) -> int:
        """The number of dimensions."""
        return len(self.shape)

    @property
    def dtype(self) -> str:
        """The dtype's name, as in Keras."""
        value = self._read()
        return str(value.dtype if hasattr(value, "dtype") else np.asarray(value).dtype)

    def numpy(self) -> Any:
        """A NumPy copy of the value (a NumPy scalar for a number)."""
        copied = np.array(self._read())
        return copied[()] if copied.ndim == 0 else copied

    def assign(self, value: Any) -> None:
        """Put a new value in place of the old one."""
        if self._write is None:
            raise ReadOnly(
                f"{self.path} can be read, not assigned.",
                given=value,
                wanted="nothing: it follows from other things",
                cure="assign what it follows from",
            )
        self._write(value.value if isinstance(value, Variable) else value)

    def assign_add(self, value: Any) -> None:
        """Add to the value."""
        self.assign(self._read() + _plain(value))

    def assign_sub(self, value: Any) -> None:
        """Subtract from the value."""
        self.assign(self._read() - _plain(value))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.array(self._read(), dtype=dtype)

    def __jax_array__(self) -> Any:
        return self._read()

    def __float__(self) -> float:
        return float(self._read())

    def __int__(self) -> int:
        return int(self._read())

    def __index__(self) -> int:
        return operator.index(self._read())

    def __bool__(self) -> bool:
        return bool(self._read())

    def __getitem__(self, key: Any) -> Any:
        return self._read()[key]

    def __len__(self) -> int:
        return len(self._read())

    def __iter__(self) -> Iterator[Any]:
        return iter(self._read())

    def __format__(self, spec: str) -> str:
        return format(self.numpy() if spec else self, spec) if spec else str(self)

    def __repr__(self) -> str:
        return f"<Variable path={self.path}, shape={self.shape}, dtype={self.dtype}, value={self._read()}>"


def _plain(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return np.asarray(value)
    return value.value if isinstance(value, Variable) else value


def _forward(op: Callable[..., Any]) -> Callable[..., Any]:
    return lambda self, *others: op(_plain(self), *map(_plain, others))


def _reflected(op: Callable[..., Any]) -> Callable[..., Any]:
    return lambda self, other: op(_plain(other), _plain(self))


for _name in ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul"):
    setattr(Variable, f"__{_name}__", _forward(getattr(operator, _name)))
    setattr(Variable, f"__r{_name}__", _reflected(getattr(operator, _name)))
for _name in ("lt", "le", "gt", "ge", "eq", "ne", "neg", "pos"):
    setattr(Variable, f"__{_name}__", _forward(getattr(operator, _name)))
Variable.__abs__ = _forward(operator.abs)  # pyright: ignore[reportAttributeAccessIssue] - set as its siblings are
Variable.__round__ = _forward(round)  # pyright: ignore[reportAttributeAccessIssue] - set as its siblings are
