"""A callback made of functions, on the fly."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kibitz.callbacks.base import Callback
from kibitz.errors import UnknownName, WrongType
from kibitz.hooks import KNOWN, arguments

SETTERS = ("set_model", "set_params")
Hook = Callable[..., Any] | None


class LambdaCallback(Callback):
    """Give functions for the hooks, where a class of your own would be too much.

    Args:
        on_epoch_begin: Called with (epoch, logs) before an epoch. None leaves the hook empty.
        on_epoch_end: Called with (epoch, logs) after an epoch. None leaves the hook empty.
        on_train_begin: Called with (logs) before training. None leaves the hook empty.
        on_train_end: Called with (logs) after training. None leaves the hook empty.
        on_train_batch_begin: Called with (batch, logs=...) before a step. None leaves the hook empty.
        on_train_batch_end: Called with (batch, logs=...) after a step. None leaves the hook empty.
        **kwargs: Any other hook by its name, such as `on_test_end=` or `on_run_end=`.

    Raises:
        UnknownName: If there is no hook of a name.
        WrongType: If what is given for a hook cannot be called.

    Reads: whatever its functions read.
    Changes: whatever its functions change.
    Keeps: nothing.
    Unlike Keras: a misspelt hook is an error.

    Example:
        >>> import kibitz
        >>> shout = kibitz.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: print(epoch, logs["loss"]))
        >>> _ = kibitz.testing.drive(shout, epochs=[{"loss": 2.0}, {"loss": 1.0}])
        0 2.0
        1 1.0

    Source: https://keras.io/api/callbacks/lambda_callback/
    """

    def __init__(
        self,
        on_epoch_begin: Hook = None,
        on_epoch_end: Hook = None,
        on_train_begin: Hook = None,
        on_train_end: Hook = None,
        on_train_batch_begin: Hook = None,
        on_train_batch_end: Hook = None,
        **kwargs: Hook,
    ):
        super().__init__()
        given = {
            "on_epoch_begin": on_epoch_begin,
            "on_epoch_end": on_epoch_end,
            "on_train_begin": on_train_begin,
            "on_train_end": on_train_end,
            "on_train_batch_begin": on_train_batch_begin,
            "on_train_batch_end": on_train_batch_end,
            **kwargs,
        }
        for name, function in given.items():
            if function is not None or name not in KNOWN:
                _check(name, function)
                setattr(self, name, function)


def _check(name: str, function: Any) -> None:
    if name not in KNOWN and name not in SETTERS:
        raise UnknownName(
            "There is no hook of this name.",
            given=name,
            there_is=sorted(KNOWN),
            cure="LambdaCallback(on_epoch_end=lambda epoch, logs: ...)",
        )
    if not callable(function):
        takes = arguments(name) if name in KNOWN else "value"
        raise WrongType(
            f"LambdaCallback has nothing to call for {name}.",
            given=function,
            wanted=f"a function of ({takes})",
            cure=f"LambdaCallback({name}=lambda {takes}: ...)",
        )
