"""C. Who overrides which hook, and the one door through which every hook is fired."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from time import perf_counter
from typing import Any, NamedTuple, Protocol

from kibitz.callbacks.base import Callback
from kibitz.callbacks.check import check
from kibitz.callbacks.declared import beat_of, called, failure_of, has
from kibitz.callbacks.every import refuse_idle
from kibitz.callbacks.forecast import Forecast
from kibitz.callbacks.heard_where import conditional
from kibitz.callbacks.order import in_order
from kibitz.callbacks.overrides import overrides
from kibitz.clock import Beat
from kibitz.hooks import ALIASES, BATCH_HOOKS, CLOSING, EPOCH_HOOKS, GRAPH_HOOKS, KNOWN, OUTCOME_HOOK
from kibitz.outcome import Outcome
from kibitz.run import Run

OPENING = {"on_epoch_begin", "on_epoch_end", "on_train_batch_begin", "on_train_batch_end", "on_batch_begin",
           "on_batch_end", "on_test_begin", "on_test_end", "on_test_batch_begin", "on_test_batch_end"}  # fmt: skip
"""Hooks in which a callback could add a key to the logs."""

BEGINNING = {"on_train_begin", "on_epoch_begin", "on_test_begin", "on_predict_begin"}
"""Hooks after which it is asked anew who overrides what."""


@dataclass
class Seat:
    """A callback's place in a run.

    Args:
        callback: Any object with hooks.
        name: What it is called in notes and outcomes.
        beat: How often it acts. None means at every moment.
        on_error: What its exceptions do.
        detached: Whether it has failed, and is called no more.
    """

    callback: Any
    name: str
    beat: Beat | None
    on_error: str
    detached: bool = False

    def acts_at(self, hook: str) -> Beat | None:
        """The cadence that decides whether this hook is called; None if it is called always."""
        if self.beat is None or hook != ("on_epoch_end" if self.beat.cadence.in_epochs else "on_train_batch_end"):
            return None
        return self.beat

    def pace(self, steps: int | None, epochs: int) -> None:
        """Tell its cadence, if it has one, how long the run will be."""
        if self.beat is not None:
            self.beat.settle(steps, epochs)


class Watch(Protocol):
    """One who watches the door: who writes down what hooks do, or lets some of them be heard and others not."""

    def opens(self, hook: str, args: tuple[Any, ...]) -> None:
        """A hook is about to be fired, whether anybody overrides it or not."""
        ...

    def hears(self, seat: Seat) -> bool:
        """Whether this callback is called."""
        ...

    def heard(self, seat: Seat) -> None:
        """It was."""
        ...

    def closes(self, hook: str, args: tuple[Any, ...]) -> None:
        """All who override the hook have had it."""
        ...

    def quiet(self, kind: str, own: float) -> float:
        """How many batches may pass; `own` is how many may pass for the callbacks' sake."""
        ...


class Listener(NamedTuple):
    """One hook of one callback."""

    seat: Seat
    method: Callable[..., None]
    beat: Beat | None


class Dispatch:
    """Fires hooks at a list of callbacks; only those that override a hook are called.

    Args:
        callbacks: Any objects that have hooks by Keras's names; they are called in this order, but for those who
            declare another.
        run: The run whose clock stands in the notes of errors and who is told who asks. None makes a new one.

    Raises:
        WrongType: If an item is not a callback.
        WrongType: If a hook cannot take the arguments that it will be given.
        InvalidArgument: If what a callback declares of itself cannot be.
    """

    def __init__(self, callbacks: Sequence[Any], run: Run | None = None):
        self.run = run if run is not None else Run("train")
        self.watch: Watch | None = None
        for position, callback in enumerate(callbacks):
            check(callback, position)
        self._seats = [_seat(callback) for callback in in_order(callbacks)]
        self._outer: list[tuple[Any, Run]] = []
        self._paced: tuple[int | None, int] | None = None
        self._conditional = [(callback, hook) for callback in self.callbacks for hook in conditional(callback)]
        self._fill()
        self.run.acts.append(self._until_act)

    @property
    def callbacks(self) -> list[Any]:
        """The callbacks, in the order in which they are called."""
        return [seat.callback for seat in self._seats]

    def add(self, callback: Any) -> None:
        """Put a callback behind the others; it hears from now on."""
        check(callback, len(self._seats))
        self._seats.append(_seat(callback))
        self._conditional += [(callback, hook) for hook in conditional(callback)]
        self._fill()
        if self._paced is not None:
            self._seats[-1].pace(*self._paced)

    def listens(self, hook: str) -> bool:
        """Whether anybody overrides this hook."""
        return bool(self._table[hook])

    def at(self, hook: str) -> list[Listener]:
        """Who is called at this hook, in order, each with the cadence that decides whether it is."""
        return list(self._table[hook])

    def quiet(self, kind: str) -> float:
        """How many batches may pass before somebody looks on at one: 0 if it is the next, infinity if nobody ever does.

        Those who go by a clock on the wall look on wherever that has come to.
        """
        own = self._quiet(kind)
        return own if self.watch is None else self.watch.quiet(kind, own)

    def _quiet(self, kind: str) -> float:
        if self._table[f"on_{kind}_batch_begin"]:
            return 0
        listeners = self._table[f"on_{kind}_batch_end"]
        if any(each.beat is None for each in listeners):
            return 0
        return _until(listeners, self.run.clock.step) - 1

    @property
    def seats(self) -> list[Seat]:
        """The places of the callbacks, in the order in which they are called."""
        return list(self._seats)

    def _until_act(self, step: int) -> float:
        return _until(self._table["on_train_batch_end"], step)

    def attach(self, model: Any, params: dict[str, Any] | None) -> None:
        """Give every callback the model, then the parameters, as Keras does, and the run."""
        for callback in self.callbacks:
            callback.set_model(model) if hasattr(callback, "set_model") else setattr(callback, "model", model)
        for seat in self._seats:
            callback = seat.callback
            if params is not None:
                callback.set_params(params) if hasattr(callback, "set_params") else setattr(callback, "params", params)
            outer = getattr(callback, "run", None)
            if isinstance(outer, Run) and outer.under_way:
                self._outer.append((callback, outer))
            self.lend(callback, self.run)
            if has(callback, "save_now"):
                self.run.savers.append(partial(self._ask, seat, "save_now"))
            if has(callback, "flush"):
                self.run.flushers.append(partial(self._ask, seat, "flush"))

    @staticmethod
    def lend(callback: Any, run: Run | None) -> None:
        """Tell a callback which run it looks on at, if it can be told."""
        if has(callback, "set_run"):
            callback.set_run(run)

    def settle(self, forecast: Forecast) -> None:
        """Let every callback check its needs, each seeing what the ones before it may add."""
        self.pace(forecast.steps, forecast.epochs - forecast.initial_epoch)
        for callback in self.callbacks:
            if has(callback, "settle"):
                callback.settle(forecast)
            adds = getattr(callback, "adds", ())
            adds = tuple(adds) if isinstance(adds, tuple | list) else ()
            forecast = forecast.after(adds, opens=_opens(callback))

    def pace(self, steps: int | None, epochs: int) -> None:
        """Tell the cadences how long the run will be."""
        self._paced = steps, epochs
        for seat in self._seats:
            seat.pace(steps, epochs)

    def fire(self, hook: str, *args: Any) -> None:
        """Call one hook of all callbacks that override it, in order.

        The hooks that close a run reach every callback; if some raise, the first exception goes on afterwards.
        """
        self.run.begun = True
        guarded, watch = hook in CLOSING, self.watch
        if watch is not None:
            watch.opens(hook, args)
        first: BaseException | None = None
        for seat, method, beat in self._table[hook]:
            if watch is not None and not watch.hears(seat):
                continue
            if beat is not None and not beat.due(self.run.clock):
                continue
            try:
                self._call(seat, hook, method, args)
                if watch is not None:
                    watch.heard(seat)
            except BaseException as error:
                if not guarded:
                    raise
                if first is None:
                    first = error
                else:
                    first.add_note(f"then {seat.name}.{hook} raised {type(error).__name__}: {error}")
        if first is not None:
            raise first
        if watch is not None:
            watch.closes(hook, args)
        self.run.asking = ""
        if hook in BEGINNING and self._given != self._now_given():
            self._fill()

    def close(self, outcome: Outcome) -> None:
        """Fire `on_run_end`, if anything was begun; behind an exception of the run its own failures are notes only.

        A callback that looks on at a run around this one has that one again afterwards.
        """
        if not self.run.begun:
            return
        try:
            self.fire(OUTCOME_HOOK, outcome)
        except BaseException as error:
            if outcome.error is None:
                raise
            outcome.error.add_note(f"while the run was closed: {type(error).__name__}: {error}")
        finally:
            for callback, run in self._outer:
                self.lend(callback, run)

    def _call(self, seat: Seat, hook: str, method: Callable[..., None], args: tuple[Any, ...]) -> None:
        """Let a callback have its turn: it is known who asks, its time is counted, its exceptions do what it says."""
        run, name = self.run, seat.name
        run.asking = name
        began = perf_counter()
        try:
            method(*args)
        except BaseException as error:
            note(error, name, hook, run, *args[:1])
            if seat.on_error == "raise" or not isinstance(error, Exception):
                raise
            self._bear(seat, hook, error)
        finally:
            run.report.hooks[name] += perf_counter() - began

    def _ask(self, seat: Seat, name: str, *args: Any) -> None:
        """Have a callback do what somebody has asked the run for."""
        watch = self.watch
        if seat.detached or (watch is not None and not watch.hears(seat)):
            return
        self._call(seat, name, getattr(seat.callback, name), args)
        if watch is not None:  # what it wrote counts as written in the hook in which it was asked
            watch.heard(seat)
            watch.closes(name, args)
        self.run.asking = ""

    def _bear(self, seat: Seat, hook: str, error: Exception) -> None:
        """Go on in spite of an exception, and say so."""
        leaves = seat.on_error == "detach" and not seat.detached
        what = "it is not called again in this run" if leaves else "the run goes on"
        where = (getattr(error, "__notes__", None) or [f"in {seat.name}.{hook}"])[-1]
        if leaves:
            seat.detached = True
            self._fill()
        warnings.warn(f"{type(error).__name__} {where}: {error}; {what}", stacklevel=4)

    def _fill(self) -> None:
        self._given = self._now_given()
        self._table = {hook: list(self._listeners(hook)) for hook in KNOWN}

    def _now_given(self) -> list[Any]:
        """What may change at the beginning of a run or an epoch: hooks that are set as attributes, and conditions."""
        owned = (getattr(callback, "__dict__", {}) for callback in self.callbacks)
        attributes = [{hook: own[hook] for hook in KNOWN & own.keys()} for own in owned]
        return [attributes, [bool(hook.holds(callback)) for callback, hook in self._conditional]]

    def _listeners(self, hook: str) -> Iterator[Listener]:
        for seat in self._seats:
            callback = seat.callback
            if overrides(callback, hook) and (not seat.detached or hook == OUTCOME_HOOK):
                method = getattr(callback, hook if hasattr(callback, hook) else ALIASES[hook])
                by_keyword = hook in BATCH_HOOKS or hook in ALIASES.values()
                yield Listener(seat, _batch(method) if by_keyword else method, seat.acts_at(hook))


def _seat(callback: Any) -> Seat:
    seat = Seat(callback, called(callback), beat_of(callback), failure_of(callback))
    if seat.beat is not None:
        hook = "on_epoch_end" if seat.beat.cadence.in_epochs else "on_train_batch_end"
        if not any(overrides(callback, each) for each in (hook, *GRAPH_HOOKS)):
            refuse_idle(callback, seat.beat.cadence, hook)
    return seat


def _until(listeners: list[Listener], step: int) -> float:
    return min((each.beat.until(step) for each in listeners if each.beat is not None), default=math.inf)


def _batch(method: Callable[..., None]) -> Callable[..., None]:
    return lambda batch, logs: method(batch, logs=logs)


def _opens(callback: Any) -> bool:
    """Whether a hook of this callback could add keys that `adds` does not name.

    A class that says what it adds speaks for its own hooks and those above it, not for those of its subclasses.
    """
    own = getattr(callback, "__dict__", {})
    if "adds" in own:
        return False
    speaker = _definer(type(callback), "adds")
    if speaker in {object, Callback}:
        return any(overrides(callback, hook) for hook in OPENING)
    return any(hook in own or not issubclass(speaker, _definer(type(callback), hook)) for hook in OPENING)


def _definer(kind: type, name: str) -> type:
    return next((each for each in kind.__mro__ if name in vars(each)), object)


def note(error: BaseException, name: str, hook: str, run: Run, index: Any = None) -> None:
    """Say on the exception itself where it came from; its type and arguments are left alone."""
    where = f"in {name}.{hook}"
    if hook in EPOCH_HOOKS:
        where += f", epoch {index} (from 0)"
    elif hook in BATCH_HOOKS:
        epoch = f", epoch {run.clock.epoch} (from 0)" if run.kind == "train" else ""
        where += f"{epoch}, batch {index}, step {run.clock.step}"
    if where not in getattr(error, "__notes__", ()):
        error.add_note(where)
