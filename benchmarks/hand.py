"""Loops that a person would write by hand in JAX and Optax: the peers that have no `fit` at all."""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

BATCH = 128


def parameters(kind: str) -> Any:
    """Weights of workload A or B."""
    rng = np.random.default_rng(0)

    def layer(fan_in: int, fan_out: int) -> tuple[Any, Any]:
        limit = np.sqrt(6 / (fan_in + fan_out))
        return jnp.asarray(rng.uniform(-limit, limit, (fan_in, fan_out)), "float32"), jnp.zeros(fan_out)

    return [layer(784, 1)] if kind == "A" else [layer(784, 128), layer(128, 10)]


def loss_of(kind: str, params: Any, x: Any, y: Any) -> Any:
    """The loss of a batch."""
    for index, (kernel, bias) in enumerate(params):
        x = x @ kernel + bias
        if index < len(params) - 1:
            x = jax.nn.relu(x)
    if kind == "A":
        return jnp.mean((x - y) ** 2)
    return optax.softmax_cross_entropy_with_integer_labels(x, y).mean()


class Hand:
    """Workload A or B, by a scan over each epoch, or by a jitted step called from Python."""

    def __init__(self, kind: str, *, scan: bool):
        self.kind, self.scan = kind, scan
        self.optimizer = optax.rmsprop(1e-3, decay=0.9) if kind == "A" else optax.adam(1e-3)
        self._epoch = jax.jit(self._scanned)
        self._step = jax.jit(self._stepped)

    def _stepped(self, carry: Any, x: Any, y: Any) -> tuple[Any, Any]:
        params, state = carry
        loss, grads = jax.value_and_grad(partial(loss_of, self.kind))(params, x, y)
        updates, state = self.optimizer.update(grads, state, params)
        return (optax.apply_updates(params, updates), state), loss

    def _scanned(self, carry: Any, x: Any, y: Any, order: Any) -> tuple[Any, Any]:
        return jax.lax.scan(lambda carry, rows: self._stepped(carry, x[rows], y[rows]), carry, order)

    def fit(self, x: np.ndarray, y: np.ndarray, epochs: int) -> float:
        """Train in a new order of rows each epoch; the last epoch's mean loss."""
        params = parameters(self.kind)
        carry = (params, self.optimizer.init(params))
        rng = np.random.default_rng(0)
        whole = len(x) // BATCH * BATCH
        placed_x, placed_y = jnp.array(x), jnp.array(y)
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
