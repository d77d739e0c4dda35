"""The outputs of a model by name: how losses, metrics and targets find the output that they belong to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax

from kibitz.errors import ShapeMismatch, UnknownKey, WrongType, code


class Outputs:
    """The leaves of a model's output, in one order, with names where there are several.

    Args:
        y_pred: What the model gives: an array, or a flat dict, list or tuple of arrays (or of their shapes).

    Raises:
        WrongType: If the output is nested more deeply than that.
    """

    def __init__(self, y_pred: Any):
        self.keys: list[Any] = []
        self.names: list[str] = []
        if isinstance(y_pred, Mapping):
            self.keys = sorted(y_pred)
            self.names = [str(key) for key in self.keys]
        elif isinstance(y_pred, list | tuple):
            self.keys = list(range(len(y_pred)))
            self.names = [f"output_{key}" for key in self.keys]
        parts = [y_pred[key] for key in self.keys] if self.keys else [y_pred]
        if any(isinstance(part, Mapping | list | tuple) for part in parts):
            raise WrongType(
                "The model's output is nested too deeply for losses and metrics to find their part.",
                given=jax.tree.map(lambda leaf: leaf, y_pred),
                wanted="an array, or a flat dict, list or tuple of arrays",
                cure='return {"a": a, "b": b}',
            )
        self.single = len(parts) == 1

    def __len__(self) -> int:
        return max(len(self.keys), 1)

    def split(self, tree: Any, what: str) -> list[Any]:
        """The part of each output, from something that has the outputs' structure.

        Args:
            tree: Targets, predictions or weights; dicts by the outputs' names, lists and tuples by position. An
                output that a dict does not name has the part None.
            what: What it is, for the messages.

        Raises:
            UnknownKey: If a dict names an output that is not there.
            ShapeMismatch: If there are more or fewer parts than outputs.
        """
        if self.single and not isinstance(tree, Mapping | list | tuple):
            return [tree]
        if isinstance(tree, Mapping):
            return self._by_name(tree, what)
        if isinstance(tree, list | tuple) and len(tree) == len(self):
            return list(tree)
        parts = f"{len(tree)} parts" if isinstance(tree, list | tuple) else "one part"
        raise ShapeMismatch(
            f"{what} has {parts}, and the model has {len(self)} output{'' if len(self) == 1 else 's'}.",
            given=tree,
            wanted=f"a part for each output: {', '.join(self.names)}" if self.names else "one array",
            cure=f"{what}={self.written}" if self.names else f"{what}={what}[0]",
        )

    def _by_name(self, tree: Mapping[Any, Any], what: str) -> list[Any]:
        names = self.names or [str(key) for key in tree][:1]
        by_name = {str(key): value for key, value in tree.items()}
        for name in by_name:
            if name not in names:
                raise UnknownKey(
                    f"{what} names an output that the model does not have.",
                    given=name,
                    there_is=names if self.names else ["one output without a name"],
                    cure=f"{what}={self.written}" if self.names else f"{what} without a dict",
                )
        return [by_name.get(name) for name in names]

    @property
    def written(self) -> str:
        """A dict with every output's name, as code."""
        return "{" + ", ".join(f"{name!r}: ..." for name in self.names) + "}"

    def of(self, y_pred: Any) -> list[Any]:
        """The outputs themselves, in order."""
        return [y_pred[key] for key in self.keys] if self.keys else [y_pred]

    def each(self, given: Any, what: str) -> list[Any]:
        """What was given for each output: one for all, a dict by name, or a list by position."""
        if given is None:
            return [None] * len(self)
        if isinstance(given, Mapping | list | tuple):
            return self.split(given, what)
        if self.single or what == "loss":
            return [given] * len(self)
        raise ShapeMismatch(
            f"{what} is one thing, and the model has {len(self)} outputs.",
            given=given,
            wanted=f"a dict by {', '.join(self.names)}",
            cure=code(f"{what}={{{self.names[0]!r}: ...}}"),
        )
