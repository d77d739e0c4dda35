"""A smaller learning rate when a monitored number no longer gets better."""

from __future__ import annotations

from typing import Any

import numpy as np

from kibitz.callbacks.base import Numbers
from kibitz.callbacks.forecast import Forecast
from kibitz.callbacks.learning_rate import KEY, check_settable, log_rates, optimizers, read_rate
from kibitz.callbacks.monitor import Monitor
from kibitz.callbacks.number import number
from kibitz.callbacks.say import say
from kibitz.callbacks.watching import Watching
from kibitz.errors import UnknownName

NAME = "ReduceLROnPlateau"
ARGUMENTS = ("monitor", "factor", "patience", "verbose", "mode", "min_delta", "cooldown", "min_lr")


class ReduceLROnPlateau(Watching):
    """Multiply the learning rate by a factor when a monitored number no longer gets better.

    Use it where training gets stuck in steps that are too long, and you do not know beforehand when that will be.

    Args:
        monitor: A key of the epoch's logs, such as "loss" or "val_loss"; or a `Monitor`, whose settings then count in
            the place of `patience`, `mode` and `min_delta`.
        factor: What the learning rate is multiplied by; less than 1.
        patience: Epochs without a better value after which to reduce. 0 and 1 both reduce at the first.
        verbose: 1 prints each reduction, 0 is silent.
        mode: "min", "max", or "auto": asks the metric itself which way is better.
        min_delta: How much better than the best counts as better, in the units of `monitor`; its sign does not matter.
        cooldown: Epochs after a reduction in which no waiting is counted.
        min_lr: The learning rate is not reduced below this.

    Raises:
        UnknownMonitor: Before the first step, if no epoch's logs will have `monitor`; at the end of an epoch, if a
            callback before this one was to add it and did not.
        UnknownDirection: Before the first step, if `mode="auto"` and nothing says which way is better.
        UnknownName: If an argument is given that there is not.
        InvalidArgument: If an argument's value cannot be.
        WrongType: Before the first step, if the optimizer takes its learning rate from a schedule.

    Attributes: `best`, `wait`, `cooldown_counter`; all are made new when training begins.

    Reads: logs and the learning rate, once an epoch.
    Changes: the learning rate; puts "learning_rate", as it was in the epoch, into the epoch's logs.
    Keeps: best, wait, cooldown_counter.
    Unlike Keras: a missing `monitor`, an unknown `mode` and unknown arguments are errors; NaN never becomes the best;
        an epoch without validation decides nothing.

    Example:
        >>> import kibitz
        >>> reduce = kibitz.callbacks.ReduceLROnPlateau("loss", factor=0.5, patience=2)
        >>> model = kibitz.testing.FakeModel(learning_rate=1.0)
        >>> _ = kibitz.testing.drive(reduce, epochs=[{"loss": 1.0}] * 5, model=model)
        >>> float(model.optimizer.learning_rate)
        0.25

    Source: https://keras.io/api/callbacks/reduce_lr_on_plateau/
    """

    adds = (KEY,)

    def __init__(
        self,
        monitor: str | Monitor = "val_loss",
        factor: float = 0.1,
        patience: int = 10,
        verbose: int = 0,
        mode: str = "auto",
        min_delta: float = 1e-4,
        cooldown: int = 0,
        min_lr: float = 0.0,
        **kwargs: Any,
    ):
        super().__init__()
        for unknown in kwargs:
            cure = f"{NAME}(min_delta=...)" if unknown == "epsilon" else "leave it out, or write it as it is spelt"
            raise UnknownName(f"{NAME} takes no such argument.", given=unknown, there_is=ARGUMENTS, cure=cure)
        self.watch = Monitor.of(monitor, ReduceLROnPlateau, mode=mode, min_delta=min_delta, patience=patience)
        self.factor = number(NAME, "factor", factor, least=0, below=1, such_as=0.1)
        self.cooldown = number(NAME, "cooldown", cooldown, least=0)
        self.min_lr = number(NAME, "min_lr", min_lr, least=0)
        self.verbose = verbose
        self._begin()

    def settle(self, forecast: Forecast) -> None:
        """Check before the first step that the number will be there and that the learning rate can be set."""
        check_settable(NAME, forecast)
        self.watch.settle(forecast)

    def on_train_begin(self, logs: Numbers = None) -> None:
        """Forget the last fit; the learning rate stays as it is."""
        self._begin()

    def on_epoch_end(self, epoch: int, logs: Numbers = None) -> None:
        """Log the learning rate, compare, count, and reduce when patience is spent."""
        log_rates(self.model, logs)
        current = self.watch.read(logs, self.model)
        if current is None:
            return
        if self.in_cooldown():
            self.cooldown_counter -= 1
            self.wait = 0
        better = self.watch.take(current, counts=not self.in_cooldown())
        if not better and self.watch.spent and not self.in_cooldown() and self._reduce(epoch):
            self.cooldown_counter, self.wait = self.cooldown, 0

    def in_cooldown(self) -> bool:
        """Whether a reduction is so recent that no waiting is counted."""
        return self.cooldown_counter > 0

    def _begin(self) -> None:
        self.watch.reset()
        self.cooldown_counter = 0

    def _reduce(self, epoch: int) -> bool:
        reduced = False
        for name, optimizer in optimizers(self.model):
            old = read_rate(optimizer)
            if old > np.float32(self.min_lr):
                new = max(old * self.factor, self.min_lr)
                optimizer.learning_rate = new
                reduced = True
                if self.verbose > 0:
                    which = f" {name}" if name else ""
                    say(f"\nEpoch {epoch + 1}: {NAME} reducing{which} learning rate to {new}.")
        return reduced
