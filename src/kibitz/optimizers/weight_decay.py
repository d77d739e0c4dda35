"""Decoupled weight decay as Keras does it: the weights shrink before the update, and some of them are spared."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import jax
import jax.numpy as jnp

from kibitz.errors import InvalidArgument, UnknownName, WrongType
from kibitz.optimizers.paths import Path, path_of, paths

KERAS_NAMES = {"scale": "gamma", "embedding": "embeddings"}
"""What Keras calls a weight that Flax calls otherwise. The bias of a layer that has a scale is its beta."""


class Spared:
    """The parameters that weight decay leaves alone.

    Args:
        var_list: Parameters: each a variable (by its `path`), a path such as "dense/bias", or a tuple of its parts.
            Parts may be left out, as long as only one parameter fits: "dense/bias" finds "dense/linear/bias".
        var_names: Regular expressions, searched for in a parameter's own name ("bias") and in Keras's name for it
            ("gamma" is a norm layer's "scale"). One with a "/" in it is searched for in the whole path.

    Raises:
        InvalidArgument: If one of `var_names` is no regular expression.
        WrongType: If something in `var_list` is no parameter, or `var_names` is a single string.

    Example:
        >>> from kibitz.optimizers.weight_decay import Spared
        >>> params = {"dense": {"bias": 0.0, "kernel": 0.0}, "norm": {"bias": 0.0, "scale": 0.0}}
        >>> Spared(var_names=["bias"]).among(params)
        [True, False, True, False]
        >>> Spared(["dense/kernel"], ["gamma"]).among(params)
        [False, True, False, True]
    """

    def __init__(self, var_list: Iterable[Any] | None = None, var_names: Iterable[str] | None = None):
        if isinstance(var_names, str):
            raise WrongType(
                "`var_names` is a list.", given=var_names, wanted="a list", cure=f'var_names=["{var_names}"]'
            )
        self._paths = [path_of(each) for each in var_list or ()]
        self._patterns = [_pattern(each) for each in var_names or ()]

    def among(self, params: Any, names: Mapping[Path, Path] | None = None) -> list[bool]:
        """Tell for each leaf of a tree whether it is spared.

        Args:
            params: The tree.
            names: What the user calls the parameters, by their paths in the tree. None means as the tree does.

        Raises:
            UnknownName: If `var_list` named a parameter that the tree does not have.
            InvalidArgument: If what it named fits several.
        """
        listed = [(names or {}).get(path, path) for path in paths(params)]
        chosen = {_found(given, listed) for given in self._paths}
        return [
            path in chosen or any(matches("/".join(path), _names(path, listed)) for matches in self._patterns)
            for path in listed
        ]


def decayed(params: Any, learning_rate: jax.Array, weight_decay: float, spared: list[bool]) -> Any:
    """Shrink the parameters: `w - w * weight_decay * learning_rate`, in this order of operations.

    Args:
        params: The tree of parameters.
        learning_rate: The present learning rate, a scalar.
        weight_decay: The share that a weight loses in a step of learning rate 1.
        spared: For each leaf, whether it stays.

    Example:
        >>> import jax.numpy as jnp
        >>> from kibitz.optimizers.weight_decay import decayed
        >>> after = decayed({"w": jnp.ones(2)}, jnp.float32(0.5), 0.5, [False])
        >>> after["w"].tolist()
        [0.75, 0.75]
    """

    def shrink(each: jax.Array, stays: bool) -> jax.Array:
        if stays:
            return each
        return each - each * jnp.asarray(weight_decay, each.dtype) * learning_rate.astype(each.dtype)

    leaves, tree = jax.tree.flatten(params)
    return tree.unflatten([shrink(each, stays) for each, stays in zip(leaves, spared, strict=True)])


def _names(path: Path, listed: list[Path]) -> set[str]:
    own = path[-1] if path else ""
    is_norm = (*path[:-1], "scale") in listed
    return {own, "beta" if own == "bias" and is_norm else KERAS_NAMES.get(own, own)}


def _found(given: Path, listed: list[Path]) -> Path:
    for path in (given, given[1:]):  # a variable of a model may have the model's name in front
        if path in listed:
            return path
    fitting = [path for path in listed if path[-1:] == given[-1:] and _is_within(given, path)]
    if len(fitting) == 1:
        return fitting[0]
    shown = ["/".join(path) for path in fitting or listed]
    if fitting:
        raise InvalidArgument(
            "Several parameters fit what is to be spared from weight decay.",
            given="/".join(given),
            there_is=shown,
            cure=f'exclude_from_weight_decay(var_list=["{shown[0]}"])',
        )
    raise UnknownName(
        "There is no parameter of this path to spare from weight decay.",
        given="/".join(given),
        there_is=shown,
        cure='exclude_from_weight_decay(var_names=["bias"])',
    )


def _is_within(parts: Path, path: Path) -> bool:
    rest = iter(path)
    return all(part in rest for part in parts)


def _pattern(given: Any) -> Any:
    try:
        search = re.compile(given).search
    except (re.error, TypeError) as error:
        raise InvalidArgument(
            f"This is no regular expression: {error}.",
            given=given,
            wanted="a part of a parameter's name",
            cure='exclude_from_weight_decay(var_names=["bias"])',
        ) from error
    if "/" in given:
        return lambda path, _: search(path) is not None
    return lambda _, names: any(search(name) for name in names)
