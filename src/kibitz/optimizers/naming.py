"""The names that optimizers get when nobody names them: Keras's spelling, Keras's counting."""

from __future__ import annotations

import re
from collections import Counter

_taken: Counter[str] = Counter()


def auto_name(prefix: str) -> str:
    """Give the next free name of a class: "adam", then "adam_1".

    Example:
        >>> from kibitz.optimizers.naming import auto_name, forget_names
        >>> forget_names()
        >>> auto_name("RMSprop"), auto_name("RMSprop")
        ('rm_sprop', 'rm_sprop_1')
    """
    name = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", re.sub(r"\W+", "", prefix))
    name = re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower()
    count = _taken[name]
    _taken[name] += 1
    return f"{name}_{count}" if count else name


def forget_names() -> None:
    """Start the counting anew, as Keras's `clear_session` does."""
    _taken.clear()
