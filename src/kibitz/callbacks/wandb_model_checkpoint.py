"""Saved models as artifacts of a run of Weights & Biases."""

from __future__ import annotations

import os
from typing import Any

from kibitz.callbacks.forecast import Forecast
from kibitz.callbacks.model_checkpoint import ModelCheckpoint
from kibitz.callbacks.monitor import Monitor
from kibitz.callbacks.wandb_run import wandb_with_a_run


class WandbModelCheckpoint(ModelCheckpoint):
    """Save as `ModelCheckpoint` does, and log each file as an artifact of the run of Weights & Biases under way.

    It is what `wandb.integration.keras.WandbModelCheckpoint` is, and needs no TensorFlow. The artifact is named
    "run_<id>_model", of the type "model"; each file is a version of it, with the aliases "latest" and "epoch_3" (from
    0), or "epoch_3_batch_40" where files are saved after batches.

    Args:
        filepath: Where to save, see `ModelCheckpoint`.
        monitor: With `save_best_only`, the key of the logs that says which is best.
        verbose: 1 prints what is done, 0 is silent.
        save_best_only: Save only when `monitor` is better than ever before.
        save_weights_only: Save weights and optimizer; if False, the whole model.
        mode: "min", "max", or "auto": asks the metric itself which way is better.
        save_freq: "epoch", or after how many batches to save.
        initial_value_threshold: A value of `monitor` to beat. None means that the first is the best so far.
        keep: How many files to keep, see `ModelCheckpoint`; artifacts are all kept. None means all.
        when: A condition on the logs. None means that there is none.

    Raises:
        MissingExtra: If wandb is not installed.
        NotReady: If no run is under way: `wandb.init` comes first.
        InvalidArgument: And whatever else `ModelCheckpoint` refuses.

    Attributes: `best`, the best value so far; None if there is none.

    Reads: logs, and the model when it saves.
    Changes: nothing in the model; writes files, and logs artifacts.
    Keeps: best, and the count of batches, as ModelCheckpoint.
    Unlike Keras: Keras has none. Unlike wandb's own: an artifact is logged when a file was saved and never else, also
        with `save_best_only` and a name that holds the epoch.

    Example:
        >>> import kibitz, os, tempfile, wandb
        >>> folder = tempfile.mkdtemp()
        >>> run = wandb.init(mode="offline", dir=folder)
        >>> path = os.path.join(folder, "{epoch}.weights.h5")
        >>> save = kibitz.callbacks.WandbModelCheckpoint(path, save_weights_only=True)
        >>> _ = kibitz.testing.drive(save, epochs=[{"loss": 2.0}, {"loss": 1.0}])
        >>> sorted(name for name in os.listdir(folder) if name.endswith(".h5"))
        ['1.weights.h5', '2.weights.h5']
        >>> run.finish()

    Source: https://docs.wandb.ai/ref/python/integrations/keras/wandbmodelcheckpoint/
    """

    def __init__(
        self,
        filepath: str | os.PathLike[str],
        monitor: str | Monitor | None = "val_loss",
        verbose: int = 0,
        save_best_only: bool = False,
        save_weights_only: bool = False,
        mode: str = "auto",
        save_freq: str | int = "epoch",
        initial_value_threshold: float | None = None,
        *,
        keep: int | None = None,
        when: str | None = None,
    ):
        super().__init__(
            filepath, monitor, verbose, save_best_only, save_weights_only, mode, save_freq, initial_value_threshold,
            keep=keep, when=when,
        )  # fmt: skip
        wandb_with_a_run("WandbModelCheckpoint")

    def settle(self, forecast: Forecast) -> None:
        """Check what `ModelCheckpoint` checks, and that the run has not been finished."""
        wandb_with_a_run("WandbModelCheckpoint")
        super().settle(forecast)

    def _saved(self, path: str, epoch: int, logs: dict[str, Any]) -> None:
        wandb = wandb_with_a_run("WandbModelCheckpoint")
        moment = f"epoch_{epoch}" if self.save_freq == "epoch" else f"epoch_{epoch}_batch_{logs['batch'] - 1}"
        artifact = wandb.Artifact(f"run_{wandb.run.id}_model", type="model")
        artifact.add_file(path)
        wandb.log_artifact(artifact, aliases=["latest", moment])
