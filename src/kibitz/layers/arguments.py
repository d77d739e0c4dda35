"""Constructor arguments, checked: whole numbers, numbers in a range, one of a few words, and what Kibitz has not."""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from typing import Any

from kibitz.errors import InvalidArgument, Unsupported, code


def whole(value: Any, argument: str, cure: str, *, least: int = 1) -> int:
    """Return a whole number of at least `least`; True and 3.0 are not whole numbers.

    Raises:
        InvalidArgument: If it is not one.

    Example:
        >>> from kibitz.layers.arguments import whole
        >>> whole(10, "units", "Dense(10)")
        10
    """
    if isinstance(value, bool) or not hasattr(value, "__index__") or operator.index(value) < least:
        raise InvalidArgument(
            f"`{argument}` must be a whole number.", given=value, wanted=f"a whole number, {least} or more", cure=cure
        )
    return operator.index(value)


def number(value: Any, argument: str, cure: str, *, least: float = -math.inf, most: float = math.inf) -> Any:
    """Return a finite number between `least` and `most`, as it was given.

    Raises:
        InvalidArgument: If it is not one.

    Example:
        >>> from kibitz.layers.arguments import number
        >>> number(0.5, "rate", "Dropout(0.5)", least=0, most=1)
        0.5
    """
    try:
        fits = not isinstance(value, (bool, str)) and math.isfinite(value) and least <= value <= most
    except TypeError:
        fits = False
    if not fits:
        above = "" if least == -math.inf else f", {least} or more"
        below = "" if most == math.inf else f", {most} or less"
        outside = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
        what = f"`{argument}` must be a number" + (" in its range." if outside else ".")
        raise InvalidArgument(what, given=value, wanted=f"a finite number{above}{below}", cure=cure)
    return value


def one_of(value: Any, argument: str, words: Sequence[str], cure: str) -> str:
    """Return one of a few words, in lower case.

    Raises:
        InvalidArgument: If it is none of them; the nearest is named.

    Example:
        >>> from kibitz.layers.arguments import one_of
        >>> one_of("SAME", "padding", ["valid", "same"], 'padding="same"')
        'same'
    """
    if isinstance(value, str) and value.lower() in words:
        return value.lower()
    raise InvalidArgument(f"There is no such `{argument}`.", given=value, there_is=words, cure=cure)


def data_format_of(value: Any) -> str:
    """Return where the channels are: None means "channels_last"."""
    return one_of(value or "channels_last", "data_format", ["channels_last", "channels_first"], "leave data_format out")


def absent(owner: str, cure: str, **arguments: Any) -> None:
    """Refuse what Keras has and Kibitz has not: any of these that is not None or False.

    Raises:
        Unsupported: Names the first argument that was given.

    Example:
        >>> from kibitz.layers.arguments import absent
        >>> absent("Dense", "leave lora_rank out", lora_rank=None)
    """
    for name, value in arguments.items():
        if value is not None and value is not False:
            raise Unsupported(
                f"Kibitz's {owner} has no `{name}`.", given=code(f"{name}={value!r}"), wanted=f"{name}=None", cure=cure
            )
