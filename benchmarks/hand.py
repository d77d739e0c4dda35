"""Workloads A and B as a person would write them by hand in JAX and Optax: the peers that have no `fit` at all."""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from benchmarks.workloads import BATCH


def parameters(kind: str) -> Any:
    """Weights of workload A or B."""
    rng = np.random.default_rng(0)

    def layer(fan_in: int, fan_out: int) -> tuple[Any, Any]:
        limit = np.sqrt(6 / (fan_in + fan_out))
        return jnp.asarray(rng.uniform(-limit, limit, (fan_in, fan_out)), "float32"), jnp.zeros(fan_out)

    return [layer(784, 1)] if kind == "A" else [layer(784, 128), layer(128, 10)]


def outputs_of(params: Any, x: Any) -> Any:
    """What the model says of a batch."""
    for index, (kernel, bias) in enumerate(params):
        x = x @ kernel + bias
        if index < len(params) - 1:
            x = jax.nn.relu(x)
    return x


def loss_of(kind: str, params: Any, x: Any, y: Any) -> Any:
    """The loss of a batch."""
    x = outputs_of(params, x)
    if kind == "A":
        return jnp.mean((x - y) ** 2)
    return optax.softmax_cross_entropy_with_integer_labels(x, y).mean()


class Hand:
    """Workload A or B, by a scan over each epoch, or by a jitted step called from Python.

    A scan takes its data from arrays that are placed on the device within the time: as copies, as Kibitz must, for the
    user may edit the arrays.
    """

    def __init__(self, kind: str, *, scan: bool):
        self.kind, self.scan = kind, scan
        self.optimizer = optax.rmsprop(1e-3, decay=0.9) if kind == "A" else optax.adam(1e-3)
        self.params = parameters(kind)
        self._epoch = jax.jit(self._scanned)
        self._step = jax.jit(self._stepped)
        self._measure = jax.jit(self._measured)
        self._loss = jax.jit(partial(loss_of, kind))
        self._outputs = jax.jit(lambda params, x: jax.lax.map(partial(outputs_of, params), x))

    def _stepped(self, carry: Any, x: Any, y: Any) -> tuple[Any, Any]:
        params, state = carry
        loss, grads = jax.value_and_grad(partial(loss_of, self.kind))(params, x, y)
        updates, state = self.optimizer.update(grads, state, params)
        return (optax.apply_updates(params, updates), state), loss

    def _scanned(self, carry: Any, x: Any, y: Any, order: Any) -> tuple[Any, Any]:
        return jax.lax.scan(lambda carry, rows: self._stepped(carry, x[rows], y[rows]), carry, order)

    def _measured(self, params: Any, x: Any, y: Any) -> Any:
        def add(total: Any, batch: Any) -> tuple[Any, None]:
            return total + loss_of(self.kind, params, *batch), None

        return jax.lax.scan(add, jnp.zeros(()), (x, y))[0]

    def fit(self, x: np.ndarray, y: np.ndarray, epochs: int) -> float:
        """Train in a new order of rows each epoch; the last epoch's mean loss."""
        carry = (self.params, self.optimizer.init(self.params))
        rng = np.random.default_rng(0)
        whole = len(x) // BATCH * BATCH
        placed_x, placed_y = (jnp.array(x), jnp.array(y)) if self.scan else (x, y)
        mean = 0.0
        for _ in range(epochs):
            order = rng.permutation(len(x)).astype("int32")
            if self.scan:
                carry, losses = self._epoch(carry, placed_x, placed_y, order[:whole].reshape(-1, BATCH))
                mean = float(losses.mean())
            else:
                losses = []
                for start in range(0, whole, BATCH):
                    rows = order[start : start + BATCH]
                    carry, loss = self._step(carry, x[rows], y[rows])
                    losses.append(loss)
                mean = float(np.mean([float(loss) for loss in losses]))
            if whole < len(x):
                carry, _ = self._step(carry, x[order[whole:]], y[order[whole:]])
        return mean

    def evaluate(self, x: np.ndarray, y: np.ndarray) -> float:
        """The mean loss of all rows."""
        whole = len(x) // BATCH * BATCH
        batches_x, batches_y = x[:whole].reshape(-1, BATCH, 784), y[:whole].reshape(-1, BATCH)
        total = self._measure(self.params, jnp.array(batches_x), jnp.array(batches_y)) * BATCH
        if whole < len(x):
            total += self._loss(self.params, x[whole:], y[whole:]) * (len(x) - whole)
        return float(total) / len(x)

    def predict(self, x: np.ndarray) -> np.ndarray:
        """The outputs for all rows, on the host."""
        whole = len(x) // BATCH * BATCH
        parts = [self._outputs(self.params, jnp.array(x[:whole].reshape(-1, BATCH, 784)))]
        if whole < len(x):
            parts.append(self._outputs(self.params, x[None, whole:]))
        return np.concatenate([np.asarray(part).reshape(-1, part.shape[-1]) for part in parts])
