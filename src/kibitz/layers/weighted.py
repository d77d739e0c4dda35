"""The weights of a layer: made, listed in Keras's order, read and written, and tied to the layer's model."""

from __future__ import annotations

from collections.abc import Sequence
from contextvars import ContextVar
from typing import Any, Protocol

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from kibitz.errors import NotReady, ShapeMismatch, code
from kibitz.layers import constraints, initializers, regularizers
from kibitz.layers.arguments import absent
from kibitz.layers.initializer import RandomInitializer, first_values
from kibitz.layers.ordered import ordered, own
from kibitz.layers.weight import LiveWeight, is_trainable, put
from kibitz.registered import take

TOGETHER: ContextVar[list[tuple[RandomInitializer, nnx.Variable]] | None] = ContextVar("TOGETHER", default=None)
"""What the build under way leaves to be drawn in one program when all layers are built; None draws at once."""

RNGS: ContextVar[nnx.Rngs | None] = ContextVar("RNGS", default=None)
"""Where the weights of the build under way are drawn from; None draws as Keras does."""


class Home(Protocol):
    """Where a layer's live state is while the layer is in a model."""

    def pull(self) -> None:
        """Bring the layers' variables up to date with the live state."""
        ...

    def push(self) -> None:
        """Take the values of the layers' variables into the live state."""
        ...


class Apart:
    """What a layer holds beside NNX: not in `vars`, so no part of its graph, and not handed to its copies.

    A copy that `nnx.merge` makes for a step is therefore in no model, and reads and writes its own variables.
    """

    __slots__ = ("activity", "home", "within")

    home: Home
    within: str
    activity: jax.Array


# NNX refuses a class with slots, for it keeps a module's parts in `vars`. These are no parts: that is their point.
del Apart.__slots__


class Weighted(Apart):
    """The half of `Layer` that has to do with weights."""

    name: str
    built: bool
    trainable: bool
    variable_dtype: str

    def add_weight(
        self,
        shape: Sequence[int] | None = None,
        initializer: Any = None,
        dtype: Any = None,
        trainable: bool = True,
        autocast: bool = True,
        regularizer: Any = None,
        constraint: Any = None,
        aggregation: str = "none",
        overwrite_with_gradient: bool = False,
        name: str | None = None,
    ) -> Any:
        """Make an NNX variable, to be set as an attribute of the layer in `build`.

        Args:
            shape: Its shape. None means a single number.
            initializer: Its first values. None means "glorot_uniform", and "zeros" if the dtype is no float.
            dtype: Its dtype. None means the layer's.
            trainable: Make it an `nnx.Param`; if False an `nnx.BatchStat`.
            autocast: Whether a layer of ours reads it in its compute dtype.
            regularizer: A penalty on it, added to the loss. None means none.
            constraint: A projection of it after each step. None means none.
            aggregation: Only "none".
            overwrite_with_gradient: Only False.
            name: What the weight calls itself. None takes the attribute's name.

        Raises:
            Unsupported: For another aggregation, or a weight that is its own gradient.
        """
        absent(
            "add_weight",
            "leave it out",
            aggregation=None if aggregation in (None, "none") else aggregation,
            overwrite_with_gradient=overwrite_with_gradient,
        )
        dtype = jnp.dtype(dtype or self.variable_dtype)
        if initializer is None:
            initializer = "glorot_uniform" if jnp.issubdtype(dtype, jnp.floating) else "zeros"
        initializer = initializers.get(initializer)
        take(shape or (), dtype.itemsize, f"a weight of {self.name}")
        later = None if RNGS.get() else TOGETHER.get()
        if later is not None and isinstance(initializer, RandomInitializer) and not initializer.alone:
            value = np.broadcast_to(np.zeros((), dtype), tuple(shape or ()))  # until the whole model is drawn
        else:
            value, later = first_values(initializer, tuple(shape or ()), dtype, RNGS.get()), None
        kept = {
            "regularizer": regularizers.get(regularizer),
            "constraint": constraints.get(constraint),
            "autocast": autocast,
            "weight_name": name,
        }
        made = nnx.Param(value, trainable=self.trainable, **kept) if trainable else nnx.BatchStat(value, **kept)
        if later is not None:
            later.append((initializer, made))
        return made

    @property
    def path(self) -> str:
        """The layer's name; behind that of the model that built it, if one did."""
        return f"{self.within}/{self.name}" if hasattr(self, "within") else self.name

    @property
    def weights(self) -> list[LiveWeight]:
        """All weights: what an optimizer moves, then the rest; no random state."""
        return [LiveWeight(self, variable, name) for name, variable in self._named()]

    @property
    def trainable_weights(self) -> list[LiveWeight]:
        """The weights that an optimizer moves; none if the layer is frozen."""
        return [weight for weight in self.weights if self.trainable and weight.trainable]

    @property
    def non_trainable_weights(self) -> list[LiveWeight]:
        """The weights that no optimizer moves."""
        return [weight for weight in self.weights if not (self.trainable and weight.trainable)]

    @property
    def variables(self) -> list[LiveWeight]:
        """The same as `weights`.

        Unlike Keras: random state is not among them.
        """
        return self.weights

    @property
    def trainable_variables(self) -> list[LiveWeight]:
        """The same as `trainable_weights`."""
        return self.trainable_weights

    @property
    def non_trainable_variables(self) -> list[LiveWeight]:
        """The same as `non_trainable_weights`."""
        return self.non_trainable_weights

    def _named(self) -> list[tuple[str, nnx.Variable]]:
        return [
            ("/".join([*map(str, path[:-1]), variable.get_metadata("weight_name", None) or str(path[-1])]), variable)
            for path, variable in ordered(self)
        ]

    def get_weights(self) -> list[np.ndarray]:
        """Copies of the weights as NumPy arrays, in the order of `weights`."""
        self.pull()
        return [np.array(variable.get_value()) for _, variable in ordered(self)]

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Put arrays into the weights, in the order of `weights`: all of them, or none if one does not fit.

        Raises:
            ShapeMismatch: If there are more or fewer arrays than weights, or one has another shape.
        """
        named = self._named()
        shapes = [tuple(variable.get_value().shape) for _, variable in named]
        given = [tuple(np.shape(weight)) for weight in weights]
        if given != shapes:
            raise ShapeMismatch(
                f'These are not the shapes of the weights of layer "{self.name}".',
                given=given,
                wanted=str(shapes) if self.built else "nothing, since it is not built",
                cure="layer.set_weights(other.get_weights()) of a layer of the same shapes, built as this one",
            )
        self.pull()
        for (name, variable), weight in zip(named, weights, strict=True):
            put(variable, weight, f"{self.name}/{name}")
        self.push()

    def count_params(self) -> int:
        """How many numbers the weights hold.

        Raises:
            NotReady: If the layer is not built.
        """
        if not self.built:
            raise NotReady(
                f'Layer "{self.name}" has no weights yet.',
                given=code(f"{self.name}.count_params()"),
                wanted="a layer that is built",
                cure="call it on an array, or layer.build(input_shape)",
            )
        return sum(int(variable.get_value().size) for _, variable in ordered(self))

    def penalty(self) -> jax.Array | None:
        """The regularizers' sum: of the layer's own weights, and of its outputs since this was last asked.

        None if it has no regularizer. The penalties of layers within it are theirs.
        """
        found = [self.activity] if hasattr(self, "activity") else []
        if found:
            del self.activity
        for _, variable in own(self):
            regularizer = variable.get_metadata("regularizer", None)
            if regularizer is not None and self.trainable and is_trainable(variable):
                found.append(regularizer(variable.get_value()))
        return sum(found[1:], start=found[0]) if found else None

    def bind(self, home: Home | None) -> None:
        """Tie the layer, and the layers within it, to the model that holds its live state; None unties it."""
        for _, part in nnx.iter_graph(self):
            if isinstance(part, Weighted):
                object.__setattr__(part, "home", home)

    def pull(self) -> None:
        """Bring the variables up to date with the live state of the model, if the layer is in one."""
        if (home := getattr(self, "home", None)) is not None:
            home.pull()

    def push(self) -> None:
        """Tell the model, if the layer is in one, that the variables have changed."""
        if (home := getattr(self, "home", None)) is not None:
            home.push()
