"""The arguments of a fit that has been: settings from the run's record, data and callbacks from the user."""

from __future__ import annotations

from typing import Any, NamedTuple

from kibitz.checkpoint.packed import unpack
from kibitz.checkpoint.run_folder import Commit
from kibitz.models.running import FitArguments
from kibitz.replay.past import Past

SETTINGS = ("batch_size", "validation_split", "shuffle", "initial_epoch", "steps_per_epoch", "validation_steps",
            "validation_batch_size", "validation_freq")  # fmt: skip


class Data(NamedTuple):
    """What fit was given that no record can hold.

    Args:
        x: The inputs.
        y: The targets.
        validation_data: What it was validated with.
        class_weight: Weights of classes.
        sample_weight: Weights of rows.
    """

    x: Any = None
    y: Any = None
    validation_data: Any = None
    class_weight: Any = None
    sample_weight: Any = None


def as_recorded(commit: Commit, past: Past, data: Data, callbacks: Any = None) -> FitArguments:
    """What fit was given then, with these callbacks.

    Args:
        commit: A commit of the run.
        past: What is known of the run: it may have gone on for more epochs than it had then.
        data: What the record cannot hold.
        callbacks: Who looks on. None means nobody.
    """
    told = unpack(commit.document["made_of"], commit.arrays)
    epochs = past.planned or max([commit.document["epochs"], *(each + 1 for each in past.epochs)])
    return FitArguments(
        **data._asdict(), epochs=epochs, verbose=0, callbacks=callbacks,
        **{name: told[name] for name in SETTINGS},
    )  # fmt: skip
