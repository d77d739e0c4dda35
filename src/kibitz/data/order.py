"""In which order the rows of an array are trained on: a function of (seed, fit, pass), and of nothing else."""

from __future__ import annotations

import numpy as np


def order_of(rows: int, seed: int, fit: int, number: int) -> np.ndarray:
    """The permutation of `rows` rows for pass `number` of the model's fit number `fit`.

    The same four numbers always give the same order, so a place in the data is two numbers.

    Args:
        rows: How many rows there are.
        seed: The model's seed, from 0.
        fit: Which call of fit this is, from 0.
        number: Which pass over the data this is, from 0.

    Example:
        >>> from kibitz.data.order import order_of
        >>> sorted(order_of(4, seed=1, fit=0, number=2).tolist())
        [0, 1, 2, 3]
        >>> bool((order_of(9, 1, 0, 2) == order_of(9, 1, 0, 2)).all())
        True
    """
    return np.random.Generator(np.random.Philox([seed, fit, number])).permutation(rows)
