"""Asking for the end of training, so that it is heard with a run and without one."""

from __future__ import annotations

from kibitz.callbacks.base import Callback


def stop_training(callback: Callback, reason: str) -> None:
    """Set `model.stop_training`, as Keras's callbacks do, and tell the run why if there is a run.

    Args:
        callback: Who asks.
        reason: Why, in words; it stands in the outcome.

    Example:
        >>> import kibitz
        >>> from kibitz.callbacks.stopping import stop_training
        >>> class Enough(kibitz.callbacks.Callback):
        ...     def on_epoch_end(self, epoch, logs=None):
        ...         stop_training(self, "one epoch will do")
        >>> kibitz.testing.drive(Enough(), epochs=[{"loss": 2.0}, {"loss": 1.0}]).reason
        'one epoch will do'
    """
    # A loop of the user's own may have no model: it then looks at the callback's own attributes.
    if callback.model is not None:
        callback.model.stop_training = True
    if callback.run is not None:
        callback.run.stop(reason)
