"""Class weights, as the sample weights that they stand for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np


def classes_of(y: Any) -> np.ndarray:
    """The class of each row, from integer labels or from one row of ones and zeros each.

    Example:
        >>> import numpy as np
        >>> from kibitz.data.weights import classes_of
        >>> classes_of(np.array([[0, 1], [1, 0]])).tolist()
        [1, 0]
    """
    y = np.asarray(y)
    if y.ndim > 1:
        y = np.argmax(y, axis=-1) if y.shape[-1] != 1 else np.squeeze(y, axis=-1)
    return np.round(y).astype("int32")


def class_weights(y: Any, class_weight: Mapping[int, float]) -> np.ndarray:
    """The weight of each row: that of its class, 1 where the class has none.

    Args:
        y: Labels, integers [rows] or one-hot [rows, classes].
        class_weight: A weight for each class.

    Example:
        >>> import numpy as np
        >>> from kibitz.data.weights import class_weights
        >>> class_weights(np.array([0, 1, 2]), {0: 0.5, 1: 2.0}).tolist()
        [0.5, 2.0, 1.0]
    """
    classes = classes_of(y)
    weights = np.ones(classes.shape, "float32")
    for each, weight in class_weight.items():
        weights[classes == int(each)] = weight
    return weights
