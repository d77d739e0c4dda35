"""Which parts of a module are trainable: asked, compared, and put back."""

from __future__ import annotations

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
        self._model, self._own = model, model.trainable
        parts = (part for _, part in nnx.iter_graph(model.core.timeline.forward.module))
        self._parts = [(part, _flag(part)) for part in parts if _has(part)]

    @property
    def said(self) -> tuple[bool, list[tuple[int, bool]]]:
        """What was said of the model, and of each part."""
        return self._own, [(id(part), flag) for part, flag in self._parts]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Trainability) and self.said == other.said

    __hash__ = None  # pyright: ignore[reportAssignmentType] - the flags of today are no key

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


def _has(part: Any) -> bool:
    return isinstance(part, nnx.Param) or (isinstance(part, nnx.Module) and hasattr(part, "trainable"))


def _flag(part: Any) -> bool:
    if isinstance(part, nnx.Variable):
        return part.get_metadata("trainable", True) is not False
    return part.trainable is not False


def flag_of(part: Any) -> bool | None:
    """What is said of one part of a module; None of a part of which nothing is."""
    return _flag(part) if _has(part) else None
