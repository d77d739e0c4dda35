"""Saving the model, or its weights, as training goes on."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np

from kibitz.callbacks.base import Numbers
from kibitz.callbacks.best import improved
from kibitz.callbacks.condition import Condition
from kibitz.callbacks.every import every
from kibitz.callbacks.forecast import Forecast
from kibitz.callbacks.heard_where import heard_where
from kibitz.callbacks.monitor import VALIDATION, Monitor
from kibitz.callbacks.number import number
from kibitz.callbacks.say import say
from kibitz.callbacks.watching import Watching
from kibitz.checkpoint.files import local, probe, remove
from kibitz.checkpoint.keep import KeepBest
from kibitz.checkpoint.template import Template
from kibitz.clock import Cadence, Clock
from kibitz.errors import InvalidArgument, Unsupported


class ModelCheckpoint(Watching):
    """Save the model, or only its weights, every epoch or every so many batches; if wanted, only when it is better.

    Every file is written beside the old one and takes its place whole: a save that fails leaves the old file.

    Args:
        filepath: Where to save. Numbers may stand in it: `{epoch:02d}` (from 1), `{batch}` (from 1, only with an
            integer `save_freq`), and every key of the logs: `{val_loss:.2f}`. It ends in ".weights.h5" with
            `save_weights_only=True`, else in ".keras". Missing folders are made.
        monitor: With `save_best_only` and with `keep`, the key of the logs that says which is best; or a `Monitor`.
        verbose: 1 prints what is done, 0 is silent.
        save_best_only: Save only when `monitor` is better than ever before.
        save_weights_only: Save weights and optimizer (`model.save_weights`); if False, the whole model (`model.save`).
        mode: "min", "max", or "auto": asks the metric itself which way is better.
        save_freq: "epoch", or after how many batches to save; these are counted on from epoch to epoch. Or a cadence,
            such as "2 epochs", "500 steps" or "10 min".
        initial_value_threshold: A value of `monitor` to beat. None means that the first is the best so far.
        keep: How many files to keep: the best by `monitor`; the oldest others go when a new one is safe. With
            `monitor=None` the latest are kept. None means all.
        when: A condition on the logs, such as "val_loss < 0.5": nothing is saved where it does not hold. None means
            that there is none.

    Raises:
        UnknownMonitor: Before the first step, if the logs will not have `monitor` when a file is due.
        UnknownDirection: Before the first step, with `save_best_only` and `mode="auto"`, if nothing says which way.
        UnknownKey: Before the first step, if `filepath` asks for a number that will not be there.
        UnusableFile: Before the first step, if nothing can be written where `filepath` lies.
        Unsupported: Before the first step, if the whole model shall be saved and has no configuration.
        InvalidArgument: If `filepath`, `mode`, `save_freq` or `initial_value_threshold` cannot be.

    Attributes: `best`, the best value so far; None if there is none.

    Reads: logs, and the model when it saves.
    Changes: nothing in the model; writes files.
    Keeps: best, and the count of batches; both live on into the next fit, as in Keras.
    Unlike Keras: monitor, mode and filepath are checked before the first step; NaN never becomes the best; an epoch
        without validation decides nothing, and a file whose name needs `val_` numbers is not written then; with an
        integer `save_freq`, `save_best_only` works.

    Example:
        >>> import os, tempfile, numpy as np, kibitz
        >>> model = kibitz.Sequential([kibitz.layers.Dense(1, input_shape=(2,))])
        >>> model.compile("sgd", "mse")
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     save = kibitz.callbacks.ModelCheckpoint(os.path.join(folder, "{epoch:02d}.keras"))
        ...     _ = model.fit(np.ones((4, 2)), np.ones((4, 1)), epochs=2, verbose=0, callbacks=[save])
        ...     sorted(os.listdir(folder))
        ['01.keras', '02.keras']

    Source: https://keras.io/api/callbacks/model_checkpoint/
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
        super().__init__()
        local(filepath)  # refuses what is no path
        self.filepath = os.fspath(filepath)
        self.watch = Monitor.of("loss" if monitor is None and keep else monitor, ModelCheckpoint, mode=mode)  # pyright: ignore[reportArgumentType] - None without `keep` is refused there
        self._compares_nothing = monitor is None
        self.verbose = verbose
        self.save_best_only, self.save_weights_only = save_best_only, save_weights_only
        self.save_freq = self._frequency(save_freq)
        if initial_value_threshold is not None:
            self.best = number("ModelCheckpoint", "initial_value_threshold", initial_value_threshold)
        self._check_ending()
        self.template = Template(self.filepath, "ModelCheckpoint")
        self.when = None if when is None else Condition(when, "ModelCheckpoint")
        self.keep = None if keep is None else self._keeping(keep)
        self._current_epoch = 0
        self._batches_seen_since_last_saving = 0
        self._last_batch_seen: int | None = None
        self._forecast: Forecast | None = None

    def settle(self, forecast: Forecast) -> None:
        """Check before the first step that there will be something to compare, to save, a name for it, and a place."""
        at = "epoch" if self.save_freq == "epoch" else "batch"
        if self._compares:
            self.watch.settle(forecast, at=at)
        if self.when is not None:
            keys = forecast.epoch_keys if at == "epoch" else forecast.batch_keys
            self.when.settle(keys, forecast, batch=at != "epoch")
        keys = ("epoch", *forecast.epoch_keys) if at == "epoch" else ("epoch", "batch", *forecast.batch_keys)
        self.template.check(keys, open=forecast.open)
        if not self.save_weights_only:
            self._check_configuration()
        probe(self.template.fill(dict.fromkeys(self.template.names, 1)))
        self._forecast = forecast

    def get_state(self) -> dict[str, Any]:
        """The best value, and how many batches were counted."""
        counted = {"batches": self._batches_seen_since_last_saving, "last": self._last_batch_seen}
        kept = {} if self.keep is None else self.keep.get_state()
        return {"watch": self.watch.get_state(), **counted, **kept}

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on with what `get_state` gave."""
        self.watch.set_state(state["watch"])
        if self.keep is not None and "kept" in state:
            self.keep.set_state(state)
        self._batches_seen_since_last_saving, self._last_batch_seen = state["batches"], state["last"]

    def on_epoch_begin(self, epoch: int, logs: Numbers = None) -> None:
        """Remember the epoch's number."""
        self._current_epoch = epoch

    @heard_where(lambda self: self.save_freq != "epoch")
    def on_train_batch_end(self, batch: int, logs: Numbers = None) -> None:
        """Save if enough batches were trained on since the last time."""
        if self.save_freq != "epoch" and self._due(batch):
            self._save(self._current_epoch, {"batch": batch + 1, **(logs or {})})

    def save_now(self, logs: Mapping[str, Any]) -> None:
        """Save because somebody asked the run to, by the same rule: if only the best is kept, only what is better."""
        clock = self.run.clock if self.run is not None else Clock(self._current_epoch)
        values = {"epoch": clock.epoch + 1, "batch": clock.batch, **logs}
        needed = (*self.template.names, *((self.watch.key,) if self._compares else ()))
        missing = [name for name in dict.fromkeys(needed) if values.get(name) is None]
        if not missing:
            self._save(clock.epoch, {"batch": clock.batch, **logs})
            return
        warnings.warn(
            f"ModelCheckpoint was asked to save, and did not: there is no {', '.join(missing)} at this moment. "
            "self.run.evaluate() in the same hook measures first.",
            stacklevel=2,
        )

    def on_epoch_end(self, epoch: int, logs: Numbers = None) -> None:
        """Save if that is done every epoch."""
        if self.save_freq == "epoch":
            self._save(epoch, logs or {})

    def _due(self, batch: int) -> bool:
        last, self._last_batch_seen = self._last_batch_seen, batch
        if not isinstance(self.save_freq, int):  # a cadence: the hook is called when it is due
            return True
        self._batches_seen_since_last_saving += batch + 1 if last is None or batch <= last else batch - last
        if self._batches_seen_since_last_saving < int(self.save_freq):
            return False
        self._batches_seen_since_last_saving = 0
        return True

    def _save(self, epoch: int, logs: dict[str, Any]) -> None:
        values = {"epoch": epoch + 1, **logs}
        if self._waits(values) or (self.when is not None and not self.when.holds(logs)):
            return
        path = self.template.fill(values)
        current = self.watch.read(logs, self.model) if self._compares else None
        if self._compares and current is None:
            return
        if self.save_best_only and current is not None and not improved(self, epoch, current, path):
            return
        if self.keep is not None and not self.keep.wants(current):
            return
        if self.verbose > 0 and not self.save_best_only:
            say(f"\nEpoch {epoch + 1}: saving model to {path}")
        if self.save_weights_only:
            self.model.save_weights(path, overwrite=True)
        else:
            self.model.save(path, overwrite=True)
        if self.save_best_only:
            self.best = current
        if self.verbose > 0:
            say(f"\nEpoch {epoch + 1}: finished saving model to {path}")
        for old in self.keep.took(current, path) if self.keep is not None else ():
            remove(old)
        self._saved(path, epoch, logs)

    def _saved(self, path: str, epoch: int, logs: dict[str, Any]) -> None:
        """Nothing more: a subclass may do something with the file."""

    def _waits(self, values: dict[str, Any]) -> bool:
        """Whether the name needs a number that only comes now and then, such as of a validation that was not due."""
        rare = () if self._forecast is None else self._forecast.sometimes
        if any(name not in values and name in rare for name in self.template.names):
            return True
        validated = any(key.startswith(VALIDATION) for key in values)
        if self._forecast is None or validated or (self._forecast.due and self.save_freq == "epoch"):
            return False
        return any(name not in values and name.startswith(VALIDATION) for name in self.template.names)

    def _check_configuration(self) -> None:
        layers = list(getattr(self.model, "layers", ()))
        for part in (self.model, *layers) if layers else ():
            if not hasattr(part, "get_config"):
                raise Unsupported(
                    f"ModelCheckpoint cannot save the whole model: {type(part).__name__} has no configuration.",
                    given=self.filepath,
                    wanted="layers that have a get_config, or weights only",
                    cure=f'ModelCheckpoint("{self._stem()}.weights.h5", save_weights_only=True)',
                )
        for describe in ("get_config", "get_compile_config"):  # what cannot be written down says so here
            getattr(self.model, describe, dict)()

    @property
    def monitor(self) -> str | None:
        """The key of the number that says which is best; None if the latest are kept. It can be set."""
        return None if self._compares_nothing else self.watch.key

    @monitor.setter
    def monitor(self, key: str | None) -> None:
        self._compares_nothing = key is None
        if key is not None:
            self.watch.rename(key)

    @property
    def _compares(self) -> bool:
        return self.save_best_only or (self.keep is not None and self.monitor is not None)

    def _frequency(self, save_freq: Any) -> str | int:
        if not isinstance(save_freq, str) or not any(map(str.isdigit, save_freq)):  # "batch" is none in Keras either
            return every_batches("ModelCheckpoint", save_freq)
        cadence = Cadence.read(save_freq, "ModelCheckpoint", "save_freq")
        every(save_freq, self)
        return "epoch" if cadence.in_epochs else save_freq

    def _keeping(self, keep: Any) -> KeepBest:
        if not isinstance(keep, int) or isinstance(keep, bool) or keep < 1:
            raise InvalidArgument(
                "ModelCheckpoint keeps a number of files.",
                given=keep,
                wanted="a whole number, 1 or more, or None",
                cure="ModelCheckpoint(..., keep=3)",
            )
        if not self.template.names:
            stem = self._stem()
            raise InvalidArgument(
                "ModelCheckpoint keeps several files, and all have one name.",
                given=self.filepath,
                wanted="a number in the name, such as {epoch:02d}",
                cure=f'ModelCheckpoint("{stem}-{{epoch:02d}}{self.filepath.removeprefix(stem)}", keep={keep})',
            )
        return KeepBest(keep, None if self.monitor is None else partial(self.watch.better, by=0.0))

    def _stem(self) -> str:
        return self.filepath.removesuffix(".weights.h5").removesuffix(".keras").removesuffix(".h5")

    def _check_ending(self) -> None:
        ending = ".weights.h5" if self.save_weights_only else ".keras"
        if self.filepath.endswith(ending):
            return
        kind = "weights" if self.save_weights_only else "model"
        when = "When using `save_weights_only=True` in `ModelCheckpoint`, the" if self.save_weights_only else "The"
        cure = f'ModelCheckpoint("{self._stem()}{ending}")'
        if self.filepath.endswith(".weights.h5"):
            cure = f'ModelCheckpoint("{self.filepath}", save_weights_only=True)'
        raise InvalidArgument(
            f"{when} filepath provided must end in `{ending}` (Keras {kind} format).",
            given=self.filepath,
            wanted=f'a path that ends in "{ending}"',
            cure=cure,
        )


def every_batches(owner: str, save_freq: Any) -> str | int:
    """Give `save_freq` back if it is "epoch" or a number of batches; a bool is neither.

    Raises:
        InvalidArgument: If it is anything else.
    """
    if save_freq == "epoch":
        return "epoch"
    if isinstance(save_freq, int | np.integer) and not isinstance(save_freq, bool) and save_freq >= 1:
        return int(save_freq)
    raise InvalidArgument(
        f"{owner} saves every epoch, or every so many batches.",
        given=save_freq,
        wanted='"epoch", or a whole number of batches, 1 or more',
        cure=f'{owner}(..., save_freq="epoch")',
    )
