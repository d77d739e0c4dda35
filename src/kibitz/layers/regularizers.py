"""Penalties on weights and outputs: what `kernel_regularizer="l2"` means."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp

from kibitz.errors import ShapeMismatch
from kibitz.layers.arguments import number, one_of
from kibitz.layers.lookup import Configured, Table


class Regularizer(Configured):
    """Turn an array into a penalty that is added to the loss; subclass it, or write a function of one array.

    Example:
        >>> import jax.numpy as jnp
        >>> from kibitz.layers.regularizers import Regularizer
        >>> class Largest(Regularizer):
        ...     def __call__(self, x):
        ...         return jnp.max(jnp.abs(x))
        >>> float(Largest()(jnp.array([1.0, -3.0])))
        3.0

    Source: https://keras.io/api/layers/regularizers/
    """

    def __call__(self, x: Any) -> Any:  # noqa: ARG002 - a subclass uses it
        """Give the penalty; 0 in the base class."""
        return 0.0


class L1L2(Regularizer):
    """`l1 * sum(abs(x)) + l2 * sum(x**2)`.

    Args:
        l1: The first factor. None means 0.
        l2: The second factor. None means 0.

    Raises:
        InvalidArgument: If a factor is negative or not finite.

    Example:
        >>> import jax.numpy as jnp
        >>> from kibitz.layers.regularizers import L1L2
        >>> float(L1L2(l1=1.0, l2=0.5)(jnp.array([2.0, -4.0])))
        16.0

    Source: https://keras.io/api/layers/regularizers/#l1l2-class
    """

    def __init__(self, l1: float | None = 0.0, l2: float | None = 0.0):
        self.l1, self.l2 = _factor(l1 or 0.0, "l1"), _factor(l2 or 0.0, "l2")

    def __call__(self, x: Any) -> jax.Array:
        """Give the penalty, in the dtype of `x`."""
        x = jnp.asarray(x)
        penalty = jnp.zeros((), x.dtype)
        if self.l1:
            penalty = penalty + jnp.asarray(self.l1, x.dtype) * jnp.sum(jnp.abs(x))
        if self.l2:
            penalty = penalty + jnp.asarray(self.l2, x.dtype) * jnp.sum(jnp.square(x))
        return penalty

    def get_config(self) -> dict[str, Any]:
        """The factors."""
        return {"l1": self.l1, "l2": self.l2}


class L1(L1L2):
    """`l1 * sum(abs(x))`: drives weights to 0.

    Args:
        l1: The factor. None means 0.01.

    Raises:
        InvalidArgument: If it is negative or not finite.

    Example:
        >>> import jax.numpy as jnp
        >>> from kibitz.layers.regularizers import L1
        >>> float(L1(0.5)(jnp.array([2.0, -4.0])))
        3.0

    Source: https://keras.io/api/layers/regularizers/#l1-class
    """

    def __init__(self, l1: float | None = 0.01):
        super().__init__(l1=0.01 if l1 is None else l1)

    def get_config(self) -> dict[str, Any]:
        """The factor."""
        return {"l1": self.l1}


class L2(L1L2):
    """`l2 * sum(x**2)`: keeps weights small.

    Args:
        l2: The factor. None means 0.01.

    Raises:
        InvalidArgument: If it is negative or not finite.

    Example:
        >>> import jax.numpy as jnp
        >>> from kibitz.layers.regularizers import L2
        >>> float(L2(0.5)(jnp.array([2.0, -4.0])))
        10.0

    Source: https://keras.io/api/layers/regularizers/#l2-class
    """

    def __init__(self, l2: float | None = 0.01):
        super().__init__(l2=0.01 if l2 is None else l2)

    def get_config(self) -> dict[str, Any]:
        """The factor."""
        return {"l2": self.l2}


class OrthogonalRegularizer(Regularizer):
    """Punish the rows (or columns) of a matrix for not being orthogonal to each other.

    Args:
        factor: Times the mean of the absolute dot products of all pairs, each made a unit vector first.
        mode: "rows" or "columns".

    Raises:
        InvalidArgument: If the factor is negative or not finite, or there is no such mode.
        ShapeMismatch: When called on what is no matrix.

    Example:
        >>> import jax.numpy as jnp
        >>> from kibitz.layers.regularizers import OrthogonalRegularizer
        >>> float(OrthogonalRegularizer(0.5)(jnp.array([[2.0, 0.0], [3.0, 0.0]])))
        0.5

    Source: https://keras.io/api/layers/regularizers/#orthogonalregularizer-class
    """

    def __init__(self, factor: float = 0.01, mode: str = "rows"):
        self.factor = _factor(factor, "factor")
        self.mode = one_of(mode, "mode", ["rows", "columns"], 'mode="rows"')

    def __call__(self, inputs: Any) -> jax.Array:
        """Give the penalty."""
        if jnp.ndim(inputs) != 2:
            raise ShapeMismatch(
                "Only the rows or columns of a matrix can be orthogonal.",
                given=inputs,
                wanted="two dimensions",
                cure='kernel_regularizer="l2" for a kernel of more dimensions',
            )
        vectors = jnp.asarray(inputs) if self.mode == "rows" else jnp.asarray(inputs).T
        squares = jnp.sum(jnp.square(vectors), axis=1, keepdims=True)
        vectors = vectors * jax.lax.rsqrt(jnp.maximum(squares, jnp.asarray(1e-12, vectors.dtype)))
        count = vectors.shape[0]
        products = (vectors @ vectors.T) * (1.0 - jnp.eye(count, dtype=vectors.dtype))
        return self.factor * 0.5 * jnp.sum(jnp.abs(products)) / (count * (count - 1.0) / 2.0)

    def get_config(self) -> dict[str, Any]:
        """The arguments."""
        return {"factor": self.factor, "mode": self.mode}


TABLE = Table(
    "regularizer",
    "keras.regularizers",
    (L1, L2, L1L2, OrthogonalRegularizer),
    aliases={"l1_l2": L1L2},
    cure='kernel_regularizer="l2"',
)


def get(identifier: Any) -> Any:
    """Find a regularizer: by name, class, config, or itself; None stays None.

    Args:
        identifier: A name, a class, an instance, a function of one array, or what `serialize` gave.

    Raises:
        UnknownName: If there is no regularizer of this name.
        InvalidArgument: If it can be none.

    Example:
        >>> from kibitz.layers import regularizers
        >>> regularizers.get("l2")
        L2(l2=0.01)

    Source: https://keras.io/api/layers/regularizers/
    """
    return TABLE.get(identifier)


def serialize(regularizer: Any) -> Any:
    """Write a regularizer down as Keras does.

    Args:
        regularizer: What `get` gave.

    Example:
        >>> from kibitz.layers import regularizers
        >>> regularizers.serialize(regularizers.L1(0.5))["config"]
        {'l1': 0.5}
    """
    return TABLE.serialize(regularizer)


def deserialize(config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None) -> Any:
    """Make the regularizer that `serialize` wrote down.

    Args:
        config: What `serialize` gave.
        custom_objects: Your own classes and functions by name. None means there are none.

    Raises:
        UnknownName: If the class is neither in the table nor in `custom_objects`.

    Example:
        >>> from kibitz.layers import regularizers
        >>> regularizers.deserialize({"class_name": "L1", "config": {"l1": 0.5}})
        L1(l1=0.5)
    """
    return TABLE.deserialize(config, custom_objects)


def _factor(value: Any, name: str) -> float:
    return float(number(value, name, f"{name}=0.01", least=0))


__all__ = ["L1", "L1L2", "L2", "OrthogonalRegularizer", "Regularizer", "deserialize", "get", "serialize"]
