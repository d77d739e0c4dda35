"""The names of a tree's leaves: ("dense", "kernel")."""

from __future__ import annotations

from typing import Any

import jax

from kibitz.errors import WrongType

Path = tuple[str, ...]


def paths(tree: Any) -> list[Path]:
    """List the path of each leaf, in the order of `jax.tree.leaves`.

    A dict's keys, a list's places and an object's attributes are the parts; a key such as "dense/kernel" is two. The
    `value` within an NNX variable is left out, so that a weight has one path whatever tree it comes in.

    Args:
        tree: Any pytree.

    Example:
        >>> from kibitz.optimizers.paths import paths
        >>> paths({"dense": {"kernel": 0, "bias": 0}, "scales": [0]}), paths({"dense/kernel": 0})
        ([('dense', 'bias'), ('dense', 'kernel'), ('scales', '0')], [('dense', 'kernel')])
    """
    return [_parts(keys) for keys, _ in jax.tree_util.tree_flatten_with_path(tree)[0]]


def path_of(given: Any) -> Path:
    """Read a path: of a variable, of a string such as "dense/bias", of a tuple of parts.

    Raises:
        WrongType: If it is none of these.

    Example:
        >>> from kibitz.optimizers.paths import path_of
        >>> path_of("dense/bias"), path_of(("layers", 0, "bias"))
        (('dense', 'bias'), ('layers', '0', 'bias'))
    """
    path = getattr(given, "path", given)
    if isinstance(path, str):
        return tuple(path.split("/"))
    if isinstance(path, tuple) and path and all(isinstance(part, str | int) for part in path):
        return tuple(str(part) for part in path)
    raise WrongType(
        "This is no parameter.",
        given=given,
        wanted='a variable, a path such as "dense/bias", or a tuple of its parts',
        cure='"dense/bias"',
    )


def _parts(keys: tuple[Any, ...]) -> Path:
    if len(keys) > 1 and isinstance(keys[-1], jax.tree_util.GetAttrKey) and keys[-1].name == "value":
        keys = keys[:-1]
    names = [str(getattr(key, "key", getattr(key, "name", getattr(key, "idx", key)))) for key in keys]
    return tuple(part for name in names for part in name.split("/"))
