"""Trying a callback without a model or a device: the real hooks, in the real order, with numbers that you choose."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from kibitz.callbacks.base import Callback
from kibitz.callbacks.dispatch import Dispatch
from kibitz.callbacks.every_hook import every_hook
from kibitz.callbacks.forecast import Forecast
from kibitz.logs import Logs
from kibitz.run import Run
from kibitz.variable import Variable

Epochs = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Driven:
    """How a drive ended.

    Args:
        kind: "completed", "stopped", "interrupted", "failed", or "killed" if `kill_after` was reached.
        reason: Why, in words.
        by: The name of the callback that asked for the stop or raised.
        epochs_done: Epochs whose end was reached, those before `start` included.
        logs: The last epoch's logs, with what callbacks added.

    Example:
        >>> import kibitz
        >>> stop = kibitz.callbacks.EarlyStopping("loss", patience=1)
        >>> kibitz.testing.drive(stop, epochs=[{"loss": 1.0}, {"loss": 2.0}, {"loss": 3.0}]).by
        'EarlyStopping'
    """

    kind: str
    reason: str
    by: str
    epochs_done: int
    logs: dict[str, Any]


def drive(
    callbacks: Any,
    epochs: Epochs,
    *,
    batches: int = 1,
    validation: int = 1,
    model: Any = None,
    start: int = 0,
    directions: Mapping[str, str] | None = None,
    verbose: int = 0,
    kill_after: int | None = None,
    raise_at: tuple[int, int] | None = None,
    error: BaseException | None = None,
) -> Driven:
    """Fire the hooks of a fit at callbacks, with the numbers that you give.

    Use it to test a callback: it sees what it would see in `fit`, and nothing is trained.

    Args:
        callbacks: A callback, or a list of them.
        epochs: The logs of every epoch. Validation follows the epochs that have keys beginning with "val_"; the batch
            hooks are given the other keys.
        batches: Steps in an epoch.
        validation: Batches in a validation.
        model: What they see as `self.model`. None makes a `FakeModel`.
        start: The number of the first epoch that is run; earlier ones are left out.
        directions: "min" or "max" for keys whose better side a metric would know. None means that none does.
        verbose: What they see as `self.params["verbose"]`.
        kill_after: The process dies after that many epochs: no hook is called any more. None lets it live.
        raise_at: The epoch and the batch whose step raises `error`. None lets all succeed.
        error: What that step raises: it ends the run and does not leave this function. None means KeyboardInterrupt.

    Returns:
        How it ended.

    Raises:
        UnknownMonitor: And whatever else a callback refuses before the first step.

    Example:
        >>> import kibitz
        >>> record = kibitz.testing.Recorder()
        >>> kibitz.testing.drive(record, epochs=[{"loss": 2.0}, {"loss": 1.0}], batches=3).epochs_done
        2
        >>> record.hooks.count("on_train_batch_end")
        6
    """
    model = FakeModel() if model is None else model
    run = Run("train")
    dispatch = Dispatch(list(callbacks) if isinstance(callbacks, list | tuple) else [callbacks], run)
    if isinstance(model, FakeModel):
        model.run = run
    model.stop_training = False
    dispatch.attach(model, {"verbose": verbose, "epochs": len(epochs), "steps": batches})
    dispatch.settle(_forecast(epochs, batches, directions or {}))
    failing = _Failing(raise_at, KeyboardInterrupt() if error is None else error)
    stage = _Stage(dispatch, model, batches, validation, failing, done=start)
    try:
        dispatch.fire("on_train_begin", {})
        for number in range(start, len(epochs)):
            stage.epoch(number, epochs[number])
            if stage.done == kill_after:
                return Driven("killed", "", "", stage.done, dict(stage.logs))
            if stage.stops():
                break
        dispatch.fire("on_train_end", stage.logs)
    except BaseException as raised:
        outcome = run.ended(raised, interrupted=isinstance(raised, KeyboardInterrupt))
        dispatch.close(outcome)
        if raised is not failing.error:
            raise
    else:
        outcome = run.ended()
        dispatch.close(outcome)
    return Driven(outcome.kind, outcome.reason, outcome.by, stage.done, dict(stage.logs))


def _forecast(epochs: Epochs, batches: int, directions: Mapping[str, str]) -> Forecast:
    keys = tuple(dict.fromkeys(key for logs in epochs for key in logs)) or ("loss",)
    validated = [any(key.startswith("val_") for key in logs) for logs in epochs]
    return Forecast(
        batch_keys=tuple(key for key in keys if not key.startswith("val_")),
        epoch_keys=keys,
        directions=directions,
        validation=any(validated),
        due=all(validated) or not any(validated),
        epochs=len(epochs),
        steps=batches,
    )


@dataclass(frozen=True)
class _Failing:
    at: tuple[int, int] | None
    error: BaseException


@dataclass
class _Stage:
    """The loop of hooks.py, with chosen numbers in place of steps."""

    dispatch: Dispatch
    model: Any
    batches: int
    validation: int
    failing: _Failing
    done: int
    logs: Logs = field(default_factory=Logs)

    def epoch(self, number: int, given: Mapping[str, Any]) -> None:
        """One epoch, its validation, and its end."""
        fire, run = self.dispatch.fire, self.dispatch.run
        train = {key: value for key, value in given.items() if not key.startswith("val_")}
        test = {key.removeprefix("val_"): value for key, value in given.items() if key.startswith("val_")}
        run.clock.start_epoch(number)
        fire("on_epoch_begin", number, {})
        self._batches("train", self.batches, train)
        if not run.stop_now:
            if test:
                fire("on_test_begin", {})
                self._batches("test", self.validation, test)
                fire("on_test_end", Logs(test))
            self.logs = Logs(given)
            fire("on_epoch_end", number, self.logs)
            self.done = number + 1

    def stops(self) -> bool:
        """Whether somebody has asked for the end, of the run or by the model's flag."""
        run = self.dispatch.run
        if getattr(self.model, "stop_training", False) and not run.stop_requested:
            run.flag(True)
        return run.stop_requested

    def _batches(self, kind: str, count: int, numbers: Mapping[str, Any]) -> None:
        clock = self.dispatch.run.clock
        for batch in range(count):
            self.dispatch.fire(f"on_{kind}_batch_begin", batch, {})
            if kind == "train":
                if self.failing.at == (clock.epoch, batch):
                    raise self.failing.error
                clock.tick()
                if isinstance(self.model, FakeModel):
                    self.model.step()
            self.dispatch.fire(f"on_{kind}_batch_end", batch, Logs(numbers, batch=dict(numbers)))
            if kind == "train" and self.stops():
                break


class FakeModel:
    """What a callback may ask of a model, and nothing behind it: its one weight counts the steps.

    Args:
        learning_rate: The optimizer's learning rate, kept in float32.

    Example:
        >>> import kibitz
        >>> model = kibitz.testing.FakeModel(learning_rate=0.5)
        >>> _ = kibitz.testing.drive(kibitz.callbacks.History(), epochs=[{"loss": 1.0}] * 2, batches=3, model=model)
        >>> model.get_weights()[0].tolist(), float(model.optimizer.learning_rate)
        ([6.0], 0.5)
    """

    name = "fake"
    built = True
    metrics_names = ("loss",)

    def __init__(self, learning_rate: float = 0.01):
        self.optimizer = FakeOptimizer(learning_rate)
        self.layers: list[Any] = []
        self.metrics: list[Any] = []
        self.history: Any = None
        self.run: Run | None = None
        self.stop_evaluating = self.stop_predicting = False
        self._flag = False
        self._weights = [np.zeros(1, "float32")]

    @property
    def stop_training(self) -> bool:
        """The run's flag, while there is a run."""
        return self._flag if self.run is None else self.run.stop_requested

    @stop_training.setter
    def stop_training(self, wanted: bool) -> None:
        self._flag = wanted
        if self.run is not None:
            self.run.flag(wanted)

    @property
    def weights(self) -> list[Variable]:
        """The weights as variables."""
        return [Variable(lambda: self._weights[0], lambda value: self.set_weights([value]), name="steps")]

    def step(self) -> None:
        """One step: the weight and `optimizer.iterations` grow by one."""
        self._weights[0] = self._weights[0] + 1
        self.optimizer.iterations.assign_add(1)

    def get_weights(self) -> list[np.ndarray]:
        """Copies of the weights."""
        return [weight.copy() for weight in self._weights]

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Put these weights in place of its own."""
        self._weights = [np.array(weight, "float32") for weight in weights]

    def save(self, filepath: Any, overwrite: bool = True) -> None:
        """Write the weights into a file."""
        self.save_weights(filepath, overwrite)

    def save_weights(self, filepath: Any, overwrite: bool = True) -> None:
        """Write the weights into a file."""
        with Path(filepath).open("wb" if overwrite else "xb") as file:
            np.savez(file, *self._weights)

    def load_weights(self, filepath: Any) -> None:
        """Read the weights back."""
        with np.load(filepath) as file:
            self.set_weights([file[name] for name in file.files])


class FakeOptimizer:
    """An optimizer's learning rate and its count of steps, both as variables.

    Args:
        learning_rate: Kept in float32, as a real one keeps it.

    Example:
        >>> import kibitz
        >>> optimizer = kibitz.testing.FakeOptimizer(learning_rate=0.5)
        >>> optimizer.learning_rate = optimizer.learning_rate / 2
        >>> float(optimizer.learning_rate), int(optimizer.iterations)
        (0.25, 0)
    """

    name = "fake"

    def __init__(self, learning_rate: float):
        self._state = {"learning_rate": np.float32(learning_rate), "iterations": np.int32(0)}

    @property
    def learning_rate(self) -> Variable:
        """The learning rate; assign a number to it."""
        return self._variable("learning_rate", np.float32)

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        self.learning_rate.assign(value)

    @property
    def iterations(self) -> Variable:
        """Steps done."""
        return self._variable("iterations", np.int32)

    def _variable(self, name: str, dtype: Any) -> Variable:
        return Variable(lambda: self._state[name], lambda value: self._state.update({name: dtype(value)}), name=name)


@every_hook("_note")
class Recorder(Callback):
    """Write down every hook with its arguments.

    Attributes: `calls`, a list of tuples of the hook's name and its arguments (logs as they were at that moment).

    Reads: logs, at every hook.
    Changes: nothing.
    Keeps: nothing.
    Unlike Keras: there is none in Keras.

    Example:
        >>> import kibitz
        >>> record = kibitz.testing.Recorder()
        >>> _ = kibitz.testing.drive(record, epochs=[{"loss": 1.0}])
        >>> record.calls[2:4]
        [('on_train_batch_begin', 0, {}), ('on_train_batch_end', 0, {'loss': 1.0})]
    """

    adds = ()

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple[Any, ...]] = []

    @property
    def hooks(self) -> list[str]:
        """The names of the hooks, in the order in which they were called."""
        return [call[0] for call in self.calls]

    def logs(self, hook: str) -> list[dict[str, Any]]:
        """The logs of every call of one hook."""
        return [call[-1] for call in self.calls if call[0] == hook]

    def _note(self, hook: str, *given: Any) -> None:
        self.calls.append((hook, *(dict(each) if isinstance(each, Mapping) else each for each in given)))
