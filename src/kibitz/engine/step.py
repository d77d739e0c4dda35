"""H. The step: a pure function of state and batch. What the other files of this folder compile is made here."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Protocol

import jax
import jax.numpy as jnp
import numpy as np

from kibitz.engine.forward import Forward
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
    """How a step's numbers travel: one flat float32 row, running values first, the batch's own behind them.

    The names and shapes are known as soon as the step has been traced once.
    """

    def __init__(self) -> None:
        self.names: list[str] = []
        self._shapes: list[tuple[int, ...]] = []

    @property
    def width(self) -> int:
        """Numbers in a row."""
        return 2 * sum(math.prod(shape) for shape in self._shapes)

    def pack(self, running: dict[str, Any], own: dict[str, Any]) -> jax.Array:
        """One row from two dicts with the same keys."""
        self.names = list(running)
        self._shapes = [jnp.shape(value) for value in running.values()]
        parts = [jnp.ravel(jnp.asarray(value)).astype(jnp.float32) for value in (*running.values(), *own.values())]
        return jnp.concatenate(parts) if parts else jnp.zeros((0,), jnp.float32)

    def own(self, rows: np.ndarray, name: str) -> np.ndarray:
        """The batches' own values of one number, from several rows on the host."""
        at = self.width // 2 + sum(math.prod(self._shapes[each]) for each in range(self.names.index(name)))
        return rows[:, at]

    def unpack(self, row: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        """Two dicts of Python floats (host arrays where a number is not a scalar) from one row on the host."""
        values = row.tolist()
        running, own, at = {}, {}, 0
        for target in (running, own):
            for name, shape in zip(self.names, self._shapes, strict=True):
                if shape == ():
                    target[name] = values[at]
                    at += 1
                else:
                    size = math.prod(shape)
                    target[name] = row[at : at + size].reshape(shape)
                    at += size
        return running, own


def _measured(objective: Objective, rows: LogRows, before: list[Any], batch: Data, y_pred: Any, found: Any) -> Any:
    after = objective.accumulate(before, batch, y_pred, found)
    own = objective.accumulate(objective.accumulators(), batch, y_pred, found)
    return after, rows.pack(objective.results(after), objective.results(own))


def train_step(forward: Forward, objective: Objective, optimizer: Optimizer, rows: LogRows) -> Callable[..., Any]:
    """Build `(state, batch) -> (state, row of logs)`."""

    def step(state: TrainState, batch: Data) -> tuple[TrainState, jax.Array]:
        x = batch[0]

        def loss_of(params: Arrays) -> tuple[Any, Any]:
            y_pred, after, penalties = forward({**params, **state.others}, x, training=True)
            loss, found = objective.loss(batch, y_pred, training=True, penalties=penalties)
            others = {name: after[name] for name in state.others}
            return optimizer.scale_loss(loss, state.optimizer), (y_pred, others, found)

        grads, (y_pred, others, found) = jax.grad(loss_of, has_aux=True)(state.params)
        params, moved = optimizer.apply(grads, state.optimizer, state.params)
        params |= {name: hold(params[name]) for name, hold in forward.constraints.items() if name in params}
        metrics, row = _measured(objective, rows, state.metrics, batch, y_pred, found)
        return TrainState(params, others, moved, metrics), row

    return step


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
