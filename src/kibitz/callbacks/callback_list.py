"""Many callbacks as one, for a training loop of the user's own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from kibitz.callbacks.base import Callback
from kibitz.callbacks.dispatch import Dispatch
from kibitz.callbacks.every_hook import every_hook
from kibitz.callbacks.history import History
from kibitz.callbacks.progbar_logger import ProgbarLogger
from kibitz.errors import Unbalanced, code
from kibitz.hooks import EPOCH_HOOKS, OUTCOME_HOOK, RUN_HOOKS
from kibitz.logs import Logs


@every_hook("_pass_on")
class CallbackList(Callback):
    """Call every callback of a list at each hook, in order.

    Use it around a loop that you write yourself; `fit` makes its own. It has every hook that a callback has. Values
    in the logs reach the callbacks as Python floats, keys in alphabetical order, in one dict of their own.

    Args:
        callbacks: The callbacks: a list (also of lists), a tuple, or a single one. None means none.
        add_history: Add a `History`, if there is none among them.
        add_progbar: Add a `ProgbarLogger`, if there is none among them.
        model: The model, given to each of them. None means that they have none.
        **params: "verbose", "epochs" and "steps", given to each of them.

    Raises:
        WrongType: If an item is not a callback.
        InvalidArgument: If a hook cannot take the arguments that it will be given.
        Unbalanced: If `on_train_end`, `on_test_end` or `on_predict_end` is called without its begin.
        InvalidArgument: In `on_train_begin`, if one acts at shares of a run, and "epochs" or "steps" was not given.

    Reads: nothing itself.
    Changes: nothing itself.
    Keeps: nothing itself.
    Unlike Keras: hooks run in the caller's thread; `append` exists; call `on_run_end(outcome)` from a `finally`, and
        files and progress bars are closed after an exception too.

    Example:
        >>> import kibitz
        >>> history = kibitz.callbacks.History()
        >>> callbacks = kibitz.callbacks.CallbackList([history], epochs=2, steps=1, verbose=0)
        >>> callbacks.on_train_begin()
        >>> for epoch in range(2):
        ...     callbacks.on_epoch_begin(epoch)
        ...     callbacks.on_epoch_end(epoch, {"loss": 4 - epoch})
        >>> callbacks.on_train_end()
        >>> history.history
        {'loss': [4.0, 3.0]}

    Source: https://keras.io/api/callbacks/
    """

    def __init__(
        self,
        callbacks: Any = None,
        add_history: bool = False,
        add_progbar: bool = False,
        model: Any = None,
        **params: Any,
    ):
        super().__init__()
        listed = list(_flat(callbacks))
        if add_history and not any(isinstance(each, History) for each in listed):
            listed.append(History())
        if add_progbar and not any(isinstance(each, ProgbarLogger) for each in listed):
            listed.append(ProgbarLogger())
        self._open: Counter[str] = Counter()
        self._dispatch = Dispatch(listed)
        self.set_model(model)
        self.set_params(params)

    @property
    def callbacks(self) -> list[Any]:
        """The callbacks, in the order in which they are called."""
        return self._dispatch.callbacks

    def append(self, callback: Any) -> None:
        """Add a callback behind the others; it hears from now on.

        Args:
            callback: The callback. It is given the model and the parameters.

        Raises:
            WrongType: If it is not a callback.
        """
        self._dispatch.add(callback)
        self.set_model(self._model)
        self.set_params(self.params or {})

    def set_model(self, model: Any) -> None:
        """Give the model to every callback; None is not given."""
        if model is None:
            return
        super().set_model(model)
        for callback in self.callbacks:
            callback.set_model(model) if hasattr(callback, "set_model") else setattr(callback, "model", model)

    def set_params(self, params: dict[str, Any]) -> None:
        """Give the parameters to every callback; an empty dict is not given."""
        super().set_params(params)
        for callback in self.callbacks:
            if params:
                callback.set_params(params) if hasattr(callback, "set_params") else setattr(callback, "params", params)

    def _pass_on(self, hook: str, *given: Any) -> None:
        if hook == OUTCOME_HOOK:
            self._open.clear()
            self._dispatch.close(*given)
            return
        if hook in RUN_HOOKS:
            self._count(hook)
            if hook == "on_train_begin":
                self._start()
        elif hook in EPOCH_HOOKS:
            self._dispatch.run.clock.start_epoch(given[0])
        elif hook == "on_train_batch_end":
            self._dispatch.run.clock.tick()
        self._dispatch.fire(hook, *given[:-1], _floats(given[-1]))

    def _start(self) -> None:
        """A run begins: its steps are counted from 0, and cadences learn how long it will be, as far as is known."""
        params, run = self.params or {}, self._dispatch.run
        epochs, run.clock.step = params.get("epochs"), 0
        self._dispatch.pace(None if epochs is None else params.get("steps"), epochs or 1)

    def _count(self, hook: str) -> None:
        kind, side = hook.removeprefix("on_").split("_")
        self._open[kind] += 1 if side == "begin" else -1
        if self._open[kind] < 0:
            self._open[kind] = 0
            raise Unbalanced(
                f"{hook} was called without an on_{kind}_begin before it.",
                given=code(f"callbacks.{hook}(logs)"),
                wanted=f"callbacks.on_{kind}_begin() first",
                cure=f"callbacks.on_{kind}_begin(), the loop, callbacks.{hook}(logs)",
            )


def _flat(callbacks: Any) -> Iterable[Any]:
    if callbacks is None:
        return
    if isinstance(callbacks, list | tuple):
        for each in callbacks:
            yield from _flat(each)
    else:
        yield callbacks


def _floats(logs: Mapping[str, Any] | None) -> Logs:
    batch = getattr(logs, "batch", None)
    return Logs(_pairs(logs or {}), batch=dict(_pairs(batch)) if batch else None)


def _pairs(logs: Mapping[str, Any]) -> Iterable[tuple[str, Any]]:
    for key, value in sorted(logs.items()):
        if isinstance(value, Mapping):
            yield from _pairs(value)
        else:
            yield key, _float(value)


def _float(value: Any) -> Any:
    try:
        return value if isinstance(value, str) or getattr(value, "ndim", 0) else float(value)
    except (TypeError, ValueError):
        return value
