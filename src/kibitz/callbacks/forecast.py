"""What is known of a run before its first step: which numbers the logs will hold, and which way each is better."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace


@dataclass(frozen=True)
class Forecast:
    """Given to every callback's `settle`, so that what can be known to be wrong is said before the first step.

    Args:
        batch_keys: Keys of the logs at `on_train_batch_end`, in order.
        epoch_keys: Keys of the logs at `on_epoch_end`, in order, those of validation and of earlier callbacks included.
        directions: "min" or "max" for each key whose better side is known.
        validation: Whether this fit validates at all.
        due: Whether validation is due in every epoch (False where `validation_freq` leaves some out).
        open: Whether an earlier callback overrides a hook that could add a key nobody knows of.
        epochs: The planned end, as given to fit.
        initial_epoch: The number of the first epoch.
        steps: Batches in an epoch; None if unknown.
        settable_rate: Whether the optimizer's learning rate can be set (not a schedule).
        sometimes: Keys that not all of these logs have, such as what is worked out at every hundredth step alone.

    Example:
        >>> from kibitz.callbacks.forecast import Forecast
        >>> forecast = Forecast(batch_keys=("loss",), epoch_keys=("loss", "val_loss"), validation=True)
        >>> "val_loss" in forecast.epoch_keys
        True
    """

    batch_keys: Sequence[str] = ("loss",)
    epoch_keys: Sequence[str] = ("loss",)
    directions: Mapping[str, str] = field(default_factory=dict)
    validation: bool = False
    due: bool = True
    open: bool = False
    epochs: int = 1
    initial_epoch: int = 0
    steps: int | None = None
    settable_rate: bool = True
    sometimes: Sequence[str] = ()

    def after(self, adds: Sequence[str], *, opens: bool) -> Forecast:
        """The forecast for the callbacks that stand behind one that adds keys."""
        new = [key for key in adds if key not in self.epoch_keys]
        return replace(self, epoch_keys=(*self.epoch_keys, *new), open=self.open or opens)
