"""How far predicted and true regions overlap: intersection over union, class by class."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

from kibitz.errors import InvalidArgument
from kibitz.losses.align import EPSILON
from kibitz.metrics.base import Metric
from kibitz.metrics.require import require_count, require_same_shape
from kibitz.metrics.weights import spread


class IoU(Metric):
    """The overlap of predicted and true regions, averaged over some classes; classes that nobody saw are left out.

    Args:
        num_classes: How many classes there are, at least 1.
        target_class_ids: The classes to average over, each from 0 to below `num_classes`.
        name: Its key in the logs. None means "io_u", made unique.
        dtype: The dtype of the counts. None means "int32"; fractions of sample weights need "float32".
        ignore_class: Labels of this class do not count. None counts all.
        sparse_y_true: Whether labels number the class; else they are one-hot.
        sparse_y_pred: Whether predictions number the class; else they are scores.
        axis: The dimension of the classes, where labels or predictions are not sparse.

    Raises:
        InvalidArgument: If a number of classes, or the number of a class, is none.

    Unlike Keras: `axis` may be another dimension than the last.

    Example:
        >>> from kibitz.metrics.iou import IoU
        >>> round(float(IoU(num_classes=2, target_class_ids=[0])([0, 0, 1, 1], [0, 1, 0, 1])), 4)
        0.3333

    Source: https://keras.io/api/metrics/segmentation_metrics/
    """

    _direction = "up"
    _fixed: tuple[str, ...] = ()  # arguments that a subclass does not take

    def __init__(
        self,
        num_classes: int,
        target_class_ids: Sequence[int],
        name: str | None = None,
        dtype: Any = None,
        ignore_class: int | None = None,
        sparse_y_true: bool = True,
        sparse_y_pred: bool = True,
        axis: int = -1,
    ):
        super().__init__(name=name, dtype=dtype or "int32")
        require_count("num_classes", num_classes, "the number of classes", such_as=2)
        self.target_class_ids = _targets(target_class_ids, num_classes)
        if ignore_class is not None:
            require_count("ignore_class", ignore_class, "the number of a class", least=None, such_as=0)
        self.num_classes = num_classes
        self.ignore_class = ignore_class
        self.sparse_y_true = sparse_y_true
        self.sparse_y_pred = sparse_y_pred
        self.axis = axis
        self.total_cm = self.add_variable(
            (num_classes, num_classes), "zeros", dtype=self.dtype, name="total_confusion_matrix"
        )

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take in one batch; labels and predictions outside the classes do not count.

        Args:
            y_true: Labels, `(batch, ...)`.
            y_pred: Predictions, of as many places.
            sample_weight: One weight a sample, or a place. None weighs all the same.

        Raises:
            ShapeMismatch: If there are more labels than predictions, or fewer.
        """
        y_true, y_pred = jnp.asarray(y_true), jnp.asarray(y_pred)
        y_true = y_true if self.sparse_y_true else jnp.argmax(y_true, axis=self.axis)
        y_pred = y_pred if self.sparse_y_pred else jnp.argmax(y_pred, axis=self.axis)
        weight = spread(self._counted(sample_weight), y_true, self.dtype).reshape(-1)
        y_true, y_pred = (each.astype(jnp.int32).reshape(-1) for each in (y_true, y_pred))
        require_same_shape(self.name, y_true, y_pred, "sparse_y_true=False or sparse_y_pred=False for one-hot")
        counts = (y_true >= 0) & (y_true < self.num_classes) & (y_pred >= 0) & (y_pred < self.num_classes)
        if self.ignore_class is not None:
            counts &= y_true != self.ignore_class
        place = jnp.where(counts, y_true, 0), jnp.where(counts, y_pred, 0)
        self.total_cm.assign(self.total_cm.value.at[place].add(jnp.where(counts, weight, 0)))

    def result(self) -> jax.Array:
        """The mean overlap so far of the classes that were seen."""
        matrix = self.total_cm.value
        both = jnp.diag(matrix)
        either = jnp.sum(matrix, axis=0) + jnp.sum(matrix, axis=1) - both
        targets = jnp.asarray(self.target_class_ids)
        both, either = both[targets].astype(jnp.float32), either[targets].astype(jnp.float32)
        seen = either > 1e-9
        overlaps = jnp.where(seen, both / (either + EPSILON), 0.0)
        return jnp.sum(overlaps) / (jnp.sum(seen.astype(jnp.float32)) + EPSILON)

    def get_config(self) -> dict[str, Any]:
        """The arguments that would make it again."""
        config = {
            **super().get_config(),
            "num_classes": self.num_classes,
            "target_class_ids": self.target_class_ids,
            "ignore_class": self.ignore_class,
            "sparse_y_true": self.sparse_y_true,
            "sparse_y_pred": self.sparse_y_pred,
            "axis": self.axis,
        }
        return {key: value for key, value in config.items() if key not in self._fixed}

    def _counted(self, sample_weight: Any) -> Any:
        if sample_weight is None or not jnp.issubdtype(self.dtype, jnp.integer):
            return sample_weight
        if jnp.issubdtype(jnp.asarray(sample_weight).dtype, jnp.floating):
            warnings.warn(
                f"The metric {self.name!r} counts in {self.dtype}: of the sample weights, which are fractions, only "
                f'the whole part is kept. {type(self).__name__}(dtype="float32") keeps all.',
                stacklevel=4,
            )
        return sample_weight


class BinaryIoU(IoU):
    """The overlap of predicted and true regions where there is yes and no.

    Args:
        target_class_ids: The classes to average over: 0, 1 or both.
        threshold: Predictions at or above it say 1.
        name: Its key in the logs. None means "binary_io_u", made unique.
        dtype: The dtype of the counts. None means "int32"; fractions of sample weights need "float32".

    Raises:
        InvalidArgument: If a class is neither 0 nor 1.

    Example:
        >>> from kibitz.metrics.iou import BinaryIoU
        >>> round(float(BinaryIoU(threshold=0.3)([0, 1, 0, 1], [0.1, 0.2, 0.4, 0.7])), 4)
        0.3333

    Source: https://keras.io/api/metrics/segmentation_metrics/
    """

    _fixed = ("num_classes", "ignore_class", "sparse_y_true", "sparse_y_pred", "axis")

    def __init__(
        self,
        target_class_ids: Sequence[int] = (0, 1),
        threshold: float = 0.5,
        name: str | None = None,
        dtype: Any = None,
    ):
        super().__init__(num_classes=2, target_class_ids=target_class_ids, name=name, dtype=dtype)
        self.threshold = threshold

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take in one batch of labels, 0 or 1, and of predictions, as many."""
        says_yes = jnp.asarray(y_pred).astype(jnp.float32) >= self.threshold
        super().update_state(y_true, says_yes, sample_weight)

    def get_config(self) -> dict[str, Any]:
        """The arguments that would make it again."""
        return {**super().get_config(), "threshold": self.threshold}


class MeanIoU(IoU):
    """The overlap of predicted and true regions, averaged over all classes that were seen.

    Args:
        num_classes: How many classes there are, at least 1.
        name: Its key in the logs. None means "mean_io_u", made unique.
        dtype: The dtype of the counts. None means "int32"; fractions of sample weights need "float32".
        ignore_class: Labels of this class do not count. None counts all.
        sparse_y_true: Whether labels number the class; else they are one-hot.
        sparse_y_pred: Whether predictions number the class; else they are scores.
        axis: The dimension of the classes, where labels or predictions are not sparse.

    Raises:
        InvalidArgument: If `num_classes` or `ignore_class` is no whole number.

    Example:
        >>> from kibitz.metrics.iou import MeanIoU
        >>> round(float(MeanIoU(num_classes=2)([0, 0, 1, 1], [0, 1, 0, 1])), 4)
        0.3333

    Source: https://keras.io/api/metrics/segmentation_metrics/
    """

    _fixed = ("target_class_ids",)

    def __init__(
        self,
        num_classes: int,
        name: str | None = None,
        dtype: Any = None,
        ignore_class: int | None = None,
        sparse_y_true: bool = True,
        sparse_y_pred: bool = True,
        axis: int = -1,
    ):
        require_count("num_classes", num_classes, "the number of classes", such_as=2)
        super().__init__(
            num_classes=num_classes,
            target_class_ids=range(num_classes),
            name=name,
            dtype=dtype,
            ignore_class=ignore_class,
            sparse_y_true=sparse_y_true,
            sparse_y_pred=sparse_y_pred,
            axis=axis,
        )


class OneHotIoU(IoU):
    """The overlap of predicted and one-hot true regions, averaged over some classes.

    Args:
        num_classes: How many classes there are, at least 1.
        target_class_ids: The classes to average over, each from 0 to below `num_classes`.
        name: Its key in the logs. None means "one_hot_io_u", made unique.
        dtype: The dtype of the counts. None means "int32"; fractions of sample weights need "float32".
        ignore_class: Labels of this class do not count. None counts all.
        sparse_y_pred: Whether predictions number the class; else they are scores.
        axis: The dimension of the classes.

    Raises:
        InvalidArgument: If a number of classes, or the number of a class, is none.

    Example:
        >>> from kibitz.metrics.iou import OneHotIoU
        >>> metric = OneHotIoU(num_classes=2, target_class_ids=[0])
        >>> round(float(metric([[1, 0], [0, 1]], [[0.9, 0.1], [0.8, 0.2]])), 4)
        0.5

    Source: https://keras.io/api/metrics/segmentation_metrics/
    """

    _fixed = ("sparse_y_true",)

    def __init__(
        self,
        num_classes: int,
        target_class_ids: Sequence[int],
        name: str | None = None,
        dtype: Any = None,
        ignore_class: int | None = None,
        sparse_y_pred: bool = False,
        axis: int = -1,
    ):
        super().__init__(
            num_classes=num_classes,
            target_class_ids=target_class_ids,
            name=name,
            dtype=dtype,
            ignore_class=ignore_class,
            sparse_y_true=False,
            sparse_y_pred=sparse_y_pred,
            axis=axis,
        )


class OneHotMeanIoU(MeanIoU):
    """The overlap of predicted and one-hot true regions, averaged over all classes that were seen.

    Args:
        num_classes: How many classes there are, at least 1.
        name: Its key in the logs. None means "one_hot_mean_io_u", made unique.
        dtype: The dtype of the counts. None means "int32"; fractions of sample weights need "float32".
        ignore_class: Labels of this class do not count. None counts all.
        sparse_y_pred: Whether predictions number the class; else they are scores.
        axis: The dimension of the classes.

    Raises:
        InvalidArgument: If `num_classes` or `ignore_class` is no whole number.

    Example:
        >>> from kibitz.metrics.iou import OneHotMeanIoU
        >>> round(float(OneHotMeanIoU(num_classes=2)([[1, 0], [0, 1]], [[0.9, 0.1], [0.8, 0.2]])), 4)
        0.25

    Source: https://keras.io/api/metrics/segmentation_metrics/
    """

    _fixed = ("target_class_ids", "sparse_y_true")

    def __init__(
        self,
        num_classes: int,
        name: str | None = None,
        dtype: Any = None,
        ignore_class: int | None = None,
        sparse_y_pred: bool = False,
        axis: int = -1,
    ):
        super().__init__(
            num_classes=num_classes,
            name=name,
            dtype=dtype,
            ignore_class=ignore_class,
            sparse_y_true=False,
            sparse_y_pred=sparse_y_pred,
            axis=axis,
        )


def _targets(target_class_ids: Any, num_classes: int) -> list[int]:
    targets = list(target_class_ids)
    for target in targets:
        require_count("target_class_ids", target, "a list of the numbers of classes", least=0, such_as=0)
    if not targets or max(targets) >= num_classes:
        raise InvalidArgument(
            "There is no such class to average over.",
            given=target_class_ids,
            wanted=f"one or more, from 0 to {num_classes - 1}",
            cure=f"target_class_ids=[{num_classes - 1}]",
        )
    return [int(target) for target in targets]
