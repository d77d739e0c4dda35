"""All that a model keeps, as nested dicts by the variables' paths: Keras's own form of a state."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from kibitz.checkpoint.orbax_steps import flat
from kibitz.engine.state import plain
from kibitz.errors import InvalidArgument, ShapeMismatch, UnknownName
from kibitz.models.core import Core

TRAINABLE, OTHERS, OPTIMIZER, METRICS = (
    f"{part}_variables" for part in ("trainable", "non_trainable", "optimizer", "metrics")
)
FORMATS = ("backend_tensor", "numpy_array")


class StateTree:
    """What every model can do with its state as a tree; it is a base of `Model`, and nobody makes one.

    Example:
        >>> import kibitz
        >>> model = kibitz.Sequential([kibitz.Input((3,)), kibitz.layers.Dense(1, name="out")], name="line")
        >>> tree = model.get_state_tree()
        >>> sorted(tree["trainable_variables"]["line"]["out"])
        ['bias', 'kernel']

    Source: https://keras.io/api/models/model/
    """

    core: Core

    def get_state_tree(self, value_format: str = "backend_tensor") -> dict[str, Any]:
        """Give weights, random state and the optimizer's variables, in nested dicts by their paths.

        Args:
            value_format: "backend_tensor" for arrays as they are, "numpy_array" for copies on the host.

        Raises:
            InvalidArgument: If it is neither.
        """
        if value_format not in FORMATS:
            raise InvalidArgument(
                "Invalid `value_format` argument.",
                given=value_format,
                there_is=FORMATS,
                cure='model.get_state_tree(value_format="numpy_array")',
            )
        copied = value_format == "numpy_array"
        found: dict[str, Any] = {part: {} for part in (TRAINABLE, OTHERS, OPTIMIZER, METRICS)}
        for part, values in _values(self).items():
            for path, value in values.items():
                _put(found[part], path, np.array(plain(value)) if copied else value)
        return found

    def set_state_tree(self, state_tree: Mapping[str, Any]) -> None:
        """Put values by their paths in place of those of the model, all or none; what is not named stays.

        Args:
            state_tree: What `get_state_tree` gave, or a part of it; the numbers of metrics are left aside.

        Raises:
            UnknownName: If it has a part that a state has not.
            ShapeMismatch: If it names a variable that the model has not, or one of another shape.
        """
        there_are = {**_values(self), METRICS: {}}
        for part in state_tree:
            if part not in there_are:
                raise UnknownName(
                    f"Unknown variable name: {part}.", given=part, there_is=there_are, cure=f'{{"{TRAINABLE}": ...}}'
                )
        # A layer may have been frozen since: what counts is the path.
        variables, moved = variables_of(state_tree), flat(state_tree.get(OPTIMIZER, {}))
        _check(variables, {**there_are[TRAINABLE], **there_are[OTHERS]})
        _check(moved, there_are[OPTIMIZER])
        names = {path: name for name, path in _paths(self).items()}
        self.core.timeline.write_variables({names[path]: value for path, value in variables.items()})
        for variable in self.core.optimizer.variables if moved else ():
            if variable.path in moved:
                variable.assign(moved[variable.path])


def variables_of(tree: Mapping[str, Any]) -> dict[str, Any]:
    """The variables of a state that are the model's own, by their paths.

    Args:
        tree: The state, or a part of it.
    """
    return {**flat(tree.get(TRAINABLE, {})), **flat(tree.get(OTHERS, {}))}


def _values(model: Any) -> dict[str, dict[str, Any]]:
    """The variables of each part by their paths."""
    state, paths = model.core.timeline.read(), _paths(model)
    trainable = model.core.timeline.forward.trainable(model.core.frozen())
    found: dict[str, dict[str, Any]] = {TRAINABLE: {}, OTHERS: {}, OPTIMIZER: {}}
    for name, value in state.variables().items():
        found[TRAINABLE if name in trainable else OTHERS][paths[name]] = value
    if model.core.optimizer is not None:
        found[OPTIMIZER] = {each.path: each.value for each in model.core.optimizer.variables}
    return found


def _paths(model: Any) -> dict[str, str]:
    """What Keras would call each variable, by its name in the state."""
    return {name: model.shown_path(name) for name in model.core.timeline.behind.variables()}


def _put(tree: dict[str, Any], path: str, value: Any) -> None:
    *folders, last = path.split("/")
    for folder in folders:
        tree = tree.setdefault(folder, {})
    tree[last] = value


def _check(given: Mapping[str, Any], there_are: Mapping[str, Any]) -> None:
    odd = differences(given, there_are)
    if odd:
        raise ShapeMismatch(
            f"This state is of another model or another optimizer: {'; '.join(odd[:6])}.",
            given=sorted(given),
            wanted="variables of this model",
            cure="build and compile the model as it was when the state was taken",
        )


def differences(given: Mapping[str, Any], there_are: Mapping[str, Any]) -> list[str]:
    """What is given and has no place among the variables, line by line.

    Args:
        given: Arrays by path.
        there_are: The variables' values by path.
    """
    lines = [f"there is no {path}" for path in given if path not in there_are]
    return lines + [
        f"{path} is {list(np.shape(value))}, not {list(np.shape(plain(there_are[path])))}"
        for path, value in given.items()
        if path in there_are and np.shape(value) != np.shape(plain(there_are[path]))
    ]
