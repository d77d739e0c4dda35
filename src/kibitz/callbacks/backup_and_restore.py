"""Going on after an interruption: a backup at the ends of epochs, restored when training begins again."""

from __future__ import annotations

import math
import os
import warnings
from pathlib import Path
from typing import Any

from kibitz.callbacks.base import Callback, Numbers
from kibitz.callbacks.forecast import Forecast
from kibitz.callbacks.heard_where import by_hand, heard_where
from kibitz.callbacks.model_checkpoint import every_batches
from kibitz.checkpoint.files import exists, local, probe, remove, remove_if_empty, sweep
from kibitz.checkpoint.state_file import differences, read_state, shortened, write_state
from kibitz.errors import InvalidArgument, NotReady, ShapeMismatch, UnusableFile, WrongType
from kibitz.outcome import Outcome
from kibitz.run import Run

LATEST, PREVIOUS = "backup.safetensors", "backup.previous.safetensors"


class BackupAndRestore(Callback):
    """Back up the training state, and go on from the backup when the same program is started again.

    A backup is one file, written beside the old one and put in its place whole: weights, all other variables (random
    state too), the optimizer, and the epoch to go on with. It is taken at the ends of epochs only, so that after a
    restart no batch is trained on twice and none is left out. Put it last in the list of callbacks: what those before
    it do at the end of an epoch is then in the backup.

    What other callbacks remember (the patience spent so far, the History) and the place in data that go on from epoch
    to epoch are not in it.

    Args:
        backup_dir: A folder for this run alone.
        save_freq: "epoch", or a number of batches: a backup is then taken at the first end of an epoch by which so
            many batches were trained on since the last.
        double_checkpoint: Keep the backup before the latest too, and fall back on it if the latest is damaged.
        delete_checkpoint: Remove the backup once training has reached its planned end.

    Raises:
        InvalidArgument: If `backup_dir` is empty, or `save_freq` is neither "epoch" nor a number of batches.
        WrongType: If `backup_dir` is no path, or another argument is not True or False.
        UnusableFile: Before the first step, if nothing can be written there, or the backup is damaged.
        ShapeMismatch: Before the first step, if the backup is of another model or another optimizer.
        NotReady: If the model has no weights when training begins.

    Attributes: `restored`, what was found when training began: None, or a dict of the "epoch" that training goes on
        with and "stopped", why the run before was asked to stop at that point ("" if it was not).

    Reads: the whole state of the model, at each backup.
    Changes: the whole state of the model when training begins, and the epoch that it begins with; writes files.
    Keeps: nothing of its own; the folder is what it keeps.
    Unlike Keras: an integer `save_freq` never backs up in the middle of an epoch, and False is refused; a run that was
        stopped keeps its backup (only the planned end removes it), an epoch cut short or with a loss that is not
        finite is not backed up, and nothing but the backup itself is ever removed.

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
        self._latest, self._previous = folder / LATEST, folder / PREVIOUS
        self._in_epoch = self._since_backup = 0
        self._counted: Run | None = None
        self._ended = False

    def settle(self, forecast: Forecast) -> None:
        """Check before the first step that a backup can be written."""
        probe(self._latest)

    def on_train_begin(self, logs: Numbers = None) -> None:
        """Restore the backup, if there is one, and ask for the epoch to go on with."""
        self._in_epoch = self._since_backup = 0
        self._counted = None if by_hand(self) else self.run
        self._ended, self.restored = False, None
        if not self.model.built:
            raise NotReady(
                "To use the BackupAndRestore callback, your model must be built before training begins.",
                given=self.model,
                wanted="a model that has weights",
                cure="model.build((None, 784)), or an Input as the first layer",
            )
        sweep(self._latest.parent)
        found = self._found()
        if found is None:
            return
        arrays, document, path = found
        epoch = document.get("epoch")
        if type(epoch) is not int or epoch < 0:
            raise UnusableFile(
                "This backup does not say which epoch comes next.",
                given=str(path),
                wanted="a backup that BackupAndRestore wrote",
                cure="remove it to begin anew",
            )
        if self.run is not None:
            self.run.first_epoch = epoch  # before they are compared: what is frozen may go by the epoch
        if odd := differences(self.model.export_state(), arrays):
            raise ShapeMismatch(
                f"The backup is of another model or another optimizer: {shortened(odd)}.",
                given=str(path),
                wanted="the state of this model, compiled as it is",
                cure="build and compile the model as it was, or give another backup_dir",
            )
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
        """Back up, if it is due and the epoch is worth going on from."""
        if self._counted is not None:
            self._in_epoch = self._counted.clock.batch
        self._since_backup += self._in_epoch
        due = self.save_freq == "epoch" or self._since_backup >= int(self.save_freq)
        if not due or self._cut_short() or not math.isfinite((logs or {}).get("loss", 0.0)):
            return
        self._since_backup = 0
        document = {"epoch": epoch + 1, "stopped": self._why()}
        keep = self._previous if self.double_checkpoint else None
        write_state(self._latest, self.model.export_state(), document, keep=keep)

    def on_train_end(self, logs: Numbers = None) -> None:
        """See whether this is the planned end."""
        self._ended = not self.model.stop_training
        if self._ended and self.run is None:  # in a loop of the user's own nobody need call on_run_end
            self._remove()

    def on_run_end(self, outcome: Outcome) -> None:
        """Remove the backup, if training reached its planned end."""
        if self._ended and outcome.kind == "completed":
            self._remove()
        self._ended = False

    def _found(self) -> tuple[dict[str, Any], dict[str, Any], Path] | None:
        """The latest backup that is whole, or None where there has never been one."""
        paths = [path for path in (self._latest, self._previous) if exists(path)]
        damaged: list[UnusableFile] = []
        for path in paths:
            try:
                return (*read_state(path), path)
            except UnusableFile as error:
                damaged.append(error)
                if path is self._latest and self._previous in paths:
                    warnings.warn(f"{error.what} Training goes on from the backup before it.", stacklevel=2)
        if damaged:
            raise damaged[0]
        return None

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
            remove(self._latest)
            remove(self._previous)
            remove_if_empty(self._latest.parent)
