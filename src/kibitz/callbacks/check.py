"""What is no callback is refused before anything runs, and what looks like a misspelt hook is warned of."""

from __future__ import annotations

import inspect
import warnings
from typing import Any

from kibitz.callbacks.overrides import inherited
from kibitz.errors import WrongType, code, nearest_name
from kibitz.hooks import ALIASES, BATCH_HOOKS, GRAPH_HOOKS, KNOWN, arguments


def check(callback: Any, position: int) -> None:
    """Refuse what is no callback, and hooks that cannot be called; warn of what looks like a misspelt hook."""
    where = f"callbacks[{position}]"
    if inspect.isclass(callback):
        raise WrongType(
            f"{where} is a class, and a callback is an instance.",
            given=callback,
            wanted="an instance",
            cure=f"{callback.__name__}()",
        )
    if inspect.isroutine(callback):
        raise WrongType(
            f"{where} is a function, and a callback is an object with hooks.",
            given=callback,
            wanted="an object with methods such as on_epoch_end",
            cure="LambdaCallback(on_epoch_end=lambda epoch, logs: ...)",
        )
    # Not all that a callback answers to is listed: what hands calls on, and mocks, have hooks that `dir` does not tell.
    hooks = [hook for hook in sorted(KNOWN) if hasattr(callback, hook)]
    if not hooks and not any(hasattr(callback, hook) for hook in GRAPH_HOOKS):
        raise WrongType(
            f"{where} is not a callback: it has no hook.",
            given=callback,
            wanted="an object with methods such as on_epoch_end",
            cure="class MyCallback(kibitz.callbacks.Callback): ...",
        )
    for hook in hooks:
        if not inherited(getattr(callback, hook), hook):  # the base class's own are known to be right
            _check_signature(callback, hook)
    for name in dir(callback):
        known = not name.startswith("on_") or name in KNOWN or name in {*GRAPH_HOOKS, "on_error"}
        if not known and callable(getattr(callback, name, None)):
            near = nearest_name(name, sorted(KNOWN))
            hint = f"; did you mean {near}?" if near else "; hooks.py draws those there are"
            warnings.warn(f"{type(callback).__name__}.{name} looks like a hook, and there is none of this name{hint}",
                          stacklevel=2)  # fmt: skip


def _check_signature(callback: Any, hook: str) -> None:
    method = getattr(callback, hook)
    try:
        signature = inspect.signature(method)
    except (TypeError, ValueError):
        return  # a builtin or a mock: it cannot be asked, so it is left to speak for itself
    by_keyword = hook in BATCH_HOOKS or hook in ALIASES.values()
    try:
        if by_keyword:
            signature.bind(0, logs={})
        else:
            signature.bind(*[0] * len(arguments(hook).split(", ")))
    except TypeError as error:
        raise WrongType(
            f"{type(callback).__name__}.{hook} cannot take what it will be given: {error}.",
            given=code(f"def {hook}{signature}"),
            wanted=f"{hook}({arguments(hook)})" + (", with logs by keyword" if by_keyword else ""),
            cure=f"def {hook}(self, {arguments(hook).replace('logs', 'logs=None')}): ...",
        ) from None
