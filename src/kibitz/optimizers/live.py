"""What a hook touches: the learning rate, the iterations and the variables of an optimizer whose state lives elsewhere.

The engine holds the state. It gives the optimizer two functions, one that reads it and one that writes it; before
that, and in a loop written by hand, the optimizer keeps a state of its own.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from kibitz.errors import InvalidArgument, MissingName, WrongType
from kibitz.optimizers.layout import Entry, entries, get, put
from kibitz.optimizers.paths import Path, path_of
from kibitz.optimizers.rate import Scheduled, as_rate, rate_at
from kibitz.variable import Variable


def _now(value: Any) -> Variable:
    return Variable(lambda: value, name="value")


# So that jnp.sum(variable) works: JAX takes a pytree of one array where it no longer takes `__jax_array__`.
jax.tree_util.register_pytree_node(
    Variable, lambda variable: ((variable.value,), None), lambda _, leaves: _now(*leaves)
)

Read = Callable[[], Mapping[str, Any]]
Write = Callable[[dict[str, Any]], None]


class LiveOptimizer:
    """An optimizer as a callback sees it: `optimizer.learning_rate`, `.iterations`, `.variables`.

    It is the first base of `Optimizer`; nobody makes one.

    Example:
        >>> from kibitz.optimizers import SGD
        >>> optimizer = SGD(0.5)
        >>> optimizer.learning_rate = 0.25
        >>> float(optimizer.learning_rate), optimizer.iterations.numpy()
        (0.25, np.int32(0))
    """

    name: str
    gradient_accumulation_steps: int | None
    _bound: tuple[Read, Write] | None = None
    _owner: weakref.ref[Any] | None = None
    _order: list[Path] | None = None
    _names: dict[Path, str] | None = None
    _called: Mapping[Path, Path] = MappingProxyType({})
    _by_hand = False

    def __init__(self, learning_rate: Any):
        self._own: dict[str, Any] = {"iterations": np.asarray(0, np.int32), "learning_rate": as_rate(learning_rate)}

    def bind(
        self,
        read: Read,
        write: Write,
        *,
        order: Iterable[Any] | None = None,
        names: Mapping[Any, str] | None = None,
        called: Mapping[Any, str] | None = None,
        owner: Any = None,
    ) -> None:
        """Tie this optimizer to a state that is held elsewhere; a model does this in `compile`.

        Args:
            read: Gives the state as it is now. Only the entries that are asked for are looked up in it, so it may be
                a mapping that brings them when asked.
            write: Takes the whole state with something changed in it.
            order: The parameters' paths ("dense/kernel", or a tuple of the parts) as the model lists its weights: the
                order of `variables`. None means the order of the tree's leaves.
            names: What the model calls its weights, by path: what `exclude_from_weight_decay` looks at, where a layer
                has a "gamma" that its module calls "scale". None means the names in the tree.
            called: The paths of the parameters as the model shows them, by their paths in the tree: with these the
                variables are named. None means the tree's own.
            owner: The model. An optimizer that has one cannot be bound to another. None asks nothing.

        Raises:
            InvalidArgument: If the optimizer belongs to another model.

        Example:
            >>> from kibitz.optimizers import SGD
            >>> optimizer = SGD(0.5)
            >>> home = {"state": optimizer.init({"w": 1.0})}
            >>> optimizer.bind(lambda: home["state"], lambda state: home.update(state=state))
            >>> optimizer.learning_rate = 0.25
            >>> float(home["state"]["learning_rate"])
            0.25
        """
        former = self._owner() if self._owner else None
        if former is not None and owner is not None and former is not owner:
            raise InvalidArgument(
                "This optimizer already belongs to another model, and keeps that model's state.",
                given=self,
                wanted="an optimizer of its own for each model",
                cure=f"optimizer={type(self).__name__}.from_config(optimizer.get_config())",
            )
        self._bound, self._by_hand = (read, write), False
        self._order = None if order is None else [path_of(each) for each in order]
        self._names = None if names is None else {path_of(path): name for path, name in names.items()}
        self._called = {path_of(path): path_of(shown) for path, shown in (called or {}).items()}
        self._owner = None if owner is None else weakref.ref(owner)

    @property
    def built(self) -> bool:
        """Whether it has a state: a model's, or one of its own after `build`."""
        return self._bound is not None or self._by_hand

    @property
    def learning_rate(self) -> Any:
        """The learning rate as a variable: read it with `float`, set it with `=` or `.assign`.

        Of a schedule this is the value at the present iteration, and it cannot be set; another schedule can be put in
        its place. Setting a number costs no compilation.
        """
        return Variable(
            self._rate_now, self._set_rate, name="learning_rate", path=f"{self.name}/learning_rate", trainable=False
        )

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        self._set_rate(value.value if isinstance(value, Variable) else value)

    @property
    def lr(self) -> Any:
        """Not here: the name is `learning_rate`, as in Keras 3."""
        raise MissingName(
            "An optimizer has no `lr`.", given="lr", there_is=["learning_rate"], cure="optimizer.learning_rate"
        )

    @lr.setter
    def lr(self, value: Any) -> None:
        # Keras 3 takes this without a word, and trains on with the old rate.
        raise MissingName(
            "An optimizer has no `lr`.",
            given=value,
            there_is=["learning_rate"],
            cure=f"optimizer.learning_rate = {value}",
        )

    @property
    def iterations(self) -> Variable:
        """How many updates were made; with gradient accumulation a whole round of steps is one update."""
        every, path = self.gradient_accumulation_steps, f"{self.name}/iteration"
        if every:
            return Variable(lambda: self._read()["iterations"] // every, name="iteration", path=path, trainable=False)
        return self._variable(Entry("iteration", "iterations", 0))

    @property
    def variables(self) -> list[Variable]:
        """All that the optimizer keeps, in Keras's order: iteration, learning rate, then what is kept per parameter."""
        return [self._variable(entry) for entry in self._entries()]

    def _groups(self) -> list[Iterable[str]]:
        return []

    def _entries(self) -> list[Entry]:
        return entries(self._read(), self._groups(), self._order, self._called)

    def _variable(self, entry: Entry) -> Variable:
        def read() -> Any:
            return get(self._read(), entry)

        def write(value: Any) -> None:
            self._write(put(self._read(), entry, value))

        is_rate = entry.key == "learning_rate"
        path = f"{self.name}/{entry.name}"
        return Variable(read, self._set_rate if is_rate else write, name=entry.name, path=path, trainable=False)

    def _read(self) -> Mapping[str, Any]:
        return self._bound[0]() if self._bound else self._own

    def _write(self, state: dict[str, Any]) -> None:
        if self._bound:
            self._bound[1](state)
        else:
            self._own = state

    def _rate_now(self) -> Any:
        state = self._read()
        return rate_at(state["learning_rate"], state["iterations"])

    def _set_rate(self, value: Any) -> None:
        new, state = as_rate(value), self._read()
        if isinstance(state["learning_rate"], Scheduled) and not isinstance(new, Scheduled):
            raise WrongType(
                "This optimizer's learning rate is a schedule, which a number cannot replace.",
                given=value,
                wanted="another schedule",
                cure=f"{type(self).__name__}(learning_rate={value}), then optimizer.learning_rate = {value}",
            )
        # Kept here too, so that the next state that is made begins with it.
        self._own = {**self._own, "learning_rate": new}
        self._write({**state, "learning_rate": new if isinstance(new, Scheduled) else jnp.asarray(new)})
