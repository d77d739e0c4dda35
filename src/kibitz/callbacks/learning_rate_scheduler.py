"""A learning rate for every epoch, from a function."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from kibitz.callbacks.base import Callback, Numbers
from kibitz.callbacks.forecast import Forecast
from kibitz.callbacks.learning_rate import KEY, check_settable, log_rates, optimizers, read_rate
from kibitz.callbacks.say import say
from kibitz.errors import InvalidArgument, WrongType, code

NAME = "LearningRateScheduler"
CURE = f"{NAME}(lambda epoch, lr: lr * 0.9)"


class LearningRateScheduler(Callback):
    """Set the learning rate at the beginning of every epoch, from a function of the epoch and the rate so far.

    Use it where the rate is known beforehand, epoch by epoch. A schedule that moves at every step belongs into the
    optimizer.

    Args:
        schedule: Called with the epoch (from 0) and the learning rate as it is now, or, if it takes one argument only,
            with the epoch; gives the learning rate: a float, an int, a NumPy or JAX scalar.
        verbose: 1 prints each rate, 0 is silent.

    Raises:
        WrongType: If `schedule` is not a function; before the first step, if the optimizer takes its learning rate from
            a schedule of its own.
        InvalidArgument: If `schedule` can take neither two arguments nor one, or gives anything but one finite number.

    Reads: the learning rate, at both ends of an epoch.
    Changes: the learning rate; puts "learning_rate", as it was in the epoch, into the epoch's logs.
    Keeps: nothing.
    Unlike Keras: a TypeError inside `schedule` is shown as it is; any real scalar is a learning rate.

    Example:
        >>> import kibitz
        >>> halve = kibitz.callbacks.LearningRateScheduler(lambda epoch, lr: lr / 2)
        >>> model = kibitz.testing.FakeModel(learning_rate=1.0)
        >>> kibitz.testing.drive(halve, epochs=[{"loss": 1.0}] * 2, model=model).logs
        {'loss': 1.0, 'learning_rate': 0.25}

    Source: https://keras.io/api/callbacks/learning_rate_scheduler/
    """

    adds = (KEY,)

    def __init__(self, schedule: Callable[..., Any], verbose: int = 0):
        super().__init__()
        if not callable(schedule):
            raise WrongType(f"{NAME} asks a function for each rate.", given=schedule,
                            wanted="a function of (epoch, lr)", cure=CURE)  # fmt: skip
        self.schedule = schedule
        self.verbose = verbose
        self._takes_rate = _takes_rate(schedule)

    def settle(self, forecast: Forecast) -> None:
        """Check before the first step that the learning rate can be set."""
        check_settable(NAME, forecast)

    def on_epoch_begin(self, epoch: int, logs: Numbers = None) -> None:
        """Ask the schedule, and set what it says."""
        for name, optimizer in optimizers(self.model):
            said = self.schedule(epoch, read_rate(optimizer)) if self._takes_rate else self.schedule(epoch)
            optimizer.learning_rate = _rate(said, epoch)
            if self.verbose > 0:
                which = f"{name} " if name else ""
                say(f"\nEpoch {epoch + 1}: {NAME} setting {which}learning rate to {said}.")

    def on_epoch_end(self, epoch: int, logs: Numbers = None) -> None:
        """Log the rate that the epoch was trained with."""
        log_rates(self.model, logs)


def _takes_rate(schedule: Callable[..., Any]) -> bool:
    try:
        signature = inspect.signature(schedule)
    except (TypeError, ValueError):
        return True  # a builtin cannot be asked
    for arguments, takes_rate in (((0, 0.0), True), ((0,), False)):
        try:
            signature.bind(*arguments)
        except TypeError:
            continue
        return takes_rate
    raise InvalidArgument(
        f"{NAME} cannot call this schedule.",
        given=code(f"schedule{signature}"),
        wanted="a function of (epoch, lr), or of (epoch)",
        cure=CURE,
    )


def _rate(said: Any, epoch: int) -> float:
    try:
        rate = math.nan if isinstance(said, bool | str) or np.ndim(said) else float(said)
    except (TypeError, ValueError):
        rate = math.nan
    if math.isfinite(rate):
        return rate
    raise InvalidArgument(
        f"The schedule gave no learning rate for epoch {epoch}.", given=said, wanted="one finite number", cure=CURE
    )
