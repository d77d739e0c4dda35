"""What a model tells of a fit before it runs: `model.outline(...)`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kibitz.models.core import Core
from kibitz.models.spelling import spelled

if TYPE_CHECKING:
    from kibitz.models.outline import Outline


class Outlined:
    """How every model shows the loop that `fit` will run; it is a base of `Model`, and nobody makes one.

    Example:
        >>> import kibitz
        >>> model = kibitz.Sequential([kibitz.layers.Dense(1)])
        >>> stop = kibitz.callbacks.EarlyStopping("loss", patience=3)
        >>> model.outline([stop], epochs=5, verbose=0).at("on_epoch_end")
        ('EarlyStopping', 'History')
    """

    core: Core

    @spelled
    def outline(
        self,
        callbacks: Any = None,
        *,
        epochs: int = 1,
        verbose: Any = "auto",
        validation_split: float = 0.0,
        validation_data: Any = None,
        initial_epoch: int = 0,
        steps_per_epoch: int | None = None,
        validation_freq: Any = 1,
    ) -> Outline:
        """The loop as `fit` will run it, with each callback at the hooks where it acts, how often, what it may touch.

        Print it, or save it as a picture. It takes what decides on the loop among the arguments of `fit`, under the
        same names. The model may be without weights, and need not be compiled; nothing is built, read or run.

        Args:
            callbacks: What `fit` will be given. None means none.
            epochs: The number that the last epoch's number stays below.
            verbose: 0 has no progress bar among the callbacks.
            validation_split: More than 0 means that there is validation.
            validation_data: As for `fit`: of several sets, their names are shown. It is not read, so True does as well.
                None means none.
            initial_epoch: The number of the first epoch.
            steps_per_epoch: Batches in an epoch. None means that nobody says.
            validation_freq: When validation is due, as for `fit`.

        Raises:
            WrongType: If an item is not a callback, and whatever else `fit` would raise of these arguments.
            InvalidArgument: If an argument cannot be, or what a callback declares of itself.
            UnknownName: If there is no argument of a name.
        """
        from kibitz.models.outline import outline_of

        return outline_of(
            self.core, callbacks, epochs=epochs, verbose=verbose, validation_split=validation_split,
            validation_data=validation_data, initial_epoch=initial_epoch, steps_per_epoch=steps_per_epoch,
            validation_freq=validation_freq,
        )  # fmt: skip
