"""What every loss is: a name, a reduction, and a `call` that gives one value per sample."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from kibitz.errors import ShapeMismatch, UnknownName, Unsupported, WrongType, code
from kibitz.losses.mask import mask_of, masks_left
from kibitz.losses.reduction import reduce_weighted_values, standardize_reduction
from kibitz.naming import to_snake_case

POLICIES = {"mixed_float16": "float16", "mixed_bfloat16": "bfloat16"}


class Loss:
    """The base class of losses; subclass it and write `call` for one of your own.

    Calling a loss gives one number: `call` per sample, times the sample weights, reduced. It is pure `jax.numpy`, so it
    works inside `jax.jit` and `jax.grad`.

    Args:
        name: Its name in messages and configurations. None makes one from the class: `MyLoss` is "my_loss".
        reduction: "sum_over_batch_size" or "mean" (the sum over the number of values), "sum",
            "mean_with_sample_weight" (the sum over the sum of the weights), "none" or None (one value per sample).
        dtype: The dtype to compute in, to which labels and predictions are cast; a policy such as "mixed_bfloat16"
            gives its compute dtype. None means "float32".

    Raises:
        UnknownName: If there is no such reduction or dtype.

    Unlike Keras: a second loss of the same class has the same name, not one with a number.

    Example:
        >>> import jax.numpy as jnp
        >>> from kibitz.losses.base import Loss
        >>> class Worst(Loss):
        ...     def call(self, y_true, y_pred):
        ...         return jnp.max(jnp.abs(y_true - y_pred), axis=-1)
        >>> float(Worst(reduction="sum")([[0, 0], [0, 0]], [[1.0, 3.0], [2.0, 0.0]]))
        5.0

    Source: https://keras.io/api/losses/
    """

    def __init__(
        self, name: str | None = None, reduction: str | None = "sum_over_batch_size", dtype: Any = None
    ) -> None:
        self.name = name or to_snake_case(type(self).__name__)
        self.reduction = standardize_reduction(reduction)
        self._dtype = _compute_dtype(dtype)

    @property
    def dtype(self) -> str:
        """The name of the dtype that the loss is computed in."""
        return self._dtype

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None, *, mask: Any = None) -> jax.Array:
        """The loss of a batch, reduced.

        Args:
            y_true: Labels, `(batch, ...)`, or a structure of them.
            y_pred: Predictions of the model, in the same structure.
            sample_weight: Weights that broadcast against what `call` gives. None weighs all samples 1.
            mask: True where a value counts. None is everywhere.
        """
        y_true, y_pred = _as_arrays(y_true, self.dtype), _as_arrays(y_pred, self.dtype)
        with masks_left() as notes:
            values = self.call(y_true, y_pred)
        if values is None:
            raise WrongType(
                f'The loss "{self.name}" returned None.',
                given=code(f"{type(self).__name__}.call"),
                wanted="one value per sample",
                cure="return jnp.mean(jnp.square(y_true - y_pred), axis=-1)",
            )
        left = mask_of(values, notes)
        if mask is not None and left is not None:
            mask = jnp.logical_and(mask, left)
        return reduce_weighted_values(values, sample_weight, left if mask is None else mask, self.reduction, self.dtype)

    def call(self, y_true: Any, y_pred: Any) -> Any:  # noqa: ARG002 - the signature is what a subclass fills in.
        """One value per sample; a subclass writes it.

        Args:
            y_true: Labels, cast to the dtype of the loss.
            y_pred: Predictions, cast likewise.

        Raises:
            Unsupported: If the subclass has not written it.
        """
        raise Unsupported(
            f"{type(self).__name__} does not say what its loss is.",
            given=code(f"class {type(self).__name__}(Loss)"),
            wanted="a method `call(self, y_true, y_pred)`",
            cure="def call(self, y_true, y_pred): return jnp.mean(jnp.square(y_true - y_pred), axis=-1)",
        )

    def get_config(self) -> dict[str, Any]:
        """The arguments that make this loss again: `from_config(get_config())`."""
        return {"name": self.name, "reduction": self.reduction}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Loss:
        """Make a loss from what `get_config` gave."""
        return cls(**config)


def same_structure(y_true: Any, y_pred: Any) -> tuple[list[Any], list[Any], Any]:
    """Take labels and predictions apart into lists of arrays that belong together.

    Args:
        y_true: An array, or a structure of arrays.
        y_pred: The same.

    Raises:
        ShapeMismatch: If the structures differ.

    Example:
        >>> from kibitz.losses.base import same_structure
        >>> same_structure({"a": 1, "b": 2}, {"a": 3, "b": 4})[:2]
        ([1, 2], [3, 4])
    """
    true_leaves, true_tree = jax.tree.flatten(y_true)
    pred_leaves, pred_tree = jax.tree.flatten(y_pred)
    if true_tree != pred_tree:
        raise ShapeMismatch(
            "A loss compares labels and predictions of the same structure.",
            given=code(f"y_true: {true_tree}, y_pred: {pred_tree}"),
            wanted="an array for each output",
            cure="y_true in the structure of the model's output",
        )
    return true_leaves, pred_leaves, true_tree


def _as_arrays(tree: Any, dtype: str) -> Any:
    return jax.tree.map(lambda leaf: jnp.asarray(leaf, dtype=dtype), tree, is_leaf=_is_numbers)


def _is_numbers(value: Any) -> bool:
    """Whether a list is one array written out, and not a structure of several arrays."""
    return isinstance(value, (list, tuple)) and all(
        isinstance(item, (bool, int, float, np.generic)) or _is_numbers(item) for item in value
    )


def _compute_dtype(dtype: Any) -> str:
    if dtype is None:
        return "float32"
    dtype = getattr(dtype, "compute_dtype", dtype)
    try:
        return jnp.dtype(POLICIES.get(dtype, dtype) if isinstance(dtype, str) else dtype).name
    except TypeError:
        raise UnknownName(
            "There is no dtype of this name.",
            given=dtype,
            there_is=("float32", "bfloat16", "float16", "float64", *POLICIES),
            cure='dtype="float32"',
        ) from None
