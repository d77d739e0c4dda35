"""Stopping when a monitored number no longer gets better."""

from __future__ import annotations

from typing import Any

from kibitz.callbacks.base import Numbers
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
        monitor: A key of the epoch's logs, such as "loss" or "val_loss".
        min_delta: How much better than the best counts as better, in the units of `monitor`; its sign does not matter.
        patience: Epochs without a better value after which to stop. 0 and 1 both stop at the first.
        verbose: 1 prints what is done at the end of training, 0 is silent.
        mode: "min", "max", or "auto": asks the metric itself which way is better.
        baseline: A value to beat: epochs that are better than the best, but not than this, count as waiting too. None
            means that there is none.
        restore_best_weights: Put the best epoch's weights back when training ends, also at its planned end.
        start_from_epoch: The first epoch (from 0) that counts; earlier ones are not even looked at for the best.

    Raises:
        UnknownMonitor: Before the first step, if no epoch's logs will have `monitor`; at the end of an epoch, if a
            callback before this one was to add it and did not.
        UnknownDirection: Before the first step, if `mode="auto"` and nothing says which way is better.
        InvalidArgument: If `mode`, `min_delta`, `patience`, `baseline` or `start_from_epoch` cannot be.

    Attributes: `best`, `best_epoch`, `best_weights` (host copies; None without `restore_best_weights`), `wait`,
        `begun` (whether an epoch was looked at), `stopped_epoch` (0 if it did not stop); all are made new when
        training begins.

    Reads: logs, once an epoch; with `restore_best_weights`, the weights at each better epoch.
    Changes: asks the run to stop; with `restore_best_weights`, the weights in `on_train_end`. Never the optimizer.
    Keeps: best, best_epoch, best_weights, wait, begun.
    Unlike Keras: a missing `monitor` and an unknown `mode` are errors; NaN never becomes the best; an epoch without
        validation decides nothing; after Ctrl-C or an exception, `restore()` brings the best weights back.

    Example:
        >>> import kibitz
        >>> stop = kibitz.callbacks.EarlyStopping("loss", patience=2)
        >>> result = kibitz.testing.drive(stop, epochs=[{"loss": value} for value in (3.0, 2.0, 2.5, 2.0, 1.0)])
        >>> result.epochs_done, result.reason
        (4, 'loss no better than 2 of epoch 1; patience 2')
        >>> stop.best, stop.best_epoch, stop.stopped_epoch
        (2.0, 1, 3)

    Source: https://keras.io/api/callbacks/early_stopping/
    """

    adds = ()

    def __init__(
        self,
        monitor: str = "val_loss",
        min_delta: float = 0,
        patience: int = 0,
        verbose: int = 0,
        mode: str = "auto",
        baseline: float | None = None,
        restore_best_weights: bool = False,
        start_from_epoch: int = 0,
    ):
        super().__init__()
        self.watch = Monitor(monitor, mode=mode, min_delta=min_delta, owner="EarlyStopping")
        self.monitor, self.mode, self.min_delta = monitor, mode, self.watch.min_delta
        self.patience = number("EarlyStopping", "patience", patience, least=0, such_as=3)
        self.verbose = verbose
        self.baseline = baseline if baseline is None else number("EarlyStopping", "baseline", baseline)
        self.restore_best_weights = restore_best_weights
        self.start_from_epoch = number("EarlyStopping", "start_from_epoch", start_from_epoch, least=0)
        self._begin()

    def settle(self, forecast: Forecast) -> None:
        """Check before the first step that the number will be there, and which way it is better."""
        self.watch.settle(forecast)

    def on_train_begin(self, logs: Numbers = None) -> None:
        """Forget the last fit."""
        self._begin()

    def on_epoch_end(self, epoch: int, logs: Numbers = None) -> None:
        """Compare, keep, count, and stop when patience is spent."""
        current = self.get_monitor_value(logs)
        if current is None or epoch < self.start_from_epoch:
            return
        # As in Keras, the first epoch is the one to beat and never counts as waiting, even if its value is NaN.
        first, self.begun = not self.begun, True
        self.wait += 1
        better = self.watch.better(current, self.best)
        if better:
            self.best = current
        if better or first:
            self.best_epoch = epoch
            if self.restore_best_weights:
                self.best_weights = self.model.get_weights()
            if self.baseline is None or self.watch.better(current, self.baseline):
                self.wait = 0
        elif self.wait >= self.patience:
            self.stopped_epoch = epoch
            stop_training(self, self._why())

    def on_train_end(self, logs: Numbers = None) -> None:
        """Say what was done, and put the best weights back if that was wanted."""
        if self.stopped_epoch > 0 and self.verbose > 0:
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

    def _begin(self) -> None:
        self.best: float | None = None
        self.best_epoch = self.stopped_epoch = self.wait = 0
        self.best_weights: list[Any] | None = None
        self.begun = False

    def _why(self) -> str:
        if self.best is None:
            return f"{self.monitor} has not been a finite number; patience {self.patience}"
        bar = f"{self.best:.6g} of epoch {self.best_epoch}"
        return f"{self.monitor} no better than {bar}; patience {self.patience}"
