"""Bring labels and predictions to one dtype and one rank before they are compared."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from kibitz.errors import ShapeMismatch, WrongType, code

# Keras's `backend.epsilon()`: the losses' numbers depend on it, so it is the same here.
EPSILON = 1e-7


def as_floats(y_true: Any, y_pred: Any) -> tuple[jax.Array, jax.Array]:
    """Make both arrays, in the dtype of the predictions.

    Integer and boolean predictions become float32, so that a loss function can be tried out on whole numbers.

    Args:
        y_true: Labels, of any shape and dtype.
        y_pred: Predictions, of any shape; their floating dtype is kept.

    Example:
        >>> from kibitz.losses.align import as_floats
        >>> [array.dtype.name for array in as_floats([1, 0], [0.5, 0.5])]
        ['float32', 'float32']
    """
    y_pred = jnp.asarray(y_pred)
    if not jnp.issubdtype(y_pred.dtype, jnp.floating):
        y_pred = y_pred.astype(jnp.float32)
    return jnp.asarray(y_true).astype(y_pred.dtype), y_pred


def squeeze_or_expand_to_same_rank(x1: Any, x2: Any, expand_rank_1: bool = True) -> tuple[Any, Any]:
    """Take away or add one trailing dimension of size 1, if that makes the ranks equal; else change nothing.

    Labels of shape `(batch,)` and an output of shape `(batch, 1)` mean the same thing; broadcast against each other
    they would make a `(batch, batch)` table.

    Args:
        x1: An array.
        x2: An array.
        expand_rank_1: Whether a `(batch,)` partner becomes `(batch, 1)`; else the longer one loses its last dimension.

    Example:
        >>> import numpy as np
        >>> from kibitz.losses.align import squeeze_or_expand_to_same_rank
        >>> [array.shape for array in squeeze_or_expand_to_same_rank(np.zeros(4), np.zeros((4, 1)))]
        [(4, 1), (4, 1)]
        >>> [array.shape for array in squeeze_or_expand_to_same_rank(np.zeros((4, 3)), np.zeros((4, 3, 1)))]
        [(4, 3), (4, 3)]
    """
    if len(x1.shape) == len(x2.shape) + 1:
        x2, x1 = _same_rank(x2, x1, expand_rank_1)
    elif len(x2.shape) == len(x1.shape) + 1:
        x1, x2 = _same_rank(x1, x2, expand_rank_1)
    return x1, x2


def _same_rank(short: Any, long: Any, expand_rank_1: bool) -> tuple[Any, Any]:
    if long.shape[-1] != 1:
        return short, long
    if len(short.shape) == 1 and expand_rank_1:
        return short[:, None], long
    return short, long[..., 0]


def align(y_true: Any, y_pred: Any) -> tuple[jax.Array, jax.Array]:
    """One dtype and one rank: what the regression losses do first.

    Args:
        y_true: Labels.
        y_pred: Predictions.

    Example:
        >>> from kibitz.losses.align import align
        >>> [array.shape for array in align([1, 2], [[1.0], [2.0]])]
        [(2, 1), (2, 1)]
    """
    y_true, y_pred = squeeze_or_expand_to_same_rank(*as_floats(y_true, y_pred))
    return y_true, y_pred


def require_same_shape(loss: str, y_true: Any, y_pred: Any) -> None:
    """Refuse labels that would only be compared with the predictions by broadcasting.

    Args:
        loss: The name of the loss function, for the message.
        y_true: Labels.
        y_pred: Predictions.

    Raises:
        ShapeMismatch: If the shapes differ, or there is no dimension to sum over.

    Example:
        >>> import numpy as np
        >>> from kibitz.losses.align import require_same_shape
        >>> require_same_shape("binary_crossentropy", np.zeros((2, 1)), np.zeros((2, 1)))
    """
    if y_true.shape == y_pred.shape and y_pred.ndim:
        return
    raise ShapeMismatch(
        f"{loss} compares each prediction with one label, so the two shapes are the same.",
        given=_shapes(y_true, y_pred),
        wanted=f"y_true of shape {y_pred.shape}" if y_pred.ndim else "at least one dimension",
        cure="labels with one value for each output, or the sparse_ form of the loss for class numbers",
    )


def require_whole_axis(axis: Any) -> None:
    """Refuse True and False where a dimension is meant; Python takes them for 1 and 0.

    Args:
        axis: The dimension that a loss sums over.

    Raises:
        WrongType: If `axis` is a bool.

    Example:
        >>> from kibitz.losses.align import require_whole_axis
        >>> require_whole_axis(-1)
    """
    if isinstance(axis, bool):
        raise WrongType("`axis` is the number of a dimension.", given=axis, wanted="an int", cure="axis=-1")


def _shapes(y_true: Any, y_pred: Any) -> code:
    return code(f"y_true of shape {tuple(y_true.shape)}, y_pred of shape {tuple(y_pred.shape)}")
