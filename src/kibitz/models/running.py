"""fit, evaluate and predict from the first check to the last hook: data made ready, callbacks told, loops started."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from kibitz.callbacks.callback_list import CallbackList
from kibitz.callbacks.dispatch import Dispatch
from kibitz.callbacks.forecast import Forecast
from kibitz.callbacks.history import History
from kibitz.callbacks.progbar_logger import ProgbarLogger
from kibitz.clock import Beat, Cadence
from kibitz.data.feed import Feed, OnePass
from kibitz.data.generators import GeneratorSource
from kibitz.engine.supply import Supply
from kibitz.engine.ways import Predicting, Testing, Training
from kibitz.logs import Logs
from kibitz.loops.ending import ending
from kibitz.loops.evaluate import evaluate
from kibitz.loops.fit import FitPlan, fit
from kibitz.loops.predict import predict
from kibitz.loops.validation import Due, Validation
from kibitz.models.accumulated import in_testing, in_training
from kibitz.models.arguments import (
    check_epochs,
    check_shuffle,
    check_split,
    check_validation_freq,
    check_verbose,
    whole,
)
from kibitz.models.core import Core
from kibitz.models.durable_arguments import DurableArguments
from kibitz.models.hooking import graph_hooks, hooked
from kibitz.models.in_place import instead_of
from kibitz.models.prepare import measuring_source, training_source
from kibitz.models.refreezing import outdated, refreeze, take_up
from kibitz.models.rehearsal import outputs_of, rehearse_hooks, rehearse_prediction
from kibitz.models.rehearse_source import rehearsed, whole_of
from kibitz.models.validating import validation_sets
from kibitz.optimizers.rate import Scheduled
from kibitz.run import Run

if TYPE_CHECKING:
    from kibitz.models.durable import Durable
    from kibitz.models.replaying import Replay


@dataclass(frozen=True)
class FitArguments:
    """What `fit` was given, under the names that it has there; `Model.fit` documents them."""

    x: Any
    y: Any
    batch_size: Any
    epochs: Any
    verbose: Any
    callbacks: Any
    validation_split: Any
    validation_data: Any
    shuffle: Any
    class_weight: Any
    sample_weight: Any
    initial_epoch: Any
    steps_per_epoch: Any
    validation_steps: Any
    validation_batch_size: Any
    validation_freq: Any
    durable: DurableArguments | None = None


def run_fit(core: Core, given: FitArguments) -> History:
    """Check everything, then train."""
    core.check_compiled("fit")
    callbacks = as_list(given.callbacks)
    if given.durable is None and not any(getattr(type(each), "makes_durable", False) is True for each in callbacks):
        return _fit(core, given, None)
    if (instead := instead_of(given)) is not None:
        return instead(core, given)
    from kibitz.models.backed_up import keeper_of

    durable = keeper_of(core, given.durable, callbacks, given.verbose)
    if durable is None:
        return _fit(core, given, None)
    try:
        with durable.termination.heeded():
            history = _fit(core, given, durable)
        durable.finish()
    finally:
        durable.close()
    durable.termination.obey()  # it may have been asked for after the last batch
    return history


def run_replay(core: Core, given: FitArguments, replay: Replay) -> History:
    """Run a stretch of a run that has been again; the model is afterwards as it was."""
    core.check_compiled("replay")
    try:
        return _fit(core, given, replay)
    finally:
        replay.close()


def _fit(core: Core, given: FitArguments, keeper: Durable | Replay | None) -> History:
    model = core.owner
    epochs, initial_epoch = check_epochs(given.epochs, given.initial_epoch)
    check_verbose(given.verbose)
    freq = check_validation_freq(given.validation_freq)
    steps = whole("steps_per_epoch", given.steps_per_epoch, optional=True, cure="steps_per_epoch=None")
    if keeper is not None:
        keeper.look(epochs)
    source, held = training_source(
        given.x, given.y, given.sample_weight, given.class_weight, given.batch_size, steps,
        shuffle=check_shuffle(given.shuffle), seed=core.row_seed, fit=core.fits,
        share=check_split(given.validation_split) if given.validation_data is None else 0.0,
    )  # fmt: skip
    feed = Feed(source, steps, epochs - initial_epoch)
    if keeper is not None:
        keeper.enter(feed)
    keys = rehearsed(core, source, training=True)
    _warn_if_frozen(core)
    if keeper is not None:
        keeper.ready()
    forgotten = outdated(core)
    sets = validation_sets(core, given, held, freq, range(initial_epoch, epochs))
    run = Run("train")
    run.refreezes = partial(refreeze, core, run)
    if isinstance(freq, Cadence):
        freq = Beat(freq, "fit", name="validation_freq")
        freq.settle(feed.steps, epochs - initial_epoch)
    callbacks, history = completed(given.callbacks, given.verbose)
    dispatch = Dispatch(callbacks, run)
    hooks = graph_hooks(core, dispatch.callbacks)
    with hooked(core, hooks, dispatch.callbacks, run):
        if hooks.hooks:
            keys = rehearse_hooks(core, core.programs_for_use().hooked(hooks), source.first())
        dispatch.attach(model, {"verbose": given.verbose, "epochs": epochs, "steps": feed.steps})
        dispatch.settle(_forecast(core, keys, sets, freq, range(initial_epoch, epochs), feed.steps))
        if keeper is not None:
            keeper.agree(given, source, sets)
        core.fits += 1
        _train(core, dispatch, feed, sets, freq, range(initial_epoch, epochs), keeper)
    _tell(core, run, forgotten=forgotten)
    return history


def _warn_if_frozen(core: Core) -> None:
    if not core.timeline.behind.params:
        warnings.warn("The model has no trainable weights: nothing will be learned.", stacklevel=4)


def _tell(core: Core, run: Run, *, forgotten: bool) -> None:
    """What a user should know at the end: layers that wait for a compile, callbacks that took long."""
    if outdated(core) and not forgotten:
        warnings.warn("`trainable` was set in a hook, and nothing has taken it up: model.refreeze() does, in the hook; "
                      "so does a compile after the fit.", stacklevel=2)  # fmt: skip
    if told := run.report.costly():
        logging.getLogger("kibitz").warning(told)


def _train(
    core: Core, dispatch: Dispatch, feed: Feed, sets: dict[str, OnePass], freq: Due, planned: range,
    keeper: Durable | Replay | None,
) -> None:  # fmt: skip
    take_up(core)
    plain, objective = core.ready("fit")
    programs = plain.hooked(core.hooks)
    if core.hooks.hooks:  # layers may have been frozen since they were rehearsed, and the programs be others
        rehearse_hooks(core, programs, feed.source.first())
    timeline, accumulated, outer = core.timeline, objective.accumulated, core.way
    supplies: dict[str, Supply] = {}  # of validation: what they bring to the device stays there until this fit is over

    def validate(name: str) -> Logs:
        if keeper is not None and keeper.leaves_out():
            return Logs()
        way = Testing(timeline, core.programs_for_use(), sets[name], objective.accumulators, dispatch.run,
                      supplies.get(name))  # fmt: skip
        supplies[name] = way.supply
        accumulated.move(in_testing(way.road, None if keeper is None else keeper.measured))
        return evaluate(dispatch, way, sets[name])

    def go_on() -> None:
        accumulated.move(in_training(timeline))

    def reset() -> None:
        way.said.begin_epoch()
        timeline.carry(metrics=objective.accumulators())
        go_on()

    measures = {name: partial(validate, name) for name in sets}
    validation = Validation(measures, freq, dispatch.run, go_on) if sets else None
    plan = FitPlan(feed=feed, planned=planned, validation=validation, reset=reset,
                   finalize=partial(_finalize, core, keeper), keeper=keeper)  # fmt: skip
    timeline.carry(metrics=objective.accumulators())
    with core.during(dispatch.run), accumulated.during(in_training(timeline)), ending(dispatch, timeline):
        core.way = way = Training(timeline, programs, feed, dispatch.run)
        dispatch.run.batch_of = way.batch
        if keeper is not None:
            keeper.attach(dispatch, validation, way.said, planned, feed.steps)
        try:
            with way.gone_along():
                fit(dispatch, timeline, way, plan)
        finally:
            core.way = outer
            for supply in supplies.values():
                supply.let_go()


def _finalize(core: Core, keeper: Durable | Replay | None) -> None:
    """Let the optimizer do what it does to the weights once training is over."""
    if keeper is not None and not keeper.finishes:
        return
    timeline = core.timeline
    params = core.optimizer.finalize(timeline.here.params, timeline.here.optimizer)
    if params is not timeline.here.params:
        timeline.write_variables(params)


def run_evaluate(core: Core, x: Any, y: Any, batch_size: Any, verbose: Any, sample_weight: Any, steps: Any,
                 callbacks: Any, return_dict: bool) -> Any:  # fmt: skip
    """Check everything, then measure."""
    core.check_compiled("evaluate")
    check_verbose(verbose)
    steps = whole("steps", steps, optional=True, cure="steps=None")
    source = measuring_source(x, y, sample_weight, batch_size, steps)
    feed = OnePass(source, steps)
    rehearsed(core, source, training=False)
    programs, objective = core.ready("evaluate")
    dispatch = _looking_on(core, "test", callbacks, verbose, feed)
    way = Testing(core.timeline, programs, feed, objective.accumulators, dispatch.run)
    with objective.accumulated.during(in_testing(way.road)), core.during(dispatch.run), ending(dispatch, core.timeline):
        logs = evaluate(dispatch, way, feed)
    return dict(logs) if return_dict else in_order(logs, objective.names)


def run_predict(core: Core, x: Any, batch_size: Any, verbose: Any, steps: Any, callbacks: Any) -> Any:
    """Check everything, then predict; the outputs of all batches, put together."""
    check_verbose(verbose)
    steps = whole("steps", steps, optional=True, cure="steps=None")
    if _is_empty(x) and core.built:
        shape = outputs_of(core, np.zeros((1, *np.shape(x)[1:]), "float32"))
        return jax.tree.map(lambda spec: np.zeros((0, *spec.shape[1:]), spec.dtype), shape)
    source = measuring_source(x, None, None, batch_size, steps)
    feed, batch = OnePass(source, steps), source.first()
    core.owner.build_for(batch.x)
    programs = rehearse_prediction(core, batch, None if isinstance(source, GeneratorSource) else whole_of(source))
    dispatch = _looking_on(core, "predict", callbacks, verbose, feed)
    way = Predicting(core.timeline, programs, feed, dispatch.run)
    with core.during(dispatch.run), ending(dispatch, core.timeline):
        predict(dispatch, way, feed)
    return jax.tree.map(lambda *parts: np.concatenate(parts), *way.outputs)


def in_order(logs: Logs | dict[str, Any], names: Sequence[str]) -> Any:
    """Numbers as `evaluate` gives them: one alone, or a list with the loss first."""
    values = [logs[name] for name in names if name in logs]
    values += [value for name, value in sorted(logs.items()) if name not in names]
    return values[0] if len(values) == 1 else values


def _is_empty(x: Any) -> bool:
    return hasattr(x, "shape") and len(x.shape) > 0 and x.shape[0] == 0


def completed(callbacks: Any, verbose: Any) -> tuple[list[Any], History]:
    """The user's callbacks, then History, then the progress bar, each unless the user brings one."""
    listed = as_list(callbacks)
    history = next((each for each in listed if isinstance(each, History)), None)
    if history is None:
        history = History()
        listed.append(history)
    if verbose != 0 and not any(isinstance(each, ProgbarLogger) for each in listed):
        listed.append(ProgbarLogger())
    return listed, history


def as_list(callbacks: Any) -> list[Any]:
    """Callbacks as a list: none, one, several, or those of a CallbackList."""
    if callbacks is None:
        return []
    if isinstance(callbacks, CallbackList):
        return list(callbacks.callbacks)
    if isinstance(callbacks, list | tuple):
        return list(callbacks)
    return [callbacks]


def _looking_on(core: Core, kind: str, callbacks: Any, verbose: Any, feed: OnePass) -> Dispatch:
    listed = as_list(callbacks)
    if verbose not in (0, False) and not any(isinstance(each, ProgbarLogger) for each in listed):
        listed.append(ProgbarLogger())
    dispatch = Dispatch(listed, Run(kind))
    dispatch.attach(core.owner, {"verbose": verbose, "epochs": 1, "steps": feed.steps})
    return dispatch


def _forecast(
    core: Core, keys: list[str], sets: Collection[str], freq: Due, planned: range, steps: int | None
) -> Forecast:  # fmt: skip
    directions = {} if core.objective is None else core.objective.directions
    prefixes = [f"val_{name}_" if name else "val_" for name in sets]
    val = [f"{prefix}{key}" for prefix in prefixes for key in keys]
    by_step = isinstance(freq, Beat) and not freq.cadence.in_epochs
    traced = core.programs_for_use().hooked(core.hooks).hooks
    ways = {f"{prefix}{key}": way for prefix in prefixes for key, way in directions.items()}
    return Forecast(
        batch_keys=(*keys, *val) if by_step else tuple(keys),
        epoch_keys=(*keys, *val),
        directions={**directions, **ways},
        validation=bool(sets),
        due=freq.every_epoch(steps) if isinstance(freq, Beat) else freq == 1,
        epochs=planned.stop,
        initial_epoch=planned.start,
        steps=steps,
        settable_rate=not isinstance(core.timeline.behind.optimizer.get("learning_rate"), Scheduled),
        sometimes=[name for name, hook in traced.source.items() if hook.every > 1],
    )
