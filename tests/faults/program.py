"""A program whose process is made up: one model, compiled once, and at each start as a new process would have it."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import kibitz as keras
from kibitz import callbacks
from tests.durable.program import Ended, Patience, X, Y, dense

SEED, STEPS = 1, 6
FIT = {"batch_size": 8, "epochs": 2, "verbose": 0, "commit": "2 steps", "keep": 3}


class Program:
    """Six steps in two epochs, committed after every second one, three commits kept."""

    def __init__(self) -> None:
        keras.utils.set_random_seed(SEED)
        self.model = dense()
        self.model.compile("adam", "mse", metrics=["mae"])
        self._fresh = self.model.export_state()
        self.whole = self.start(None)

    def start(self, folder: Path | None, *more: Any, data: Any = (X[:24], Y[:24]), **fit: Any) -> Ended:
        """Run it from its first line to its last."""
        core = self.model.core
        core.fits, self.model.stop_training = 0, False
        vars(core).pop("row_seed", None)
        keras.utils.set_random_seed(SEED)
        self.model.import_state(self._fresh)
        listed = [Patience(), callbacks.ReduceLROnPlateau("loss", patience=1)]
        given = {**FIT, **fit} if folder is not None else {"batch_size": 8, "epochs": 2, "verbose": 0, **fit}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            history = self.model.fit(*data, callbacks=[*listed, *more], run=folder, **given)
        return Ended.of(self.model, history, listed)


def newest(folder: Path) -> int:
    """The step of the newest commit that is whole; -1 if there is none."""
    from kibitz.checkpoint.run_folder import RunFolder

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        commit = RunFolder(folder).newest()
    return -1 if commit is None else commit.document["step"]


def strays(folder: Path) -> list[str]:
    """Files that were never finished, and arrays that no record speaks of."""
    arrays = [each for each in folder.rglob("*.orbax-*") if each.is_dir() and "orbax" not in each.parent.name]
    left = [each for each in arrays if each.suffix[1:-1] != "orbax-" or not each.with_suffix(".safetensors").exists()]
    return sorted(str(each.relative_to(folder)) for each in (*folder.rglob(".kibitz-*"), *left))
