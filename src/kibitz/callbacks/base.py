"""K. The callback: a user's own code that looks on at every stage of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kibitz.clock import Cadence

if TYPE_CHECKING:
    from kibitz.callbacks.forecast import Forecast
    from kibitz.outcome import Outcome
    from kibitz.run import Run

Numbers = dict[str, Any] | None
"""What hooks are given as `logs`; None only when somebody calls a hook by hand."""

Traced = tuple[dict[str, Any], Any, dict[str, Any]]
"""What a graph hook gives back: the gradients or updates, its state, and the numbers to log."""


class OfRun:
    """An attribute that the run answers for, unless a callback has one of its own by this name.

    Args:
        name: Its name.
    """

    def __init__(self, name: str):
        self._name = name

    def __get__(self, callback: Any, kind: Any = None) -> Any:
        return self if callback is None else getattr(callback.run, self._name, None)


class Callback:
    """Look on at a run, comment, and take a hand in it: override the hooks you need.

    `hooks.py` draws when each hook is called. A hook that is not overridden is never called, so it costs nothing. A
    callback written for Keras 3 runs unchanged. `self.model` is the model as it stands after the very batch of the
    hook; `self.run` may be asked to stop; `self.params` has "verbose", "epochs" and "steps"; `self.batch` is what that
    step is trained on, with the numbers of its rows.

    Args:
        every: How often it acts: "100 steps" or "10 min" or "5% of the run" are about `on_train_batch_end`, "2 epochs"
            about `on_epoch_end`; other hooks are called as ever. Steps are counted over the whole run. None leaves what
            the class says, which is always.
        on_error: "raise" lets an exception in a hook end the run, "warn" makes it a warning, "detach" a warning too,
            and the callback is not called again but for `on_run_end`. None leaves what the class says: "raise".
        before: Callbacks before which this one is called: a class, a name, or several. None leaves what the class says.
        after: Callbacks after which this one is called. None leaves what the class says.

    Raises:
        InvalidArgument: If `every` cannot be read, or `on_error` is none of the three.
        WrongType: If `before` or `after` is neither a class nor a name, nor several.

    Reads: whatever its hooks read.
    Changes: whatever its hooks change; `self.model.stop_training = True` ends the run.
    Keeps: nothing of its own.
    Unlike Keras: `on_run_end(outcome)` is called however a run ends, also after an exception.

    Example:
        >>> import kibitz
        >>> class Count(kibitz.callbacks.Callback):
        ...     def on_train_begin(self, logs=None):
        ...         self.batches = 0
        ...     def on_train_batch_end(self, batch, logs=None):
        ...         self.batches += 1
        >>> count = Count()
        >>> _ = kibitz.testing.drive(count, epochs=[{"loss": 2.0}, {"loss": 1.0}], batches=3)
        >>> count.batches
        6

    Source: https://keras.io/api/callbacks/base_callback/
    """

    params: dict[str, Any] | None = None
    run: Run | None = None
    batch: Any = OfRun("batch")
    _model: Any = None

    adds: tuple[str, ...] = ()
    """Keys that this callback's hooks put into an epoch's logs, so that later callbacks may watch them."""

    measures: tuple[str, ...] = ()
    """Keys that it adds and a clock or a meter gives: no two runs have the same there, so none are compared by them."""

    every: str | None = None
    """How often it acts, such as "100 steps", "1 epoch", "10 min" or "5% of the run"; None means always."""

    on_error: str = "raise"
    """What an exception in a hook does: "raise" ends the run, "warn" warns, "detach" warns and lets the callback go."""

    before: Any = ()
    """The callbacks before which it is called, wherever they stand in the list: classes or their names."""

    after: Any = ()
    """The callbacks after which it is called."""

    def __init__(self, *, every: str | None = None, on_error: str | None = None, before: Any = None, after: Any = None):
        self.params = None
        self._model = None
        if every is not None or on_error is not None or before is not None or after is not None:
            self._declare(every, on_error, before, after)

    def _declare(self, every: Any, on_error: Any, before: Any, after: Any) -> None:
        from kibitz.callbacks.declared import EVERY, called, check_failure, check_placed

        owner = called(self)
        if every is not None:
            Cadence.read(every, owner)
            self.every = every
            setattr(self, EVERY, every)
        if on_error is not None:
            self.on_error = check_failure(on_error, owner)
        if before is not None:
            check_placed(before, "before", owner)
            self.before = before
        if after is not None:
            check_placed(after, "after", owner)
            self.after = after

    @property
    def model(self) -> Any:
        """The model that is trained, evaluated or asked to predict."""
        return self._model

    def set_params(self, params: dict[str, Any]) -> None:
        """Take what is known of the run: "verbose", "epochs", "steps"."""
        self.params = params

    def set_model(self, model: Any) -> None:
        """Take the model."""
        self._model = model

    def set_run(self, run: Run | None) -> None:
        """Take the run, before `on_*_begin`."""
        self.run = run

    def get_state(self) -> dict[str, Any]:
        """What another process needs to go on with this callback: its public attributes, as far as they are plain.

        Plain are numbers, texts, None, NumPy arrays, and lists, tuples and dicts of these. Override it together with
        `set_state` where that is not what must be kept. Where it is not overridden, a run that can be gone on with
        keeps only what hooks have set, and leaves alone what `__init__` was given.
        """
        from kibitz.callbacks.state import told

        return told(self)

    def set_state(self, state: dict[str, Any]) -> None:
        """Take what `get_state` gave in another process; called after `on_train_begin`."""
        from kibitz.callbacks.state import take

        take(self, state)

    def settle(self, forecast: Forecast) -> None:
        """Check, before the first step, what this callback needs against what the logs will hold."""

    def on_batch_begin(self, batch: int, logs: Numbers = None) -> None:
        """An older name of `on_train_batch_begin`."""

    def on_batch_end(self, batch: int, logs: Numbers = None) -> None:
        """An older name of `on_train_batch_end`."""

    def on_epoch_begin(self, epoch: int, logs: Numbers = None) -> None:
        """Called before an epoch's first batch; `logs` is empty."""

    def on_epoch_end(self, epoch: int, logs: Numbers = None) -> None:
        """Called after an epoch and its validation; `logs` has the means, and val_* if validation was due."""

    def on_train_batch_begin(self, batch: int, logs: Numbers = None) -> None:
        """Called before a step; `logs` is empty."""
        self.on_batch_begin(batch, logs=logs)

    def on_train_batch_end(self, batch: int, logs: Numbers = None) -> None:
        """Called after a step; `logs` has running means over the epoch so far."""
        self.on_batch_end(batch, logs=logs)

    def on_test_batch_begin(self, batch: int, logs: Numbers = None) -> None:
        """Called before a batch is evaluated; `logs` is empty."""

    def on_test_batch_end(self, batch: int, logs: Numbers = None) -> None:
        """Called after a batch was evaluated; `logs` has running means."""

    def on_predict_batch_begin(self, batch: int, logs: Numbers = None) -> None:
        """Called before a batch is predicted; `logs` is empty."""

    def on_predict_batch_end(self, batch: int, logs: Numbers = None) -> None:
        """Called after a batch was predicted; `logs` has "outputs"."""

    def on_train_begin(self, logs: Numbers = None) -> None:
        """Called once, before the first epoch; `logs` is empty."""

    def on_train_end(self, logs: Numbers = None) -> None:
        """Called once after training that completed or was stopped; `logs` are the last epoch's."""

    def on_test_begin(self, logs: Numbers = None) -> None:
        """Called before an evaluation or a validation; `logs` is empty."""

    def on_test_end(self, logs: Numbers = None) -> None:
        """Called after an evaluation or a validation; `logs` has its means."""

    def on_predict_begin(self, logs: Numbers = None) -> None:
        """Called before the first batch is predicted; `logs` is empty."""

    def on_predict_end(self, logs: Numbers = None) -> None:
        """Called after the last batch was predicted; `logs` is empty."""

    def on_run_end(self, outcome: Outcome) -> None:
        """Called once, last, however the run ended: the place to close what was opened."""
