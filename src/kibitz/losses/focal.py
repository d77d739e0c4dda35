"""Focal crossentropy: what is easy counts less, so that many easy samples do not drown the few hard ones."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import optax

from kibitz.losses.align import as_floats, require_same_shape, require_whole_axis
from kibitz.losses.crossentropy import binary_surprise, probabilities, warn_of_one_class
from kibitz.losses.function_loss import ShippedLoss, require_flag, require_unit_interval


def binary_focal_crossentropy(
    y_true: Any,
    y_pred: Any,
    apply_class_balancing: bool = False,
    alpha: float = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> jax.Array:
    """Binary crossentropy times `(1 - p)**gamma`, p the probability of the right answer; the mean over `axis`.

    Args:
        y_true: Labels from 0 to 1, `(batch, ..., n)`.
        y_pred: Probabilities of 1, or logits, of the same shape.
        apply_class_balancing: Whether label 1 is weighed with `alpha` and label 0 with `1 - alpha`.
        alpha: The weight of label 1, from 0 to 1.
        gamma: How strongly easy samples are turned down; 0 is plain crossentropy.
        from_logits: Whether `y_pred` is what goes into a sigmoid.
        label_smoothing: How far labels move towards 0.5, from 0 to 1.
        axis: The dimension that the mean is taken over.

    Returns:
        One value per sample, `(batch, ...)`.

    Raises:
        ShapeMismatch: If the shapes differ.

    Example:
        >>> from kibitz.losses.focal import binary_focal_crossentropy
        >>> round(float(binary_focal_crossentropy([[1]], [[0.5]])[0]), 4)  # log(2) / 4
        0.1733

    Source: Lin et al., https://arxiv.org/abs/1708.02002
    """
    y_true, y_pred = as_floats(y_true, y_pred)
    require_same_shape("binary_focal_crossentropy", y_true, y_pred)
    if label_smoothing:
        y_true = y_true * (1.0 - label_smoothing) + 0.5 * label_smoothing
    if from_logits:
        y_pred = jax.nn.sigmoid(y_pred)
    right = y_true * y_pred + (1 - y_true) * (1 - y_pred)
    values = jnp.power(1.0 - right, gamma) * binary_surprise(y_true, y_pred)
    if apply_class_balancing:
        values = (y_true * alpha + (1 - y_true) * (1 - alpha)) * values
    return jnp.mean(values, axis=axis)


def categorical_focal_crossentropy(
    y_true: Any,
    y_pred: Any,
    alpha: Any = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> jax.Array:
    """Categorical crossentropy times `alpha * (1 - p)**gamma`, p the probability of the class; labels one-hot.

    Args:
        y_true: One-hot labels, `(batch, ..., classes)`.
        y_pred: Probabilities, which are made to sum to 1, or logits, of the same shape.
        alpha: The weight of all classes, or a list with one for each.
        gamma: How strongly easy samples are turned down; 0 is plain crossentropy.
        from_logits: Whether `y_pred` is what goes into a softmax.
        label_smoothing: How far labels move towards an equal share for each class, from 0 to 1.
        axis: The dimension of the classes.

    Returns:
        One value per sample, `(batch, ...)`.

    Raises:
        WrongType: If `axis` is a bool.

    Example:
        >>> from kibitz.losses.focal import categorical_focal_crossentropy
        >>> round(float(categorical_focal_crossentropy([[1, 0]], [[0.5, 0.5]], alpha=1.0)[0]), 4)  # log(2) / 4
        0.1733

    Source: Lin et al., https://arxiv.org/abs/1708.02002
    """
    require_whole_axis(axis)
    y_true, y_pred = as_floats(y_true, y_pred)
    warn_of_one_class("categorical_focal_crossentropy", y_pred)
    if label_smoothing:
        y_true = optax.losses.smooth_labels(y_true, label_smoothing)
    p = probabilities(jax.nn.softmax(y_pred, axis=axis) if from_logits else y_pred, axis)
    weights = jnp.power(1.0 - p, gamma) * jnp.asarray(alpha, dtype=p.dtype)
    return jnp.sum(weights * (-y_true * jnp.log(p)), axis=axis)


class BinaryFocalCrossentropy(ShippedLoss):
    """Binary crossentropy that turns easy samples down; for two classes of which one is rare.

    Args:
        apply_class_balancing: Whether label 1 is weighed with `alpha` and label 0 with `1 - alpha`.
        alpha: The weight of label 1, from 0 to 1.
        gamma: How strongly easy samples are turned down; 0 is plain crossentropy.
        from_logits: Whether the model gives what goes into a sigmoid.
        label_smoothing: How far labels move towards 0.5, from 0 to 1.
        axis: The dimension that the mean is taken over.
        reduction: How values become one number; see `Loss`.
        name: Its name in messages.
        dtype: The dtype to compute in. None means "float32".

    Raises:
        UnknownName: If there is no such reduction or dtype.
        InvalidArgument: If a switch is no bool, or `label_smoothing` is outside 0 to 1.

    Example:
        >>> from kibitz.losses.focal import BinaryFocalCrossentropy
        >>> round(float(BinaryFocalCrossentropy(gamma=0.0)([1], [[0.5]])), 4)  # log(2)
        0.6931

    Source: Lin et al., https://arxiv.org/abs/1708.02002
    """

    def __init__(
        self,
        apply_class_balancing: bool = False,
        alpha: float = 0.25,
        gamma: float = 2.0,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str = "binary_focal_crossentropy",
        dtype: Any = None,
    ) -> None:
        require_flag("apply_class_balancing", apply_class_balancing)
        require_flag("from_logits", from_logits)
        require_unit_interval("label_smoothing", label_smoothing)
        super().__init__(
            binary_focal_crossentropy,
            name=name,
            reduction=reduction,
            dtype=dtype,
            apply_class_balancing=apply_class_balancing,
            alpha=alpha,
            gamma=gamma,
            from_logits=from_logits,
            label_smoothing=label_smoothing,
            axis=axis,
        )
        self.from_logits, self.label_smoothing, self.axis = from_logits, label_smoothing, axis
        self.apply_class_balancing, self.alpha, self.gamma = apply_class_balancing, alpha, gamma


class CategoricalFocalCrossentropy(ShippedLoss):
    """Categorical crossentropy that turns easy samples down; for several classes of which some are rare.

    Args:
        alpha: The weight of all classes, or a list with one for each.
        gamma: How strongly easy samples are turned down; 0 is plain crossentropy.
        from_logits: Whether the model gives what goes into a softmax.
        label_smoothing: How far labels move towards an equal share for each class, from 0 to 1.
        axis: The dimension of the classes.
        reduction: How values become one number; see `Loss`.
        name: Its name in messages.
        dtype: The dtype to compute in. None means "float32".

    Raises:
        UnknownName: If there is no such reduction or dtype.
        InvalidArgument: If `from_logits` is no bool, or `label_smoothing` is outside 0 to 1.

    Example:
        >>> from kibitz.losses.focal import CategoricalFocalCrossentropy
        >>> round(float(CategoricalFocalCrossentropy(alpha=1.0, gamma=0.0)([[1, 0]], [[0.5, 0.5]])), 4)  # log(2)
        0.6931

    Source: Lin et al., https://arxiv.org/abs/1708.02002
    """

    def __init__(
        self,
        alpha: Any = 0.25,
        gamma: float = 2.0,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str = "categorical_focal_crossentropy",
        dtype: Any = None,
    ) -> None:
        require_flag("from_logits", from_logits)
        require_unit_interval("label_smoothing", label_smoothing)
        super().__init__(
            categorical_focal_crossentropy,
            name=name,
            reduction=reduction,
            dtype=dtype,
            alpha=alpha,
            gamma=gamma,
            from_logits=from_logits,
            label_smoothing=label_smoothing,
            axis=axis,
        )
        self.from_logits, self.label_smoothing, self.axis = from_logits, label_smoothing, axis
        self.alpha, self.gamma = alpha, gamma
