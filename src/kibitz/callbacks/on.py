"""A function as a callback."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from kibitz.callbacks.base import Callback
from kibitz.callbacks.condition import Condition
from kibitz.callbacks.forecast import Forecast
from kibitz.errors import InvalidArgument, NotReady, UnknownName, WrongType, code
from kibitz.hooks import BATCH_HOOKS, EPOCH_HOOKS, HOOKS, OUTCOME_HOOK
from kibitz.run import Run

GIVEN = ("batch", "epoch", "step", "logs", "model", "run", "outcome")
"""What a function may ask for, by the names of its parameters."""

WITH_NUMBERS = ("on_train_batch_end", "on_epoch_end", "on_train_end", "on_test_batch_end", "on_test_end")
"""The hooks whose logs hold numbers."""


class FunctionCallback(Callback):
    """A callback that is one function at one hook; `on` makes it.

    Args:
        function: Called with what its parameters name: "batch", "epoch", "step", "logs", "model", "run", "outcome".
        hook: The hook, such as "on_train_batch_end".
        when: A condition on the logs, such as "loss < 0.1"; it is called only where this holds. None means always.
        **declared: `every`, `on_error`, `before`, `after`, as for any callback.

    Reads: what its function reads.
    Changes: what its function changes.
    Keeps: nothing.
    Unlike Keras: there is none in Keras.

    Example:
        >>> from kibitz.callbacks.on import FunctionCallback
        >>> tell = FunctionCallback(lambda epoch, logs: print(epoch, logs["loss"]), "on_epoch_end")
        >>> tell.on_epoch_end(3, {"loss": 1.0})
        3 1.0
    """

    def __init__(self, function: Callable[..., Any], hook: str, when: str | None = None, **declared: Any):
        self.__name__ = getattr(function, "__name__", "function")
        super().__init__(**declared)
        self.function, self.hook = function, hook
        self.condition = None if when is None else Condition(when, self.__name__)
        self._asks = _parameters(function, hook)
        # As an attribute of the instance: a hook of the class that is not wanted would be called at every batch.
        setattr(self, hook, self._at_batch if hook in BATCH_HOOKS else self._at)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function itself."""
        return self.function(*args, **kwargs)

    def settle(self, forecast: Forecast) -> None:
        """Check before the first step that the numbers of its condition will be there."""
        if self.condition is not None:
            keys = forecast.epoch_keys if self.hook in {"on_epoch_end", "on_train_end"} else forecast.batch_keys
            tests = self.hook in {"on_test_batch_end", "on_test_end"}
            there = [key for key in keys if not (tests and key.startswith("val_"))]
            self.condition.settle(there, forecast, batch=self.hook in BATCH_HOOKS)

    def _at_batch(self, batch: int, logs: Any = None) -> None:
        self._at(batch, logs)

    def _at(self, *given: Any) -> None:
        logs = None if self.hook == OUTCOME_HOOK else given[-1]
        if self.condition is not None and not self.condition.holds(logs):
            return
        there = {
            "batch": lambda: given[0],
            "epoch": lambda: given[0] if self.hook in EPOCH_HOOKS else self._run().epoch,
            "step": lambda: self._run().step,
            "logs": lambda: logs,
            "model": lambda: self.model,
            "run": self._run,
            "outcome": lambda: given[-1],
        }
        self.function(**{name: there[name]() for name in self._asks})

    def _run(self) -> Run:
        if self.run is None:
            raise NotReady(
                f"{self.__name__} asks for the run, and a loop of your own has none.",
                given=code(f"{self.__name__}{inspect.signature(self.function)}"),
                wanted="a call of fit, evaluate or predict",
                cure="parameters named batch, logs and model",
            )
        return self.run


def on(
    hook: str,
    *,
    every: str | None = None,
    when: str | None = None,
    on_error: str | None = None,
    before: Any = None,
    after: Any = None,
) -> Callable[[Callable[..., Any]], FunctionCallback]:
    """Turn a function into a callback: `@kibitz.on("train_batch_end", every="100 steps")`.

    The function is given what its parameters name: "batch", "epoch", "step", "logs", "model", "run", "outcome".

    Args:
        hook: The hook, with or without "on_".
        every: How often, such as "100 steps" at "train_batch_end" or "2 epochs" at "epoch_end". None means always.
        when: A condition on the logs, such as "val_loss < 0.1". None means always.
        on_error: "raise", "warn" or "detach". None means "raise".
        before: Callbacks before which it is called: a class, a name, or several. None means none.
        after: Callbacks after which it is called. None means none.

    Raises:
        UnknownName: If there is no such hook.
        WrongType: If the function asks for what there is not at that hook.
        InvalidArgument: If `every` or `when` cannot be read.

    Example:
        >>> import kibitz
        >>> @kibitz.on("epoch_end", when="loss < 2")
        ... def enough(epoch, run):
        ...     run.stop(f"good in epoch {epoch}")
        >>> kibitz.testing.drive(enough, epochs=[{"loss": 2.5}, {"loss": 1.5}, {"loss": 1.0}]).reason
        'good in epoch 1'
    """
    name = hook if isinstance(hook, str) and hook.startswith("on_") else f"on_{hook}"
    if name not in HOOKS:
        raise UnknownName(
            "There is no hook of this name.",
            given=hook,
            there_is=[each.removeprefix("on_") for each in HOOKS],
            cure='@kibitz.on("epoch_end")',
        )
    if every is not None and name not in {"on_train_batch_end", "on_epoch_end"}:
        raise InvalidArgument(
            f"A cadence is about train_batch_end or epoch_end, and this is {name.removeprefix('on_')}.",
            given=code(f'on("{hook}", every="{every}")'),
            wanted="one of these two hooks, or no cadence",
            cure='@kibitz.on("train_batch_end", every="100 steps")',
        )
    if when is not None and name not in WITH_NUMBERS:
        raise InvalidArgument(
            f"A condition is about the numbers in the logs, and those of {name.removeprefix('on_')} hold none.",
            given=code(f'on("{hook}", when="{when}")'),
            wanted="one of " + ", ".join(each.removeprefix("on_") for each in WITH_NUMBERS),
            cure=f'@kibitz.on("epoch_end", when="{when}")',
        )
    declared = {"every": every, "on_error": on_error, "before": before, "after": after}
    return lambda function: FunctionCallback(function, name, when, **declared)


def _parameters(function: Any, hook: str) -> list[str]:
    if not callable(function) or inspect.isclass(function):
        raise WrongType("Only a function can be turned into a callback.", given=function,
                        wanted="a function", cure='@kibitz.on("epoch_end")\ndef show(epoch, logs): ...')  # fmt: skip
    there = [each for each in GIVEN if each != ("logs" if hook == OUTCOME_HOOK else "outcome")]
    if hook not in BATCH_HOOKS:
        there.remove("batch")
    name, signature = getattr(function, "__name__", "function"), inspect.signature(function)
    asked = []
    for parameter, each in signature.parameters.items():
        by_name = each.kind in {inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY}
        if parameter in there and by_name:
            asked.append(parameter)
        elif each.default is inspect.Parameter.empty:
            raise WrongType(
                f'{name} asks for "{parameter}", which {hook} has not{"" if by_name else " by name"}.',
                given=code(f"def {name}{signature}"),
                wanted="parameters named " + ", ".join(there),
                cure=f"def {name}({', '.join(there[:2])}): ...",
            )
    return asked
