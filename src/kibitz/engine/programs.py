"""The compiled programs of a model: train, test and predict, each as spans."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from threading import Thread
from typing import Any

import jax
import numpy as np

from kibitz.data.source import Batch
from kibitz.engine.forward import Forward
from kibitz.engine.graph_hooks import GraphHook, GraphHooks
from kibitz.engine.rule import Manner, manner
from kibitz.engine.span import looped, number, single
from kibitz.engine.state import Arrays, TrainState
from kibitz.engine.step import Data, LogRows, Objective, Optimizer, predict_step, test_step, train_step
from kibitz.engine.supply import LONGEST, Chunk, pick_batch, pick_rows, place
from kibitz.layers.spread import spread


class Programs:
    """Compiled on first use, once for each shape of batch; gone when the model is compiled anew.

    Args:
        forward: The module as a function.
        objective: Losses and metrics; None before compile, when there is only prediction.
        optimizer: What moves the parameters; None where nothing is trained.
        eager: Run operation by operation instead, for looking into a step with a debugger.
        most: The most steps in a span. None means as many as a chunk of batches holds.
        row_by_row: Whether no row of the outputs depends on another row of the inputs, outside training.
    """

    def __init__(
        self,
        forward: Forward,
        objective: Objective | None = None,
        optimizer: Optimizer | None = None,
        *,
        eager: bool = False,
        most: int | None = None,
        row_by_row: bool = False,
    ):
        self.train_rows, self.test_rows = LogRows(), LogRows()
        self.hooks = GraphHooks((), str)
        self.eager = eager
        self._objective, self._optimizer, self._row_by_row = objective, optimizer, row_by_row
        self._longest = min(most or LONGEST, LONGEST)
        self._manners: dict[str, Manner] = {}
        self._compiled: dict[tuple[Any, ...], Callable[..., Any]] = {}
        self._hooked: dict[tuple[GraphHook, ...], Programs] = {}
        self._under_way: dict[str, Thread] = {}
        self._rehearsed: dict[str, Data] = {}  # the shapes of the latest batch of each kind
        self._steps: dict[str, Callable[..., Any]] = {"predict": self._jit(predict_step(forward))}
        if objective is not None:
            self._steps["test"] = self._jit(test_step(forward, objective, self.test_rows))
            if optimizer is not None:
                self._make_train = lambda rows, hooks: train_step(forward, objective, optimizer, rows, hooks)
                self._steps["train"] = self._jit(self._make_train(self.train_rows, self.hooks))

    def hooked(self, hooks: GraphHooks) -> Programs:
        """The program of training with these hooks in the step; without any, that of these programs."""
        if not hooks.hooks:
            return self
        if hooks.hooks not in self._hooked:
            other, rows = copy(self), LogRows()
            vars(other).update(
                hooks=hooks, train_rows=rows, _manners={}, _compiled={}, _hooked={}, _under_way={}, _rehearsed={},
                _steps={"train": self._jit(self._make_train(rows, hooks))},
            )  # fmt: skip
            self._hooked.clear()  # one is kept: for the next fit with the same callbacks
            self._hooked[hooks.hooks] = other
        return self._hooked[hooks.hooks]

    def renewed(self, forward: Forward, state: TrainState) -> Programs:
        """Programs like these after other layers were frozen, rehearsed with all that these were rehearsed with.

        Args:
            forward: The module as a function, as it is now.
            state: The state that the training step will be given; without what graph hooks carry along.
        """
        made = Programs(
            forward, self._objective, self._optimizer, eager=self.eager, most=self._longest, row_by_row=self._row_by_row
        )
        variables = (state.variables(),)
        needed = self._objective if {"train", "test"} & self._rehearsed.keys() else None
        accumulators = [] if needed is None else needed.accumulators()
        given: dict[str, tuple[tuple[Any, ...], Any]] = {
            "train": ((), state.with_(metrics=accumulators)),
            "test": (variables, accumulators),
            "predict": (variables, ()),
        }
        for kind, batch in self._rehearsed.items():
            constants, carry = given[kind]
            made._rehearse(kind, constants, carry, batch)
        return made

    @property
    def rehearsed(self) -> Data:
        """The shapes of the batch that training was last rehearsed with."""
        return self._rehearsed["train"]

    def _jit(self, step: Callable[..., Any]) -> Callable[..., Any]:
        # A step is traced once, for whoever asks for its shapes and for the span that it goes into.
        return step if self.eager else jax.jit(step, inline=True)

    # -- before the first step ---------------------------------------------------------------------------------------

    def shapes(self, variables: Arrays, x: Any) -> Any:
        """The shapes of the outputs for inputs of these shapes."""
        return self._traced("predict", variables, (), (x, None, None, None))[1][1]

    def rehearse_train(self, state: TrainState, batch: Data) -> list[str]:
        """The names in the logs of a training step; every error of shape in the model and the loss comes here."""
        self._rehearse("train", (), state, batch)
        return [*self.train_rows.names, *self.train_rows.scalars]

    def rehearse_test(self, variables: Arrays, accumulators: list[Any], batch: Data) -> list[str]:
        """The same for a step of evaluation."""
        self._rehearse("test", (variables,), accumulators, batch)
        return self.test_rows.names

    def rehearse_predict(self, variables: Arrays, batch: Data) -> None:
        """The same for a step of prediction."""
        self._rehearse("predict", (variables,), (), batch)

    def _rehearse(self, kind: str, constants: tuple[Any, ...], carry: Any, batch: Data) -> None:
        self._rehearsed[kind] = batch
        jaxpr, (_, row) = self._traced(kind, *constants, carry, batch)
        if not self.eager:
            self._manners[kind] = manner(jaxpr, carry, row, self._longest, jax.default_backend())

    def _traced(self, kind: str, *given: Any) -> tuple[Any, Any]:
        """A step's jaxpr and the shapes of what it gives; traced once for each shape of what it is given."""
        if self.eager:
            return None, jax.eval_shape(self._steps[kind], *given)
        traced = self._steps[kind].trace(*given)
        return traced.jaxpr.jaxpr, traced.out_info

    def manner(self, kind: str) -> Manner:
        """How the steps of a kind are run; what was never rehearsed is run step by step."""
        chosen = self._manners.get(kind, Manner())
        if _debugging():  # JAX runs a step again when it finds fault with it, and raises before its hooks
            return chosen._replace(donates=False, most=1, ahead=False)
        return chosen if kind == "train" else chosen._replace(donates=False)

    def pads(self, kind: str) -> bool:
        """Whether a short batch may be filled up, so that it needs no program of its own.

        Never in training: batch normalization would learn from what was filled in.
        """
        if kind == "train" or self.eager or not self._row_by_row:
            return False
        return kind == "predict" or (self._objective is not None and self._objective.row_by_row)

    # -- spans -------------------------------------------------------------------------------------------------------

    def run(
        self, kind: str, constants: tuple[Any, ...], carry: Any, chunk: Chunk, start: Any, n: Any, placed: Any = None
    ) -> Any:
        """Run n steps from batch `start` of a chunk: the carry behind them, and the rows that they gave.

        `placed` says where each leaf of the carry lies, and shall lie; None leaves that to JAX.
        """
        if not chunk.full and kind in self._under_way:
            self._under_way.pop(kind).join()
        return self._span(kind, chunk.gathers, self.manner(kind), placed)(constants, carry, chunk.data, start, n)

    def outputs(self, variables: Arrays, x: Any) -> Any:
        """The outputs for one batch that is on the device, for those who call the model."""
        step = self._steps["predict"]
        return (_eager(step) if self.eager else step)(variables, (), (x, None, None, None))[1]

    def once(self, kind: str, constants: tuple[Any, ...], carry: Any, batch: Batch) -> tuple[Any, Any]:
        """One step on one batch, for those who write their own loop."""
        data = place(Batch(*jax.tree.map(lambda leaf: leaf[None], batch[:3])))
        chosen = self.manner(kind)._replace(donates=False)  # who writes a loop may hold on to what went in
        after, rows = self._span(kind, False, chosen)(constants, carry, data, number(0), number(1))
        return after, jax.tree.map(lambda leaf: np.asarray(leaf)[0], rows)

    def prepare(self, kind: str, constants: tuple[Any, ...], carry: Any, short: Chunk, placed: Any = None) -> None:
        """Compile for a short batch in a thread, while full ones are worked on; whoever comes to it waits."""
        if self.eager:
            return
        span = self._span(kind, short.gathers, self.manner(kind), placed)
        shapes = jax.tree.map(_shape, (constants, carry, short.data, number(0), number(0)))
        compiling = Thread(target=span.lower(*shapes).compile, name=f"kibitz compiles {kind}")
        self._under_way[kind] = compiling
        compiling.start()

    def _span(self, kind: str, gathers: bool, chosen: Manner, placed: Any = None) -> Callable[..., Any]:
        key = (kind, gathers, chosen, *jax.tree.leaves(placed))
        if key not in self._compiled:
            pick = pick_rows if gathers else pick_batch
            step = self._steps[kind]
            span = looped(step, pick, chosen.most) if chosen.loops else single(step, pick)
            span.__name__ = kind  # what the compilation is called in logs and reports
            donated = (1,) if chosen.donates else ()
            where: dict[str, Any] = {} if placed is None else {"out_shardings": (placed, None)}
            self._compiled[key] = _eager(span) if self.eager else jax.jit(span, donate_argnums=donated, **where)
        return self._compiled[key]


def _shape(leaf: Any) -> Any:
    return jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=spread(leaf))


def _debugging() -> bool:
    """Whether JAX looks at every result itself: it then runs a program again when something is wrong with it."""
    return bool(getattr(jax.config, "jax_debug_nans", False) or getattr(jax.config, "jax_debug_infs", False))


def _eager(function: Callable[..., Any]) -> Callable[..., Any]:
    def run(*args: Any) -> Any:
        with jax.disable_jit():
            return function(*args)

    return run
