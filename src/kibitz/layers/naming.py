"""Names that nobody gave: `dense`, `dense_1`, `conv2d`: Keras's words, and Keras's count for each class."""

from __future__ import annotations

import re
from collections import Counter

_taken: Counter[str] = Counter()


def to_snake_case(name: str) -> str:
    """Write a class's name as Keras writes a layer's.

    Example:
        >>> from kibitz.layers.naming import to_snake_case
        >>> [to_snake_case(name) for name in ("Dense", "Conv2D", "MaxPooling2D", "LeakyReLU")]
        ['dense', 'conv2d', 'max_pooling2d', 'leaky_re_lu']
    """
    words = re.sub(r"\W+", "", name)
    words = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", words)
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", words).lower()


def auto_name(prefix: str) -> str:
    """Give the next free name of a class: the first has no number.

    A name that a user gave is not counted, as in Keras.

    Example:
        >>> from kibitz.layers.naming import auto_name, forget_names
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
