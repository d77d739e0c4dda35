"""Moving statistics, such as those of batch normalization, estimated anew for weights that no training has seen."""

from __future__ import annotations

from typing import Any

import numpy as np

NAMES = ("moving_mean", "moving_variance", "mean", "var")
FAR = 2.0**20


def has_statistics(model: Any) -> bool:
    """Whether a model keeps moving statistics: weights of these names that no optimizer moves.

    Example:
        >>> import kibitz
        >>> from kibitz.callbacks.moving_statistics import has_statistics
        >>> layers = [kibitz.Input((2,)), kibitz.layers.Dense(2), kibitz.layers.BatchNormalization()]
        >>> has_statistics(kibitz.Sequential(layers)), has_statistics(kibitz.Sequential(layers[:2]))
        (True, False)
    """
    return any(weight.name in NAMES and not weight.trainable for weight in model.weights)


def estimated_anew(model: Any, weights: list[Any], x: Any, batch_size: int) -> list[np.ndarray]:
    """Give weights in which the moving statistics are the means of what batches of `x` show; the model is as before.

    A layer moves its statistic to `share * old + (1 - share) * shown`, whatever the old one is: from nothing, one step
    tells what the batch shows, so that every row counts alike and nothing is left of the statistics from before.

    Args:
        model: The model.
        weights: What `get_weights` would give, with whatever statistics.
        x: Inputs, rows first: an array, or a dict, list or tuple of arrays.
        batch_size: Rows in a batch.

    Example:
        >>> import numpy as np, kibitz
        >>> from kibitz.callbacks.moving_statistics import estimated_anew
        >>> model = kibitz.Sequential([kibitz.Input((1,)), kibitz.layers.BatchNormalization()])
        >>> x = np.array([[1.0], [3.0], [5.0], [7.0]])
        >>> [round(each.item(), 3) for each in estimated_anew(model, model.get_weights(), x, batch_size=2)]
        [1.0, 0.0, 4.0, 1.0]
    """
    rows = row_count(x)
    with model.borrowed():
        model.set_weights(weights)
        shares = _shares(model, _rows(x, 0, batch_size))
        variables = model.weights
        sums = {place: np.zeros(variables[place].shape, "float64") for place in shares}
        for begin in range(0, rows, batch_size):
            for place in shares:
                variables[place].assign(np.zeros(variables[place].shape))
            model(_rows(x, begin, begin + batch_size), training=True)
            for place in shares:
                sums[place] += min(batch_size, rows - begin) * np.asarray(variables[place], "float64")
    found = list(weights)
    for place, share in shares.items():
        found[place] = (sums[place] / (rows * (1 - share))).astype(np.asarray(weights[place]).dtype)
    return found


def _shares(model: Any, batch: Any) -> dict[int, float]:
    """Which weights are moving statistics, by place, and how much of the old one stays in each step.

    Asked of the model itself, and of no layer: so it holds for modules of anybody's making.
    """
    fixed = [place for place, weight in enumerate(model.weights) if not weight.trainable]
    before = {place: np.asarray(model.weights[place]) for place in fixed}
    after = _after(model, batch, {})
    moved = [place for place in fixed if before[place].dtype.kind in "fV" and (before[place] != after[place]).any()]
    near = _after(model, batch, dict.fromkeys(moved, 0.0))
    far = _after(model, batch, dict.fromkeys(moved, FAR))
    found = {}
    for place in moved:
        share = (far[place].astype("float64") - near[place].astype("float64")) / FAR
        # What moves in another manner is no moving statistic, and is left alone.
        if share.size and np.ptp(share) < 1e-4 and 0 <= share.mean() < 1:
            found[place] = float(share.mean())
    return found


def _after(model: Any, batch: Any, put: dict[int, float]) -> dict[int, np.ndarray]:
    """The weights after a step of the statistics alone, with some of them put to a number before it."""
    with model.borrowed():  # so that dropout draws the same each time
        for place, value in put.items():
            model.weights[place].assign(np.full(model.weights[place].shape, value))
        model(batch, training=True)
        return {place: np.asarray(weight) for place, weight in enumerate(model.weights) if not weight.trainable}


def row_count(x: Any) -> int:
    """How many rows inputs have."""
    if isinstance(x, dict):
        return row_count(next(iter(x.values())))
    return row_count(x[0]) if isinstance(x, list | tuple) else len(x)


def _rows(x: Any, begin: int, end: int) -> Any:
    if isinstance(x, dict):
        return {name: _rows(each, begin, end) for name, each in x.items()}
    if isinstance(x, list | tuple):
        return type(x)(_rows(each, begin, end) for each in x)
    return x[begin:end]
