"""How far predictions are on the wrong side of the margin: the hinge losses as metrics."""

from __future__ import annotations

from typing import Any

from kibitz.losses.hinge import categorical_hinge, hinge, squared_hinge
from kibitz.metrics.reduction import ShippedMetric


class Hinge(ShippedMetric):
    """The mean of one minus label times prediction, where that is above 0.

    Labels are -1 and 1; 0 and 1 are taken as -1 and 1.

    Args:
        name: Its key in the logs.
        dtype: The dtype of the sums. None means "float32".

    Example:
        >>> from kibitz.metrics.hinge import Hinge
        >>> float(Hinge()([[-1.0], [1.0]], [[-2.0], [0.0]]))
        0.5

    Source: https://keras.io/api/metrics/hinge_metrics/
    """

    _direction = "down"

    def __init__(self, name: str | None = "hinge", dtype: Any = None):
        super().__init__(hinge, name=name, dtype=dtype)


class SquaredHinge(ShippedMetric):
    """The mean of the squares of the hinge.

    Labels are -1 and 1; 0 and 1 are taken as -1 and 1.

    Args:
        name: Its key in the logs.
        dtype: The dtype of the sums. None means "float32".

    Example:
        >>> from kibitz.metrics.hinge import SquaredHinge
        >>> float(SquaredHinge()([[-1.0], [1.0]], [[-2.0], [-1.0]]))
        2.0

    Source: https://keras.io/api/metrics/hinge_metrics/
    """

    _direction = "down"

    def __init__(self, name: str | None = "squared_hinge", dtype: Any = None):
        super().__init__(squared_hinge, name=name, dtype=dtype)


class CategoricalHinge(ShippedMetric):
    """The mean of one plus the best wrong score minus the right score, where that is above 0.

    Labels are one-hot.

    Args:
        name: Its key in the logs.
        dtype: The dtype of the sums. None means "float32".

    Example:
        >>> from kibitz.metrics.hinge import CategoricalHinge
        >>> float(CategoricalHinge()([[0, 1], [1, 0]], [[0.0, 2.0], [0.0, 1.0]]))
        1.0

    Source: https://keras.io/api/metrics/hinge_metrics/
    """

    _direction = "down"

    def __init__(self, name: str | None = "categorical_hinge", dtype: Any = None):
        super().__init__(categorical_hinge, name=name, dtype=dtype)
