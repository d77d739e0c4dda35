"""N. How a run ended: completed, stopped, interrupted or failed; why, and who asked.

Which closing hooks fire in each ending:

    outcome      on_epoch_end of the last epoch   on_train_end (on_test_end, on_predict_end)   on_run_end
    completed    yes                              yes                                          yes
    stopped      yes, unless asked with now=True  yes                                          yes
    interrupted  no                               no                                           yes
    failed       no                               no                                           yes

`on_run_end` reaches every callback whose begin was fired, and each call is guarded: one broken callback robs no other
of its close.
"""

from __future__ import annotations

from dataclasses import dataclass

KINDS = ("completed", "stopped", "interrupted", "failed")


@dataclass(frozen=True)
class Outcome:
    """The ending of a run, given to `on_run_end` and kept as `run.outcome`.

    Args:
        kind: "completed" (ran to its planned end), "stopped" (somebody asked), "interrupted" (Ctrl-C, SIGTERM) or
            "failed" (an exception).
        reason: Why, in words; "" where there is nothing to say.
        by: The name of the callback that asked for the stop or raised; "" if it was none.
        error: The exception of an interrupted or failed run; None otherwise.

    Example:
        >>> from kibitz.outcome import Outcome
        >>> print(Outcome("stopped", "val_loss no better", "EarlyStopping"))
        stopped by EarlyStopping: val_loss no better
    """

    kind: str
    reason: str = ""
    by: str = ""
    error: BaseException | None = None

    def __str__(self) -> str:
        who = f" by {self.by}" if self.by else ""
        why = f": {self.reason}" if self.reason else ""
        return f"{self.kind}{who}{why}"
