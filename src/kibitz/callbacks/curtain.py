"""The end of a rehearsal, after its last epoch."""

from __future__ import annotations

from kibitz.callbacks.base import Callback, Numbers
from kibitz.callbacks.stopping import stop_training


class Curtain(Callback):
    """Stop training after so many epochs of this run, whatever number was planned.

    Args:
        epochs: After how many.

    Reads: nothing.
    Changes: asks the run to stop.
    Keeps: done.
    Unlike Keras: there is none in Keras.

    Example:
        >>> import kibitz
        >>> from kibitz.callbacks.curtain import Curtain
        >>> kibitz.testing.drive(Curtain(2), epochs=[{"loss": 1.0}] * 9).epochs_done
        2
    """

    adds = ()

    def __init__(self, epochs: int):
        super().__init__()
        self.epochs, self.done = epochs, 0

    def on_train_begin(self, logs: Numbers = None) -> None:
        """Begin to count."""
        self.done = 0

    def on_epoch_end(self, epoch: int, logs: Numbers = None) -> None:
        """See whether it is enough."""
        self.done += 1
        if self.done >= self.epochs:
            stop_training(self, "the rehearsal is over")
