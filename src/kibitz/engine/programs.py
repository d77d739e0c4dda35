"""The compiled programs of a model: train, test and predict, each as spans."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from kibitz.engine.forward import Forward
from kibitz.engine.span import looped, may_loop, number, single
from kibitz.engine.state import Arrays, TrainState
from kibitz.engine.step import Data, LogRows, Objective, Optimizer, predict_step, test_step, train_step
from kibitz.engine.supply import LONGEST, Chunk, pick_batch, pick_rows


class Programs:
    """Compiled on first use, once for each shape of batch; gone when the model is compiled anew.

    Args:
        forward: The module as a function.
        objective: Losses and metrics; None before compile, when there is only prediction.
        optimizer: What moves the parameters; None where nothing is trained.
        eager: Run operation by operation instead, for looking into a step with a debugger.
        most: The most steps in a span. None means as many as a chunk of batches holds.
    """

    def __init__(
        self,
        forward: Forward,
        objective: Objective | None = None,
        optimizer: Optimizer | None = None,
        *,
        eager: bool = False,
        most: int | None = None,
    ):
        self.train_rows, self.test_rows = LogRows(), LogRows()
        self.eager = eager
        self.longest = min(most or LONGEST, LONGEST)
        self.loops = {"train": False, "test": False}
        self._compiled: dict[tuple[str, Any], Callable[..., Any]] = {}
        self._steps: dict[str, Callable[..., Any]] = {"predict": predict_step(forward)}
        if objective is not None:
            self._steps["test"] = test_step(forward, objective, self.test_rows)
            if optimizer is not None:
                self._steps["train"] = train_step(forward, objective, optimizer, self.train_rows)
        self.predict = (_eager if eager else jax.jit)(self._steps["predict"])

    def rehearse_train(self, state: TrainState, batch: Data) -> list[str]:
        """The names in the logs of a training step; every error of shape in the model and the loss comes here."""
        self._rehearse("train", (state,), state, batch)
        return self.train_rows.names

    def rehearse_test(self, variables: Arrays, accumulators: list[Any], batch: Data) -> list[str]:
        """The same for a step of evaluation."""
        self._rehearse("test", (variables, accumulators), accumulators, batch)
        return self.test_rows.names

    def _rehearse(self, kind: str, given: tuple[Any, ...], carry: Any, batch: Data) -> None:
        jaxpr = jax.make_jaxpr(self._steps[kind])(*given, batch)
        size = sum(leaf.nbytes for leaf in jax.tree.leaves(carry) if hasattr(leaf, "nbytes"))
        platform = jax.default_backend()
        self.loops[kind] = not self.eager and may_loop(jaxpr.jaxpr, size, platform)

    def train_span(self, carry: TrainState, chunk: Chunk, start: Any, n: Any, *, resident: bool) -> Any:
        """Train on n batches of a chunk."""
        return self._span("train", resident)((), carry, chunk.data, start, n)

    def test_span(self, variables: Arrays, carry: Any, chunk: Chunk, start: Any, n: Any, *, resident: bool) -> Any:
        """Measure n batches of a chunk."""
        return self._span("test", resident)((variables,), carry, chunk.data, start, n)

    def once(self, kind: str, given: tuple[Any, ...], carry: Any, batch: Data) -> tuple[Any, np.ndarray]:
        """One step on one batch, for those who write their own loop."""
        data = jax.tree.map(lambda leaf: leaf[None], batch)
        after, rows = self._span(kind, False)(given, carry, data, number(0), number(1))
        return after, np.asarray(rows)[0]

    def _span(self, kind: str, resident: bool) -> Callable[..., Any]:
        key = (kind, resident)
        if key not in self._compiled:
            pick = pick_rows if resident else pick_batch
            rows = self.train_rows if kind == "train" else self.test_rows
            if self.loops[kind]:
                span = looped(self._steps[kind], pick, rows.width, LONGEST)
            else:
                span = single(self._steps[kind], pick)
            self._compiled[key] = (_eager if self.eager else jax.jit)(span)
        return self._compiled[key]


def _eager(function: Callable[..., Any]) -> Callable[..., Any]:
    def run(*args: Any) -> Any:
        with jax.disable_jit():
            return function(*args)

    return run
