"""A module trained by a loop that a person would write by hand: split once, a plain jitted step, its state donated."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
import optax
from flax import nnx

from benchmarks.modules import Workload


class HandModule:
    """Trains the module of a workload."""

    def __init__(self, given: Workload):
        self._given = given
        graph, self._params = nnx.split(given.module)
        self._state = given.optimizer.init(self._params)

        def step(params: Any, state: Any, x: Any, y: Any) -> tuple[Any, Any, Any]:
            def loss_of(params: Any) -> Any:
                return given.loss(nnx.merge(graph, params)(x), y)

            loss, grads = jax.value_and_grad(loss_of)(params)
            updates, state = given.optimizer.update(grads, state, params)
            return optax.apply_updates(params, updates), state, loss

        self._step = jax.jit(step, donate_argnums=(0, 1))
        self._rng = np.random.default_rng(0)

    def fit(self, epochs: int) -> float:
        """Train in a new order of rows each epoch; the last epoch's mean loss."""
        x, y, size = self._given.x, self._given.y, self._given.batch_size
        mean = 0.0
        for _ in range(epochs):
            order, losses = self._rng.permutation(len(x)), []
            for start in range(0, len(x), size):
                rows = order[start : start + size]
                self._params, self._state, loss = self._step(self._params, self._state, x[rows], y[rows])
                losses.append(loss)
            mean = float(np.mean(jax.device_get(losses)))
        return mean
