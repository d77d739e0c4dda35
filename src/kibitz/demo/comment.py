"""The callback that the demo shows: eight lines of a user's own."""

from __future__ import annotations

from typing import Any

import numpy as np

from kibitz.callbacks.base import Callback


class HardestDigit(Callback):
    """After each epoch, say which digit the model gets wrong most often.

    Args:
        x: Images to ask the model about.
        y: Their labels.

    Reads: the model's predictions for `x`.
    Changes: nothing.
    Keeps: nothing.

    Example:
        >>> from kibitz.demo.comment import HardestDigit
        >>> HardestDigit([[0.0]], [3]).y
        [3]
    """

    def __init__(self, x: Any, y: Any):
        super().__init__()
        self.x, self.y = x, y

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Ask the model, in the middle of its training."""
        guesses = self.model.predict(self.x, verbose=0).argmax(axis=1)
        wrong = np.bincount(self.y[guesses != self.y], minlength=10)
        print(f"         after epoch {epoch + 1} the hardest digit is {wrong.argmax()}: {wrong.max()} wrong")
