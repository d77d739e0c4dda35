"""What a model is trained towards and measured by: losses and metrics, under the names of the logs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from kibitz.errors import InvalidArgument, NotReady, WrongType, code
from kibitz.losses.base import Loss
from kibitz.losses.registry import get as find_loss
from kibitz.losses.registry import get_loss
from kibitz.metrics.base import Metric
from kibitz.metrics.choose import choose_metric
from kibitz.metrics.reduction import Mean
from kibitz.metrics.registry import get as find_metric
from kibitz.models.accumulated import Accumulated
from kibitz.models.called import GIVEN, Called
from kibitz.models.outputs import Outputs
from kibitz.models.row_by_row import MEANS, can_be_masked, masked_weight

Data = tuple[Any, Any, Any, Any]


WORDS = ("accuracy", "acc", "crossentropy", "ce")
"""Names whose meaning is seen from shapes, and so not before the data are there."""


class Term(NamedTuple):
    """The loss of one output."""

    output: int
    loss: Loss
    factor: Any
    name: str


class Measure(NamedTuple):
    """One metric of one output, and its name in the logs."""

    output: int
    metric: Metric
    name: str
    weighted: bool


class Found(NamedTuple):
    """What the loss of a batch was made of, for the running means."""

    total: Any
    parts: list[Any]


class Objective:
    """Losses and metrics as `compile` was given them; settled when the shapes of targets and outputs are known.

    Args:
        model: Whose `compute_loss` is asked for the loss of a batch.
        loss: As given to compile.
        loss_weights: As given to compile.
        metrics: As given to compile.
        weighted_metrics: As given to compile.
        former: The objective of the last compile: what is not given stays as it was there, the loss for itself and
            both kinds of metrics together, as in Keras. None means that there was none.

    Raises:
        UnknownName: If a string names no loss or metric.
        WrongType: If something given can be neither.
    """

    def __init__(
        self, model: Any, loss: Any, loss_weights: Any, metrics: Any, weighted_metrics: Any,
        former: Objective | None = None,
    ):  # fmt: skip
        self._model = model
        self.given = {"loss": loss, "loss_weights": loss_weights}
        self.given |= {"metrics": metrics, "weighted_metrics": weighted_metrics}
        if former is not None and loss is None:
            self.given |= {name: former.given[name] for name in ("loss", "loss_weights")}
        if former is not None and metrics is None and weighted_metrics is None:
            self.given |= {name: former.given[name] for name in ("metrics", "weighted_metrics")}
        _check_given(loss_weights, metrics, weighted_metrics)
        for identifier in _leaves(loss):
            if str(identifier).lower() not in WORDS:
                find_loss(identifier)
        for identifier in _leaves([metrics, weighted_metrics]):
            if str(identifier).lower() not in WORDS:
                find_metric(identifier)
        self.outputs: Outputs | None = None
        self.terms: list[Term] = []
        self.measures: list[Measure] = []
        self._mean = Mean(name="loss")
        self.accumulated = Accumulated(self)
        self._parts: list[Any] = []  # of the batch being traced, left by `total` for `loss`

    # -- before the first step ---------------------------------------------------------------------------------------

    def settle(self, y: Any, y_pred: Any, called: Called = GIVEN) -> None:
        """Give every output its loss and its metrics, from the shapes of targets and outputs.

        Metrics are made once and kept, so that a second fit goes on with the same objects.

        Args:
            y: The targets, or their shapes.
            y_pred: The outputs, or their shapes.
            called: What the user calls the targets.
        """
        if self.outputs is not None:
            return
        outputs = Outputs(y_pred)
        predictions = outputs.of(y_pred)
        targets = outputs.split(y, called.y) if y is not None else [None] * len(outputs)
        for index, identifier in enumerate(outputs.each(self.given["loss"], "loss")):
            if identifier is not None:
                require_target(targets[index], outputs, index, y, called)
        self.terms = self._settled_terms(outputs, targets, predictions)
        self.measures = self._settled_measures(outputs, targets, predictions)
        self.outputs = outputs

    def _settled_terms(self, outputs: Outputs, targets: list[Any], predictions: list[Any]) -> list[Term]:
        losses = outputs.each(self.given["loss"], "loss")
        factors = _factors(self.given["loss_weights"], outputs, losses)
        terms = []
        for index, (identifier, factor) in enumerate(zip(losses, factors, strict=True)):
            if identifier is None:
                continue
            name = outputs.names[index] if outputs.names else "loss"
            loss = get_loss(identifier, targets[index], predictions[index])
            if loss is not None:
                terms.append(Term(index, loss, factor, name))
        return terms

    def _settled_measures(self, outputs: Outputs, targets: list[Any], predictions: list[Any]) -> list[Measure]:
        measures: list[Measure] = []
        for argument in ("metrics", "weighted_metrics"):
            for index, wanted in enumerate(_metrics_of(self.given[argument], outputs, argument)):
                for identifier in wanted:
                    metric = choose_metric(identifier, targets[index], predictions[index])
                    weighted = argument == "weighted_metrics"
                    prefix = "" if outputs.single else f"{outputs.names[index]}_"
                    name = _free_name(metric.name, prefix, weighted, {each.name for each in measures})
                    measures.append(Measure(index, metric, name, weighted))
                    metric.stateless_build(targets[index], predictions[index])
        for measure in measures:
            if measure.name == "loss":
                raise InvalidArgument(
                    'A metric is named "loss", and would take the place of the loss in the logs.',
                    given=code(f"{type(measure.metric).__name__}(name='loss')"),
                    wanted="another name",
                    cure='name="my_loss"',
                )
        return measures

    @property
    def directions(self) -> dict[str, str]:
        """Which way is better, "min" or "max", for each key of the logs that says so."""
        found = {"loss": "min", **{f"{term.name}_loss": "min" for term in self._tracked()}}
        for measure in self.measures:
            direction = getattr(measure.metric, "_direction", None)
            if direction is not None:
                found[measure.name] = "max" if direction == "up" else "min"
        return found

    @property
    def names(self) -> list[str]:
        """The keys of the logs in the order of `evaluate`'s list, which is Keras's.

        The loss, metrics under their own names, the losses of outputs, and what is named after an output or numbered.
        """
        own = [each.name for each in self.measures if each.name == each.metric.name]
        others = sorted(each.name for each in self.measures if each.name != each.metric.name)
        return ["loss", *own, *(f"{each.name}_loss" for each in self._tracked()), *others]

    # -- inside a step -----------------------------------------------------------------------------------------------

    @property
    def row_by_row(self) -> bool:
        """Whether rows that only fill a batch up can be kept out of all numbers: everything in them is ours."""
        parts = [*(term.loss for term in self.terms), *(measure.metric for measure in self.measures)]
        return not self._model.core.own_loss and all(can_be_masked(part) for part in parts)

    def loss(self, batch: Data, y_pred: Any, *, training: bool, penalties: list[Any]) -> Any:
        """The loss of a batch, as the model's `compute_loss` gives it, and what it was made of."""
        x, y, weight, count = batch
        self._parts = []
        if count is None:
            total = self._model.loss_of_batch(x, y, y_pred, weight, training=training, penalties=penalties)
        else:
            total = self.total(y, y_pred, weight, penalties, count)
        parts, self._parts = self._parts, []  # no tracer may stay behind
        return total, Found(total, parts)

    def total(self, y: Any, y_pred: Any, weight: Any, penalties: list[Any], count: Any = None) -> Any:
        """The compiled losses and the layers' penalties, added up; of the first `count` rows, if that is given."""
        values = self._values(y, y_pred, weight, count) if self.terms else []
        values += [jnp.sum(penalty) for penalty in penalties]
        if not values:
            return jnp.zeros(())
        total = values[0]
        for value in values[1:]:
            total = total + value
        return total

    def _values(self, y: Any, y_pred: Any, weight: Any, count: Any) -> list[Any]:
        outputs = self._settled()
        targets, predictions = outputs.split(y, "y"), outputs.of(y_pred)
        weights = _weights(outputs, weight)
        values, self._parts = [], []
        for term in self.terms:
            predicted, weight_here = predictions[term.output], weights[term.output]
            if count is not None:
                weight_here = masked_weight(weight_here, predicted, count)
            value = term.loss(targets[term.output], predicted, weight_here)
            if count is not None and term.loss.reduction in MEANS:  # it divides by all rows of the batch
                value = value * (predicted.shape[0] / count)
            value = value.astype(jnp.float32)
            self._parts.append(value)
            values.append(value if term.factor is None else value * term.factor)
        return values

    def accumulators(self) -> list[Any]:
        """Accumulators that have seen nothing: of the loss, of each output's loss, of each metric."""
        means = [self._mean.stateless_reset_state() for _ in range(1 + len(self._tracked()))]
        return [*means, *(measure.metric.stateless_reset_state() for measure in self.measures)]

    def accumulate(self, accumulators: list[Any], batch: Data, y_pred: Any, found: Found) -> list[Any]:
        """The accumulators after one more batch."""
        x, y, weight, count = batch
        rows = jax.tree.leaves(x)[0].shape[0] if count is None else count
        numbers = [found.total, *(found.parts if self._tracked() else [])]
        after = [
            self._mean.stateless_update_state(state, value, sample_weight=rows)
            for state, value in zip(accumulators, numbers, strict=False)
        ]
        if not self.measures:
            return after
        outputs = self._settled()
        targets, predictions, weights = outputs.split(y, "y"), outputs.of(y_pred), _weights(outputs, weight)
        for measure, state in zip(self.measures, accumulators[len(after) :], strict=True):
            at = measure.output
            extra = (weights[at],) if measure.weighted else ()
            if count is not None:
                extra = (masked_weight(extra[0] if extra else None, predictions[at], count),)
            after.append(measure.metric.stateless_update_state(state, targets[at], predictions[at], *extra))
        return after

    def results(self, accumulators: list[Any]) -> dict[str, Any]:
        """The numbers of the logs, keys in alphabetical order as in Keras."""
        means = ["loss", *(f"{term.name}_loss" for term in self._tracked())]
        values: dict[str, Any] = {
            name: self._mean.stateless_result(state) for name, state in zip(means, accumulators, strict=False)
        }
        for measure, state in zip(self.measures, accumulators[len(means) :], strict=True):
            values[measure.name] = measure.metric.stateless_result(state)
        # A metric of several numbers stands where its own name would, as in Keras.
        spread = [
            value.items() if isinstance(value, Mapping) else [(name, value)] for name, value in sorted(values.items())
        ]
        return {name: value for pairs in spread for name, value in pairs}

    def show(self, accumulators: list[Any]) -> None:
        """Put what was measured into the user's own metric objects for good, so that `metric.result()` tells it."""
        states = accumulators[len(accumulators) - len(self.measures) :]
        for measure, state in zip(self.measures, states, strict=True):
            for variable, value in zip(measure.metric.variables, state, strict=True):
                variable.bind(None, None)
                variable.assign(value)

    def _tracked(self) -> list[Term]:
        return self.terms if len(self.terms) > 1 else []

    def _settled(self) -> Outputs:
        if self.outputs is None:
            raise NotReady("The model has seen no data yet.", given=self._model, cure="fit(x, y) first")
        return self.outputs


def require_target(target: Any, outputs: Outputs, index: int, y: Any, called: Called) -> None:
    """Refuse a loss without the targets that it compares the outputs with.

    Args:
        target: What y has for this output; None if it has nothing.
        outputs: The model's outputs.
        index: Which of them it is.
        y: The targets as they were given.
        called: What the user calls them.

    Raises:
        WrongType: If there is no target.
    """
    if target is not None:
        return
    if outputs.names and y is not None:
        raise WrongType(
            f'The output "{outputs.names[index]}" has a loss, and {called.y} has no targets for it.',
            given=y,
            wanted=f"targets for {', '.join(outputs.names)}",
            cure=f"{called.y}={outputs.written}",
        )
    raise WrongType(
        "A loss compares the outputs with targets, and there are none.",
        given=code(f"no {called.y}"),
        wanted="a target for each row of the inputs",
        cure=called.cure,
    )


def _check_given(loss_weights: Any, metrics: Any, weighted_metrics: Any) -> None:
    for name, given in (("metrics", metrics), ("weighted_metrics", weighted_metrics)):
        if given is not None and not isinstance(given, list | tuple | Mapping):
            raise WrongType(
                f"{name} is a list.", given=given, wanted="a list, tuple or dict", cure=f"{name}=[{given!r}]"
            )
    if loss_weights is not None and not isinstance(loss_weights, list | tuple | Mapping | float | int):
        raise WrongType(
            "loss_weights are numbers.",
            given=loss_weights,
            wanted="a float, or a list or dict of floats, one for each output",
            cure="loss_weights=[1.0, 0.5]",
        )


def _factors(loss_weights: Any, outputs: Outputs, losses: list[Any]) -> list[Any]:
    if isinstance(loss_weights, int | float):
        loss_weights = [loss_weights] * len(outputs)
    factors = outputs.each(loss_weights, "loss_weights")
    for index, (factor, loss) in enumerate(zip(factors, losses, strict=True)):
        if factor is not None and loss is None:
            raise InvalidArgument(
                "loss_weights has a weight for an output without a loss.",
                given=loss_weights,
                there_is=[name for name, loss in zip(outputs.names, losses, strict=True) if loss is not None],
                cure=f"give {outputs.names[index]} a loss, or leave its weight out",
            )
    return factors


def _metrics_of(given: Any, outputs: Outputs, argument: str) -> list[list[Any]]:
    if not given:
        return [[] for _ in range(len(outputs))]
    if outputs.single:
        flat = list(given.values()) if isinstance(given, Mapping) else list(given)
        return [[metric for each in flat for metric in _listed(each)]]
    return [_listed(each) for each in outputs.split(given, argument)]


def _leaves(given: Any) -> list[Any]:
    if isinstance(given, Mapping):
        given = list(given.values())
    if isinstance(given, list | tuple):
        return [leaf for each in given for leaf in _leaves(each)]
    return [] if given is None else [given]


def _listed(given: Any) -> list[Any]:
    if given is None:
        return []
    return list(given) if isinstance(given, list | tuple) else [given]


def _free_name(name: str, prefix: str, weighted: bool, taken: set[str]) -> str:
    """The name in the logs: a second metric of one name is numbered, a weighted twin says so, as in Keras."""
    full = prefix + name
    if full not in taken:
        return full
    if weighted:
        full = f"{prefix}weighted_{name}"
        if full not in taken:
            return full
    number = 1
    while f"{full}_{number}" in taken:
        number += 1
    return f"{full}_{number}"


def _weights(outputs: Outputs, weight: Any) -> list[Any]:
    if isinstance(weight, Mapping | list | tuple):
        return outputs.split(weight, "sample_weight")
    return [weight] * len(outputs)
