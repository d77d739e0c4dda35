"""What is not here: names of Keras, each with what to write instead, and packages that were not installed."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module, util
from typing import Any

from kibitz.errors import MissingExtra, MissingName, code

INSTEAD = {
    "random": "jax.random",
    "applications": "an nnx.Module with its weights, as kibitz.Model(module)",
    "Layer": "kibitz.layers.Layer, or an nnx.Module: any module is a layer in a Sequential",
    "Function": "a plain function",
    "tree": "jax.tree",
    "distribution": "jax.sharding",
    "mixed_precision": 'kibitz.config.set_dtype_policy("mixed_bfloat16")',
    "export": "jax.export",
    "quantizers": "float32 or bfloat16",
    "preprocessing": "Grain, or NumPy before fit",
    "wrappers": "kibitz.Model(module)",
    "dtype_policies": "kibitz.config.set_dtype_policy",
}
"""What to use in the place of the parts of Keras that Kibitz leaves to other libraries."""


def missing(room: str, name: str, there_is: Iterable[str]) -> MissingName:
    """The error for a name that is not in a room.

    Args:
        room: Where it was looked for, such as "kibitz.layers".
        name: The name.
        there_is: The names that are there.

    Example:
        >>> from kibitz.absent import missing
        >>> print(missing("kibitz", "tree", ["layers", "losses"]).cure)
        jax.tree
    """
    names = sorted(there_is)
    cure = INSTEAD.get(name) or "one of the names that are there, or the library that has it: Flax, Optax, JAX"
    return MissingName(f"{room} has no {name}.", given=code(f"{room}.{name}"), there_is=names, cure=cure)


def bring(package: str, *, extra: str, owner: str) -> Any:
    """Import an optional package for the one who needs it.

    Args:
        package: Its name, as it is imported.
        extra: The extra of Kibitz that installs it.
        owner: Who needs it, as the user calls it.

    Raises:
        MissingExtra: If it is not installed.

    Example:
        >>> from kibitz.absent import bring
        >>> bring("json", extra="plot", owner="picture").dumps({})
        '{}'
    """
    if util.find_spec(package) is None:
        raise MissingExtra(
            f"{owner} needs the package {package}, and it is not installed.",
            given=code(f"{owner}(...)"),
            wanted=package,
            cure=f'pip install "kibitz[{extra}]"',
        )
    return import_module(package)
