"""Crossentropy: the surprise at the right class, for two classes, one-hot labels, and class numbers."""

from __future__ import annotations

import warnings
from typing import Any

import jax
import jax.numpy as jnp
import optax

from kibitz.errors import ShapeMismatch, code
from kibitz.losses.align import EPSILON, as_floats, require_same_shape, require_whole_axis
from kibitz.losses.function_loss import ShippedLoss, require_flag, require_unit_interval
from kibitz.losses.mask import leave_mask


def binary_crossentropy(
    y_true: Any, y_pred: Any, from_logits: bool = False, label_smoothing: float = 0.0, axis: int = -1
) -> jax.Array:
    """The surprise at the right answer of yes or no, the mean over `axis`.

    Args:
        y_true: Labels from 0 to 1, `(batch, ..., n)`.
        y_pred: Probabilities of 1, or logits, of the same shape.
        from_logits: Whether `y_pred` is what goes into a sigmoid. Better conditioned than probabilities.
        label_smoothing: How far labels move towards 0.5, from 0 to 1.
        axis: The dimension that the mean is taken over.

    Returns:
        One value per sample, `(batch, ...)`.

    Raises:
        ShapeMismatch: If the shapes differ.

    Example:
        >>> from kibitz.losses.crossentropy import binary_crossentropy
        >>> [round(value, 4) for value in binary_crossentropy([[1], [0]], [[0.5], [0.75]]).tolist()]
        [0.6931, 1.3863]

    Source: https://keras.io/api/losses/probabilistic_losses/
    """
    y_true, y_pred = as_floats(y_true, y_pred)
    require_same_shape("binary_crossentropy", y_true, y_pred)
    if label_smoothing:
        y_true = y_true * (1.0 - label_smoothing) + 0.5 * label_smoothing
    if from_logits:
        return jnp.mean(optax.losses.sigmoid_binary_cross_entropy(y_pred, y_true), axis=axis)
    return jnp.mean(binary_surprise(y_true, y_pred), axis=axis)


def categorical_crossentropy(
    y_true: Any, y_pred: Any, from_logits: bool = False, label_smoothing: float = 0.0, axis: int = -1
) -> jax.Array:
    """The surprise at the right one of several classes, labels one-hot.

    Args:
        y_true: One-hot labels, or a probability for each class, `(batch, ..., classes)`.
        y_pred: Probabilities, which are made to sum to 1, or logits, of the same shape.
        from_logits: Whether `y_pred` is what goes into a softmax. Better conditioned than probabilities.
        label_smoothing: How far labels move towards an equal share for each class, from 0 to 1.
        axis: The dimension of the classes.

    Returns:
        One value per sample, `(batch, ...)`.

    Raises:
        ShapeMismatch: If the shapes differ.
        WrongType: If `axis` is a bool.

    Example:
        >>> from kibitz.losses.crossentropy import categorical_crossentropy
        >>> values = categorical_crossentropy([[1, 0], [0, 1]], [[0.5, 0.5], [0.75, 0.25]])
        >>> [round(value, 4) for value in values.tolist()]
        [0.6931, 1.3863]

    Source: https://keras.io/api/losses/probabilistic_losses/
    """
    require_whole_axis(axis)
    y_true, y_pred = as_floats(y_true, y_pred)
    require_same_shape("categorical_crossentropy", y_true, y_pred)
    warn_of_one_class("categorical_crossentropy", y_pred)
    if label_smoothing:
        y_true = optax.losses.smooth_labels(y_true, label_smoothing)
    if from_logits:
        return optax.losses.softmax_cross_entropy(y_pred, y_true, axis=axis)
    return -jnp.sum(y_true * jnp.log(probabilities(y_pred, axis)), axis=axis)


def sparse_categorical_crossentropy(
    y_true: Any, y_pred: Any, from_logits: bool = False, ignore_class: int | None = None, axis: int = -1
) -> jax.Array:
    """The surprise at the right one of several classes, labels as class numbers.

    Args:
        y_true: Class numbers from 0, `(batch, ...)` or `(batch, ..., 1)`.
        y_pred: Probabilities, which are made to sum to 1, or logits, `(batch, ..., classes)`.
        from_logits: Whether `y_pred` is what goes into a softmax. Better conditioned than probabilities.
        ignore_class: A label that does not count: its value is 0, and a mean leaves it out. None counts all labels.
        axis: The dimension of the classes.

    Returns:
        One value per label, `(batch, ...)`.

    Raises:
        ShapeMismatch: If there is not one label for each row of classes.

    Unlike Keras: a label that is NaN gives NaN, not the value of class 0. A number outside the classes gives 0 as in
    Keras; `fit` refuses it before the first step.

    Example:
        >>> from kibitz.losses.crossentropy import sparse_categorical_crossentropy
        >>> values = sparse_categorical_crossentropy([0, 1], [[0.5, 0.5], [0.75, 0.25]])
        >>> [round(value, 4) for value in values.tolist()]
        [0.6931, 1.3863]

    Source: https://keras.io/api/losses/probabilistic_losses/
    """
    require_whole_axis(axis)
    y_true, y_pred = as_labels(y_true, y_pred, axis)
    counted = None
    if ignore_class is not None:
        counted = y_true != ignore_class
        y_true = jnp.where(counted, y_true, jnp.zeros_like(y_true))
        y_pred = jnp.where(jnp.expand_dims(counted, axis), y_pred, jnp.zeros_like(y_pred))
    target = one_hot(y_true, y_pred.shape[axis], axis)
    if from_logits:
        values = optax.losses.softmax_cross_entropy(y_pred, target, axis=axis)
    else:
        values = -jnp.sum(target * jnp.log(probabilities(y_pred, axis)), axis=axis)
    if counted is not None:
        values = jnp.where(counted, values, 0.0)
        leave_mask(values, counted)
    return values


def binary_surprise(y_true: jax.Array, y_pred: jax.Array) -> jax.Array:
    """Binary crossentropy of each probability, none nearer to 0 or 1 than 1e-7.

    Args:
        y_true: Labels from 0 to 1.
        y_pred: Probabilities of 1.

    Example:
        >>> import jax.numpy as jnp
        >>> from kibitz.losses.crossentropy import binary_surprise
        >>> round(float(binary_surprise(jnp.array(1.0), jnp.array(0.5))), 4)  # log(2)
        0.6931
    """
    y_pred = jnp.clip(y_pred, EPSILON, 1.0 - EPSILON)
    return -(y_true * jnp.log(y_pred) + (1.0 - y_true) * jnp.log(1.0 - y_pred))


def probabilities(y_pred: jax.Array, axis: int) -> jax.Array:
    """Predictions that sum to 1 along `axis`, none nearer to 0 or 1 than 1e-7.

    Args:
        y_pred: Predictions of 0 and more.
        axis: The dimension of the classes.

    Example:
        >>> import jax.numpy as jnp
        >>> from kibitz.losses.crossentropy import probabilities
        >>> probabilities(jnp.array([1.0, 3.0]), axis=-1).tolist()
        [0.25, 0.75]
    """
    return jnp.clip(y_pred / jnp.sum(y_pred, axis=axis, keepdims=True), EPSILON, 1.0 - EPSILON)


def as_labels(y_true: Any, y_pred: Any, axis: int = -1) -> tuple[jax.Array, jax.Array]:
    """Class numbers, one for each row of classes, beside floating predictions.

    Args:
        y_true: Class numbers, with or without a dimension of size 1 in the place of the classes.
        y_pred: Predictions, with a dimension of classes.
        axis: The dimension of the classes.

    Raises:
        ShapeMismatch: If there is not one label for each row of classes.

    Example:
        >>> import numpy as np
        >>> from kibitz.losses.crossentropy import as_labels
        >>> as_labels(np.zeros((2, 1)), np.zeros((2, 10)))[0].shape
        (2,)
    """
    y_true, y_pred = jnp.asarray(y_true), as_floats(0, y_pred)[1]
    rows = y_pred.shape[: axis % y_pred.ndim] + y_pred.shape[axis % y_pred.ndim + 1 :] if y_pred.ndim else None
    if y_true.ndim == y_pred.ndim and y_true.ndim and y_true.shape[axis] == 1:
        y_true = jnp.squeeze(y_true, axis=axis)
    if y_true.shape != rows:
        raise ShapeMismatch(
            "The loss compares each row of classes with the number of one class.",
            given=code(f"y_true of shape {y_true.shape}, y_pred of shape {y_pred.shape}"),
            wanted="y_pred of shape (batch, ..., classes)" if rows is None else f"y_true of shape {rows}",
            cure="class numbers as labels, or categorical_crossentropy for one-hot labels",
        )
    return y_true, y_pred


def one_hot(labels: jax.Array, classes: int, axis: int = -1) -> jax.Array:
    """1 in the place of the label's class, and NaN everywhere where the label is NaN.

    Args:
        labels: Class numbers, of any dtype.
        classes: How many classes there are.
        axis: Where the dimension of the classes goes.

    Example:
        >>> import jax.numpy as jnp
        >>> from kibitz.losses.crossentropy import one_hot
        >>> one_hot(jnp.array([1, 0]), 2).tolist()
        [[0.0, 1.0], [1.0, 0.0]]
    """
    target = jax.nn.one_hot(labels.astype(jnp.int32), classes, axis=axis)
    if not jnp.issubdtype(labels.dtype, jnp.floating):
        return target
    # As an integer NaN would be class 0, trained on in silence; a loss of NaN is looked into.
    return jnp.where(jnp.expand_dims(jnp.isnan(labels), axis), jnp.nan, target)


def warn_of_one_class(loss: str, y_pred: jax.Array) -> None:
    """Warn that one class is always right: the loss is 0, whatever the model says.

    Args:
        loss: The name of the loss function.
        y_pred: Predictions, `(batch, ..., classes)`.

    Example:
        >>> import numpy as np
        >>> from kibitz.losses.crossentropy import warn_of_one_class
        >>> warn_of_one_class("categorical_crossentropy", np.zeros((2, 2)))
    """
    if y_pred.shape[-1] == 1:
        warnings.warn(
            f"{loss} of a single class is always 0, and nothing is learned (y_pred of shape {y_pred.shape}). "
            'Two classes in one unit are "binary_crossentropy".',
            SyntaxWarning,
            stacklevel=3,
        )


class BinaryCrossentropy(ShippedLoss):
    """The surprise at the right answer of yes or no; for two classes, or several labels at once.

    Args:
        from_logits: Whether the model gives what goes into a sigmoid. Better conditioned than probabilities.
        label_smoothing: How far labels move towards 0.5, from 0 to 1.
        axis: The dimension that the mean is taken over.
        reduction: How values become one number; see `Loss`.
        name: Its name in messages.
        dtype: The dtype to compute in. None means "float32".

    Raises:
        UnknownName: If there is no such reduction or dtype.
        InvalidArgument: If `from_logits` is no bool, or `label_smoothing` is outside 0 to 1.

    Example:
        >>> from kibitz.losses.crossentropy import BinaryCrossentropy
        >>> round(float(BinaryCrossentropy(from_logits=True)([0, 1], [[0.0], [0.0]])), 4)
        0.6931

    Source: https://keras.io/api/losses/probabilistic_losses/
    """

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str = "binary_crossentropy",
        dtype: Any = None,
    ) -> None:
        require_flag("from_logits", from_logits)
        require_unit_interval("label_smoothing", label_smoothing)
        arguments = {"from_logits": from_logits, "label_smoothing": label_smoothing, "axis": axis}
        super().__init__(binary_crossentropy, name=name, reduction=reduction, dtype=dtype, **arguments)
        self.from_logits, self.label_smoothing, self.axis = from_logits, label_smoothing, axis


class CategoricalCrossentropy(ShippedLoss):
    """The surprise at the right one of several classes, labels one-hot.

    Args:
        from_logits: Whether the model gives what goes into a softmax. Better conditioned than probabilities.
        label_smoothing: How far labels move towards an equal share for each class, from 0 to 1.
        axis: The dimension of the classes.
        reduction: How values become one number; see `Loss`.
        name: Its name in messages.
        dtype: The dtype to compute in. None means "float32".

    Raises:
        UnknownName: If there is no such reduction or dtype.
        InvalidArgument: If `from_logits` is no bool, or `label_smoothing` is outside 0 to 1.

    Example:
        >>> from kibitz.losses.crossentropy import CategoricalCrossentropy
        >>> round(float(CategoricalCrossentropy(from_logits=True)([[1, 0], [0, 1]], [[0.0, 0.0], [0.0, 0.0]])), 4)
        0.6931

    Source: https://keras.io/api/losses/probabilistic_losses/
    """

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str = "categorical_crossentropy",
        dtype: Any = None,
    ) -> None:
        require_flag("from_logits", from_logits)
        require_unit_interval("label_smoothing", label_smoothing)
        arguments = {"from_logits": from_logits, "label_smoothing": label_smoothing, "axis": axis}
        super().__init__(categorical_crossentropy, name=name, reduction=reduction, dtype=dtype, **arguments)
        self.from_logits, self.label_smoothing, self.axis = from_logits, label_smoothing, axis


class SparseCategoricalCrossentropy(ShippedLoss):
    """The surprise at the right one of several classes, labels as class numbers.

    Args:
        from_logits: Whether the model gives what goes into a softmax. Better conditioned than probabilities.
        ignore_class: A label that does not count: its value is 0, and a mean leaves it out. None counts all labels.
        reduction: How values become one number; see `Loss`.
        axis: The dimension of the classes.
        name: Its name in messages.
        dtype: The dtype to compute in. None means "float32".

    Raises:
        UnknownName: If there is no such reduction or dtype.
        InvalidArgument: If `from_logits` is no bool.

    Unlike Keras: `axis` is in the configuration, so a saved loss comes back as it was.

    Example:
        >>> from kibitz.losses.crossentropy import SparseCategoricalCrossentropy
        >>> loss = SparseCategoricalCrossentropy(from_logits=True, ignore_class=-1)
        >>> round(float(loss([0, -1], [[0.0, 0.0], [5.0, 0.0]])), 4)
        0.6931

    Source: https://keras.io/api/losses/probabilistic_losses/
    """

    def __init__(
        self,
        from_logits: bool = False,
        ignore_class: int | None = None,
        reduction: str | None = "sum_over_batch_size",
        axis: int = -1,
        name: str = "sparse_categorical_crossentropy",
        dtype: Any = None,
    ) -> None:
        require_flag("from_logits", from_logits)
        arguments = {"from_logits": from_logits, "ignore_class": ignore_class, "axis": axis}
        super().__init__(sparse_categorical_crossentropy, name=name, reduction=reduction, dtype=dtype, **arguments)
        self.from_logits, self.ignore_class, self.axis = from_logits, ignore_class, axis
