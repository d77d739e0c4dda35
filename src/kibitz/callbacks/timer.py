"""Ending a run when its time is spent."""

from __future__ import annotations

import datetime as dt
import os
import time
from collections.abc import Callable

from kibitz.callbacks.base import Callback, Numbers
from kibitz.callbacks.forecast import Forecast
from kibitz.callbacks.heard_where import heard_where
from kibitz.callbacks.progress_words import remaining
from kibitz.callbacks.say import say
from kibitz.callbacks.stopping import stop_training
from kibitz.checkpoint.files import local, probe
from kibitz.clock import seconds_of
from kibitz.errors import InvalidArgument

MOMENTS = ("batch", "epoch")
WEIGHTS = ".weights.h5"


class Timer(Callback):
    """End training when a time is spent, and tell how long training and validation took.

    Use it where a machine is yours until a certain hour. The run ends at the first batch's or epoch's end by which the
    time is spent, as after any stop: the validation that is due and `on_epoch_end` still follow, so leave room for
    them. This is the one callback whose ending depends on a clock: the same program may end at another batch.

    Args:
        duration: The time that training may take, validation included: "90 min", "1 h 30 min", "HH:MM:SS",
            "DD:HH:MM:SS", a `datetime.timedelta`, or seconds. None only measures.
        at: "batch" looks at the clock at the end of every batch and epoch, "epoch" only at the ends of epochs.
        verbose: 1 prints what is done at the end of training, 0 is silent.
        path: Where to save the model when the time is spent: a ".keras" file, or a ".weights.h5" file for its weights
            and the optimizer alone. It is written at once, before any validation. None saves nothing.
        clock: Gives the present in seconds; only differences count. Give one of your own to test with.

    Raises:
        InvalidArgument: If `duration` cannot be read or is not longer than nothing, `at` is neither of the two, `path`
            ends in neither, or is given without a duration.
        UnusableFile: Before the first step, if nothing can be written where `path` lies.
        Unsupported: Before the first step, if the whole model shall be saved and has no configuration.

    Attributes: `duration`, in seconds; `train_seconds` and `validation_seconds`, spent so far in this fit, as of the
        last hook; `spent`, both together; `left`, the seconds left (None without a duration); `stopped_epoch`, the
        epoch in which it asked for the stop (None if it did not).

    Reads: the clock, at every batch if it may stop there; the model, if it saves.
    Changes: asks the run to stop; with `path`, writes a file.
    Keeps: train_seconds, validation_seconds, stopped_epoch: a resumed run goes on counting where the last one stood. A
        new fit begins at nothing.
    Unlike Keras: there is none in Keras.

    Example:
        >>> import kibitz
        >>> ticks = iter(range(0, 9000, 600))  # a clock by which ten minutes pass between two looks
        >>> timer = kibitz.callbacks.Timer("1.5 h", at="epoch", verbose=1, clock=lambda: next(ticks))
        >>> result = kibitz.testing.drive(timer, epochs=[{"loss": 1.0}] * 20)
        Epoch 9: timer stopped training after 1:30:00
        >>> result.epochs_done, result.reason
        (9, '1:30:00 spent, of 1:30:00')

    Source: https://lightning.ai/docs/pytorch/stable/api/lightning.pytorch.callbacks.Timer.html (the idea).
    """

    adds = ()

    def __init__(
        self,
        duration: str | float | dt.timedelta | None,
        *,
        at: str = "batch",
        verbose: int = 0,
        path: str | os.PathLike[str] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ):
        super().__init__()
        if at not in MOMENTS:
            raise InvalidArgument(
                "Timer looks at the clock at other moments.",
                given=at,
                there_is=MOMENTS,
                cure='Timer("2 h", at="epoch")',
            )
        self.duration = None if duration is None else seconds_of("Timer", "duration", duration)
        self.at, self.verbose = at, verbose
        self.path = None if path is None else _checked(path, self.duration)
        self._clock = clock
        self._begin()

    @property
    def spent(self) -> float:
        """Seconds spent in this fit, as of the last hook."""
        return self.train_seconds + self.validation_seconds

    @property
    def left(self) -> float | None:
        """Seconds left; less than none once more is spent. None without a duration."""
        return None if self.duration is None else self.duration - self.spent

    def settle(self, forecast: Forecast) -> None:
        """Check before the first step that the model can be saved, if it is to be."""
        if self.path is None:
            return
        probe(self.path)
        if not self.path.endswith(WEIGHTS):
            for describe in ("get_config", "get_compile_config"):  # what cannot be written down says so here
                getattr(self.model, describe, dict)()

    def on_train_begin(self, logs: Numbers = None) -> None:
        """Begin to count."""
        self._begin()
        self._since = self._clock()

    def on_epoch_begin(self, epoch: int, logs: Numbers = None) -> None:
        """Remember the epoch's number."""
        self._epoch = epoch

    @heard_where(lambda self: self.at == "batch" and self.duration is not None)
    def on_train_batch_end(self, batch: int, logs: Numbers = None) -> None:
        """Stop, if the time is spent and batches are looked at."""
        if self.at == "batch":
            self._count()
            self._stop_if_spent()

    def on_test_begin(self, logs: Numbers = None) -> None:
        """What comes now is validation."""
        self._count()
        self._validating = True

    def on_test_end(self, logs: Numbers = None) -> None:
        """What comes now is training again."""
        self._count()
        self._validating = False

    def on_epoch_end(self, epoch: int, logs: Numbers = None) -> None:
        """Stop, if the time is spent."""
        self._count()
        self._stop_if_spent()

    def on_train_end(self, logs: Numbers = None) -> None:
        """Say what was done."""
        if self.stopped_epoch is not None and self.verbose > 0:
            say(f"Epoch {self.stopped_epoch + 1}: timer stopped training after {remaining(self.spent)}")

    def on_run_end(self, outcome: object) -> None:
        """Count up to here, whatever ended the run, and no further."""
        self._count()
        self._since = None

    def _begin(self) -> None:
        self.train_seconds = self.validation_seconds = 0.0
        self.stopped_epoch: int | None = None
        self._since: float | None = None
        self._validating = False
        self._epoch = 0

    def _count(self) -> None:
        """Put the time since the last look to the part that it was spent in; outside of a fit nothing is counted."""
        if self._since is None:
            return
        now = self._clock()
        if self._validating:
            self.validation_seconds += now - self._since
        else:
            self.train_seconds += now - self._since
        self._since = now

    def _stop_if_spent(self) -> None:
        # Somebody who has asked before keeps the honour, and the outcome their reason.
        if self.duration is None or self.spent < self.duration or getattr(self.model, "stop_training", False):
            return
        self.stopped_epoch = self._epoch
        if self.path is not None:
            save = self.model.save_weights if self.path.endswith(WEIGHTS) else self.model.save
            save(self.path, overwrite=True)
        stop_training(self, f"{remaining(self.spent)} spent, of {remaining(self.duration)}")


def _checked(path: str | os.PathLike[str], duration: float | None) -> str:
    text = str(local(path))
    if duration is None:
        raise InvalidArgument(
            "Timer saves when the time is spent, and without a duration it never is.",
            given=text,
            wanted="a duration",
            cure=f'Timer("2 h", path="{text}")',
        )
    if not text.endswith((".keras", WEIGHTS)):
        raise InvalidArgument(
            "Timer saves a model, or its weights, and the file's ending says which.",
            given=text,
            wanted=f'a path that ends in ".keras" or "{WEIGHTS}"',
            cure=f'Timer("2 h", path="{local(path).with_suffix(".keras")}")',
        )
    return text
