"""Stopping at the first loss that is not a finite number."""

from __future__ import annotations

import math

from kibitz.callbacks.base import Callback, Numbers
from kibitz.callbacks.heard_where import heard_where
from kibitz.callbacks.say import say
from kibitz.callbacks.stopping import stop_training
from kibitz.errors import NotFinite


class TerminateOnNaN(Callback):
    """Stop training when the loss is NaN or infinite, in training or in validation.

    Once a loss is not finite the weights seldom recover, and every further step is time lost.

    Args:
        raise_error: Raise instead of asking for a stop: the run then fails, and `on_train_end` is not called.

    Raises:
        NotFinite: At that batch, with `raise_error=True`; it is a RuntimeError.

    Reads: the loss, at every batch.
    Changes: asks the run to stop.
    Keeps: nothing.
    Unlike Keras: a loss that is not finite in the validation of a fit is seen too.

    Example:
        >>> import kibitz
        >>> epochs = [{"loss": 2.0}, {"loss": float("nan")}, {"loss": 1.0}]
        >>> result = kibitz.testing.drive(kibitz.callbacks.TerminateOnNaN(), epochs=epochs)
        Batch 0: Invalid loss, terminating training
        >>> result.epochs_done, result.reason
        (2, 'loss is nan at batch 0')

    Source: https://keras.io/api/callbacks/terminate_on_nan/
    """

    adds = ()

    def __init__(self, raise_error: bool = False):
        super().__init__()
        self.raise_error = raise_error
        self._training = False

    def on_train_begin(self, logs: Numbers = None) -> None:
        """From here on, an evaluation is the validation of a fit."""
        self._training = True

    def on_batch_end(self, batch: int, logs: Numbers = None) -> None:
        """Look at the loss of training."""
        self._look("Batch", batch, logs)

    @heard_where(lambda self: self._training)
    def on_test_batch_end(self, batch: int, logs: Numbers = None) -> None:
        """Look at the loss of validation; an evaluation of its own trains nothing that could be ended."""
        if self._training and not getattr(self.model, "stop_training", False):
            self._look("Validation batch", batch, logs)

    def on_train_end(self, logs: Numbers = None) -> None:
        """Training is over."""
        self._training = False

    def on_run_end(self, outcome: object) -> None:
        """Training is over, whatever ended it."""
        self._training = False

    def _look(self, where: str, batch: int, logs: Numbers) -> None:
        loss = (logs or {}).get("loss")
        if loss is None or math.isfinite(loss):
            return
        if self.raise_error:
            raise NotFinite(
                f"NaN or Inf loss encountered at {where.lower()} {batch}.",
                given=float(loss),
                wanted="a finite loss",
                cure="a smaller learning_rate, or clipnorm=1.0 in the optimizer; and look for NaN in the data",
            )
        say(f"{where} {batch}: Invalid loss, terminating training")
        stop_training(self, f"loss is {float(loss)} at {where.lower()} {batch}")
