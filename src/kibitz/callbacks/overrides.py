"""Whether a callback does anything at a hook: only then is it called there."""

from __future__ import annotations

from typing import Any

from kibitz.callbacks.base import Callback
from kibitz.callbacks.declared import has
from kibitz.hooks import ALIASES, OUTCOME_HOOK


def overrides(callback: Any, hook: str) -> bool:
    """Whether a callback does anything at a hook: its own method, an attribute, or the hook's older name."""
    if hook == OUTCOME_HOOK and not has(callback, hook):
        return False
    method = getattr(callback, hook, None)
    if method is not None and not inherited(method, hook):
        return True
    return hook in ALIASES and overrides(callback, ALIASES[hook])


def inherited(method: Any, hook: str) -> bool:
    """Whether a hook's method is that of the base class, ours or Keras's, which does nothing."""
    function = getattr(method, "__func__", method)
    if function is getattr(Callback, hook, None):
        return True
    # Keras's own base class does nothing in its hooks either, and must not make every hook look overridden.
    return getattr(function, "__module__", "") == "keras.src.callbacks.callback" and (
        getattr(function, "__qualname__", "") == f"Callback.{hook}"
    )
