"""What a hook wrote to its run, in words. Names that begin with @ are the journal's: what is no number of the state."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kibitz.runs.record import number
from kibitz.runs.show import figure

LOGS = "@logs"
"""What a hook added to the logs: that is in the history, and changes nothing."""


def in_words(what: Mapping[str, Any]) -> str:
    """A write for a person.

    Args:
        what: Values by name.

    Example:
        >>> from kibitz.runs.writes import in_words
        >>> in_words({"optimizer/learning_rate": 0.0005, "@stop": ["no better", True, False, False]})
        'optimizer/learning_rate 0.0005; asks to stop: no better'
    """
    numbers = [f"{name} {_value(value)}" for name, value in what.items() if not name.startswith("@")]
    parts = [", ".join(numbers)] if numbers else []
    parts += [WORDS[name](value) for name, value in what.items() if name in WORDS]
    return "; ".join(parts)


def _value(value: Any) -> str:
    known = number(value)
    return str(value) if known is None else figure(known)


def _arrays(names: Any) -> str:
    if names is True:
        return "more arrays than are kept"
    return f"{len(names):,} array{'' if len(names) == 1 else 's'}: {', '.join(names)}"


def _stop(stop: Any) -> str:
    reason, wanted, now, evaluating = stop
    asked = f"asks to stop{' at once' if now else ''}" if wanted else "asks for no stop"
    return asked + (", and to end the evaluation" if evaluating else "") + (f": {reason}" if reason else "")


def _evaluate(names: Any) -> str:
    return "asks for validation" + (f" with {', '.join(names)}" if any(names) else "")


def _moved(names: Any) -> str:
    return f"{len(names):,} parameters are trained from here on"


WORDS = {"@arrays": _arrays, "@stop": _stop, "@evaluate": _evaluate, "@moved": _moved, "@odd": str}
