"""The callbacks of the benchmark, each made for a library that has a class to derive them from."""

from __future__ import annotations

from typing import Any


def reading_loss(library: Any) -> Any:
    """A callback that reads the loss at every batch."""

    class ReadsLoss(library.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            self.last = float(logs["loss"])

    return ReadsLoss()


def reading_weights(library: Any, every: int) -> Any:
    """A callback that reads the weights after every so many batches."""

    class ReadsWeights(library.callbacks.Callback):
        def on_train_begin(self, logs=None):
            self.step = 0

        def on_train_batch_end(self, batch, logs=None):
            self.step += 1
            if self.step % every == 0:
                self.last = self.model.get_weights()

    return ReadsWeights()


def idle(library: Any, many: int) -> list[Any]:
    """Callbacks that listen to the ends of epochs, and override no hook of a batch."""

    class Idle(library.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.last = float(logs["loss"])

    return [Idle() for _ in range(many)]
