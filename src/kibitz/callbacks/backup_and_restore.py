"""Going on after an interruption, in Keras's form: the run is durable, and its folder goes when it has ended well."""

from __future__ import annotations

import math
import os
import warnings
from collections.abc import Mapping
from typing import Any

from kibitz.callbacks.backup_by_hand import BackupByHand
from kibitz.callbacks.base import Callback, Numbers
from kibitz.callbacks.declared import beat_of
from kibitz.callbacks.forecast import Forecast
from kibitz.callbacks.heard_where import by_hand, heard_where
from kibitz.callbacks.model_checkpoint import every_batches
from kibitz.checkpoint.files import local
from kibitz.clock import Cadence
from kibitz.errors import InvalidArgument, WrongType
from kibitz.outcome import Outcome
from kibitz.run import Run


class BackupAndRestore(Callback):
    """Back up a run as it goes on, and go on from the backup when the same program is started again.

    It makes `fit` a durable run in `backup_dir`: what `fit(..., run=backup_dir)` does, in the form that Keras has for
    it, and without the folder once training has reached its planned end. The run goes on at the very batch, with
    weights, optimizer, random state, place in the data, running means, and what every callback remembers; it ends with
    the bits of a run that nobody interrupted. docs/durable-runs.md tells all of it. Where it stands in the list of
    callbacks does not matter: a backup is taken when all have had their hooks. Beside `run=` it is refused, and so is
    a second one.

    In a loop of your own (with a `CallbackList`) there is no run that could be kept. Backups are then of the model
    alone, at the ends of epochs; put it last in the list.

    Args:
        backup_dir: A folder for this run alone.
        save_freq: "epoch", or after how many batches a backup is taken, counted over epochs. There is one before the
            first step too, one when the run is stopped, and one at Ctrl-C and SIGTERM.
        double_checkpoint: Keep the backup before the latest too, and fall back on it if the latest is damaged; without
            it training would go on from the one before the first step.
        delete_checkpoint: Remove the backups once training has reached its planned end.

    Raises:
        InvalidArgument: If `backup_dir` is empty, or `save_freq` is neither "epoch" nor a number of batches; before the
            first step, if the backup is of a run that was made of something else, or another one keeps this run.
        WrongType: If `backup_dir` is no path, or another argument is not True or False.
        UnusableFile: Before the first step, if nothing can be written there, or all backups are damaged.
        NotReady: Before the first step, if another process is at work there.

    Attributes: `restored`, what was found when training began: None, or a dict of the "epoch" that training goes on
        with, of its batches that are done ("batch"), and why the run was asked to stop there ("stopped", "" if it was
        not).

    Reads: the whole state of the model, at each backup.
    Changes: the whole state of the model when training begins, and the epoch that it begins with; writes files.
    Keeps: nothing of its own; the folder is what it keeps.
    Unlike Keras: nothing is lost or done twice within an epoch; other callbacks go on where they stood; what the run
        was made of must be the same, and is said by name if it is not; of another machine and other versions, which may
        round otherwise, there is a warning; False is no number of batches. A run that was stopped keeps its backups
        (only the planned end removes them) and stays stopped, unless there are more epochs. Where the loss or a weight
        is not finite no backup is taken. `History` has the epochs since, as in Keras, and all of them in
        `history.rows()`.

    Example:
        >>> import tempfile, numpy as np, kibitz
        >>> def train(epochs, folder):
        ...     kibitz.utils.set_random_seed(1)
        ...     model = kibitz.Sequential([kibitz.layers.Dense(1, input_shape=(2,))])
        ...     model.compile("sgd", "mse")
        ...     backup = kibitz.callbacks.BackupAndRestore(folder, delete_checkpoint=False)
        ...     history = model.fit(np.ones((4, 2)), np.ones((4, 1)), epochs=epochs, verbose=0, callbacks=[backup])
        ...     return history.epoch
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     train(2, folder), train(3, folder)
        ([0, 1], [2])

    Source: https://keras.io/api/callbacks/backup_and_restore/
    """

    adds = ()
    makes_durable = True
    """Whether `fit` shall be a durable run, as this callback says: in `backup_dir`, at `cadence`."""

    def __init__(
        self,
        backup_dir: str | os.PathLike[str],
        save_freq: str | int = "epoch",
        double_checkpoint: bool = False,
        delete_checkpoint: bool = True,
    ):
        super().__init__()
        if not backup_dir:
            raise InvalidArgument(
                "Empty `backup_dir` argument passed.",
                given=backup_dir,
                wanted="the path of a folder",
                cure='BackupAndRestore("backup")',
            )
        folder = local(backup_dir)
        for name, value in (("double_checkpoint", double_checkpoint), ("delete_checkpoint", delete_checkpoint)):
            if not isinstance(value, bool):
                raise WrongType(f"{name} is yes or no.", given=value, wanted="True or False", cure=f"{name}=True")
        self.backup_dir, self.save_freq = backup_dir, every_batches("BackupAndRestore", save_freq)
        self.double_checkpoint, self.delete_checkpoint = double_checkpoint, delete_checkpoint
        self.restored: dict[str, Any] | None = None
        self._hand = BackupByHand(folder, double=double_checkpoint)
        self._in_epoch = self._since_backup = 0
        self._counted: Run | None = None
        self._ended = self._asked = False

    @property
    def cadence(self) -> Cadence:
        """How often a backup is taken."""
        beat = beat_of(self)
        if beat is not None:
            return beat.cadence
        return Cadence.read("1 epoch" if self.save_freq == "epoch" else f"{self.save_freq} steps", "BackupAndRestore")

    def get_state(self) -> dict[str, Any]:
        """Nothing: what it keeps is the run."""
        return {}

    def set_state(self, state: dict[str, Any]) -> None:
        """Nothing is left to do."""

    def save_now(self, logs: Mapping[str, Any]) -> None:
        """Back up because somebody asked the run to; in a loop of one's own, at the end of the epoch.

        A run that is kept does so by itself.
        """
        if not self._kept:
            self._asked = True
            if self.run is None or self.run.clock.in_epoch:
                warnings.warn("BackupAndRestore was asked to save, and does so at the end of the epoch.", stacklevel=2)

    def settle(self, forecast: Forecast) -> None:
        """Check before the first step that a backup can be written."""
        self._hand.check()

    def on_train_begin(self, logs: Numbers = None) -> None:
        """In a loop of one's own: restore the backup, if there is one, and ask for the epoch to go on with."""
        self._in_epoch = self._since_backup = 0
        self._counted = None if by_hand(self) else self.run
        self._ended = self._asked = False
        if self._kept:
            return
        self.restored = None
        found = self._hand.find(self.model)
        if found is None:
            return
        arrays, document = found
        if self.run is not None:
            self.run.first_epoch = document["epoch"]  # before they are compared: what is frozen may go by the epoch
        self._hand.require_fit(self.model, arrays, self.backup_dir)
        self.model.import_state(arrays)
        self.restored = document

    @heard_where(by_hand)
    def on_train_batch_end(self, batch: int, logs: Numbers = None) -> None:
        """Count, in a loop that has no clock."""
        self._in_epoch += 1

    def on_epoch_begin(self, epoch: int, logs: Numbers = None) -> None:
        """Begin to count."""
        self._in_epoch = 0

    def on_epoch_end(self, epoch: int, logs: Numbers = None) -> None:
        """In a loop of one's own: back up, if it is due and the epoch is worth going on from."""
        if self._kept:
            return
        if self._counted is not None:
            self._in_epoch = self._counted.clock.batch
        self._since_backup += self._in_epoch
        due = self._asked or self.save_freq == "epoch" or self._since_backup >= int(self.save_freq)
        if not due or self._cut_short() or not math.isfinite((logs or {}).get("loss", 0.0)):
            return
        self._since_backup, self._asked = 0, False
        self._hand.write(self.model, {"epoch": epoch + 1, "stopped": self._why()})

    def on_train_end(self, logs: Numbers = None) -> None:
        """See whether this is the planned end."""
        self._ended = not self._kept and not self.model.stop_training
        if self._ended and self.run is None:  # in a loop of the user's own nobody need call on_run_end
            self._remove()

    def on_run_end(self, outcome: Outcome) -> None:
        """In a loop of one's own: remove the backup, if training reached its planned end."""
        if self._ended and outcome.kind == "completed":
            self._remove()
        self._ended = False

    @property
    def _kept(self) -> bool:
        """Whether the run keeps itself: then there is nothing to do."""
        return self.run is not None and self.run.keep is not None

    def _cut_short(self) -> bool:
        """Whether somebody stopped this epoch before its last batch; a backup would leave the rest of it out."""
        steps = (self.params or {}).get("steps")
        return self.model.stop_training and (steps is None or self._in_epoch < steps)

    def _why(self) -> str:
        if not self.model.stop_training:
            return ""
        return f"{self.run.by}: {self.run.reason}".strip(": ") if self.run is not None else "stop_training"

    def _remove(self) -> None:
        if self.delete_checkpoint:
            self._hand.remove()
