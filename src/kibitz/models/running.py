"""fit, evaluate and predict from the first check to the last hook: data made ready, callbacks told, loops started."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

import jax
import numpy as np

from kibitz.callbacks.callback_list import CallbackList
from kibitz.callbacks.dispatch import Dispatch
from kibitz.callbacks.forecast import Forecast
from kibitz.callbacks.history import History
from kibitz.callbacks.progbar_logger import ProgbarLogger
from kibitz.data.feed import Feed, OnePass
from kibitz.data.generators import GeneratorSource
from kibitz.data.source import Batch, Source
from kibitz.data.standard import is_array
from kibitz.engine.supply import Supply
from kibitz.engine.ways import Predicting, Testing, Training
from kibitz.errors import InvalidArgument, WrongType, code
from kibitz.logs import Logs
from kibitz.loops.ending import ending
from kibitz.loops.evaluate import evaluate
from kibitz.loops.fit import FitPlan, fit
from kibitz.loops.predict import predict
from kibitz.models.accumulated import in_testing, in_training
from kibitz.models.arguments import (
    check_epochs,
    check_shuffle,
    check_split,
    check_validation_freq,
    check_verbose,
    unpacked,
    whole,
)
from kibitz.models.called import GIVEN, VALIDATION, VALIDATION_STREAM, Called
from kibitz.models.core import Core
from kibitz.models.prepare import Held, check_weight, is_iterator, measuring_source, training_source
from kibitz.models.rehearsal import check_targets, outputs_of, rehearse, rehearse_prediction, require_separate
from kibitz.optimizers.rate import Scheduled
from kibitz.run import Run


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


def run_fit(core: Core, given: FitArguments) -> History:
    """Check everything, then train."""
    model = core.owner
    core.check_compiled("fit")
    epochs, initial_epoch = check_epochs(given.epochs, given.initial_epoch)
    check_verbose(given.verbose)
    freq = check_validation_freq(given.validation_freq)
    steps = whole("steps_per_epoch", given.steps_per_epoch, optional=True, cure="steps_per_epoch=None")
    source, held = training_source(
        given.x, given.y, given.sample_weight, given.class_weight, given.batch_size, steps,
        shuffle=check_shuffle(given.shuffle), seed=core.row_seed, fit=core.fits,
        share=check_split(given.validation_split) if given.validation_data is None else 0.0,
    )  # fmt: skip
    feed = Feed(source, steps, epochs - initial_epoch)
    keys = _rehearsed(core, source, training=True)
    if not core.timeline.behind.params:
        warnings.warn("The model has no trainable weights: nothing will be learned.", stacklevel=2)
    validation = _validation(core, given, held, freq, range(initial_epoch, epochs))
    run = Run("train")
    callbacks, history = _completed(given.callbacks, given.verbose)
    dispatch = Dispatch(callbacks, run)
    dispatch.attach(model, {"verbose": given.verbose, "epochs": epochs, "steps": feed.steps})
    dispatch.settle(_forecast(core, keys, validation is not None, freq, epochs, feed.steps))
    core.fits += 1
    _train(core, dispatch, feed, validation, freq, epochs, initial_epoch)
    if told := run.report.costly():
        logging.getLogger("kibitz").warning(told)
    return history


def _train(
    core: Core, dispatch: Dispatch, feed: Feed, validation: OnePass | None, freq: int | Collection[int], epochs: int,
    initial_epoch: int,
) -> None:  # fmt: skip
    programs, objective = core.ready("fit")
    timeline, accumulated = core.timeline, objective.accumulated

    supply: Supply | None = None  # of validation: what it brings to the device stays there until this fit is over

    def validate() -> Logs:
        nonlocal supply
        way = Testing(timeline, programs, validation, objective.accumulators, dispatch.run, supply)  # pyright: ignore[reportArgumentType] - only called where there is one
        supply = way.supply
        accumulated.move(in_testing(way.road))
        return evaluate(dispatch, way, validation)  # pyright: ignore[reportArgumentType] - as above

    def finalize() -> None:
        params = core.optimizer.finalize(timeline.here.params, timeline.here.optimizer)
        if params is not timeline.here.params:
            timeline.write_variables(params)

    def reset() -> None:
        timeline.reset_metrics(objective.accumulators())
        accumulated.move(in_training(timeline))

    plan = FitPlan(
        feed=feed,
        epochs=epochs,
        initial_epoch=initial_epoch,
        validate=None if validation is None else validate,
        validation_freq=freq,
        reset=reset,
        finalize=finalize,
    )
    timeline.reset_metrics(objective.accumulators())
    with core.during(dispatch.run), accumulated.during(in_training(timeline)), ending(dispatch, timeline):
        way = Training(timeline, programs, feed, dispatch.run)
        with way.gone_along():
            fit(dispatch, timeline, way, plan)


def run_evaluate(core: Core, x: Any, y: Any, batch_size: Any, verbose: Any, sample_weight: Any, steps: Any,
                 callbacks: Any, return_dict: bool) -> Any:  # fmt: skip
    """Check everything, then measure."""
    core.check_compiled("evaluate")
    check_verbose(verbose)
    steps = whole("steps", steps, optional=True, cure="steps=None")
    source = measuring_source(x, y, sample_weight, batch_size, steps)
    feed = OnePass(source, steps)
    _rehearsed(core, source, training=False)
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
    feed, batch = OnePass(source, steps), first_batch(source)
    core.owner.build_for(batch.x)
    programs = rehearse_prediction(core, batch, None if isinstance(source, GeneratorSource) else _whole(source))
    dispatch = _looking_on(core, "predict", callbacks, verbose, feed)
    way = Predicting(core.timeline, programs, feed, dispatch.run)
    with core.during(dispatch.run), ending(dispatch, core.timeline):
        predict(dispatch, way, feed)
    return jax.tree.map(lambda *parts: np.concatenate(parts), *way.outputs)


def first_batch(source: Source) -> Batch:
    """The first batch, to learn shapes from; it is read once and used once."""
    return source.first() if isinstance(source, GeneratorSource) else source.load(next(iter(source.batches(0))))


def in_order(logs: Logs | dict[str, Any], names: Sequence[str]) -> Any:
    """Numbers as `evaluate` gives them: one alone, or a list with the loss first."""
    values = [logs[name] for name in names if name in logs]
    values += [value for name, value in sorted(logs.items()) if name not in names]
    return values[0] if len(values) == 1 else values


def _is_empty(x: Any) -> bool:
    return hasattr(x, "shape") and len(x.shape) > 0 and x.shape[0] == 0


def _rehearsed(core: Core, source: Source, *, training: bool, called: Called = GIVEN) -> list[str]:
    """Build the model if need be and run a step on shapes; the keys that the logs will have."""
    batch = first_batch(source)
    if not isinstance(source, GeneratorSource):
        require_separate(core, batch, called)
        core.owner.build_for(batch.x, called.x)
        return rehearse(core, batch, training=training, called=called, whole=_whole(source))
    numbers = count(1)
    here = called.of_batch(0)
    require_separate(core, batch, here)
    core.owner.build_for(batch.x, here.x)
    check_weight(batch.weight, here.weight)
    keys = rehearse(core, batch, training=training, called=here)
    outputs = {_sizes(batch.x): outputs_of(core, batch.x, here)}

    def examine(batch: Batch) -> None:
        here = called.of_batch(next(numbers))
        check_weight(batch.weight, here.weight)
        sizes = _sizes(batch.x)
        if sizes not in outputs:  # as padded sequences have it: asked once for each length
            core.owner.build_for(batch.x, here.x)
            outputs[sizes] = outputs_of(core, batch.x, here)
        check_targets(core, batch, outputs[sizes], here)

    source.examine = examine
    return keys


def _sizes(x: Any) -> tuple[tuple[int, ...], ...]:
    """The sizes of inputs, rows apart."""
    return tuple(np.shape(leaf)[1:] for leaf in jax.tree.leaves(x))


def _whole(source: Any) -> Batch:
    return Batch(source.x, source.y, source.weight)


def _validation(
    core: Core, given: FitArguments, held: Held | None, freq: int | Collection[int], planned: range
) -> OnePass | None:  # fmt: skip
    """The feed of validation inside fit, or None."""
    steps = whole("validation_steps", given.validation_steps, optional=True, cure="validation_steps=None")
    size = whole("validation_batch_size", given.validation_batch_size, optional=True, cure="validation_batch_size=32")
    if given.validation_data is not None:
        x, y, weight = unpacked(given.validation_data, "validation_data")
        called = VALIDATION_STREAM if is_iterator(x) else VALIDATION
        if x is given.validation_data and not is_iterator(x):
            called = called._replace(x="validation_data")
    elif held is not None:
        (x, y, weight), called = held
    else:
        return None
    keep = None
    if is_iterator(x):
        keep = _kept(steps, freq, planned)
    elif y is None and core.needs_targets and (is_array(x) or isinstance(x, Mapping | list | tuple)):
        raise WrongType("validation_data has inputs and no targets.", given=given.validation_data,
                        wanted="(x, y) or (x, y, sample_weight)", cure="validation_data=(x_val, y_val)")  # fmt: skip
    size = size if size is not None else (None if is_iterator(given.x) else given.batch_size)
    source = measuring_source(x, y, weight, size, steps, called, keep=keep)
    _rehearsed(core, source, training=False, called=called)
    return OnePass(source, None if keep else steps, "validation_steps")


def _kept(steps: int | None, freq: int | Collection[int], planned: range) -> int | None:
    """How many batches of a generator are kept for validation after validation; it can be read but once."""
    often = sum((epoch + 1) % freq == 0 if isinstance(freq, int) else epoch + 1 in freq for epoch in planned)
    if steps is None and often > 1:
        raise InvalidArgument(
            "validation_data is a generator, which can be read once, and validation is due more often than that.",
            given=code(f"validation_data=<generator>, {often} validations"),
            wanted="validation_steps, or arrays",
            cure="validation_steps=10: that many batches are read once, kept, and used each time",
        )
    return steps


def _completed(callbacks: Any, verbose: Any) -> tuple[list[Any], History]:
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
    core: Core, keys: list[str], validates: bool, freq: int | Collection[int], epochs: int, steps: int | None
) -> Forecast:  # fmt: skip
    directions = {} if core.objective is None else core.objective.directions
    val = [f"val_{key}" for key in keys] if validates else []
    return Forecast(
        batch_keys=tuple(keys),
        epoch_keys=(*keys, *val),
        directions={**directions, **{f"val_{key}": way for key, way in directions.items()}},
        validation=validates,
        due=freq == 1,
        epochs=epochs,
        steps=steps,
        settable_rate=not isinstance(core.timeline.behind.optimizer.get("learning_rate"), Scheduled),
    )
