"""The numbers of every epoch, or of batches, in a run of Weights & Biases."""

from __future__ import annotations

from typing import Any

import numpy as np

from kibitz.callbacks.base import Callback, Numbers
from kibitz.callbacks.forecast import Forecast
from kibitz.callbacks.heard_where import by_hand, heard_where
from kibitz.callbacks.learning_rate import read_rate
from kibitz.callbacks.wandb_run import wandb_with_a_run
from kibitz.errors import InvalidArgument
from kibitz.run import Run


class WandbMetricsLogger(Callback):
    """Log the numbers of every epoch, and if wanted of batches, into the run of Weights & Biases that is under way.

    It is what `wandb.integration.keras.WandbMetricsLogger` is, and needs no TensorFlow: the same keys, "epoch/loss" and
    "batch/loss" and so on, with the learning rate, over the axes "epoch/epoch" and "batch/batch_step".

    Args:
        log_freq: "epoch" logs at the end of each epoch, "batch" after each batch too, a number after so many batches.
        initial_global_step: What `global_step` begins with.

    Raises:
        MissingExtra: If wandb is not installed.
        NotReady: If no run is under way: `wandb.init` comes first.
        InvalidArgument: If `log_freq` is none of the three, or `initial_global_step` is no whole number of 0 or more.

    Attributes: `logging_batch_wise`, `log_freq` (None when only epochs are logged), `global_batch` (the step of the
        next batch that is logged), `global_step` (batches trained on).

    Reads: logs and the learning rate, when it logs.
    Changes: nothing; the run of Weights & Biases.
    Keeps: global_batch, global_step.
    Unlike Keras: Keras has none. Unlike wandb's own: a learning rate that is a schedule is logged as the optimizer has
        it, so `initial_global_step` is not needed for it; unknown values of `log_freq` are errors.

    Example:
        >>> import kibitz, tempfile, wandb
        >>> run = wandb.init(mode="offline", dir=tempfile.mkdtemp())
        >>> logger = kibitz.callbacks.WandbMetricsLogger()
        >>> _ = kibitz.testing.drive(logger, epochs=[{"loss": 2.0}, {"loss": 1.5}])
        >>> run.summary["epoch/epoch"], run.summary["epoch/loss"]
        (1, 1.5)
        >>> run.finish()

    Source: https://docs.wandb.ai/ref/python/integrations/keras/wandbmetricslogger/
    """

    adds = ()

    def __init__(self, log_freq: str | int = "epoch", initial_global_step: int = 0):
        super().__init__()
        wandb = wandb_with_a_run("WandbMetricsLogger")
        batches = 1 if log_freq == "batch" else log_freq
        if batches != "epoch" and not _whole(batches, least=1):
            raise InvalidArgument(
                "WandbMetricsLogger logs every epoch, every batch, or every so many batches.",
                given=log_freq,
                wanted='"epoch", "batch", or a whole number of batches, 1 or more',
                cure='WandbMetricsLogger(log_freq="epoch")',
            )
        if not _whole(initial_global_step, least=0):
            raise InvalidArgument(
                "WandbMetricsLogger counts batches.",
                given=initial_global_step,
                wanted="a whole number, 0 or more",
                cure="WandbMetricsLogger(initial_global_step=0)",
            )
        self.logging_batch_wise = batches != "epoch"
        self.log_freq = int(batches) if self.logging_batch_wise else None
        self.global_batch, self.global_step = 0, int(initial_global_step)
        self._counted: Run | None = None
        axis = "batch/batch_step" if self.logging_batch_wise else "epoch/epoch"
        wandb.define_metric(axis)
        wandb.define_metric(f"{axis.partition('/')[0]}/*", step_metric=axis)

    def settle(self, forecast: Forecast) -> None:
        """Check before the first step that the run has not been finished."""
        wandb_with_a_run("WandbMetricsLogger")

    def on_train_begin(self, logs: Numbers = None) -> None:
        """Remember who counts."""
        self._counted = None if by_hand(self) else self.run

    @heard_where(lambda self: self.logging_batch_wise or by_hand(self))
    def on_train_batch_end(self, batch: int, logs: Numbers = None) -> None:
        """Log the running means, if this batch is one to log."""
        self.global_step += 1
        if self.log_freq is not None and batch % self.log_freq == 0:
            self._log("batch", logs, {"batch_step": self.global_batch})
            self.global_batch += self.log_freq

    def on_epoch_end(self, epoch: int, logs: Numbers = None) -> None:
        """Log the epoch's numbers."""
        if self._counted is not None and not self.logging_batch_wise:
            self.global_step += self._counted.clock.batch
        self._log("epoch", logs, {"epoch": epoch})

    def _log(self, kind: str, logs: Numbers, axis: dict[str, int]) -> None:
        numbers: dict[str, Any] = {**(logs or {}), **axis, "learning_rate": read_rate(self.model.optimizer)}
        wandb_with_a_run("WandbMetricsLogger").log({f"{kind}/{key}": value for key, value in numbers.items()})


def _whole(value: Any, least: int) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool) and bool(value >= least)
