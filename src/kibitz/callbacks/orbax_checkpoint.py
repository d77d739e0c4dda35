"""Saving the state with Orbax as training goes on."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from kibitz.callbacks.base import Numbers
from kibitz.callbacks.best import improved
from kibitz.callbacks.forecast import Forecast
from kibitz.callbacks.heard_where import heard_where
from kibitz.callbacks.model_checkpoint import every_batches
from kibitz.callbacks.monitor import Monitor
from kibitz.callbacks.number import number
from kibitz.callbacks.say import say
from kibitz.callbacks.watching import Watching
from kibitz.checkpoint.files import local, probe
from kibitz.checkpoint.orbax_steps import OrbaxSteps, orbax
from kibitz.errors import InvalidArgument, Unsupported, WrongType
from kibitz.outcome import Outcome
from kibitz.run import Run

WEIGHTS = ("trainable_variables", "non_trainable_variables")


class OrbaxCheckpoint(Watching):
    """Save the state with Orbax, every epoch or every so many batches, while training goes on.

    Each checkpoint is a folder in `directory`, named by a number: of the epoch (from 0), or with an integer `save_freq`
    of the batches trained on so far. Where a number like it, or a larger one, is there from an earlier fit or from a
    `self.run.save()`, counting goes on above it, so that the latest is always the last one written. What is saved is a
    copy, made when it is due.

    `kibitz.saving.load_model(directory)` gives the latest model back, `model.load_weights(directory)` the weights and
    the optimizer; that takes the folder of one step as well.

    Args:
        directory: The folder; it is made if it is not there.
        monitor: With `save_best_only`, the key of the logs that says which is best.
        verbose: 1 prints what is saved, 0 is silent.
        save_best_only: Save only when `monitor` is better than ever before.
        mode: "min", "max", or "auto": asks the metric itself which way is better.
        save_freq: "epoch", or after how many batches to save; these are counted on from epoch to epoch.
        initial_value_threshold: A value of `monitor` to beat. None means that the first is the best so far.
        max_to_keep: How many checkpoints to keep, the latest ones. None keeps all.
        save_on_background: Whether training goes on while files are written.
        save_weights_only: Leave the optimizer and the configuration out.

    Raises:
        MissingExtra: If Orbax is not installed.
        InvalidArgument: If `mode`, `save_freq`, `max_to_keep` or `initial_value_threshold` cannot be.
        WrongType: If an argument that is yes or no is neither.
        UnknownMonitor: Before the first step, if the logs will not have `monitor` when a checkpoint is due.
        UnknownDirection: Before the first step, with `save_best_only` and `mode="auto"`, if nothing says which way.
        UnusableFile: Before the first step, if nothing can be written there; while training goes on, when the next
            checkpoint is due or at the end, if one could not be written in the background.

    Attributes: `best`, the best value so far; None if there is none. `saved`, the folder of the last checkpoint.

    Reads: logs, and the whole state when it saves.
    Changes: nothing in the model; writes files.
    Keeps: best, and the count of batches; both live on into the next fit.
    Unlike Keras: checkpoints of a Sequential can be loaded (Keras loads nothing, in silence); a second fit goes on
        counting where Keras fails; `verbose` speaks; what fails in the background is an error; everything is closed
        after an exception too; flipped bits are found when it is loaded; `save_best_only` works with an integer
        `save_freq`, and NaN never becomes the best. A model with code in it that no configuration holds (a module of
        your own, a transformation of Optax) is saved without one: build and compile it, then `load_weights`.

    Example:
        >>> import os, tempfile, numpy as np, kibitz
        >>> model = kibitz.Sequential([kibitz.layers.Dense(1, input_shape=(2,))])
        >>> model.compile("sgd", "mse")
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     save = kibitz.callbacks.OrbaxCheckpoint(folder, max_to_keep=2)
        ...     _ = model.fit(np.ones((4, 2)), np.ones((4, 1)), epochs=3, verbose=0, callbacks=[save])
        ...     again = kibitz.saving.load_model(folder)
        ...     sorted(os.listdir(folder)), int(again.optimizer.iterations)
        (['1', '2'], 3)

    Source: https://keras.io/api/callbacks/orbax_checkpoint/
    """

    adds = ()

    def __init__(
        self,
        directory: str | os.PathLike[str],
        monitor: str = "val_loss",
        verbose: int = 0,
        save_best_only: bool = False,
        mode: str = "auto",
        save_freq: str | int = "epoch",
        initial_value_threshold: float | None = None,
        max_to_keep: int | None = 1,
        save_on_background: bool = True,
        save_weights_only: bool = False,
    ):
        orbax()
        super().__init__()
        flags = {"save_best_only": save_best_only, "save_on_background": save_on_background,
                 "save_weights_only": save_weights_only}  # fmt: skip
        for name, value in flags.items():
            if not isinstance(value, bool):
                raise WrongType(f"{name} is yes or no.", given=value, wanted="True or False", cure=f"{name}=True")
        self._folder = local(directory).absolute()
        self.directory = directory
        self.watch = Monitor(monitor, mode=mode, owner="OrbaxCheckpoint")
        self.monitor, self.mode, self.verbose = monitor, mode, verbose
        self.save_best_only, self.save_weights_only = save_best_only, save_weights_only
        self.save_freq = every_batches("OrbaxCheckpoint", save_freq)
        self.max_to_keep = _most(max_to_keep)
        self.save_on_background = save_on_background
        self.best: float | None = initial_value_threshold
        if self.best is not None:
            self.best = number("OrbaxCheckpoint", "initial_value_threshold", initial_value_threshold)
        self.saved: str | None = None
        self.batches_since = self.batches_seen = 0
        self._epoch = 0
        self._steps: OrbaxSteps | None = None
        self._fit: Run | None = None

    def settle(self, forecast: Forecast) -> None:
        """Check before the first step that there will be something to compare, to save, and a place for it."""
        if self.save_best_only:
            self.watch.settle(forecast, at="epoch" if self.save_freq == "epoch" else "batch")
        probe(self._folder / "0.tmp")
        self._config()

    def on_train_begin(self, logs: Numbers = None) -> None:
        """Open the folder."""
        self._fit = self.run
        if self.save_freq != "epoch":
            self.batches_seen = int(self.model.optimizer.iterations)
        self._steps = OrbaxSteps(self._folder, most=self.max_to_keep, background=self.save_on_background)

    def on_epoch_begin(self, epoch: int, logs: Numbers = None) -> None:
        """Remember the epoch's number."""
        self._epoch = epoch

    @heard_where(lambda self: self.save_freq != "epoch")
    def on_train_batch_end(self, batch: int, logs: Numbers = None) -> None:
        """Count, and save if enough batches were trained on since the last time."""
        if self.save_freq == "epoch":
            return
        self.batches_seen += 1
        self.batches_since += 1
        if self.batches_since >= int(self.save_freq):
            self.batches_since = 0
            self._save(self.batches_seen, logs)

    def on_epoch_end(self, epoch: int, logs: Numbers = None) -> None:
        """Save if that is done every epoch."""
        if self.save_freq == "epoch":
            self._save(epoch, logs)

    def save_now(self, logs: Mapping[str, Any]) -> None:
        """Save because somebody asked the run to, by the same rule: if only the best is kept, only what is better.

        Numbers go on: within an epoch it has the epoch's number, and the save at its end the next one.
        """
        if self.save_best_only and logs.get(self.watch.key) is None:
            warnings.warn(
                f"OrbaxCheckpoint was asked to save, and did not: there is no {self.watch.key} at this moment. "
                "self.run.evaluate() in the same hook measures first.",
                stacklevel=2,
            )
            return
        self._save(self._epoch if self.save_freq == "epoch" else self.batches_seen, dict(logs))

    def on_train_end(self, logs: Numbers = None) -> None:
        """Wait for what is being written, and close the folder."""
        self._close()

    def on_run_end(self, outcome: Outcome) -> None:
        """Wait and close, whatever ended the run."""
        if self._fit is None or self._fit.outcome is outcome:  # an evaluation within a hook ends nothing
            self._close()

    def wait_until_finished(self) -> None:
        """Wait until what is being written is on the disk.

        Raises:
            UnusableFile: If it could not be written.
        """
        if self._steps is not None:
            self._steps.wait()

    def is_multihost_enabled(self) -> bool:
        """Whether JAX runs in several processes that know of each other."""
        return bool(orbax().multihost.is_jax_distributed_client_initialized())

    def is_primary_host(self) -> bool:
        """Whether this is the process that writes; where there is one alone, it is."""
        return not self.is_multihost_enabled() or bool(orbax().multihost.is_primary_host(0))

    def _save(self, counted: int, logs: Numbers) -> None:
        if self._steps is None:  # in a loop of the user's own, begun with no on_train_begin
            self._steps = OrbaxSteps(self._folder, most=self.max_to_keep, background=self.save_on_background)
        step = max(counted, self._steps.last + 1)
        path = str(Path(self.directory) / str(step))
        current = self.watch.read(logs, self.model) if self.save_best_only else None
        if self.save_best_only and (current is None or not improved(self, self._epoch, current, path)):
            return
        if self.verbose > 0 and not self.save_best_only:
            say(f"\nEpoch {self._epoch + 1}: saving model to {path}")
        tree = self.model.get_state_tree("numpy_array")
        parts = WEIGHTS if self.save_weights_only else (*WEIGHTS, "optimizer_variables")
        self._steps.save(step, {part: tree[part] for part in parts}, {"config": self._config()})
        self.saved = path
        if self.save_best_only:
            self.best = current

    def _config(self) -> dict[str, Any] | None:
        """What makes the model anew; None if it is not wanted, or holds code of the user's own or of Optax."""
        if self.save_weights_only:
            return None
        try:
            return {
                "class_name": type(self.model).__name__,
                "config": self.model.get_config(),
                "compile_config": self.model.get_compile_config(),
            }
        except Unsupported:
            return None

    def _close(self) -> None:
        steps, self._steps = self._steps, None
        if steps is not None:
            steps.close()


def _most(max_to_keep: Any) -> int | None:
    whole = isinstance(max_to_keep, int | np.integer) and not isinstance(max_to_keep, bool)
    if max_to_keep is None or (whole and max_to_keep >= 1):
        return None if max_to_keep is None else int(max_to_keep)
    raise InvalidArgument(
        "OrbaxCheckpoint keeps some of the latest checkpoints, or all.",
        given=max_to_keep,
        wanted="a whole number, 1 or more, or None for all",
        cure="OrbaxCheckpoint(..., max_to_keep=3)",
    )
