"""Watching one number of the logs: whether it will be there, which way is better, and whether it got better."""

from __future__ import annotations

import copy
import inspect
import math
import warnings
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from kibitz.callbacks.forecast import Forecast
from kibitz.callbacks.number import number
from kibitz.errors import InvalidArgument, UnknownDirection, UnknownMonitor, WrongType, code, nearest_name

MODES = ("auto", "min", "max")
VALIDATION = "val_"


class Monitor:
    """What EarlyStopping, ReduceLROnPlateau and ModelCheckpoint share: one number, watched.

    Give it to one of these in the place of the number's name, where the number is to be smoothed; or use it in a
    callback of your own that acts on "better": settle it in `settle`, then `read` and `take` at the end of an epoch.

    Args:
        key: A key of the logs, such as "val_loss".
        mode: "min" if less is better, "max" if more is, "auto" to ask the metric itself.
        min_delta: How much better counts as better, in the units of the number; its sign does not matter.
        patience: How many values in a row may be no better before it is `spent`; 0 and 1 mean the same.
        smoothing: What remains of the average so far when a new value comes, from 0 to less than 1: it watches the
            moving average then, and not each value. 0 means that it does not average.
        owner: The callback's name, for its errors.

    Raises:
        InvalidArgument: If `mode` is none of the three, or a number is none or out of range.
        WrongType: If `key` is not a string.

    Attributes: `best`, the best value so far, or None; `wait`, how many values in a row were no better; `begun`,
        whether there was a value.

    Example:
        >>> from kibitz.callbacks.monitor import Monitor
        >>> monitor = Monitor("accuracy", mode="max", min_delta=0.25, patience=2)
        >>> [monitor.take(value) for value in (0.5, 0.75, 1.0, 1.0, 1.0)]
        [True, False, True, False, False]
        >>> monitor.best, monitor.wait, monitor.spent
        (1.0, 2, True)
    """

    def __init__(
        self,
        key: str,
        *,
        mode: str = "auto",
        min_delta: float = 0.0,
        patience: int = 0,
        smoothing: float = 0.0,
        owner: str = "Monitor",
    ):
        self.owner, self.mode = owner, mode
        self.rename(key)
        self.turn(mode)
        self.min_delta = abs(number(owner, "min_delta", min_delta))
        self.patience = number(owner, "patience", patience, least=0, such_as=3)
        self.smoothing = number(owner, "smoothing", smoothing, least=0, below=1, such_as=0.9)
        self.reset()
        self._forecast: Forecast | None = None
        self._at = "epoch"
        self._warned = False

    @classmethod
    def of(cls, monitor: str | Monitor, kind: type, **settings: Any) -> Monitor:
        """A monitor as a callback takes it: by the number's name, with the callback's settings, or as it was made.

        Of a monitor the callback gets one of its own, which has seen nothing: several may be given the same.

        Args:
            monitor: The key of a number, or a monitor.
            kind: The callback's class.
            **settings: `mode`, `min_delta`, `patience`; a monitor that was given has its own.

        Raises:
            InvalidArgument: If both a monitor and one of its settings are given.
        """
        owner = kind.__name__
        if not isinstance(monitor, Monitor):
            return cls(monitor, owner=owner, **settings)
        for name, value in settings.items():
            if value != inspect.signature(kind).parameters[name].default:
                raise InvalidArgument(
                    f"{owner} was given a monitor, and that has a {name} of its own.",
                    given=code(f"{owner}(Monitor(...), {name}={value!r})"),
                    wanted="one of the two",
                    cure=f'{owner}(Monitor("{monitor.key}", {name}={value!r}))',
                )
        own = copy.copy(monitor)
        own.owner = owner
        own.reset()
        return own

    def rename(self, key: Any) -> None:
        """Watch another number from now on.

        Raises:
            WrongType: If `key` is not a string.
        """
        if not isinstance(key, str):
            raise WrongType(
                f"{self.owner} watches one number by its name.",
                given=key,
                wanted="a key of the logs, as a string",
                cure=f'{self.owner}(monitor="val_loss")',
            )
        self.key = key
        self.turn(self.mode)  # which way is better was another number's

    def turn(self, mode: Any) -> None:
        """Say anew which way is better.

        Raises:
            InvalidArgument: If `mode` is none of "min", "max" and "auto".
        """
        if mode not in MODES:
            raise InvalidArgument(
                f"{self.owner} knows no such mode.", given=mode, there_is=MODES, cure=f'{self.owner}(mode="auto")'
            )
        self.mode, self.direction = mode, None if mode == "auto" else mode

    def settle(self, forecast: Forecast, *, at: str = "epoch") -> None:
        """Check before the first step that the number will be there, and learn which way it is better.

        Args:
            forecast: What is known of the run.
            at: "epoch" if it is read in `on_epoch_end`, "batch" if in `on_train_batch_end`.

        Raises:
            UnknownMonitor: If no logs of that moment will hold the key, and no earlier callback could add it.
            UnknownDirection: If `mode="auto"` and nothing says which way is better.
        """
        keys = forecast.epoch_keys if at == "epoch" else forecast.batch_keys
        if self.key not in keys and not forecast.open:
            raise self._missing(forecast, at)
        self._forecast, self._at = forecast, at
        if self.mode == "auto":
            self.direction = self._known(forecast.directions)
            if self.direction is None:
                raise self._no_direction()

    def read(self, logs: Mapping[str, Any] | None, model: Any = None) -> float | None:
        """The number in these logs; None where validation was not due, so that nothing can be decided.

        Args:
            logs: What the hook was given.
            model: Asked for the direction, if nobody has settled this monitor (in a loop of the user's own).

        Raises:
            UnknownMonitor: If the number was due and is not there.
            WrongType: If it is not one number.
        """
        logs = logs or {}
        value = logs.get(self.key)
        if value is None:
            if self._due(logs):
                raise self._absent(logs)
            self._warn_once(logs)
            return None
        self.learn(model)
        try:
            return self._smoothed(float(value))
        except (TypeError, ValueError):
            raise WrongType(
                f'{self.owner} compares numbers, and "{self.key}" is not one.',
                given=value,
                wanted="one number",
                cure=f'{self.owner}(monitor="loss")',
            ) from None

    def learn(self, model: Any) -> None:
        """Ask a model which way is better, if nobody has settled this monitor."""
        if self.direction is None:
            self.direction = self._known(dict(_directions(model)))

    def take(self, value: float, *, bar: float | None = None, counts: bool = True) -> bool:
        """Take one more value: whether it is better than all before it, or the first.

        The first one is the one to beat, and never counts as waiting, even if it is NaN.

        Args:
            value: The value.
            bar: What must be beaten besides for the waiting to end. None means that there is nothing.
            counts: Whether a value that is no better counts as waiting.
        """
        first, self.begun = not self.begun, True
        better = self.better(value, self.best)
        if better:
            self.best = value
        if (better or first) and (bar is None or self.better(value, bar)):
            self.wait = 0
        elif counts:
            self.wait += 1
        return better or first

    @property
    def spent(self) -> bool:
        """Whether patience is."""
        return self.wait >= max(self.patience, 1)

    def reset(self) -> None:
        """Forget all values."""
        self.best: float | None = None
        self.wait, self.begun = 0, False
        self._average: float | None = None

    def get_state(self) -> dict[str, Any]:
        """What it remembers of the values."""
        return {"best": self.best, "wait": self.wait, "begun": self.begun, "average": self._average}

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Go on with what `get_state` gave."""
        self.best, self.wait, self.begun, self._average = (state[name] for name in ("best", "wait", "begun", "average"))

    def better(self, value: float, best: float | None, *, by: float | None = None) -> bool:
        """Whether a value is better than the best so far by more than `min_delta`.

        NaN and infinities are never better. Anything finite is better than None and NaN.

        Args:
            value: The new value.
            best: The best so far. None means that there is none.
            by: By how much, in the place of `min_delta`. None means `min_delta`.

        Raises:
            UnknownDirection: If nothing says which way is better.
        """
        if self.direction is None:
            self.direction = self._known({})
        if self.direction is None:
            raise self._no_direction()
        if not math.isfinite(value):
            return False
        if best is None or math.isnan(best):
            return True
        # In float32, as Keras compares: numbers that a float32 loss cannot tell apart are no improvement.
        delta = self.min_delta if by is None else by
        with np.errstate(over="ignore", under="ignore"):
            bar = np.float32(best)
            if self.direction == "min":
                return bool(np.float32(value + delta) < bar)
            return bool(np.float32(value - delta) > bar)

    def _smoothed(self, value: float) -> float:
        if not self.smoothing or not math.isfinite(value):
            return value
        old = self._average
        average = value if old is None else self.smoothing * old + (1 - self.smoothing) * value
        self._average = average
        return average

    def _known(self, directions: Mapping[str, str]) -> str | None:
        name = self.key.removeprefix(VALIDATION)
        for key, direction in directions.items():
            if key in {self.key, name}:
                return direction
        if name == "loss" or name.endswith("_loss"):
            return "min"
        return next((way for key, way in directions.items() if name.endswith(f"_{key}")), None)

    def _due(self, logs: Mapping[str, Any]) -> bool:
        validates = self.key.startswith(VALIDATION)
        if self._forecast is None:
            return not validates or any(key.startswith(VALIDATION) for key in logs)
        if self.key in self._forecast.sometimes:
            return False
        if validates and self.key in self._forecast.epoch_keys:  # it comes from a validation, of whichever set
            return self._forecast.due and self._at == "epoch"
        return self._forecast.due or any(key.startswith(VALIDATION) for key in logs)

    def _warn_once(self, logs: Mapping[str, Any]) -> None:
        # A settled monitor knows that the number will come; in a loop of the user's own nobody does.
        if self._forecast is None and not self._warned:
            self._warned = True
            warnings.warn(
                f'{self.owner} watches "{self.key}", and these logs have only {", ".join(logs) or "nothing"}: '
                "it decides nothing until the number comes.",
                stacklevel=3,
            )

    def _absent(self, logs: Mapping[str, Any]) -> UnknownMonitor:
        near = nearest_name(self.key, logs)
        return UnknownMonitor(
            f'{self.owner} has nothing to watch: these logs hold no "{self.key}".',
            given=code(self._written()),
            there_is=logs,
            nearest=near,
            cure=self._written(near or "loss")
            + f', or a callback before {self.owner} that writes logs["{self.key}"] at every epoch\'s end',
        )

    def _missing(self, forecast: Forecast, at: str) -> UnknownMonitor:
        keys = forecast.epoch_keys if at == "epoch" else forecast.batch_keys
        what = f'{self.owner} has nothing to watch: there will be no "{self.key}"'
        given = self._written()
        base = self.key.removeprefix(VALIDATION)
        near = nearest_name(self.key, keys)
        if at == "batch" and self.key in forecast.epoch_keys:
            what += " at the end of a batch, only at the end of an epoch"
            cure = f'{self.owner}(save_freq="epoch")' + (f", or {self._written(base)}" if base in keys else "")
            near = None
        elif self.key.startswith(VALIDATION) and not forecast.validation:
            what += ", since fit was given no validation data"
            given += ", fit(validation_data=None, validation_split=0.0)"
            train = base if base in keys else nearest_name(base, keys) or "loss"
            with_data = "" if base in keys else f" and {self._written(VALIDATION + train)}"
            cure = f"fit(..., validation_split=0.1){with_data}, or {self._written(train)}"
            near = None
        elif near is not None:
            cure = f'{self._written(near)}; or name the metric so: compile(metrics=[...(name="{base}")])'
        else:
            cure = f'{self._written("loss")}; or add the metric: compile(metrics=["{base}"])'
        return UnknownMonitor(f"{what}.", given=code(given), there_is=keys, nearest=near, cure=cure)

    def _no_direction(self) -> UnknownDirection:
        return UnknownDirection(
            f'{self.owner} cannot tell whether more or less of "{self.key}" is better.',
            given=code(f'{self.owner}(monitor="{self.key}", mode="auto")'),
            wanted='mode="max" or mode="min"',
            cure=f'{self.owner}(monitor="{self.key}", mode="max") if more is better',
        )

    def _written(self, key: str | None = None) -> str:
        return f'{self.owner}(monitor="{key or self.key}")'


def _directions(model: Any) -> Iterator[tuple[str, str]]:
    """Which way each metric of a model says it is better, as Keras's models know it once they are built."""
    for metric in _metrics(getattr(model, "metrics", None) or ()):
        direction = getattr(metric, "_direction", None)
        if direction is not None:
            yield metric.name, "max" if direction == "up" else "min"


def _metrics(found: Iterable[Any]) -> Iterator[Any]:
    for metric in found:
        within = getattr(metric, "metrics", None)
        if isinstance(within, list | tuple):
            yield from _metrics(within)
        else:
            yield metric
