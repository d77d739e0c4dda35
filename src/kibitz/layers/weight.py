"""A layer's weight as a user holds it: `layer.kernel`, which is always the live value."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import jax
import numpy as np
from flax import nnx

from kibitz.errors import MissingName, ShapeMismatch, Unsupported, code
from kibitz.layers.spread import spread
from kibitz.variable import Variable

if TYPE_CHECKING:
    from kibitz.layers.weighted import Weighted


class LiveWeight(Variable):
    """An NNX variable of a layer as a Keras variable.

    A read first brings the layer up to date with the model that it is in, and a write is told to that model.

    Args:
        layer: The layer.
        variable: Its NNX variable.
        name: The variable's short name, such as "kernel".

    Example:
        >>> from kibitz.layers.linear import Dense
        >>> layer = Dense(1, kernel_initializer="ones", name="top")
        >>> layer.build((None, 2))
        >>> layer.kernel.path, layer.kernel.numpy().tolist()
        ('top/kernel', [[1.0], [1.0]])
        >>> layer.kernel.assign([[2.0], [3.0]])
        >>> layer.get_weights()[0].tolist()
        [[2.0], [3.0]]
    """

    def __init__(self, layer: Weighted, variable: nnx.Variable, name: str):
        self.layer, self.variable = layer, variable
        path = f"{layer.path}/{name}"
        super().__init__(self._pulled, self._pushed, name=name, path=path, trainable=self.trainable)

    def _pulled(self) -> Any:
        self.layer.pull()
        return self.variable.get_value()

    def _pushed(self, value: Any) -> None:
        self.layer.pull()
        put(self.variable, value, self.path)
        self.layer.push()

    @property
    def trainable(self) -> bool:
        """Whether an optimizer moves it; a change takes effect at the next `compile`."""
        return is_trainable(self.variable)

    @trainable.setter
    def trainable(self, value: bool) -> None:
        if value and not isinstance(self.variable, nnx.Param):
            raise Unsupported(
                f"{self.path} follows the batches, and no optimizer can move it.",
                given=code(f"{self.name}.trainable = True"),
                wanted="a parameter",
                cure="add_weight(..., trainable=True) in a layer of your own",
            )
        if value != self.trainable:
            self.variable.set_metadata(trainable=bool(value))


def _now(_: None, leaves: Sequence[Any]) -> Variable:
    return Variable(lambda: leaves[0], name="value")


# So that jnp.sum(layer.kernel) works: JAX takes a pytree of one array where it no longer takes `__jax_array__`.
jax.tree_util.register_pytree_node(LiveWeight, lambda weight: ((weight.value,), None), _now)  # pyright: ignore[reportArgumentType] - a value taken out of its layer is live no more


class WeightAttribute:
    """The place of a weight in a layer's class: it holds an NNX variable, and hands out a `LiveWeight`.

    The order of these in a class is the order of its weights, as Keras has it.

    Example:
        >>> from kibitz.layers.linear import Dense
        >>> from kibitz.layers.weight import weight_names
        >>> weight_names(Dense)
        ['kernel', 'bias']
    """

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, layer: Any, owner: type | None = None) -> Any:
        if layer is None:
            return self
        held = vars(layer)
        if self.name not in held:
            # An AttributeError, since NNX asks with hasattr.
            raise MissingName(
                f'Layer "{held.get("name")}" has no weights yet.',
                given=code(f"{held.get('name')}.{self.name}"),
                wanted="a layer that is built",
                cure="call it on an array, or layer.build(input_shape)",
            )
        value = held[self.name]
        return LiveWeight(layer, value, self.name) if isinstance(value, nnx.Variable) else value

    def __set__(self, layer: Any, value: Any) -> None:
        vars(layer)[self.name] = value
        # NNX 0.12.12 no longer writes down itself what a descriptor sets.
        nodes = vars(layer).get("_pytree__nodes")
        if nodes is not None and nodes.get(self.name) is not True:
            object.__setattr__(layer, "_pytree__nodes", nodes.update({self.name: nnx.is_data(value)}))

    def __delete__(self, layer: Any) -> None:
        del vars(layer)[self.name]


def weight_names(kind: type) -> list[str]:
    """The names of the weights that a class declares, in order."""
    names = {name: None for each in reversed(kind.__mro__) for name, value in vars(each).items() if _declares(value)}
    return list(names)


def is_trainable(variable: nnx.Variable) -> bool:
    """Whether an optimizer moves a variable: a parameter that nobody froze."""
    return isinstance(variable, nnx.Param) and bool(variable.get_metadata("trainable", True))


def put(variable: nnx.Variable, value: Any, path: str) -> None:
    """Put a copy of a value into a variable, in the variable's dtype.

    Raises:
        ShapeMismatch: If the value has another shape.
    """
    held = variable.get_value()
    if tuple(np.shape(value)) != tuple(held.shape):
        raise ShapeMismatch(
            f"A value of another shape cannot be put into {path}.",
            given=np.shape(value),
            wanted=f"shape {tuple(held.shape)}",
            cure="give an array of that shape",
        )
    variable.set_value(jax.device_put(np.array(value, held.dtype), spread(value)))


def _declares(value: Any) -> bool:
    return isinstance(value, WeightAttribute)
