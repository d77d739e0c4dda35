"""The order in which Keras lists what an optimizer keeps, over a state whose trees have an order of their own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from kibitz.errors import ShapeMismatch, UnknownName
from kibitz.optimizers.paths import Path, paths
from kibitz.optimizers.rate import Scheduled


class Entry(NamedTuple):
    """One array of a state: its name, the key of the state it is under, and which leaf there."""

    name: str
    key: str
    leaf: int


def entries(
    state: Mapping[str, Any],
    groups: Iterable[Iterable[str]],
    order: Sequence[Path] | None = None,
    called: Mapping[Path, Path] | None = None,
) -> list[Entry]:
    """List a state as Keras does: iteration, learning rate, then the slots, group by group.

    Within a group the parameters come one after another, each with all slots of that group; what belongs to no
    parameter comes last.

    Args:
        state: The state.
        groups: The slots' names, grouped as Keras creates them.
        order: The parameters' paths in the order wanted. None means the order of the tree's leaves.
        called: Other paths to name parameters by, by their own. None means their own.

    Raises:
        UnknownName: If `order` names a parameter that the state does not have.

    Example:
        >>> from kibitz.optimizers.layout import entries
        >>> state = {"iterations": 0, "m": {"a": 0, "b": 0}, "v": {"a": 0, "b": 0}}
        >>> [entry.name for entry in entries(state, [["m", "v"]])]
        ['iteration', 'a_m', 'a_v', 'b_m', 'b_v']
    """
    listed = [Entry("iteration", "iterations", 0)]
    if "learning_rate" in state and not isinstance(state["learning_rate"], Scheduled):
        listed.append(Entry("learning_rate", "learning_rate", 0))
    covered = {"iterations", "learning_rate"}
    for group in groups:
        present = [key for key in group if key in state]
        covered.update(present)
        names = paths(state[present[0]]) if present else []
        for leaf in _places(names, order):
            name = (called or {}).get(names[leaf], names[leaf])
            listed += [Entry("_".join((*name, key)), key, leaf) for key in present]
    for key in state:
        if key not in covered:
            listed += [Entry("_".join((key, *path)), key, leaf) for leaf, path in enumerate(paths(state[key]))]
    return listed


def get(state: Mapping[str, Any], entry: Entry) -> Any:
    """Read one array of a state.

    Example:
        >>> from kibitz.optimizers.layout import Entry, get
        >>> get({"m": {"a": 3, "b": 4}}, Entry("b_m", "m", 1))
        4
    """
    return jax.tree.leaves(state[entry.key])[entry.leaf]


def put(state: Mapping[str, Any], entry: Entry, value: Any) -> dict[str, Any]:
    """Give the state with another value in place of one array; its dtype stays.

    Raises:
        ShapeMismatch: If the value has another shape.

    Example:
        >>> import numpy as np
        >>> from kibitz.optimizers.layout import Entry, put
        >>> after = put({"m": {"a": np.float32(3), "b": np.float32(4)}}, Entry("b_m", "m", 1), 5)
        >>> float(after["m"]["b"]), str(after["m"]["b"].dtype)
        (5.0, 'float32')
    """
    leaves, tree = jax.tree.flatten(state[entry.key])
    old = leaves[entry.leaf]
    if np.shape(value) != np.shape(old):
        raise ShapeMismatch(
            f"What the optimizer keeps as {entry.name} has another shape.",
            given=value,
            wanted=f"the shape {np.shape(old)}",
            cure=f"variable.assign(numpy.zeros({np.shape(old)}))",
        )
    leaves[entry.leaf] = jnp.asarray(value).astype(old.dtype)
    return {**state, entry.key: tree.unflatten(leaves)}


def _places(names: list[Path], order: Sequence[Path] | None) -> list[int]:
    if order is None:
        return list(range(len(names)))
    where = {path: leaf for leaf, path in enumerate(names)}
    for path in order if names else ():
        if path not in where:
            raise UnknownName(
                "The optimizer keeps nothing for a parameter of this path.",
                given="/".join(path),
                there_is=["/".join(each) for each in names],
                cure="optimizer.bind(read, write, order=kibitz.optimizers.paths.paths(params))",
            )
    return [where[path] for path in order] if names else []
