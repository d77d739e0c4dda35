"""What a callback may ask of the run that it looks on at, and what it may know: `self.run`."""

from __future__ import annotations

from kibitz.clock import Clock
from kibitz.errors import WrongType
from kibitz.outcome import Outcome
from kibitz.report import RunReport


class Run:
    """One call of fit, evaluate or predict, as its callbacks see it.

    Flags and requests belong to a run and not to the model, so that a fit inside a hook takes nothing from the fit
    around it.

    Args:
        kind: "train", "test" or "predict".

    Example:
        >>> from kibitz.run import Run
        >>> run = Run("train")
        >>> run.stop("loss is low enough")
        >>> run.stop_requested, run.reason
        (True, 'loss is low enough')
    """

    def __init__(self, kind: str):
        self.kind = kind
        self.clock = Clock()
        self.asking = ""  # the callback whose hook is running: the one who asks, if somebody asks
        self.reason, self.by = "", ""
        self.stop_now = False
        self.outcome: Outcome | None = None
        self.report = RunReport()
        self.first_epoch: int | None = None  # set in on_train_begin: the epoch to begin with, not initial_epoch
        self.stop_evaluating = self.stop_predicting = False
        self._stop = False

    @property
    def step(self) -> int:
        """Steps that the hooks have seen done in this run."""
        return self.clock.step

    @property
    def epoch(self) -> int:
        """The epoch that is running, from 0."""
        return self.clock.epoch

    @property
    def stop_requested(self) -> bool:
        """Whether the run is to end; `model.stop_training` is this flag."""
        return self._stop or self.stop_now

    def flag(self, wanted: bool) -> None:
        """Set or take back the request to stop, as `model.stop_training = ...` does."""
        if wanted and not self._stop:
            self.reason, self.by = "", self.asking
        self._stop = bool(wanted)

    def stop(self, reason: str, *, now: bool = False) -> None:
        """End the run after the hook that is running.

        Args:
            reason: Why, in words; it stands in the outcome.
            now: True also skips validation and `on_epoch_end`; such a stop cannot be taken back.

        Raises:
            WrongType: If the reason is not a string.
        """
        if not isinstance(reason, str):
            raise WrongType(
                "A stop has a reason in words.",
                given=reason,
                wanted="a string",
                cure='self.run.stop("the loss is low enough")',
            )
        self.reason, self.by = reason, self.asking
        self._stop = True
        self.stop_now = self.stop_now or now

    def ended(self, error: BaseException | None = None, *, interrupted: bool = False) -> Outcome:
        """Settle the outcome, once, from what happened."""
        if error is not None:
            kind = "interrupted" if interrupted else "failed"
            self.outcome = Outcome(kind, f"{type(error).__name__}: {error}".rstrip(": "), self.asking, error)
        elif self.stop_requested:
            self.outcome = Outcome("stopped", self.reason, self.by)
        else:
            self.outcome = Outcome("completed")
        return self.outcome
