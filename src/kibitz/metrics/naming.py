"""The names that things get when nobody names them: Keras's spelling, Keras's counting."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

_taken: Counter[str] = Counter()


def to_snake_case(name: str) -> str:
    """Spell a class's name as Keras spells it in a log's key.

    Example:
        >>> from kibitz.metrics.naming import to_snake_case
        >>> to_snake_case("TopKCategoricalAccuracy"), to_snake_case("AUC"), to_snake_case("<lambda>")
        ('top_k_categorical_accuracy', 'auc', 'lambda')
    """
    name = re.sub(r"\W+", "", name)
    name = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower()


def auto_name(prefix: str) -> str:
    """Give the next free name: "auc", then "auc_1", then "auc_2".

    Example:
        >>> from kibitz.metrics.naming import auto_name, forget_names
        >>> forget_names()
        >>> auto_name("AUC"), auto_name("AUC")
        ('auc', 'auc_1')
    """
    name = to_snake_case(prefix)
    count = _taken[name]
    _taken[name] += 1
    return f"{name}_{count}" if count else name


def forget_names() -> None:
    """Start the counting anew, as Keras's `clear_session` does."""
    _taken.clear()


def object_name(thing: Any) -> str:
    """Name a thing in a log's key: by its `name`, else by its function's or its class's name.

    Example:
        >>> from kibitz.metrics.naming import object_name
        >>> def MyScore(y_true, y_pred): ...
        >>> object_name(MyScore)
        'my_score'
    """
    if isinstance(getattr(thing, "name", None), str):
        return thing.name
    return to_snake_case(getattr(thing, "__name__", type(thing).__name__))
