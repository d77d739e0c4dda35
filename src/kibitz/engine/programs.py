"""The three compiled programs of a model: train, test and predict."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from kibitz.data.source import Batch
from kibitz.engine.forward import Forward
from kibitz.engine.state import Arrays, TrainState
from kibitz.engine.step import Data, LogRows, Objective, Optimizer, predict_step, test_step, train_step


def place(batch: Batch) -> Data:
    """Put a batch on the device, as a copy: the user may edit or reuse the arrays while the device reads them."""
    return jax.tree.map(_placed, (batch.x, batch.y, batch.weight))


def _placed(leaf: Any) -> jax.Array:
    # On CPU `device_put` of a NumPy array may alias it.
    return leaf if isinstance(leaf, jax.Array) else jax.device_put(np.array(leaf))


class Programs:
    """Compiled on first use, once for each shape of batch; gone when the model is compiled anew.

    Args:
        forward: The module as a function.
        objective: Losses and metrics; None before compile, when there is only prediction.
        optimizer: What moves the parameters; None where nothing is trained.
        eager: Run operation by operation instead, for looking into a step with a debugger.
    """

    def __init__(
        self,
        forward: Forward,
        objective: Objective | None = None,
        optimizer: Optimizer | None = None,
        *,
        eager: bool = False,
    ):
        self.train_rows, self.test_rows = LogRows(), LogRows()
        compiled: Callable[..., Any] = _eager if eager else jax.jit
        self.train = self.test = None
        if objective is not None:
            self._test_step = test_step(forward, objective, self.test_rows)
            self.test = compiled(self._test_step)
            if optimizer is not None:
                self._train_step = train_step(forward, objective, optimizer, self.train_rows)
                self.train = compiled(self._train_step)
        self.predict = compiled(predict_step(forward))

    def rehearse_train(self, state: TrainState, batch: Data) -> list[str]:
        """The names in the logs of a training step; every error of shape in the model and the loss comes here."""
        jax.eval_shape(self._train_step, state, batch)
        return self.train_rows.names

    def rehearse_test(self, variables: Arrays, accumulators: list[Any], batch: Data) -> list[str]:
        """The same for a step of evaluation."""
        jax.eval_shape(self._test_step, variables, accumulators, batch)
        return self.test_rows.names


def _eager(function: Callable[..., Any]) -> Callable[..., Any]:
    def run(*args: Any) -> Any:
        with jax.disable_jit():
            return function(*args)

    return run
