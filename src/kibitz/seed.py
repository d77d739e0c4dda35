"""One seed for everything that is drawn: weights, dropout, the order of rows, and the user's own NumPy."""

from __future__ import annotations

import random

import numpy as np

from kibitz.errors import InvalidArgument

LARGEST = 2**32 - 1
_set: list[int] = []


def seed_that_was_set() -> int | None:
    """The seed that this program has set last; None if it has set none."""
    return _set[-1] if _set else None


def set_random_seed(seed: int) -> None:
    """Make what follows repeatable: the same program gives the same bits.

    Call it once, first. It seeds Python's and NumPy's generators, from which Kibitz draws the seed of every layer and
    of every model that was not given one.

    Args:
        seed: A whole number from 0 to 2**32 - 1.

    Raises:
        InvalidArgument: If it is anything else; JAX would take other numbers and change them in silence.

    Example:
        >>> import kibitz
        >>> kibitz.utils.set_random_seed(7)
        >>> first = kibitz.layers.Dense(2, input_shape=(3,))
        >>> kibitz.utils.set_random_seed(7)
        >>> second = kibitz.layers.Dense(2, input_shape=(3,))
        >>> first.build((None, 3)); second.build((None, 3))
        >>> bool((first.get_weights()[0] == second.get_weights()[0]).all())
        True

    Source: https://keras.io/api/utils/python_utils/#setrandomseed-function
    """
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or not 0 <= seed <= LARGEST:
        raise InvalidArgument(
            "A seed is a whole number that fits 32 bits.",
            given=seed,
            wanted=f"0 to {LARGEST}",
            cure="set_random_seed(42)",
        )
    _set[:] = [int(seed)]
    random.seed(int(seed))
    np.random.seed(int(seed))  # noqa: NPY002 - the user's own code may draw from NumPy's old global generator


def next_seed() -> int:
    """The seed that the next draw will give: to train takes nothing from the layers that are made afterwards."""
    state = random.getstate()
    try:
        return draw_seed()
    finally:
        random.setstate(state)


def draw_seed() -> int:
    """A seed for a model that was given none, from Python's generator."""
    return random.randrange(2**31)  # noqa: S311 - repeatable is what is wanted
