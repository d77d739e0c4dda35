"""A fit with BackupAndRestore: a durable run in the form that Keras has for it."""

from __future__ import annotations

import math
import os
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from kibitz.callbacks.backup_and_restore import BackupAndRestore
from kibitz.callbacks.backup_by_hand import LATEST
from kibitz.callbacks.history import History
from kibitz.callbacks.state import Kept
from kibitz.checkpoint.files import exists, local, remove, remove_if_empty
from kibitz.checkpoint.fingerprint import differences
from kibitz.checkpoint.run_folder import LOCK, take_away
from kibitz.checkpoint.state_file import shortened
from kibitz.engine.state import TrainState, plain
from kibitz.errors import InvalidArgument, UnusableFile, code
from kibitz.logs import Logs
from kibitz.models.core import Core
from kibitz.models.durable import Durable
from kibitz.models.durable_arguments import DurableArguments


@dataclass(frozen=True)
class BackupArguments(DurableArguments):
    """What a BackupAndRestore says about durability."""

    @property
    def written(self) -> str:
        """How the user has said so, for messages."""
        return f'BackupAndRestore("{self.run}")'

    @property
    def by_fit(self) -> str:
        """What is to be written before `resume=`, for messages."""
        return f'run="{self.run}" in place of BackupAndRestore, with '


class BackedUp(Durable):
    """A durable run as Keras has it.

    It begins its `History` anew, and removes its folder when training has reached its planned end. Where the loss or a
    weight is not finite it is not committed: what is left then is the last good state. It goes on on another machine
    too, and says so: there its bits may be others, and Keras promises none.

    Args:
        core: The parts of the model.
        backup: The callback.
        verbose: Whether to say what is gone on with.
    """

    def __init__(self, core: Core, backup: BackupAndRestore, verbose: Any):
        place = local(backup.backup_dir)
        if exists(place / LATEST):
            raise UnusableFile(
                "This backup was made in a loop of your own, and does not say enough for a fit to go on.",
                given=str(place),
                wanted="an empty folder, or one of a fit",
                cure="another backup_dir",
            )
        keep = 3 if backup.double_checkpoint else 2  # the one before the first step is one of them
        arguments = BackupArguments(os.fspath(backup.backup_dir), backup.cadence, "auto", keep)
        super().__init__(core, arguments, verbose)
        self._backup, self._done = backup, False

    def attach(self, *args: Any, **kwargs: Any) -> None:
        """Take part in a run that is about to begin, and tell the callback what was found."""
        super().attach(*args, **kwargs)
        self._kept = [Following(kept.callback) if isinstance(kept.callback, History) else kept for kept in self._kept]
        self._backup.restored = None
        if self.place is not None and self._found is not None:
            reason, by, _ = self._found.document["stop"] or ("", "", False)
            self._backup.restored = {
                "epoch": self.place.epoch,
                "batch": self.place.batch,
                "stopped": f"{by}: {reason}".strip(": "),
            }

    def _refused(self, was: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
        """What is otherwise now and may not be; what the machine has otherwise is told, and no more."""
        elsewhere = differences({"machine": was.get("machine")}, {"machine": now["machine"]})
        if elsewhere:
            warnings.warn(
                f"This backup was made elsewhere: {shortened(elsewhere, 8)}. Training goes on from it, and may round "
                "otherwise than it would have there.",
                stacklevel=2,
            )
        return differences({**was, "machine": None}, {**now, "machine": None})

    def end(self, logs: Logs) -> None:
        """Training has ended as it should; say how, if that shall stay."""
        removes = self._backup.delete_checkpoint and not self._dispatch.run.stop_requested
        if _finite(logs) and not removes:
            super().end(logs)
        else:
            self._background.wait()

    def finish(self) -> None:
        """The fit is over, and nobody has raised: its commits go, if it has reached its planned end."""
        outcome = self._dispatch.run.outcome
        completed = outcome is not None and outcome.kind == "completed" and not self.termination.asked
        if completed and self._backup.delete_checkpoint:
            try:
                take_away(self._folder)
                self._done = True
            except UnusableFile as error:
                warnings.warn(f"The backup is still there: {error.what}", stacklevel=2)

    def close(self) -> None:
        """Let the folder go, and take it away if nothing is left in it."""
        super().close()
        if self._done:
            remove(self._folder.path / LOCK)
            remove_if_empty(self._folder.path)

    def _write(self, state: TrainState, document: dict[str, Any], written: dict[str, Any]) -> None:
        # Weights may be lost at a step whose loss was still a number.
        if all(np.isfinite(plain(value)).all() for value in state.params.values()):
            super()._write(state, document, written)

    def _at_boundary(self, logs: Logs, begun: bool) -> None:
        if _finite(logs):
            super()._at_boundary(logs, begun)
        else:
            self._recorder.boundary(begun=begun, seconds=self._seconds())
            self.termination.obey()


class Following(Kept):
    """The state of a `History` that begins anew, as Keras's does, and knows what was before."""

    def restore(self, state: Mapping[str, Any]) -> None:
        """Give it what the one before it remembered."""
        self.callback.follow(state)


def keeper_of(core: Core, given: DurableArguments | None, callbacks: Sequence[Any], verbose: Any) -> Durable | None:
    """Who keeps a fit; None if nobody does.

    Args:
        core: The parts of the model.
        given: What fit was told about durability. None if nothing.
        callbacks: The callbacks, of which one may be a BackupAndRestore.
        verbose: Whether to say what is gone on with.

    Raises:
        InvalidArgument: If two would keep it.
    """
    backups = [each for each in callbacks if isinstance(each, BackupAndRestore)]
    if len(backups) + (given is not None) > 1:
        both = "run= and BackupAndRestore do" if given is not None else f"{len(backups)} BackupAndRestore do"
        raise InvalidArgument(
            f"A run is kept in one folder, and {both} it.",
            given=code(", ".join([*([f'run="{given.run}"'] if given else []),
                                  *(f'BackupAndRestore("{each.backup_dir}")' for each in backups)])),
            wanted="one of them",
            cure="run= alone: it does all that BackupAndRestore does, and stays when the run has ended"
            if given is not None else "one BackupAndRestore",
        )  # fmt: skip
    if backups:
        return BackedUp(core, backups[0], verbose)
    return None if given is None else Durable(core, given, verbose)


def _finite(logs: Mapping[str, Any]) -> bool:
    return math.isfinite(logs.get("loss", 0.0))
