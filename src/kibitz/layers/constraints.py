"""What a weight must keep to: a projection after each step of the optimizer, as `kernel_constraint="non_neg"` asks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from kibitz.layers.lookup import Configured, Table

EPSILON = 1e-7


class Constraint(Configured):
    """Turn a weight into the nearest one that is allowed; subclass it, or write a function of one array.

    Example:
        >>> import jax.numpy as jnp
        >>> from kibitz.layers.constraints import Constraint
        >>> class AtMostOne(Constraint):
        ...     def __call__(self, w):
        ...         return jnp.minimum(w, 1.0)
        >>> AtMostOne()(jnp.array([0.5, 3.0])).tolist()
        [0.5, 1.0]

    Source: https://keras.io/api/layers/constraints/
    """

    def __call__(self, w: Any) -> Any:
        """Give the weight that is allowed; the same in the base class."""
        return w


class MaxNorm(Constraint):
    """Scale a unit's weights down where their norm is more than `max_value`.

    Args:
        max_value: The largest norm.
        axis: The axis or axes over which a norm is taken: 0 for Dense, [0, 1, 2] for Conv2D.

    Example:
        >>> import jax.numpy as jnp
        >>> from kibitz.layers.constraints import MaxNorm
        >>> MaxNorm(5.0)(jnp.array([[6.0, 3.0], [8.0, 4.0]])).round(4).tolist()
        [[3.0, 3.0], [4.0, 4.0]]

    Source: https://keras.io/api/layers/constraints/#maxnorm-class
    """

    def __init__(self, max_value: float = 2, axis: int | Sequence[int] = 0):
        self.max_value, self.axis = max_value, axis

    def __call__(self, w: Any) -> jax.Array:
        """Give the weight, scaled where it was too large."""
        norms = _norms(w, self.axis)
        return jnp.asarray(w) * (jnp.clip(norms, 0, self.max_value) / (EPSILON + norms))

    def get_config(self) -> dict[str, Any]:
        """The arguments."""
        return {"max_value": self.max_value, "axis": self.axis}


class NonNeg(Constraint):
    """Put 0 where a weight is negative.

    Example:
        >>> import jax.numpy as jnp
        >>> from kibitz.layers.constraints import NonNeg
        >>> NonNeg()(jnp.array([-1.0, 1.0])).tolist()
        [0.0, 1.0]

    Source: https://keras.io/api/layers/constraints/#nonneg-class
    """

    def __call__(self, w: Any) -> jax.Array:
        """Give the weight without what is negative."""
        return jnp.maximum(jnp.asarray(w), 0)


class UnitNorm(Constraint):
    """Scale each unit's weights to a norm of 1.

    Args:
        axis: See `MaxNorm`.

    Example:
        >>> import jax.numpy as jnp
        >>> from kibitz.layers.constraints import UnitNorm
        >>> [round(value, 4) for value in UnitNorm()(jnp.array([3.0, 4.0])).tolist()]
        [0.6, 0.8]

    Source: https://keras.io/api/layers/constraints/#unitnorm-class
    """

    def __init__(self, axis: int | Sequence[int] = 0):
        self.axis = axis

    def __call__(self, w: Any) -> jax.Array:
        """Give the weight, scaled."""
        return jnp.asarray(w) / (EPSILON + _norms(w, self.axis))

    def get_config(self) -> dict[str, Any]:
        """The argument."""
        return {"axis": self.axis}


class MinMaxNorm(Constraint):
    """Scale each unit's weights so that their norm comes between two bounds, at once or little by little.

    Args:
        min_value: The smallest norm.
        max_value: The largest norm.
        rate: How much of the way is gone at each step; 1 goes all of it.
        axis: See `MaxNorm`.

    Example:
        >>> import jax.numpy as jnp
        >>> from kibitz.layers.constraints import MinMaxNorm
        >>> MinMaxNorm(1.0, 5.0, rate=0.5)(jnp.array([[6.0], [8.0]])).round(4).tolist()
        [[4.5], [6.0]]

    Source: https://keras.io/api/layers/constraints/#minmaxnorm-class
    """

    def __init__(
        self,
        min_value: float = 0.0,
        max_value: float = 1.0,
        rate: float = 1.0,
        axis: int | Sequence[int] = 0,
    ):
        self.min_value, self.max_value, self.rate, self.axis = min_value, max_value, rate, axis

    def __call__(self, w: Any) -> jax.Array:
        """Give the weight, scaled."""
        norms = _norms(w, self.axis)
        wanted = self.rate * jnp.clip(norms, self.min_value, self.max_value) + (1 - self.rate) * norms
        return jnp.asarray(w) * (wanted / (EPSILON + norms))

    def get_config(self) -> dict[str, Any]:
        """The arguments."""
        return {"min_value": self.min_value, "max_value": self.max_value, "rate": self.rate, "axis": self.axis}


TABLE = Table(
    "constraint",
    "keras.constraints",
    (MaxNorm, MinMaxNorm, NonNeg, UnitNorm),
    cure='kernel_constraint="non_neg"',
)


def get(identifier: Any) -> Any:
    """Find a constraint: by name, class, config, or itself; None stays None.

    Args:
        identifier: A name, a class, an instance, a function of one array, or what `serialize` gave.

    Raises:
        UnknownName: If there is no constraint of this name.
        InvalidArgument: If it can be none.

    Example:
        >>> from kibitz.layers import constraints
        >>> constraints.get("max_norm")
        MaxNorm(max_value=2, axis=0)

    Source: https://keras.io/api/layers/constraints/
    """
    return TABLE.get(identifier)


def serialize(constraint: Any) -> Any:
    """Write a constraint down as Keras does.

    Args:
        constraint: What `get` gave.

    Example:
        >>> from kibitz.layers import constraints
        >>> constraints.serialize(constraints.UnitNorm(1))["config"]
        {'axis': 1}
    """
    return TABLE.serialize(constraint)


def deserialize(config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None) -> Any:
    """Make the constraint that `serialize` wrote down.

    Args:
        config: What `serialize` gave.
        custom_objects: Your own classes and functions by name. None means there are none.

    Raises:
        UnknownName: If the class is neither in the table nor in `custom_objects`.

    Example:
        >>> from kibitz.layers import constraints
        >>> constraints.deserialize({"class_name": "UnitNorm", "config": {"axis": 1}})
        UnitNorm(axis=1)
    """
    return TABLE.deserialize(config, custom_objects)


def _norms(w: Any, axis: int | Sequence[int]) -> jax.Array:
    axes = axis if isinstance(axis, int) else tuple(axis)
    return jnp.sqrt(jnp.sum(jnp.square(jnp.asarray(w)), axis=axes, keepdims=True))


__all__ = ["Constraint", "MaxNorm", "MinMaxNorm", "NonNeg", "UnitNorm", "deserialize", "get", "serialize"]
