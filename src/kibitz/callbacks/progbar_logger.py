"""The progress bar of a run."""

from __future__ import annotations

from typing import Any

from kibitz.callbacks.base import Callback, Numbers
from kibitz.callbacks.heard_where import heard_where
from kibitz.callbacks.progbar import Progbar
from kibitz.callbacks.say import say


class ProgbarLogger(Callback):
    """Show how far a run has come: `fit`, `evaluate` and `predict` add one unless `verbose=0`.

    Give one of your own to choose its place among the callbacks: it shows what the logs hold when its turn comes.

    Attributes: `verbose` (0 is silent, 1 and "auto" draw, 2 prints one line an epoch), `epochs` and `target` (steps in
        an epoch; None if unknown), all from the run's parameters; `seen`, the steps done in this
        epoch, where each moves the bar.

    Reads: logs, at every batch if a bar is drawn.
    Changes: nothing.
    Keeps: nothing.
    Unlike Keras: in a pipe, a file or CI it writes plain lines; in a terminal, what other callbacks print appears above
        the bar; it is closed also after an exception.

    Example:
        >>> import kibitz
        >>> bar = kibitz.callbacks.ProgbarLogger()
        >>> _ = kibitz.testing.drive(bar, epochs=[{"loss": 0.5}], batches=2, verbose=2)  # doctest: +ELLIPSIS
        2/2 - 0s - ...s/step - loss: 0.5000

    Source: https://keras.io/api/callbacks/
    """

    adds = ()

    def __init__(self) -> None:
        super().__init__()
        self.seen = 0
        self.progbar: Progbar | None = None
        self.target: int | None = None
        self.verbose = 1
        self.epochs = 1
        self._in_fit = False

    def set_params(self, params: dict[str, Any]) -> None:
        """Take "verbose", "epochs" and "steps"; what is not there stays as it is."""
        super().set_params(params)
        verbose = params.get("verbose", self.verbose)
        self.verbose = 1 if verbose == "auto" else int(verbose)
        self.epochs = params.get("epochs", self.epochs)
        self.target = params.get("steps", self.target)

    def get_state(self) -> dict[str, Any]:
        """Nothing: a bar begins anew."""
        return {}

    def on_train_begin(self, logs: Numbers = None) -> None:
        """From here on an evaluation is the validation of a fit, and silent."""
        self._in_fit = True

    def on_epoch_begin(self, epoch: int, logs: Numbers = None) -> None:
        """Name the epoch if there are several, and begin a bar."""
        self._begin()
        if self.verbose and self.epochs > 1:
            say(f"Epoch {epoch + 1}/{self.epochs}")

    def on_test_begin(self, logs: Numbers = None) -> None:
        """Begin a bar, if this evaluation is a run of its own."""
        if not self._in_fit:
            self._begin()

    def on_predict_begin(self, logs: Numbers = None) -> None:
        """Begin a bar."""
        self._begin()

    @heard_where(lambda self: self._moves)
    def on_train_batch_end(self, batch: int, logs: Numbers = None) -> None:
        """Move the bar."""
        self._move(batch, logs)

    @heard_where(lambda self: self._moves and not self._in_fit)
    def on_test_batch_end(self, batch: int, logs: Numbers = None) -> None:
        """Move the bar of an evaluation."""
        if not self._in_fit:
            self._move(batch, logs)

    @heard_where(lambda self: self._moves)
    def on_predict_batch_end(self, batch: int, logs: Numbers = None) -> None:
        """Move the bar of a prediction; its outputs are not shown."""
        self._move(batch, None)

    def on_epoch_end(self, epoch: int, logs: Numbers = None) -> None:
        """Show the epoch's numbers, those of validation among them."""
        self._finish(logs)

    def on_test_end(self, logs: Numbers = None) -> None:
        """Show the evaluation's numbers."""
        if not self._in_fit:
            self._finish(logs)

    def on_predict_end(self, logs: Numbers = None) -> None:
        """Show that it is done."""
        self._finish(None)

    def on_train_end(self, logs: Numbers = None) -> None:
        """An evaluation that comes after this is one of its own."""
        self._close()

    def on_run_end(self, outcome: object) -> None:
        """Leave the bar as it stands, whatever ended the run."""
        self._close()

    @property
    def _moves(self) -> bool:
        """Whether batches matter: a bar is drawn, or somebody must count them to know how many there are."""
        return self.verbose == 1 or self.target is None

    def _begin(self) -> Progbar:
        self.seen = 0
        self.progbar = Progbar(self.target, verbose=self.verbose, stateless_metrics=())
        return self.progbar

    def _move(self, batch: int, logs: Numbers) -> None:
        self.seen = batch + 1
        if self.verbose == 1:
            (self.progbar or self._begin()).update(self.seen, (logs or {}).items(), finalize=False)

    def _finish(self, logs: Numbers) -> None:
        bar = self.progbar or self._begin()
        if self.target is None:
            self.target = bar.target = self.seen
        bar.update(self.target, (logs or {}).items(), finalize=True)

    def _close(self) -> None:
        self._in_fit = False
        if self.progbar is not None:
            self.progbar.close()
