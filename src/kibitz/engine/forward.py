"""The model's own NNX module as a pure function of its arrays, and the variables in it kept up to date."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from functools import cached_property
from typing import Any

import jax
from flax import nnx

from kibitz.engine.state import Arrays
from kibitz.errors import Unsupported, code
from kibitz.layers.ordered import ordered

CALL = inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD


class Forward:
    """A module split once: its graph stays here, its arrays travel.

    The graph is never traversed again during a run. Train and eval mode are two graphs, made from a copy, so that the
    module's own mode is left as it was.

    Args:
        module: Any NNX module.

    Raises:
        Unsupported: If the module needs arguments that fit cannot give.
    """

    def __init__(self, module: nnx.Module):
        self.module = module
        _, state = nnx.split(module)
        paths, self._treedef = jax.tree_util.tree_flatten_with_path(state)
        self.names = [_name(path) for path, _ in paths]
        variables = jax.tree.leaves(state, is_leaf=lambda leaf: isinstance(leaf, nnx.Variable))
        self.variables: dict[str, nnx.Variable[Any]] = dict(zip(self.names, variables, strict=True))
        constraints = {name: each.get_metadata("constraint", None) for name, each in self.variables.items()}
        self.constraints = {name: constraint for name, constraint in constraints.items() if constraint is not None}
        self._graphs = {True: self._graph(training=True), False: self._graph(training=False)}
        self._call = _how_to_call(module)

    @cached_property
    def weights(self) -> list[str]:
        """The names of the variables that are weights (no random state among them), in Keras's order."""
        names = {id(variable): name for name, variable in self.variables.items()}
        return [names[id(variable)] for _, variable in ordered(self.module)]

    def _graph(self, *, training: bool) -> nnx.GraphDef[Any]:
        copy = nnx.merge(*nnx.split(self.module))  # shares the arrays, not the modes
        copy.train() if training else copy.eval()
        return nnx.split(copy)[0]

    def trainable(self, frozen: set[str]) -> set[str]:
        """The names of the parameters that an optimizer moves."""
        return {
            name for name, variable in self.variables.items() if isinstance(variable, nnx.Param) and name not in frozen
        }

    def __call__(self, variables: Arrays, x: Any, *, training: bool) -> tuple[Any, Arrays, list[Any]]:
        """Run the module: its outputs, all its variables afterwards, and the penalties of its layers."""
        state = jax.tree.unflatten(self._treedef, [variables[name] for name in self.names])
        # Without a copy NNX refuses to change statistics and random counts inside a gradient.
        module = nnx.merge(self._graphs[training], state, copy=True)
        y_pred = self._call(module, x, training)
        after, _ = jax.tree_util.tree_flatten_with_path(nnx.state(module))
        changed = {_name(path): value for path, value in after}
        penalties = [part.penalty() for _, part in nnx.iter_graph(module) if hasattr(part, "penalty")]
        return (
            y_pred,
            {name: changed.get(name, variables[name]) for name in self.names},
            [penalty for penalty in penalties if penalty is not None],
        )

    def read(self) -> Arrays:
        """The arrays that the module's variables hold now."""
        return {name: variable.get_raw_value() for name, variable in self.variables.items()}

    def show(self, variables: Arrays) -> None:
        """Put arrays into the module's variables, so that whoever holds the module sees them."""
        for name, variable in self.variables.items():
            if variable.get_raw_value() is not variables[name]:
                variable.set_raw_value(variables[name])


def _name(path: tuple[Any, ...]) -> str:
    keys = [str(key.key) for key in path if isinstance(key, jax.tree_util.DictKey)]
    return "/".join(keys)


def _how_to_call(module: nnx.Module) -> Any:
    """How inputs and the mode are passed, from the signature of the module's `__call__`."""
    parameters = [
        each for each in inspect.signature(type(module).__call__).parameters.values() if each.name != "self"
    ]  # fmt: skip
    mode = {each.name for each in parameters} & {"training", "train", "deterministic"}
    needed = [each for each in parameters if each.default is each.empty and each.name not in mode and each.kind in CALL]
    keywords = [
        each.name
        for each in parameters
        if each.default is each.empty and each.kind is each.KEYWORD_ONLY and each.name not in mode
    ]
    if "rngs" in {each.name for each in needed} or keywords:
        missing = keywords or ["rngs"]
        raise Unsupported(
            f"{type(module).__name__} must be called with {', '.join(missing)}, which fit cannot give.",
            given=code(f"def __call__{inspect.signature(type(module).__call__)}"),
            wanted="a module that is called with its inputs",
            cure="give layers their rngs when they are made: nnx.Dropout(0.5, rngs=rngs)",
        )

    def call(copy: Any, x: Any, training: bool) -> Any:
        flags = {name: (not training) if name == "deterministic" else training for name in mode}
        if len(needed) > 1 and isinstance(x, Mapping) and {each.name for each in needed} <= set(x):
            return copy(**x, **flags)
        if len(needed) > 1 and isinstance(x, list | tuple) and len(x) == len(needed):
            return copy(*x, **flags)
        return copy(x, **flags)

    return call
