"""A callback driven without a model or a device: the real hooks, in the real order, with numbers that you choose."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from kibitz.callbacks.dispatch import Dispatch
from kibitz.callbacks.forecast import Forecast
from kibitz.logs import Logs
from kibitz.run import Run
from kibitz.testing.fake_model import FakeModel

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
        run.carry_out({})
        for number in range(start, len(epochs)):
            stage.epoch(number, epochs[number])
            if stage.done == kill_after:
                return Driven("killed", "", "", stage.done, dict(stage.logs))
            if stage.stops():
                break
        dispatch.fire("on_train_end", stage.logs)
        run.carry_out(stage.logs, last=True)
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
        run.carry_out({})
        self._batches("train", self.batches, train)
        run.clock.end_epoch()
        if test and not run.stop_now:
            fire("on_test_begin", {})
            self._batches("test", self.validation, test)
            fire("on_test_end", Logs(test))
        if not run.stop_now:
            self.logs = Logs(given)
            fire("on_epoch_end", number, self.logs)
            run.carry_out(self.logs)
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
            shown = Logs(numbers, batch=dict(numbers))
            self.dispatch.fire(f"on_{kind}_batch_end", batch, shown)
            if kind == "train":
                self.dispatch.run.carry_out(shown)
                if self.stops():
                    break
