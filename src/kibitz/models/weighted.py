"""A model's weights: listed, read, written and counted, in Keras's order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from flax import nnx

from kibitz.engine.refitting import refitted
from kibitz.engine.state import TrainState
from kibitz.engine.timeline import exported, imported
from kibitz.errors import InvalidArgument, ShapeMismatch, UnknownName, code
from kibitz.layers.ordered import ordered
from kibitz.models.averaged import Averaged
from kibitz.models.core import Core
from kibitz.models.refreezing import take, take_up
from kibitz.models.state_tree import StateTree
from kibitz.variable import Variable


class Weighted(StateTree, Averaged):
    """What every model can do with its weights; it is a base of `Model`, and nobody makes one.

    Example:
        >>> import kibitz
        >>> model = kibitz.Sequential([kibitz.layers.Dense(2, input_shape=(3,))])
        >>> [weight.shape for weight in model.weights]
        [(3, 2), (2,)]
    """

    core: Core
    layers: list[Any]
    _trainable = True

    @property
    def trainable(self) -> bool:
        """Whether an optimizer moves the weights; a change is taken up by the next `compile` or `refreeze`."""
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        self._trainable = bool(value)
        for layer in self.layers if self.core.built else []:
            if hasattr(layer, "trainable"):
                layer.trainable = bool(value)

    def weight_variables(self) -> list[nnx.Variable[Any]]:
        """The NNX variables that are weights (no random state among them), in Keras's order."""
        return [variable for _, variable in ordered(self.core.timeline.forward.module)]

    def shown(self, name: str) -> str:
        """A variable's name as a user reads it, from its name in the state."""
        return name

    def _named(self) -> list[str]:
        return self.core.timeline.forward.weights

    @property
    def weights(self) -> list[Variable]:
        """All weights, as variables that read and write the live model."""
        params = self.core.timeline.behind.params
        return [self._variable(name, trainable=name in params) for name in self._named()]

    variables = weights

    @property
    def trainable_weights(self) -> list[Variable]:
        """Weights that the optimizer moves."""
        frozen = self.core.frozen()
        params = self.core.timeline.forward.trainable(frozen)
        return [self._variable(name, trainable=True) for name in self._named() if name in params]

    @property
    def non_trainable_weights(self) -> list[Variable]:
        """Weights that the optimizer leaves alone: moving statistics, layers that are not trainable."""
        params = self.core.timeline.forward.trainable(self.core.frozen())
        return [self._variable(name, trainable=False) for name in self._named() if name not in params]

    trainable_variables, non_trainable_variables = trainable_weights, non_trainable_weights

    def _variable(self, name: str, *, trainable: bool) -> Variable:
        timeline = self.core.timeline
        short = name.rsplit("/", 1)[-1]
        return Variable(
            lambda: timeline.read().variables()[name],
            lambda value: timeline.write_variables({name: value}),
            name=short,
            path=self.shown_path(name),
            trainable=trainable,
        )

    def shown_path(self, name: str) -> str:
        """A weight's path as it is shown, from its name in the state."""
        return name

    def get_weights(self) -> list[np.ndarray]:
        """Copies of all weights as NumPy arrays; in a hook, those after the very batch."""
        variables = self.core.timeline.read().variables()
        return [np.array(variables[name]) for name in self._named()]

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Put arrays in place of all weights, all or none.

        Args:
            weights: One array for each weight, in the order of `get_weights`.

        Raises:
            ShapeMismatch: If there are more or fewer arrays, or one has another shape.
        """
        names = self._named()
        if len(weights) != len(names):
            raise ShapeMismatch(
                f"The model has {len(names)} weights, and there is another number of arrays.",
                given=code(f"{len(weights)}"),
                wanted=f"{len(names)}: {', '.join(map(self.shown, names[:6]))}{', ...' if len(names) > 6 else ''}",
                cure="model.set_weights(other.get_weights()) with a model of the same layers",
            )
        self.core.timeline.push()
        self.core.timeline.write_variables(dict(zip(names, weights, strict=True)))

    def count_params(self) -> int:
        """How many numbers the weights hold."""
        return sum(int(np.prod(variable.shape)) for variable in self.weight_variables())

    @property
    def params(self) -> dict[str, Any]:
        """The parameters as a nested dict of JAX arrays, for going on in plain JAX; a copy."""
        nested: dict[str, Any] = {}
        for name, value in self.core.timeline.read().params.items():
            *folders, last = self.shown(name).split("/")
            at = nested
            for folder in folders:
                at = at.setdefault(folder, {})
            at[last] = value.copy()
        return nested

    def export_state(self) -> dict[str, np.ndarray]:
        """The whole state as NumPy arrays by name: parameters, statistics, random state, optimizer.

        Weights that averages stand in place of are in it, so that training can go on from it. What belongs to a run and
        not to the model is not: running means, and what graph hooks carry along.
        """
        state = self.core.timeline.read().with_(metrics=[], graph={})
        return exported(state if self._aside is None else state.with_(params=self._aside))

    def import_state(self, arrays: dict[str, np.ndarray]) -> None:
        """Put a state that `export_state` gave in place of this one, all or none.

        If other layers were frozen when it was taken, what the optimizer had for them then comes with it; which layers
        are trained is asked again when training begins, or at once in a hook of a fit.

        Raises:
            ShapeMismatch: If names or shapes are not those of this model and its optimizer.
        """
        timeline, was = self.core.timeline, self.core.timeline.read()
        now = self._frozen_as_in(arrays, was)
        there = exported(now.with_(metrics=[], graph={}))
        if set(arrays) != set(there):
            odd = sorted(set(arrays) ^ set(there))
            raise ShapeMismatch(
                "The state is of another model or another optimizer.",
                given=code(f"{len(arrays)} arrays; {len(odd)} names on one side only, such as {odd[0]}"),
                wanted=f"the {len(there)} names of this model",
                cure="build and compile the model as it was when the state was taken",
            )
        taken = imported(now.with_(metrics=[], graph={}), arrays)
        self._aside = None
        if now is was:
            timeline.base = taken.with_(metrics=now.metrics, graph=now.graph)
            return
        take(self.core, taken.with_(metrics=now.metrics, graph=now.graph), None)
        if self.core.way is not None:
            take_up(self.core)

    def _frozen_as_in(self, arrays: dict[str, np.ndarray], now: TrainState) -> TrainState:
        """This state, with those parameters trained that were trained when arrays were taken; itself if that is so."""
        trained = {name for name in now.variables() if f".params['{name}']" in arrays}
        same = trained == now.params.keys() or self.core.optimizer is None
        if same or any(f".others['{name}']" not in arrays for name in now.variables().keys() - trained):
            return now
        return refitted(self.core.timeline, self.core.optimizer, self.core.programs_for_use().hooks, trained)


def find_layer(layers: list[Any], name: str | None, index: int | None) -> Any:
    """The layer of this name or position; see `Model.get_layer`."""
    if (name is None) == (index is None):
        raise InvalidArgument(
            "A layer is asked for by its name or by its position.", given=code(f"name={name!r}, index={index!r}"),
            wanted="one of the two", cure="model.get_layer(index=0)",
        )  # fmt: skip
    names = [getattr(layer, "name", type(layer).__name__) for layer in layers]
    if name is not None:
        for layer, own in zip(layers, names, strict=True):
            if own == name:
                return layer
        raise UnknownName("There is no layer of this name.", given=name, there_is=names, cure="model.layers")
    if index is None or not -len(layers) <= index < len(layers):
        raise InvalidArgument("There is no layer at this position.", given=index, wanted=f"0 to {len(layers) - 1}",
                              cure="model.get_layer(index=0)")  # fmt: skip
    return layers[index]
