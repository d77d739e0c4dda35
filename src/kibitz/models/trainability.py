"""Which parts of a module are trainable: asked, compared, and put back."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from flax import nnx


class Trainability:
    """What is said of each part of a model as of now: of the model, its layers, its parameters.

    Args:
        model: A model that has weights.

    Example:
        >>> import kibitz
        >>> from kibitz.models.trainability import Trainability
        >>> model = kibitz.Sequential([kibitz.layers.Dense(1, input_shape=(2,))])
        >>> before = Trainability(model)
        >>> model.layers[0].trainable = False
        >>> before == Trainability(model)
        False
    """

    def __init__(self, model: Any):
        self._model = model
        parts = (part for _, part in nnx.iter_graph(model.core.timeline.forward.module))
        self._parts = [(part, True) for part in parts if _has(part)]
        self.look()

    def look(self) -> Trainability:
        """Ask the same parts once more: nothing but what is said of them has changed since. It gives itself back."""
        self._own = self._model.trainable
        self._parts = [(part, _flag(part)) for part, _ in self._parts]
        return self

    @property
    def said(self) -> tuple[bool, list[tuple[int, bool]]]:
        """What was said of the model, and of each part."""
        return self._own, [(id(part), flag) for part, flag in self._parts]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Trainability) and self.said == other.said

    __hash__ = None  # pyright: ignore[reportAssignmentType] - the flags of today are no key

    @property
    def written(self) -> str:
        """The same as a one or a nought for the model, and for each part in its order: for files."""
        return "".join("01"[flag] for flag in (self._own, *(flag for _, flag in self._parts)))

    def take(self, written: str) -> None:
        """Make the flags what is written.

        Args:
            written: What `written` gave of a model of the same parts. Of another one, nothing is done.
        """
        if len(written) == 1 + len(self._parts):
            self._own, *flags = (each == "1" for each in written)
            self._parts = [(part, flag) for (part, _), flag in zip(self._parts, flags, strict=True)]
            self.put_back()

    def put_back(self) -> None:
        """Make the flags what they were."""
        if self._model.trainable != self._own:
            self._model.trainable = self._own
        for part, flag in self._parts:
            if _flag(part) != flag:
                train(part, flag)


def train(part: Any, wanted: bool) -> None:
    """Say of one part of a module, a parameter or a layer, whether it is trainable.

    Example:
        >>> from flax import nnx
        >>> from kibitz.models.trainability import train
        >>> layer = nnx.Linear(1, 1, rngs=nnx.Rngs(0))
        >>> train(layer.bias, False)
        >>> layer.bias.get_metadata("trainable")
        False
    """
    if isinstance(part, nnx.Variable):
        part.set_metadata(trainable=wanted)
    else:
        part.trainable = wanted


def say_of(module: nnx.Module, moved: Collection[Any], frozen: Collection[Any]) -> None:
    """Say of each layer and each parameter whether it is trained, where it is known which parameters are.

    Args:
        module: The module.
        moved: The variables that are trained.
        frozen: The layers that are frozen as a whole if nothing in them is trained.
    """
    known, whole = {id(each) for each in moved}, {id(each) for each in frozen}
    for _, part in nnx.iter_graph(module):
        if not _has(part):
            continue
        inside = [each for _, each in nnx.iter_graph(part) if isinstance(each, nnx.Param)]
        trained = any(id(each) in known for each in inside)
        said = trained or (isinstance(part, nnx.Module) and id(part) not in whole and _flag(part))
        if inside and _flag(part) != said:
            train(part, said)


def _has(part: Any) -> bool:
    return isinstance(part, nnx.Param) or (isinstance(part, nnx.Module) and hasattr(part, "trainable"))


def _flag(part: Any) -> bool:
    if isinstance(part, nnx.Variable):
        return part.get_metadata("trainable", True) is not False
    return part.trainable is not False


def flag_of(part: Any) -> bool | None:
    """What is said of one part of a module; None of a part of which nothing is."""
    return _flag(part) if _has(part) else None
