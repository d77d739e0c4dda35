"""Where a callback is checked: a tiny model that begins each run alike, and an eye on what a run leaves open."""

from __future__ import annotations

import contextlib
import io
import os
import stat
import sysconfig
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from kibitz.hooks import OUTCOME_HOOK
from kibitz.testing.recorder import Recorder

PATIENCE = 2.0
"""Seconds that a thread which was told to end is given to do so, until one has not."""


@dataclass(frozen=True)
class Took:
    """How one run went.

    Args:
        error: What it raised; None if it did not.
        record: What a `Recorder` behind the callback heard.
        weights: The model's weights afterwards.
        left: What it left open, in words.
    """

    error: BaseException | None
    record: Recorder
    weights: list[np.ndarray]
    left: list[str]

    @property
    def began(self) -> bool:
        """Whether any hook behind the callback's was reached, but for the one that closes all."""
        return any(call[0] != OUTCOME_HOOK for call in self.record.calls)

    @property
    def epochs(self) -> list[tuple[int, dict[str, Any]]]:
        """The epochs whose end was reached, each with its logs as the callback left them."""
        return [(call[1], call[2]) for call in self.record.calls if call[0] == "on_epoch_end"]


class Bench:
    """A classifier of seven rows, whose every run begins at the same state.

    Example:
        >>> from kibitz.testing.bench import Bench
        >>> bench = Bench()
        >>> took = bench.fit([], epochs=2)
        >>> took.error, len(took.epochs), sorted(took.epochs[0][1])
        (None, 2, ['accuracy', 'loss', 'val_accuracy', 'val_loss'])
    """

    def __init__(self) -> None:
        self.x = np.linspace(-1, 1, 14, dtype="float32").reshape(7, 2)
        self.y = np.array([0, 1, 0, 0, 1, 1, 0], "int32")
        self._patience = PATIENCE
        self._renew()

    def fit(
        self,
        callbacks: Sequence[Any],
        *,
        epochs: int = 4,
        rows: int = 7,
        validation: bool = True,
        verbose: int = 0,
        first: int = 0,
        state: Any = None,
        raising: BaseException | None = None,
    ) -> Took:
        """Train from the first state, or from one that `model.export_state` gave; `raising` is what will be raised."""

        def run(heard: list[Any]) -> None:
            if state is not None:
                self.model.import_state(state)
            x, y = self.x[:rows], self.y[:rows]
            self.model.fit(x, y, batch_size=3, epochs=epochs, initial_epoch=first, shuffle=False, verbose=verbose,
                           validation_data=(self.x, self.y) if validation else None, validation_batch_size=4,
                           callbacks=heard)  # fmt: skip

        return self._take(run, callbacks, raising)

    def evaluate(self, callbacks: Sequence[Any]) -> Took:
        """Evaluate the first state."""
        return self._take(
            lambda heard: self.model.evaluate(self.x, self.y, batch_size=3, verbose=0, callbacks=heard), callbacks
        )

    def predict(self, callbacks: Sequence[Any]) -> Took:
        """Predict with the first state."""
        return self._take(lambda heard: self.model.predict(self.x, batch_size=3, verbose=0, callbacks=heard), callbacks)

    def _take(
        self, run: Callable[[list[Any]], object], callbacks: Sequence[Any], raising: BaseException | None = None
    ) -> Took:
        self._begin()
        record, error = Recorder(), None
        with watching(self._patience) as left, warnings.catch_warnings():
            warnings.filterwarnings("ignore", ".* looks like a hook, and there is none of this name")
            with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
                try:
                    run([*callbacks, record])
                except BaseException as raised:
                    if raised is not raising and not isinstance(raised, Exception):
                        raise  # somebody has pressed Ctrl-C, and means it
                    error = raised
        self._patience = 0.0 if any(each.startswith("the thread") for each in left) else self._patience
        return Took(error, record, self.model.get_weights(), left)

    def _begin(self) -> None:
        try:
            self.model.import_state(self._first)
        except Exception:  # noqa: BLE001 - a callback has made it another model: here is a new one
            self._renew()

    def _renew(self) -> None:
        # Brought here, so that a callback can be driven where JAX is not loaded.
        from kibitz.layers.linear import Dense
        from kibitz.models.sequential import Sequential
        from kibitz.optimizers.sgd import SGD

        self.model = Sequential([Dense(3, input_shape=(2,), activation="tanh"), Dense(2, activation="softmax")])
        self.model.compile(SGD(0.5), "sparse_categorical_crossentropy", metrics=["accuracy"])
        shapes = [weight.shape for weight in self.model.get_weights()]
        self.model.set_weights([np.linspace(-1, 1, int(np.prod(shape))).reshape(shape) for shape in shapes])
        self._first = self.model.export_state()


@contextlib.contextmanager
def watching(patience: float) -> Iterator[list[str]]:
    """Give a list that names, once the block is left, each file and thread that was opened in it and still is."""
    files, threads = open_files(), set(threading.enumerate())
    left: list[str] = []
    yield left
    for thread in set(threading.enumerate()) - threads:
        with contextlib.suppress(RuntimeError):  # it is just being started
            thread.join(patience)
        if thread.is_alive():
            left.append(f"the thread {thread.name}")
    left += sorted(f"the file {name}" for _, name in open_files() - files)


def open_files() -> set[tuple[int, str]]:
    """The files and sockets that this process has open; empty where the system does not tell.

    Those that lie among the installed packages are left out: a library keeps a font or a table of its own open.
    """
    found: set[tuple[int, str]] = set()
    folder, packages = "/dev/fd", os.path.realpath(sysconfig.get_path("purelib"))
    with contextlib.suppress(OSError):
        for name in os.listdir(folder):  # noqa: PTH208 - what is wanted are numbers
            with contextlib.suppress(OSError, ValueError):
                kind = os.fstat(int(name)).st_mode
                path = os.path.realpath(f"{folder}/{name}")
                if stat.S_ISSOCK(kind) or (stat.S_ISREG(kind) and not path.startswith(packages + os.sep)):
                    found.add((int(name), path))
    return found
