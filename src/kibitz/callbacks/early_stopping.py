"""Stopping when a monitored number no longer gets better."""

from __future__ import annotations

from typing import Any

from kibitz.callbacks.base import Numbers
from kibitz.callbacks.condition import Condition
from kibitz.callbacks.forecast import Forecast
from kibitz.callbacks.monitor import Monitor
from kibitz.callbacks.number import number
from kibitz.callbacks.say import say
from kibitz.callbacks.stopping import stop_training
from kibitz.callbacks.watching import Watching


class EarlyStopping(Watching):
    """Stop training when a monitored number no longer gets better.

    Training past the best epoch costs time and, without `restore_best_weights`, leaves worse weights than you had.

    Args:
        monitor: A key of the epoch's logs, such as "loss" or "val_loss"; or a `Monitor`, whose settings then count in
            the place of `min_delta`, `patience` and `mode`.
        min_delta: How much better than the best counts as better, in the units of `monitor`; its sign does not matter.
        patience: Epochs without a better value after which to stop. 0 and 1 both stop at the first.
        verbose: 1 prints what is done at the end of training, 0 is silent.
        mode: "min", "max", or "auto": asks the metric itself which way is better.
        baseline: A value to beat: epochs that are better than the best, but not than this, count as waiting too. None
            means that there is none.
        restore_best_weights: Put the best epoch's weights back when training ends, also at its planned end.
        start_from_epoch: The first epoch (from 0) that counts; earlier ones are not even looked at for the best.
        when: A condition on the epoch's logs that ends training too, such as "val_accuracy > 0.99 and loss < 0.1". It
            decides alone where none of `monitor`, `patience`, `baseline` and `restore_best_weights` is given. None
            means that there is none.

    Raises:
        UnknownMonitor: Before the first step, if no epoch's logs will have `monitor`; at the end of an epoch, if a
            callback before this one was to add it and did not.
        UnknownDirection: Before the first step, if `mode="auto"` and nothing says which way is better.
        InvalidArgument: If `mode`, `min_delta`, `patience`, `baseline` or `start_from_epoch` cannot be.

    Attributes: `best`, `best_epoch`, `best_weights` (host copies; None without `restore_best_weights`), `wait`,
        `stopped_epoch` (0 if it did not stop); all are made new when training begins.

    Reads: logs, once an epoch; with `restore_best_weights`, the weights at each better epoch.
    Changes: asks the run to stop; with `restore_best_weights`, the weights in `on_train_end`. Never the optimizer.
    Keeps: best, best_epoch, best_weights, wait.
    Unlike Keras: a missing `monitor` and an unknown `mode` are errors; NaN never becomes the best; an epoch without
        validation decides nothing; after Ctrl-C or an exception, `restore()` brings the best weights back.

    Example:
        >>> import kibitz
        >>> stop = kibitz.callbacks.EarlyStopping("loss", patience=2)
        >>> result = kibitz.testing.drive(stop, epochs=[{"loss": value} for value in (3.0, 2.0, 2.5, 2.0, 1.0)])
        >>> result.epochs_done, result.reason
        (4, 'loss no better than 2 of epoch 1 (from 0); patience 2')
        >>> stop.best, stop.best_epoch, stop.stopped_epoch
        (2.0, 1, 3)

    Source: https://keras.io/api/callbacks/early_stopping/
    """

    adds = ()

    def __init__(
        self,
        monitor: str | Monitor = "val_loss",
        min_delta: float = 0,
        patience: int = 0,
        verbose: int = 0,
        mode: str = "auto",
        baseline: float | None = None,
        restore_best_weights: bool = False,
        start_from_epoch: int = 0,
        *,
        when: str | None = None,
    ):
        super().__init__()
        self.watch = Monitor.of(monitor, EarlyStopping, mode=mode, min_delta=min_delta, patience=patience)
        self.when = None if when is None else Condition(when, "EarlyStopping")
        self.verbose = verbose
        self.baseline = baseline if baseline is None else number("EarlyStopping", "baseline", baseline)
        self.restore_best_weights = restore_best_weights
        self.start_from_epoch = number("EarlyStopping", "start_from_epoch", start_from_epoch, least=0)
        self._told = isinstance(monitor, Monitor)
        self._begin()

    def settle(self, forecast: Forecast) -> None:
        """Check before the first step that the number will be there, and which way it is better."""
        if self.when is not None:
            self.when.settle(forecast.epoch_keys, forecast)
        if self._watches:
            self.watch.settle(forecast)

    def on_train_begin(self, logs: Numbers = None) -> None:
        """Forget the last fit."""
        self._begin()

    def on_epoch_end(self, epoch: int, logs: Numbers = None) -> None:
        """Compare, keep, count, and stop when patience is spent."""
        if self.when is not None and self.when.holds(logs):
            self._stop(epoch, f"{self.when.written} in epoch {epoch} (from 0)")
        current = self.get_monitor_value(logs) if self._watches else None
        if current is None or epoch < self.start_from_epoch:
            return
        if self.watch.take(current, bar=self.baseline):
            self.best_epoch = epoch
            if self.restore_best_weights:
                self.best_weights = self.model.get_weights()
        elif self.watch.spent:
            self._stop(epoch, self._why())

    def on_train_end(self, logs: Numbers = None) -> None:
        """Say what was done, and put the best weights back if that was wanted."""
        if (self.stopped_epoch > 0 or self._stopped) and self.verbose > 0:
            say(f"Epoch {self.stopped_epoch + 1}: early stopping")
        if self.restore_best_weights and self.best_weights is not None:
            if self.verbose > 0:
                say(f"Restoring model weights from the end of the best epoch: {self.best_epoch + 1}.")
            self.restore()

    def restore(self) -> None:
        """Put the best weights seen so far into the model: what is left to do by hand after an interruption."""
        if self.best_weights is not None:
            self.model.set_weights(self.best_weights)

    def get_monitor_value(self, logs: Numbers) -> float | None:
        """The watched number in these logs; None where validation was not due."""
        return self.watch.read(logs, self.model)

    @property
    def _watches(self) -> bool:
        """Whether a number is watched: a condition decides alone where nothing says that one is."""
        said = self._told or self.monitor != "val_loss" or self.patience or self.restore_best_weights
        return self.when is None or bool(said) or self.baseline is not None

    def _begin(self) -> None:
        self.watch.reset()
        self.best_epoch = self.stopped_epoch = 0
        self._stopped = False  # with a condition, also in epoch 0
        self.best_weights: list[Any] | None = None

    def _stop(self, epoch: int, why: str) -> None:
        self.stopped_epoch, self._stopped = epoch, True
        stop_training(self, why)

    def _why(self) -> str:
        if self.best is None:
            return f"{self.monitor} has not been a finite number; patience {self.patience}"
        bar = f"{self.best:.6g} of epoch {self.best_epoch} (from 0)"
        return f"{self.monitor} no better than {bar}; patience {self.patience}"
