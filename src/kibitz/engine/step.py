"""H. The step: a pure function of state and batch. What the other files of this folder compile is made here."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Protocol

import jax
import jax.numpy as jnp
import numpy as np

from kibitz.engine.forward import Forward
from kibitz.engine.graph_hooks import GraphHooks
from kibitz.engine.state import Arrays, TrainState

Data = tuple[Any, Any, Any, Any]
"""x, y and sample weights of one batch, and how many of its rows are real; None if they all are."""


class Objective(Protocol):
    """What a model is trained towards and measured by; models/objective.py has the one there is."""

    @property
    def row_by_row(self) -> bool:
        """Whether rows that only fill a batch up can be kept out of all numbers."""
        ...

    def loss(self, batch: Data, y_pred: Any, *, training: bool, penalties: list[Any]) -> Any:
        """The scalar to be made small, and whatever `accumulate` wants to know of it."""
        ...

    def accumulators(self) -> list[Any]:
        """Accumulators that have seen nothing."""
        ...

    def accumulate(self, accumulators: list[Any], batch: Data, y_pred: Any, found: Any) -> list[Any]:
        """The accumulators after one more batch."""
        ...

    def results(self, accumulators: list[Any]) -> dict[str, Any]:
        """The numbers that stand in the logs, in their order."""
        ...


class Optimizer(Protocol):
    """What moves parameters; optimizers/base.py has it."""

    def apply(self, grads: Any, state: Any, params: Any) -> tuple[Any, Any]:
        """New parameters and new state."""
        ...

    def scale_loss(self, loss: Any, state: Any) -> Any:
        """The loss as it is differentiated."""
        ...


class LogRows:
    """How a step's numbers travel: one flat float32 row, running values first, then the batch's own, then graph hooks'.

    The names and shapes are known as soon as the step has been traced once.
    """

    def __init__(self) -> None:
        self.names: list[str] = []
        self.said: list[str] = []  # what graph hooks log
        self._shapes: list[tuple[int, ...]] = []
        self._said_shapes: list[tuple[int, ...]] = []

    @property
    def width(self) -> int:
        """Numbers in a row that are no graph hook's."""
        return 2 * sum(math.prod(shape) for shape in self._shapes)

    @property
    def scalars(self) -> list[str]:
        """What graph hooks log as one number."""
        return [name for name, shape in zip(self.said, self._said_shapes, strict=True) if shape == ()]

    def pack(self, running: dict[str, Any], own: dict[str, Any], said: dict[str, Any]) -> jax.Array:
        """One row from two dicts with the same keys, and what graph hooks log."""
        self.names, self.said = list(running), list(said)
        self._shapes = [jnp.shape(value) for value in running.values()]
        self._said_shapes = [jnp.shape(value) for value in said.values()]
        values = (*running.values(), *own.values(), *said.values())
        parts = [jnp.ravel(jnp.asarray(value)).astype(jnp.float32) for value in values]
        return jnp.concatenate(parts) if parts else jnp.zeros((0,), jnp.float32)

    def own(self, rows: np.ndarray, name: str) -> np.ndarray:
        """The batches' own values of one number, from several rows on the host."""
        at = self.width // 2 + sum(math.prod(self._shapes[each]) for each in range(self.names.index(name)))
        return rows[:, at]

    def unpack(self, row: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        """Two dicts of Python floats (host arrays where a number is not a scalar) from one row on the host."""
        running, at = _unpacked(row, 0, self.names, self._shapes)
        own, _ = _unpacked(row, at, self.names, self._shapes)
        return running, own

    def unpack_said(self, row: Any) -> dict[str, Any]:
        """What graph hooks log, from one row on the host."""
        return _unpacked(row, self.width, self.said, self._said_shapes)[0]


def _unpacked(row: Any, at: int, names: list[str], shapes: list[tuple[int, ...]]) -> tuple[dict[str, Any], int]:
    found = {}
    if all(shape == () for shape in shapes):  # the common case, at every batch
        end = at + len(names)
        return dict(zip(names, row[at:end].tolist(), strict=True)), end
    for name, shape in zip(names, shapes, strict=True):
        size = math.prod(shape)
        found[name] = row[at].item() if shape == () else row[at : at + size].reshape(shape)
        at += size
    return found, at


def _measured(
    objective: Objective, rows: LogRows, before: list[Any], batch: Data, y_pred: Any, found: Any, said: Any = None
) -> Any:
    after = objective.accumulate(before, batch, y_pred, found)
    own = objective.accumulate(objective.accumulators(), batch, y_pred, found)
    return after, rows.pack(objective.results(after), objective.results(own), said or {})


def train_step(
    forward: Forward, objective: Objective, optimizer: Optimizer, rows: LogRows, hooks: GraphHooks
) -> Callable[..., Any]:
    """Build `(state, batch) -> (state, row of logs)`."""

    def step(state: TrainState, batch: Data) -> tuple[TrainState, jax.Array]:
        x = batch[0]

        def loss_of(params: Arrays) -> tuple[Any, Any]:
            y_pred, after, penalties = forward({**params, **state.others}, x, training=True)
            loss, found = objective.loss(batch, y_pred, training=True, penalties=penalties)
            others = {name: after[name] for name in state.others}
            return optimizer.scale_loss(loss, state.optimizer), (y_pred, others, found)

        grads, (y_pred, others, found) = jax.grad(loss_of, has_aux=True)(state.params)
        graph, said = state.graph, {}
        if hooks.hooks:
            grads, graph, said = hooks.on_gradients(grads, state.params, graph, _scale(optimizer, state))
        params, moved = optimizer.apply(grads, state.optimizer, state.params)
        if hooks.hooks:
            params, graph, more = hooks.on_update(state.params, params, graph)
            graph, said = hooks.stepped(graph), {**said, **more}
        params |= {name: hold(params[name]) for name, hold in forward.constraints.items() if name in params}
        metrics, row = _measured(objective, rows, state.metrics, batch, y_pred, found, said)
        hooks.require_apart(rows.names)
        return TrainState(params, others, moved, metrics, graph), row

    return step


def _scale(optimizer: Optimizer, state: TrainState) -> Any:
    """By what the loss was multiplied; None if by nothing."""
    one = jnp.float32(1)
    scaled = optimizer.scale_loss(one, state.optimizer)
    return None if scaled is one else scaled


def test_step(forward: Forward, objective: Objective, rows: LogRows) -> Callable[..., Any]:
    """Build `(variables, accumulators, batch) -> (accumulators, row of logs)`; the model is left as it is."""

    def step(variables: Arrays, accumulators: list[Any], batch: Data) -> tuple[list[Any], jax.Array]:
        y_pred, _, penalties = forward(variables, batch[0], training=False)
        _, found = objective.loss(batch, y_pred, training=False, penalties=penalties)
        return _measured(objective, rows, accumulators, batch, y_pred, found)

    return step


def predict_step(forward: Forward) -> Callable[..., Any]:
    """Build `(variables, nothing, batch) -> (nothing, outputs)`; the model is left as it is."""

    def step(variables: Arrays, nothing: tuple[()], batch: Data) -> tuple[tuple[()], Any]:
        return nothing, forward(variables, batch[0], training=False)[0]

    return step
