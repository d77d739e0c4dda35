"""Freezing and unfreezing: which part of a model is meant, and taking up what its layers say."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from flax import nnx

from kibitz.errors import InvalidArgument, UnknownName, WrongType
from kibitz.models.core import Core
from kibitz.models.refreezing import refreeze
from kibitz.models.trainability import train


class Part:
    """A part of a model that is frozen and unfrozen together.

    Args:
        parts: Layers first, then parameters.
    """

    def __init__(self, parts: list[Any]):
        self.parts = parts

    def train(self, wanted: bool) -> None:
        """Say whether it is trainable; `model.refreeze()` takes it up."""
        for part in self.parts:
            train(part, wanted)


class Freezable:
    """What every model can do about layers that are not trained; it is a base of `Model`, and nobody makes one.

    Example:
        >>> import kibitz, numpy as np
        >>> x = np.ones((4, 2), "float32")
        >>> model = kibitz.Sequential([kibitz.Input((2,)), kibitz.layers.Dense(2, name="base"), kibitz.layers.Dense(1)])
        >>> model.part("base").train(False)
        >>> model.compile("adam", "mse")
        >>> _ = model.fit(x, x[:, :1], verbose=0)
        >>> model.part("base").train(True)
        >>> model.refreeze()
        >>> _ = model.fit(x, x[:, :1], verbose=0)
        >>> int(model.optimizer.iterations)  # the optimizer has gone on
        2
    """

    core: Core
    shown: Callable[[str], str]

    def refreeze(self) -> None:
        """Take up which layers are trainable, as `compile` does, and let the optimizer go on.

        Iterations and learning rate stay, and so does what the optimizer keeps for parameters that are trained before
        and after. One that joins begins with fresh moments, and its moving average where it stood; of one that leaves
        nothing is kept. In a hook it is done at once, and the next step is one of the new kind: that costs a
        compilation. Where nothing has changed since it was last taken up, nothing is done.

        Raises:
            NotReady: If the model was not compiled, or has no weights.
            Unbalanced: In a fit within a hook of another fit.
            Unsupported: If an Optax transformation keeps something of which nothing tells what belongs to which
                parameter.
        """
        refreeze(self.core)

    def part(self, which: Any) -> Part:
        """A part of the model, to be frozen or unfrozen.

        Args:
            which: The name of a layer, the path of a layer or a parameter ("encoder/conv", "dense/bias"), a layer
                itself, a function that is given the path of each parameter and says whether it is meant, or a list of
                these.

        Raises:
            UnknownName: If nothing has this name.
            InvalidArgument: If a layer is not the model's, has nothing to freeze, or a function means nothing.
            WrongType: If it is none of these.
        """
        if isinstance(which, list | tuple) and which:
            return Part([found for each in which for found in self.part(each).parts])
        if isinstance(which, str):
            found = self._named_part(which)
        elif isinstance(which, nnx.Module):
            found = self._own_part(which)
        elif callable(which):
            found = self._chosen_part(which)
        else:
            raise WrongType(
                "This means no part of a model.",
                given=which,
                wanted="a name, a layer, a function of a parameter's path, or a list of these",
                cure='"dense"',
            )
        inside = [each for part in found for each in _inside(part)]
        if all(isinstance(each, nnx.RngState) for each in inside if isinstance(each, nnx.Variable)):
            raise InvalidArgument(
                "There is nothing to freeze in this layer: it has no weights.",
                given=which,
                there_is=self._names(),
                cure="a layer that has weights",
            )
        layers = [each for each in inside if isinstance(each, nnx.Module) and hasattr(each, "trainable")]
        return Part([*layers, *(each for each in inside if isinstance(each, nnx.Param))])

    def _named_part(self, name: str) -> list[Any]:
        found = [part for path, part in self._paths() if name in (path, getattr(part, "name", None))]
        if not found:
            raise UnknownName(
                "The model has no layer and no parameter of this name.",
                given=name,
                there_is=[path for path, _ in self._paths()] if "/" in name else self._names(),
                cure="model.summary() lists the layers; a parameter is layer/name, such as dense/bias",
            )
        return found

    def _own_part(self, layer: nnx.Module) -> list[Any]:
        if all(part is not layer for _, part in self._paths()):
            raise InvalidArgument(
                "This layer is not one of the model's.",
                given=layer,
                there_is=self._names(),
                cure="model.get_layer(index=0)",
            )
        return [layer]

    def _chosen_part(self, chooses: Callable[[str], Any]) -> list[Any]:
        params = [(path, part) for path, part in self._paths() if isinstance(part, nnx.Param)]
        found = [part for path, part in params if chooses(path)]
        if not found:
            raise InvalidArgument(
                "The function means no parameter of the model.",
                given=chooses,
                there_is=[path for path, _ in params],
                cure='lambda path: path.endswith("bias")',
            )
        return found

    def _paths(self) -> Iterator[tuple[str, Any]]:
        """Modules and parameters by the paths that a user reads."""
        module = self.core.timeline.forward.module
        for keys, part in nnx.iter_graph(module):
            if isinstance(part, nnx.Param | nnx.Module) and part is not module:
                yield self.shown("/".join(map(str, keys))), part

    def _names(self) -> list[str]:
        """The layers' names, for messages; those of the parameters, if there are no layers."""
        paths = list(self._paths())
        layers = [path for path, part in paths if not isinstance(part, nnx.Param | nnx.List)]
        return sorted(layers or [path for path, _ in paths], key=lambda path: path.count("/"))


def _inside(part: Any) -> Iterator[Any]:
    """A part, and all parts within it."""
    yield from (each for _, each in nnx.iter_graph(part)) if isinstance(part, nnx.Module) else (part,)
