"""The flags that end a run: `model.stop_training` and its kin."""

from __future__ import annotations

from kibitz.models.core import Core


class Flags:
    """What hooks set to end a run; it is a base of `Model`, and nobody makes one.

    The flags belong to runs: they mean the innermost one that goes on, or else the last one that did.

    Example:
        >>> import kibitz
        >>> model = kibitz.Sequential()
        >>> model.stop_training
        False
    """

    core: Core

    @property
    def stop_training(self) -> bool:
        """Set it to True in a hook, and training ends after that batch or epoch."""
        return self.core.innermost("train").stop_requested

    @stop_training.setter
    def stop_training(self, value: bool) -> None:
        self.core.innermost("train").flag(value)

    @property
    def stop_evaluating(self) -> bool:
        """Set it to True in a test hook, and the evaluation ends after that batch."""
        return self.core.innermost_measuring().stop_evaluating

    @stop_evaluating.setter
    def stop_evaluating(self, value: bool) -> None:
        self.core.innermost_measuring().stop_evaluating = bool(value)

    @property
    def stop_predicting(self) -> bool:
        """Set it to True in a predict hook, and the prediction ends after that batch."""
        return self.core.innermost("predict").stop_predicting

    @stop_predicting.setter
    def stop_predicting(self, value: bool) -> None:
        self.core.innermost("predict").stop_predicting = bool(value)
