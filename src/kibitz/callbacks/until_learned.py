"""The end of a run that trains on one batch: when its loss has come down far enough."""

from __future__ import annotations

import math

from kibitz.callbacks.base import Callback, Numbers
from kibitz.callbacks.stopping import stop_training
from kibitz.errors import InvalidArgument, NotFinite, code


class UntilLearned(Callback):
    """Note the loss of each batch, and stop when it has come down to a target, or is no finite number any more.

    Args:
        target: The loss that will do. None means a hundredth of the first.

    Raises:
        NotFinite: If the first loss is not a finite number.
        InvalidArgument: If the first loss is not above 0, and there is no target.

    Reads: the loss, at every batch.
    Changes: asks the run to stop.
    Keeps: target, losses.
    Unlike Keras: there is none in Keras.

    Example:
        >>> import kibitz
        >>> from kibitz.callbacks.until_learned import UntilLearned
        >>> learned = UntilLearned(target=0.5)
        >>> kibitz.testing.drive(learned, epochs=[{"loss": 2.0}, {"loss": 0.25}, {"loss": 0.0}]).epochs_done
        2
    """

    adds = ()

    def __init__(self, target: float | None = None):
        super().__init__()
        self.target = target
        self.losses: list[float] = []

    def on_train_batch_end(self, batch: int, logs: Numbers = None) -> None:
        """Note the batch's own loss, and compare."""
        loss = float((getattr(logs, "batch", logs) or {}).get("loss", math.nan))
        if not self.losses:
            self._check_first(loss)
        self.losses.append(loss)
        if self.target is None:
            self.target = loss / 100
        if loss <= self.target:
            stop_training(self, "the batch is learned")
        elif not math.isfinite(loss):
            stop_training(self, f"the loss is {loss}")

    def _check_first(self, loss: float) -> None:
        if not math.isfinite(loss):
            raise NotFinite(
                "The first loss is not a finite number.",
                given=loss,
                wanted="a finite loss",
                cure="look for NaN in the batch; or for a logarithm or a division of 0 in the loss",
            )
        if self.target is None and loss <= 0:
            raise InvalidArgument(
                "The loss begins at 0 or below, and a hundredth of it says nothing.",
                given=code(f"a first loss of {loss:.4g}, target=None"),
                wanted="the loss that will do",
                cure="overfit_one_batch(model, x, y, target=-0.99)",
            )
