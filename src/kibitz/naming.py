"""The names that things get when nobody names them: `dense`, `dense_1`, `auc`: Keras's spelling, Keras's counting."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

_taken: Counter[str] = Counter()


def to_snake_case(name: str) -> str:
    """Spell a class's name as Keras spells that of a layer or of a key in the logs.

    Example:
        >>> from kibitz.naming import to_snake_case
        >>> [to_snake_case(name) for name in ("Conv2D", "LeakyReLU", "AUC", "<lambda>")]
        ['conv2d', 'leaky_re_lu', 'auc', 'lambda']
    """
    words = re.sub(r"\W+", "", name)
    words = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", words)
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", words).lower()


def auto_name(prefix: str) -> str:
    """Give the next free name of a class: the first has no number.

    A name that a user gave is not counted, as in Keras.

    Example:
        >>> from kibitz.naming import auto_name, forget_names
        >>> forget_names()
        >>> auto_name("Dense"), auto_name("Dense")
        ('dense', 'dense_1')

    Source: https://keras.io/api/utils/config_utils/ (clear_session).
    """
    prefix = to_snake_case(prefix)
    number = _taken[prefix]
    _taken[prefix] += 1
    return f"{prefix}_{number}" if number else prefix


def forget_names() -> None:
    """Count from the start again: the next Dense is `dense`."""
    _taken.clear()


def object_name(thing: Any) -> str:
    """Name a thing in a log's key: by its `name`, else by its function's or its class's name.

    Example:
        >>> from kibitz.naming import object_name
        >>> def MyScore(y_true, y_pred): ...
        >>> object_name(MyScore)
        'my_score'
    """
    if isinstance(getattr(thing, "name", None), str):
        return thing.name
    return to_snake_case(getattr(thing, "__name__", type(thing).__name__))
