"""A number that a callback is configured with, checked when it is given and not an hour later."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from kibitz.errors import InvalidArgument


def number(
    owner: str, name: str, value: Any, *, least: float = -math.inf, below: float = math.inf, such_as: float = 0
) -> Any:
    """Give the value back if it is a number in range; a bool is none.

    Args:
        owner: The callback's name.
        name: The argument's name.
        value: What was given.
        least: The least that is allowed.
        below: What it must stay below; infinity itself is allowed where there is no bound.
        such_as: A good value, for the cure.

    Raises:
        InvalidArgument: If it is not a number, is NaN, or out of range.

    Example:
        >>> from kibitz.callbacks.number import number
        >>> number("EarlyStopping", "patience", 3, least=0)
        3
    """
    real = isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)
    if real and value >= least and (value < below or below == math.inf):
        return value
    wanted = "a number"
    if least > -math.inf:
        wanted += f", {least:g} or more"
    if below < math.inf:
        wanted += f", less than {below:g}"
    cure = f"{owner}({name}={such_as:g})"
    raise InvalidArgument(f"{owner} cannot work with this {name}.", given=value, wanted=wanted, cure=cure)
