"""What `check_callback` asks of a callback, one function a question, in the order in which they are asked."""

from __future__ import annotations

import dis
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from kibitz.callbacks.base import Callback, Numbers
from kibitz.callbacks.check import check
from kibitz.callbacks.dispatch import Dispatch
from kibitz.callbacks.overrides import overrides
from kibitz.errors import KibitzError, WrongType, describe
from kibitz.hooks import ALIASES, BATCH_HOOKS, HOOKS, KNOWN
from kibitz.run import Run
from kibitz.testing.bench import Bench, Took
from kibitz.testing.round_trip import round_trip, same
from kibitz.testing.subject import Subject

OK, FAILED, SKIPPED = "ok", "failed", "skipped"


class Answer(NamedTuple):
    """What one check found: "ok", "failed" or "skipped", why, and what to do."""

    result: str = OK
    why: str = ""
    cure: str = ""


@dataclass
class Trial:
    """What the checks of one callback share.

    Args:
        subject: Makes the callback.
        bench: Where it runs.
        changes: Whether it says that it takes a hand.
    """

    subject: Subject
    bench: Bench
    changes: bool

    def __post_init__(self) -> None:
        self.left: list[tuple[str, str]] = []
        self.plain = self.bench.fit([])  # what a run without it gives; and whatever JAX opens, it has opened by now
        self.bench.evaluate([])
        self.bench.predict([])

    def fit(self, callback: Any, *others: Any, ending: str = "a run that ended as planned", **how: Any) -> Took:
        """A fit with the callback, what it leaves open noted."""
        took = self.bench.fit([callback, *others], **how)
        self.left += [(ending, each) for each in took.left]
        return took


def has_hooks(subject: Subject) -> Answer:
    """It is an instance, and it has a hook."""
    try:
        callback = subject.make()
    except Exception as error:  # noqa: BLE001 - whatever a constructor raises is the finding
        cure = "check_callback(MyCallback, its, arguments, by=keyword), or a function that makes one"
        return Answer(FAILED, f"it cannot be made: {_told(error)}", cure)
    if any(hasattr(callback, hook) for hook in KNOWN):
        return Answer()
    return Answer(
        FAILED,
        f"{describe(callback)} has no hook",
        "class MyCallback(kibitz.callbacks.Callback), with methods such as on_epoch_end",
    )


def hooks_can_be_called(subject: Subject) -> Answer:
    """Its hooks take what they are given: batch hooks get `logs` by keyword, the others by position."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            check(subject.make(), 0)
    except WrongType as error:
        return Answer(FAILED, error.what.rstrip("."), error.cure)
    return Answer()


def hooks_are_spelt(subject: Subject) -> Answer:
    """No method looks like a hook and is none."""
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        check(subject.make(), 0)
    if not heard:
        return Answer()
    cure = f"one of {', '.join(HOOKS)}; or a name that does not begin with on_"
    return Answer(FAILED, "; ".join(str(each.message) for each in heard), cure)


def no_empty_hooks(subject: Subject) -> Answer:
    """No hook is called at every batch for nothing: what is not overridden is not called at all."""
    callback = subject.make()
    Dispatch.lend(callback, Run("train"))  # some count batches only where no run does
    called = [hook for hook in HOOKS if overrides(callback, hook)]
    for hook in (*BATCH_HOOKS, *ALIASES.values()):
        if overrides(callback, hook) and _empty(getattr(callback, hook, None)):
            return Answer(FAILED, f"{hook} is called at every batch, and does nothing", f"leave {hook} out")
    return Answer(OK, f"called at {', '.join(called)}" if called else "no hook of its own is called")


def with_validation(trial: Trial) -> Answer:
    """It works in fit, four epochs of three batches, with validation."""
    took = trial.fit(trial.subject.make())
    if refusal := _refusal(took):
        return Answer(FAILED, f"it refuses a plain classifier: {refusal.what}", refusal.cure)
    return _ran(took, "see where it was raised")


def without_validation(trial: Trial) -> Answer:
    """It works in fit where no logs hold a val_ key."""
    took = trial.fit(trial.subject.make(), validation=False)
    if refusal := _refusal(took):
        return Answer(SKIPPED, f"it says before the first step that it needs validation: {refusal.what}")
    return _ran(took, 'read what may not be there with logs.get("val_loss"), or refuse it in settle(forecast)')


def one_batch(trial: Trial) -> Answer:
    """It works in one epoch of one batch."""
    took = trial.fit(trial.subject.make(), epochs=1, rows=2)
    if refusal := _refusal(took):
        return Answer(SKIPPED, f"it says before the first step that this is too little: {refusal.what}")
    return _ran(took, "take nothing for granted that only a second batch or epoch brings")


def aloud(trial: Trial) -> Answer:
    """It works whatever `self.params["verbose"]` is: 0 in all other checks, 1 and 2 here."""
    for verbose in (1, 2):
        took = trial.fit(trial.subject.make(), verbose=verbose)
        if took.error is not None:
            return _ran(took, 'expect 0, 1 and 2 in self.params["verbose"]')
    return Answer()


def evaluate_alone(trial: Trial) -> Answer:
    """It works in evaluate, where no training hook is called."""
    took = trial.bench.evaluate([trial.subject.make()])
    trial.left += [("evaluate", each) for each in took.left]
    if refusal := _refusal(took):
        return Answer(SKIPPED, f"it says before the first batch that it is not for evaluate: {refusal.what}")
    return _ran(took, "make in __init__ or in on_test_begin what the test hooks need: on_train_begin is not called")


def predict_alone(trial: Trial) -> Answer:
    """It works in predict, where no training hook is called."""
    took = trial.bench.predict([trial.subject.make()])
    trial.left += [("predict", each) for each in took.left]
    if refusal := _refusal(took):
        return Answer(SKIPPED, f"it says before the first batch that it is not for predict: {refusal.what}")
    return _ran(took, "make in __init__ or in on_predict_begin what the predict hooks need")


def used_again(trial: Trial) -> Answer:
    """One instance works in a second fit, and in evaluate and predict after it, if it is for these at all."""
    callback = trial.subject.make()
    cure = "make anew in on_train_begin what one fit needs, and expect to be closed already in a hook that closes"
    for go in (trial.fit, trial.fit, lambda it: trial.bench.evaluate([it]), lambda it: trial.bench.predict([it])):
        took = go(callback)
        if took.error is not None and (go == trial.fit or not _refusal(took)):
            return _ran(took, cure)
    return Answer()


def stopped(trial: Trial) -> Answer:
    """It works where another callback stops the run in the middle of an epoch, gently or at once."""
    for now in (False, True):
        took = trial.fit(trial.subject.make(), _Ends(now=now), ending="a run that was stopped")
        if took.error is not None:
            return _ran(took, "expect that an epoch has fewer batches, and that on_epoch_end may be left out")
    return Answer()


def interrupted(trial: Trial) -> Answer:
    """After Ctrl-C the interruption reaches the caller, and the instance works in another fit."""
    return _broken_off(trial, KeyboardInterrupt(), "a run that was interrupted")


def failed(trial: Trial) -> Answer:
    """After another's exception that very exception reaches the caller, and the instance works in another fit."""
    return _broken_off(trial, RuntimeError("raised to see what becomes of it"), "a run that failed")


def _broken_off(trial: Trial, error: BaseException, ending: str) -> Answer:
    callback = trial.subject.make()
    took = trial.fit(callback, _Ends(error), ending=ending, raising=error)
    if took.error is not error:
        return _ran(took, "let exceptions of others pass")
    notes = [note for note in getattr(error, "__notes__", ()) if note.startswith("while the run was closed")]
    if notes:
        return Answer(FAILED, notes[0], "expect in on_run_end(outcome) that on_train_end was not called")
    return _ran(trial.fit(callback), f"make anew in on_train_begin what {ending} has left half done")


def nothing_stays_open(trial: Trial) -> Answer:
    """No file and no thread is left behind, however a run ended."""
    if not trial.left:
        return Answer()
    *before, last = dict.fromkeys(ending for ending, _ in trial.left)
    endings = f"{', '.join(before)} and {last}" if before else last
    cure = "open it in on_train_begin, and close it in on_run_end(outcome), which is called however a run ends"
    return Answer(FAILED, f"{trial.left[0][1]} is still open after {endings}", cure)


def same_bits(trial: Trial) -> Answer:
    """Weights and History are the same to the bit with it and without it."""
    if trial.changes:
        return Answer(SKIPPED, "it takes a hand: changes=True")
    took = trial.fit(trial.subject.make())
    cure = "look on and change nothing; or changes=True, if it is there to take a hand"
    if took.error is not None:
        return _ran(took, cure)
    if len(took.epochs) != len(trial.plain.epochs):
        why = f"the run has {len(took.epochs)} epochs, and without it {len(trial.plain.epochs)}"
        return Answer(FAILED, why, cure)
    if not same(took.weights, trial.plain.weights):
        return Answer(FAILED, "the weights after the run are others than without it", cure)
    for (epoch, with_it), (_, without) in zip(took.epochs, trial.plain.epochs, strict=True):
        for key, value in without.items():
            if key not in with_it or not same(value, with_it[key]):
                why = f'epoch {epoch} has "{key}" {with_it.get(key, "taken out")}, and without it {value}'
                return Answer(FAILED, why, cure)
    return Answer()


def numbers_alone(trial: Trial) -> Answer:
    """What it puts into the logs are numbers: History, files and progress bars expect them."""
    took = trial.fit(trial.subject.make())
    for call in took.record.calls:
        if not isinstance(call[-1], dict):
            continue
        for key, value in call[-1].items():
            if not _number(value):
                why = f'it puts "{key}" into the logs of {call[0]}, which is no number: {describe(value)}'
                return Answer(FAILED, why, f'logs["{key}"] = float(...), or an attribute of its own')
    return _ran(took, "see where it was raised")


def state_goes_on(trial: Trial) -> Answer:
    """Cut anywhere and gone on with in a fresh instance, a run ends as it would have ended uncut."""
    if not trial.subject.fresh:
        return Answer(SKIPPED, "it cannot be copied: give check_callback a class, or a function that makes one")
    found, measured = round_trip(trial.subject, trial.bench)
    cure = (
        "keep what hooks set in public attributes that are plain values (numbers, strings, arrays, lists, dicts), "
        "or write get_state and set_state"
    )
    if isinstance(found, BaseException):
        return Answer(FAILED, _told(found), cure)
    if found is not None:
        return Answer(FAILED, found, cure)
    return Answer(OK, f"apart from what no two runs have in common: {', '.join(measured)}" if measured else "")


AS_IT_IS: dict[str, Callable[[Subject], Answer]] = {
    "is an instance with hooks": has_hooks,
    "hooks can be called": hooks_can_be_called,
    "no hook is misspelt": hooks_are_spelt,
    "no empty hook at batches": no_empty_hooks,
}
"""What is asked without a run."""

NEEDED = (*AS_IT_IS,)[:2]
"""Where one of these fails, nothing more can be asked."""

IN_RUNS: dict[str, Callable[[Trial], Answer]] = {
    "fit with validation": with_validation,
    "fit without validation": without_validation,
    "one epoch of one batch": one_batch,
    "verbose 1 and 2": aloud,
    "evaluate alone": evaluate_alone,
    "predict alone": predict_alone,
    "used again": used_again,
    "a stopped run": stopped,
    "an interrupted run": interrupted,
    "a failed run": failed,
    "nothing stays open": nothing_stays_open,
    "the same bits": same_bits,
    "only numbers in logs": numbers_alone,
    "state goes on": state_goes_on,
}


class _Ends(Callback):
    """Another callback, that ends the run at the second batch of the second epoch."""

    adds = ()

    def __init__(self, error: BaseException | None = None, *, now: bool = False):
        super().__init__()
        self._error, self._now = error, now

    def on_train_batch_end(self, batch: int, logs: Numbers = None) -> None:
        if self.run is not None and self.run.epoch == 1 and batch == 1:
            if self._error is not None:
                raise self._error
            self.run.stop("to see what becomes of it", now=self._now)


def _ran(took: Took, cure: str) -> Answer:
    return Answer() if took.error is None else Answer(FAILED, _told(took.error), cure)


def _refusal(took: Took) -> KibitzError | None:
    """What a callback said that will have nothing of this run, before anything was done."""
    return took.error if isinstance(took.error, KibitzError) and not took.began else None


def _told(error: BaseException) -> str:
    what = error.what.rstrip(".") if isinstance(error, KibitzError) else str(error)
    where = next(iter(getattr(error, "__notes__", ())), "")
    return f"it raised {type(error).__name__}: {what}".rstrip(": ") + (f" ({where})" if where else "")


def _number(value: Any) -> bool:
    if isinstance(value, bool | int | float | np.number | np.bool_):
        return True
    return getattr(value, "ndim", None) == 0 and str(getattr(value, "dtype", "")).startswith(
        ("float", "int", "uint", "bf")
    )


def _empty(method: Any) -> bool:
    compiled = getattr(method, "__code__", None)
    if compiled is None or compiled.co_names:
        return False
    does_nothing = {"RESUME", "NOP", "LOAD_CONST", "RETURN_CONST", "RETURN_VALUE"}
    return {each.opname for each in dis.get_instructions(compiled)} <= does_nothing
