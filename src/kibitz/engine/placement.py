"""Where a state lies: on one device, or, if a user has spread some of it over several, all of it on these.

A step is compiled for one placement. If it changed on the way (moments that begin on one device and come out of the
first step in parts), later steps would be another program, and a run that is gone on with would not run the same one.
"""

from __future__ import annotations

from typing import Any

import jax
from jax.sharding import NamedSharding, PartitionSpec

from kibitz.engine.state import TrainState
from kibitz.layers.spread import spread


def settled(state: TrainState) -> TrainState:
    """The same values, all on the devices over which some variable is spread; as it is if none is.

    What has the name of a parameter on its way in the tree, and its shape, such as a moment, is cut as the parameter
    is. All else is copied to each device.

    Args:
        state: Any state.
    """
    variables = state.variables()
    cut = {name: each for name, value in variables.items() if isinstance(each := spread(value), NamedSharding)}
    if not cut:
        return state
    everywhere = NamedSharding(next(iter(cut.values())).mesh, PartitionSpec())
    like = {f"['{name}']": (variables[name].shape, sharding) for name, sharding in cut.items()}

    def put(path: Any, leaf: Any) -> Any:
        if spread(leaf) is not None:
            return leaf
        way = jax.tree_util.keystr(path)
        of = [sharding for name, (shape, sharding) in like.items() if name in way and shape == leaf.shape]
        return jax.device_put(leaf, of[0] if of else everywhere)

    return jax.tree_util.tree_map_with_path(put, state)


def placement(state: TrainState) -> Any:
    """Where each leaf of a settled state lies, as a tree of shardings; None if any lies on one device."""
    if not all(spread(leaf) for leaf in jax.tree.leaves(state)):
        return None
    return jax.tree.map(lambda leaf: leaf.sharding, state)
