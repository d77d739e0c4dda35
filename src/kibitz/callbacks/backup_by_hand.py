"""A backup of the whole state in a loop of the user's own, where no run keeps itself: at the ends of epochs."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

from kibitz.checkpoint.files import exists, probe, remove, remove_if_empty, sweep
from kibitz.checkpoint.run_folder import COMMITS
from kibitz.checkpoint.state_file import differences, read_state, shortened, write_state
from kibitz.errors import NotReady, ShapeMismatch, UnusableFile

LATEST, PREVIOUS = "backup.safetensors", "backup.previous.safetensors"


class BackupByHand:
    """One file, written beside the old one and put in its place whole: the model's state, and which epoch comes next.

    Args:
        folder: Where it lies.
        double: Whether the one before it stays.
    """

    def __init__(self, folder: Path, *, double: bool):
        self._folder, self._double = folder, double
        self._latest, self._previous = folder / LATEST, folder / PREVIOUS

    def check(self) -> None:
        """Find out whether it could be written.

        Raises:
            UnusableFile: If not.
        """
        probe(self._latest)

    def find(self, model: Any) -> tuple[dict[str, Any], dict[str, Any]] | None:
        """What fits the model of what lies there: the state, and what is known of it; None if there is nothing.

        Raises:
            NotReady: If the model has no weights.
            UnusableFile: If it is damaged, or of a fit.
            ShapeMismatch: If it is of another model.
        """
        if not model.built:
            raise NotReady(
                "To use the BackupAndRestore callback, your model must be built before training begins.",
                given=model,
                wanted="a model that has weights",
                cure="model.build((None, 784)), or an Input as the first layer",
            )
        if exists(self._folder / COMMITS):
            raise UnusableFile(
                "This backup was made by fit, which knows a place within an epoch that a loop of your own does not.",
                given=str(self._folder),
                wanted="an empty folder, or one of a loop of your own",
                cure="another backup_dir",
            )
        sweep(self._folder)
        found = self._whole()
        if found is None:
            return None
        arrays, document, path = found
        if type(document.get("epoch")) is not int or document["epoch"] < 0:
            raise UnusableFile(
                "This backup does not say which epoch comes next.",
                given=str(path),
                wanted="a backup that BackupAndRestore wrote",
                cure="remove it to begin anew",
            )
        return arrays, document

    @staticmethod
    def require_fit(model: Any, arrays: dict[str, Any], where: Any) -> None:
        """Refuse the state of another model.

        Raises:
            ShapeMismatch: It says what is otherwise.
        """
        if odd := differences(model.export_state(), arrays):
            raise ShapeMismatch(
                f"The backup is of another model or another optimizer: {shortened(odd)}.",
                given=str(where),
                wanted="the state of this model, compiled as it is",
                cure="build and compile the model as it was, or give another backup_dir",
            )

    def write(self, model: Any, document: dict[str, Any]) -> None:
        """Take one now."""
        write_state(self._latest, model.export_state(), document, keep=self._previous if self._double else None)

    def remove(self) -> None:
        """Take it away, and nothing else."""
        remove(self._latest)
        remove(self._previous)
        remove_if_empty(self._folder)

    def _whole(self) -> tuple[dict[str, Any], dict[str, Any], Path] | None:
        """The latest that is whole; None where there has never been one."""
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
