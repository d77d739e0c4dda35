"""What an optimizer's arguments may be, said once: a check takes a name and a value, and gives the value or raises."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from kibitz.errors import InvalidArgument, WrongType

Check = Callable[[str, Any], Any]


def number(within: str, cure: float | str, *, optional: bool = False) -> Check:
    """Make the check of a number that has to lie in an interval, written as in a paper.

    Use it in an optimizer's `hyperparameters`, so that a value is checked wherever it is set.

    Args:
        within: The interval: "[0, 1)" holds 0 and not 1; "(0, inf)" holds all positive finite numbers.
        cure: A value that is right: shown in the error.
        optional: Whether None stands for "not used".

    Raises:
        WrongType: By the check, if the value is no number (a bool is none).
        InvalidArgument: By the check, if it lies outside, or is NaN.

    Example:
        >>> from kibitz.optimizers.arguments import number
        >>> rho = number("[0, 1)", cure=0.9)
        >>> rho("rho", 0.9), rho("rho", 0)
        (0.9, 0)
        >>> rho("rho", 1.5)
        Traceback (most recent call last):
        kibitz.errors.InvalidArgument: `rho` is outside what makes sense.
          given    1.5
          wanted   a number in [0, 1)
          cure     rho=0.9
    """
    low, high = (float(end) for end in within[1:-1].split(","))
    wanted = f"a number in {within}" + (", or None" if optional else "")

    def check(name: str, value: Any) -> Any:
        if value is None and optional:
            return None
        found = real(value)
        if found is None:
            raise WrongType(f"`{name}` is not a number.", given=value, wanted=wanted, cure=f"{name}={cure}")
        above = found > low or (found == low and within[0] == "[")
        below = found < high or (found == high and within[-1] == "]")
        if not (above and below):
            raise InvalidArgument(
                f"`{name}` is outside what makes sense.", given=value, wanted=wanted, cure=f"{name}={cure}"
            )
        # A configuration shows a number as it was given: 10 steps are no 10.0 steps.
        return value if type(value) is int else found

    return check


def whole(least: int, cure: int, *, optional: bool = True) -> Check:
    """Make the check of a whole number that is at least `least`.

    Args:
        least: The smallest number that is right.
        cure: A value that is right: shown in the error.
        optional: Whether None stands for "not used".

    Raises:
        WrongType: By the check, if the value is no whole number (a bool is none).
        InvalidArgument: By the check, if it is too small.

    Example:
        >>> from kibitz.optimizers.arguments import whole
        >>> whole(2, cure=4)("gradient_accumulation_steps", 1)
        Traceback (most recent call last):
        kibitz.errors.InvalidArgument: `gradient_accumulation_steps` is too small.
          given    1
          wanted   a whole number of 2 or more, or None
          cure     gradient_accumulation_steps=4
    """
    wanted = f"a whole number of {least} or more" + (", or None" if optional else "")

    def check(name: str, value: Any) -> Any:
        if value is None and optional:
            return None
        if value is None or isinstance(value, bool) or not hasattr(value, "__index__"):
            raise WrongType(f"`{name}` is not a whole number.", given=value, wanted=wanted, cure=f"{name}={cure}")
        if (found := operator.index(value)) < least:
            raise InvalidArgument(f"`{name}` is too small.", given=value, wanted=wanted, cure=f"{name}={cure}")
        return found

    return check


def flag(name: str, value: Any) -> bool:
    """Check a switch: True or False, and nothing that only counts as such.

    Raises:
        WrongType: If the value is neither.

    Example:
        >>> from kibitz.optimizers.arguments import flag
        >>> flag("nesterov", True)
        True
    """
    if isinstance(value, bool) or (type(value).__name__ == "bool" and hasattr(value, "item")):
        return bool(value)
    raise WrongType(f"`{name}` is a switch.", given=value, wanted="True or False", cure=f"{name}=True")


def real(value: Any) -> float | None:
    """Read a value as a Python float; None if it is no single real number.

    Example:
        >>> import numpy as np
        >>> from kibitz.optimizers.arguments import real
        >>> real(np.float32(0.5)), real(True), real("0.5"), real([0.5])
        (0.5, None, None, None)
    """
    if isinstance(value, (bool, str, bytes, complex)) or value is None or not hasattr(value, "__float__"):
        return None
    if getattr(value, "shape", ()) != () or str(getattr(value, "dtype", "")).startswith(("bool", "complex")):
        return None
    return float(value)


rate = number("[0, inf)", cure=0.001)
fraction = number("[0, 1)", cure=0.9)
epsilon = number("[0, inf)", cure=1e-7)
