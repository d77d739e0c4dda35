"""Class numbers as rows of zeros with a one."""

from __future__ import annotations

from typing import Any

import numpy as np

from kibitz.errors import BadData, code


def to_categorical(x: Any, num_classes: int | None = None) -> np.ndarray:
    """Turn class numbers into one-hot rows, for the categorical losses.

    Args:
        x: Class numbers from 0, of any shape; a last axis of size 1 is left out.
        num_classes: How many classes there are. None means the largest number and one.

    Returns:
        Zeros and ones, with a last axis of `num_classes`.

    Raises:
        BadData: If a number is no class.

    Example:
        >>> import kibitz
        >>> kibitz.utils.to_categorical([0, 2, 1]).astype(int).tolist()
        [[1, 0, 0], [0, 0, 1], [0, 1, 0]]

    Source: https://keras.io/api/utils/python_utils/#tocategorical-function
    """
    labels = np.array(x, dtype="int64")
    if labels.ndim > 1 and labels.shape[-1] == 1:
        labels = labels[..., 0]
    count = int(labels.max()) + 1 if num_classes is None and labels.size else (num_classes or 0)
    if labels.size and (labels.min() < 0 or labels.max() >= count):
        raise BadData(
            "A label lies outside the classes.",
            given=code(f"labels from {labels.min()} to {labels.max()}"),
            wanted=f"0 to {count - 1}",
            cure=f"num_classes={max(int(labels.max()) + 1, 1)}, with labels that begin at 0",
        )
    rows = np.zeros((labels.size, count))
    rows[np.arange(labels.size), labels.ravel()] = 1.0
    return rows.reshape((*labels.shape, count))


def normalize(x: Any, axis: int = -1, order: int = 2) -> np.ndarray:
    """Divide an array by its norm along an axis; what is all zeros stays so.

    Args:
        x: The array.
        axis: Along which the norm is taken.
        order: Which norm: 2 is the Euclidean one.

    Example:
        >>> from kibitz.data.categorical import normalize
        >>> normalize([[3.0, 4.0]]).tolist()
        [[0.6, 0.8]]

    Source: https://keras.io/api/utils/python_utils/
    """
    norm = np.atleast_1d(np.linalg.norm(x, order, axis))
    norm[norm == 0] = 1
    return np.asarray(x) / np.expand_dims(norm, axis)
