"""A rehearsal of a whole fit in seconds: the same callbacks, the same files, and nothing left of it."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from typing import Any

import numpy as np

from kibitz.callbacks.as_they_were import as_they_were
from kibitz.callbacks.curtain import Curtain
from kibitz.checkpoint.files import elsewhere
from kibitz.data.standard import is_array
from kibitz.models.arguments import whole
from kibitz.models.running import as_list

EPOCHS = 2


def fast_dev_run(model: Any, x: Any = None, y: Any = None, *, batches: int = 2, **fit: Any) -> dict[str, list[Any]]:
    """Go through a fit in seconds, from the first check to the last hook, and leave everything as it was.

    Call it with what you will give to `fit`, before a run of hours: a metric that fails, a checkpoint that cannot be
    written, a callback that breaks at the end of an epoch show now. The first two epochs are run, each of a few
    batches, with a validation of as many after each; callbacks see the planned number of epochs.

    Afterwards the model is to the bit as it was (see `model.borrowed`), and so are the callbacks' own attributes. What
    Kibitz writes (checkpoints, backups, CSV files, pictures) goes to a temporary folder and is gone; what is on the
    disk already can be read. What a callback of somebody else writes by itself is written, and what it tells a server
    is told: leave such ones out. Batches that are read from a generator are gone.

    Args:
        model: A compiled model. If it has no weights, it gets its first ones, as by `fit`.
        x: Inputs, as for `fit`.
        y: Targets.
        batches: The most batches of an epoch and of a validation.
        **fit: Whatever else `fit` takes.

    Returns:
        The numbers of the epochs by key: these are the keys that callbacks can watch.

    Raises:
        KibitzError: Whatever `fit` would raise.
        NotReady: If the model has no weights, and `x` does not say of which shape they are.
        InvalidArgument: If `batches` is not a number of 1 or more.

    Example:
        >>> import os, tempfile, numpy as np, kibitz
        >>> model = kibitz.Sequential([kibitz.Input((2,)), kibitz.layers.Dense(1)])
        >>> model.compile("sgd", "mse")
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     save = kibitz.callbacks.ModelCheckpoint(os.path.join(folder, "{epoch}.keras"))
        ...     numbers = kibitz.fast_dev_run(
        ...         model, np.ones((64, 2)), np.ones((64, 1)), epochs=100, validation_split=0.5, callbacks=[save],
        ...         verbose=0)
        ...     list(numbers), len(numbers["loss"]), os.listdir(folder)
        (['loss', 'val_loss'], 2, [])

    Source: https://lightning.ai/docs/pytorch/stable/common/trainer.html#fast-dev-run (the idea).
    """
    most = whole("batches", batches, cure="batches=2") or 1
    callbacks = as_list(fit.get("callbacks"))
    given = {**fit, **_shortened(fit, most), "callbacks": [*callbacks, Curtain(EPOCHS)]}
    if not model.built and (is_array(x) or isinstance(x, Mapping | list | tuple)):
        model.build_for(x)
    with tempfile.TemporaryDirectory() as folder, elsewhere(folder), as_they_were(callbacks), model.borrowed():
        history = model.fit(x, y, **given).history
        return {key: list(values) for key, values in history.items()}


def _shortened(fit: Mapping[str, Any], most: int) -> dict[str, Any]:
    """The arguments of fit that make it short."""
    found = {"steps_per_epoch": _least(fit.get("steps_per_epoch"), most), "validation_freq": 1}
    if fit.get("validation_data") is not None or fit.get("validation_split"):
        found["validation_steps"] = _least(fit.get("validation_steps"), most)
    return found


def _least(given: Any, most: int) -> Any:
    """The smaller of two; what is no number is left for fit to refuse."""
    return min(given, most) if isinstance(given, int | np.integer) and given > 0 else most if given is None else given
