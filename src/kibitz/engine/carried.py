"""What is kept for parameters, such as moments, when other parameters are to be moved from now on."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

import jax

from kibitz.engine.state import Arrays
from kibitz.errors import Unsupported


def carried(kept: Any, init: Callable[[Arrays], Any], before: Arrays, after: Arrays, whose: str) -> Any:
    """What is kept for some parameters, made to fit others.

    An array has its parameter's name on its way in the tree, or else belongs to all of them together, as a count does.
    What was kept stays to the bit; a parameter that joins begins as `init` begins it; of one that leaves nothing stays.

    Args:
        kept: What is kept, as `init` makes it.
        init: Gives what is kept before the first step, from parameters by name.
        before: The parameters that it was kept for.
        after: Those that it shall be kept for.
        whose: Who keeps it, for the message.

    Raises:
        Unsupported: If it cannot be told which array belongs to which parameter.

    Example:
        >>> import jax.numpy as jnp
        >>> from kibitz.engine.carried import carried
        >>> def init(params):
        ...     return {"count": jnp.int32(0), "mean": {name: jnp.float32(0) for name in params}}
        >>> kept = {"count": jnp.int32(7), "mean": {"a": jnp.float32(3)}}
        >>> after = carried(kept, init, {"a": jnp.float32(1)}, {"a": jnp.float32(1), "b": jnp.float32(1)}, "it")
        >>> int(after["count"]), {name: float(mean) for name, mean in after["mean"].items()}
        (7, {'a': 3.0, 'b': 0.0})
    """
    if before.keys() == after.keys():
        return kept
    fresh = init(after)
    names = {*before, *after}
    both = jax.eval_shape(init, {**before, **after})
    shared, found = _shared(kept, names), dict(_leaves(kept))
    joins = [path for path, leaf in _leaves(fresh) if path not in found or not _alike(found[path], leaf)]
    told = all(any(f"'{name}'" in path for name in after.keys() - before.keys()) for path in joins)
    if not (told and shared == _shared(fresh, names) == _shared(both, names)):
        raise Unsupported(
            f"What {whose} keeps cannot be carried over to other parameters: nothing tells what belongs to which.",
            given=sorted(path for path, _ in _leaves(kept))[:8],
            wanted="a tree like that of the parameters for each thing that is kept, as most of Optax has it",
            cure="freeze and unfreeze between two fits, with model.compile(...) in between: it begins anew then",
        )
    return jax.tree_util.tree_map_with_path(lambda keys, leaf: found.get(jax.tree_util.keystr(keys), leaf), fresh)


def _leaves(tree: Any) -> list[tuple[str, Any]]:
    return [(jax.tree_util.keystr(keys), leaf) for keys, leaf in jax.tree_util.tree_flatten_with_path(tree)[0]]


def _shared(tree: Any, names: Collection[str]) -> dict[str, Any]:
    """The shapes of what belongs to no parameter alone."""
    return {
        path: (leaf.shape, leaf.dtype) for path, leaf in _leaves(tree) if not any(f"'{name}'" in path for name in names)
    }


def _alike(one: Any, other: Any) -> bool:
    return (one.shape, one.dtype) == (other.shape, other.dtype)
