"""The weights of any NNX module in Keras's order: what `get_weights` lists, and files number."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from flax import nnx

from kibitz.layers.weight import weight_names

NOT_WEIGHTS = (nnx.RngState, nnx.Intermediate, nnx.Cache)
"""What a module remembers and a user does not call a weight: random state, what was sown, what was decoded."""

# NNX's own names, in the places where Keras has kernel, bias; gamma, beta, moving_mean, moving_variance.
NNX_ORDER: tuple[tuple[tuple[type, ...], tuple[str, ...]], ...] = (
    ((nnx.Linear, nnx.LinearGeneral, nnx.Einsum, nnx.Conv, nnx.ConvTranspose), ("kernel", "bias")),
    ((nnx.BatchNorm,), ("scale", "bias", "mean", "var")),
    ((nnx.LayerNorm, nnx.RMSNorm, nnx.GroupNorm, nnx.InstanceNorm), ("scale", "bias")),
    ((nnx.Embed,), ("embedding",)),
)

Path = tuple[Any, ...]


def ordered(module: Any) -> list[tuple[Path, nnx.Variable]]:
    """List a module's weights, each once, with its path as `nnx.state` has it.

    A module's own parameters come first, then its own other variables, then its parts, each in the order in which it
    was set. Give it the module that the user made: `nnx.merge` sets attributes in the order of the alphabet.

    Args:
        module: Any NNX module, or a list, tuple or dict of these.

    Example:
        >>> from flax import nnx
        >>> from kibitz.layers.ordered import ordered
        >>> norm = nnx.BatchNorm(3, rngs=nnx.Rngs(0))
        >>> [path for path, variable in ordered(norm)]
        [('scale',), ('bias',), ('mean',), ('var',)]
    """
    return list(_walked(module, (), set()))


def own(module: Any) -> list[tuple[str, nnx.Variable]]:
    """List the weights that are a module's own, and not of a module within it: parameters first."""
    pairs = [
        (str(key), value)
        for key, value in _children(module)
        if isinstance(value, nnx.Variable) and not isinstance(value, NOT_WEIGHTS)
    ]
    return sorted(pairs, key=lambda pair: not isinstance(pair[1], nnx.Param))


def _walked(node: Any, path: Path, seen: set[int]) -> Iterator[tuple[Path, nnx.Variable]]:
    if id(node) in seen:
        return
    seen.add(id(node))
    for name, variable in own(node):
        if id(variable) not in seen and variable.get_value() is not None:
            seen.add(id(variable))
            yield (*path, name), variable
    for key, value in _children(node):
        if isinstance(value, (nnx.Pytree, list, tuple, Mapping)):
            yield from _walked(value, (*path, key), seen)


def _children(node: Any) -> list[tuple[Any, Any]]:
    """A node's attributes or items, in order."""
    if isinstance(node, (list, tuple)):
        return list(enumerate(node))
    if isinstance(node, Mapping) and not isinstance(node, nnx.Pytree):
        return list(node.items())
    held = {name: value for name, value in vars(node).items() if not name.startswith("_pytree__")}
    if isinstance(node, nnx.List):
        return [(int(name), value) for name, value in held.items() if name.isdigit()]
    first = [name for name in _declared(node) if name in held]
    return [(name, held[name]) for name in dict.fromkeys([*first, *held])]


def _declared(node: Any) -> tuple[str, ...]:
    names = tuple(weight_names(type(node)))
    return names or next((names for kinds, names in NNX_ORDER if isinstance(node, kinds)), ())
