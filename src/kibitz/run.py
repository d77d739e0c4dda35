"""What a callback may ask of the run that it looks on at, and what it may know: `self.run`."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping
from typing import Any

from kibitz.clock import Clock
from kibitz.errors import NotReady, UnknownName, WrongType, code
from kibitz.outcome import Outcome
from kibitz.report import RunReport


class Run:
    """One call of fit, evaluate or predict, as its callbacks see it.

    Flags and requests belong to a run and not to the model, so that a fit inside a hook takes nothing from the fit
    around it.

    What is asked for in a hook is done when all callbacks have had it, or, if that is in the midst of a step or of a
    validation, at the end of that batch or epoch: evaluate, save, flush, stop, in this order. So a save has the numbers
    of an evaluation that was asked for at the same step. What is asked for several times is done once.

    Args:
        kind: "train", "test" or "predict".

    Attributes: `validation`, the numbers of the latest validation, such as "val_loss"; `validating`, the name of the
        set that is being validated with, "" if it has none; `clock`, `outcome`, `report`.

    Example:
        >>> from kibitz.run import Run
        >>> run = Run("train")
        >>> run.stop("loss is low enough")
        >>> run.stop_requested, run.reason
        (True, 'loss is low enough')
    """

    def __init__(self, kind: str):
        self.kind = kind
        self.clock = Clock()
        self.asking = ""  # the callback whose hook is running: the one who asks, if somebody asks
        self.reason, self.by = "", ""
        self.stop_now = False
        self.outcome: Outcome | None = None
        self.report = RunReport()
        self.begins: list[Callable[[int], None]] = []  # told of another first epoch than that which was planned
        self.refreezes: Callable[[], None] | None = None
        self.trained = False  # whether the last step is done
        self._first_epoch: int | None = None
        self.stop_evaluating = self.stop_predicting = False
        self.acts: list[Callable[[int], float]] = []  # each tells how many steps from one on somebody will act
        self.savers: list[Callable[[Mapping[str, Any]], None]] = []
        self.flushers: list[Callable[[], None]] = []
        self.sets: tuple[str, ...] | None = None  # names of the sets of validation, "" for the only one
        self.validate: Callable[[Collection[str] | None], dict[str, float]] | None = None
        self.validating = ""
        self.validation: dict[str, float] = {}
        self.dir: str | None = None  # the folder of a durable run
        self.resumed = False  # whether another process has begun it; known from on_train_begin on
        self.keep: Callable[[Any, bool], None] | None = None
        self.graph_state_of: Callable[[Any], Any] | None = None
        self.batch_of: Callable[[], Any] | None = None
        self.heed: Callable[[], None] = _nobody_asks  # raises, if Ctrl-C was pressed
        self.asked_to_end: Callable[[], bool] = bool  # whether it will
        self._asked: dict[str, Any] = {}
        self._stop = self._over = False
        self.begun = False

    @property
    def step(self) -> int:
        """Steps that the hooks have seen done in this run."""
        return self.clock.step

    @property
    def epoch(self) -> int:
        """The epoch that is running, from 0."""
        return self.clock.epoch

    @property
    def batch(self) -> Any:
        """What is trained on in the step that the hook is about: `x`, `y`, `weight` and `rows`, on the host.

        `rows` are the numbers of its rows in the arrays that `fit` was given; None where rows have no numbers. In
        `on_train_batch_begin` it is the batch to come, in `on_train_batch_end` the one that was. It is brought together
        when it is asked for, and costs nothing otherwise. None where nothing is trained.
        """
        return None if self.batch_of is None else self.batch_of()

    @property
    def first_epoch(self) -> int | None:
        """The epoch to begin with in place of `initial_epoch`, set in `on_train_begin`, before a state is put in."""
        return self._first_epoch

    @first_epoch.setter
    def first_epoch(self, epoch: int) -> None:
        self._first_epoch = epoch
        for tell in self.begins:
            tell(epoch)

    @property
    def under_way(self) -> bool:
        """Whether a hook has been called, and the run is not over."""
        return self.begun and not self._over

    @property
    def stop_requested(self) -> bool:
        """Whether the run is to end; `model.stop_training` is this flag."""
        return self._stop or self.stop_now

    def flag(self, wanted: bool) -> None:
        """Set or take back the request to stop, as `model.stop_training = ...` does."""
        if wanted and not self._stop:
            self.reason, self.by = "", self.asking
        self._stop = bool(wanted)

    def stop(self, reason: str, *, now: bool = False) -> None:
        """End the run after the hook that is running.

        Args:
            reason: Why, in words; it stands in the outcome.
            now: True also skips validation and `on_epoch_end`; such a stop cannot be taken back.

        Raises:
            WrongType: If the reason is not a string.
        """
        if not isinstance(reason, str):
            raise WrongType(
                "A stop has a reason in words.",
                given=reason,
                wanted="a string",
                cure='self.run.stop("the loss is low enough")',
            )
        self.reason, self.by = reason, self.asking
        self._stop = True
        self.stop_now = self.stop_now or now

    def evaluate(self, names: str | Collection[str] | None = None) -> None:
        """Validate after this hook, also in the midst of an epoch; the numbers are then in `validation`.

        Args:
            names: The sets to validate with, by the names that `validation_data` gave them. None means all.

        Raises:
            NotReady: If there is nothing to validate with, or if the run is over.
            UnknownName: If there is no set of a name.
        """
        self._require_time("evaluate")
        if self.sets is None:
            raise NotReady(
                "There is nothing to evaluate on: this run has no validation data.",
                given=code("self.run.evaluate()"),
                wanted="a fit with validation_data",
                cure="fit(..., validation_data=(x, y)), or self.model.evaluate(x, y) in the hook itself",
            )
        wanted = {names} if isinstance(names, str) else set(self.sets if names is None else names)
        for name in sorted(wanted - set(self.sets), key=str):
            raise UnknownName(
                "No set of validation data has this name.",
                given=name,
                there_is=[each for each in self.sets if each],
                cure="self.run.evaluate() for all there are",
            )
        self._asked["evaluate"] = self._asked.get("evaluate", set()) | wanted

    @property
    def evaluation_asked(self) -> frozenset[str] | None:
        """The sets that somebody has asked to validate with, and that were not yet; None if nobody has."""
        return frozenset(self._asked["evaluate"]) if "evaluate" in self._asked else None

    @property
    def asked(self) -> dict[str, Any]:
        """What somebody has asked for that is not done yet, as plain values."""
        return {name: sorted(what) if name == "evaluate" else what for name, what in self._asked.items()}

    def save(self) -> None:
        """Have everybody save who saves in this run, after this hook; each by its own rule, such as only the best.

        A durable run is committed then.

        Raises:
            NotReady: If nobody does, or if the run is over.
        """
        self._require_time("save")
        if not self.savers:
            raise NotReady(
                "Nothing in this run saves.",
                given=code("self.run.save()"),
                wanted="a callback that saves",
                cure='fit(..., callbacks=[..., ModelCheckpoint("model.keras")])',
            )
        self._asked["save"] = True

    def flush(self) -> None:
        """Have all logs that are written to files brought there, after this hook.

        Raises:
            NotReady: If the run is over.
        """
        self._require_time("flush")
        self._asked["flush"] = True

    def refreeze(self) -> None:
        """Take up which layers are trainable, at once, and let the optimizer go on: `model.refreeze()` says more.

        Raises:
            NotReady: If this run does not train.
        """
        if self.refreezes is None:
            raise NotReady(
                "This run does not train, so nothing is frozen in it.",
                given=code("self.run.refreeze()"),
                wanted="a fit",
                cure="model.refreeze()",
            )
        self.refreezes()

    def graph_state(self, callback: Any) -> Any:
        """What a callback's graph hooks carry along, as host arrays, as it is after the step that hooks have reached.

        Args:
            callback: The callback.

        Raises:
            NotReady: If no callback of this run has a graph hook.
        """
        if self.graph_state_of is None:
            raise NotReady(
                "No callback of this run has a graph hook.",
                given=callback,
                wanted="a fit with a callback that has on_gradients or on_update",
                cure="fit(..., callbacks=[GradientNorms()])",
            )
        return self.graph_state_of(callback)

    def carry_out(self, logs: Mapping[str, Any], *, last: bool = False) -> None:
        """Do what was asked for since the last time; the loops call this where it is safe.

        Args:
            logs: The numbers as they stand.
            last: Whether this is the last time: then what is asked for meanwhile is done as well, but for yet another
                evaluation.
        """
        if not self._asked and not last:
            return
        asked, self._asked = self._asked, {}
        if "evaluate" in asked and self.validate is not None:
            logs = {**logs, **self.validate(asked["evaluate"])}
        late = self._asked if last else {}  # it grows as those who are asked ask in their turn
        for save in self.savers if "save" in asked or "save" in late else ():
            save(logs)
        for flush in self.flushers if "flush" in asked or "flush" in late else ():
            flush()

    def boundary(self, logs: Any, *, begun: bool) -> None:
        """All callbacks have had their hooks; a durable run may commit here. The loops call this.

        Args:
            logs: The numbers as they stand.
            begun: Whether it is within an epoch, after a step.
        """
        if self.keep is not None:
            self.keep(logs, begun)

    def _require_time(self, what: str) -> None:
        if self._over:
            raise NotReady(
                "The run is over: what is asked of it now would not be done.",
                given=code(f"self.run.{what}()"),
                wanted="a hook before on_run_end",
                cure=f"self.run.{what}() in on_train_end or earlier",
            )

    def let_go(self) -> None:
        """The run is over: what it would have asked is not kept, nor the data behind it."""
        self.acts, self.savers, self.flushers, self.begins = [], [], [], []
        self.sets, self.validate, self.refreezes, self.keep = None, None, None, None
        self.batch_of = None
        self.heed, self.asked_to_end = _nobody_asks, bool

    def until_act(self, ahead: int = 0) -> float:
        """Steps from here, or from so many further on, to the next at which somebody has said that they will act."""
        return min((until(self.clock.step + ahead) for until in self.acts), default=math.inf)

    def ended(self, error: BaseException | None = None, *, interrupted: bool = False) -> Outcome:
        """Settle the outcome, once, from what happened."""
        self.trained = self._over = True
        if error is not None:
            kind = "interrupted" if interrupted else "failed"
            self.outcome = Outcome(kind, f"{type(error).__name__}: {error}".rstrip(": "), self.asking, error)
        elif self.stop_requested:
            self.outcome = Outcome("stopped", self.reason, self.by)
        else:
            self.outcome = Outcome("completed")
        return self.outcome


def _nobody_asks() -> None:
    """Nobody has pressed Ctrl-C."""
