"""What a model has measured: its metric objects, their names, and their numbers as of now."""

from __future__ import annotations

from typing import Any

from kibitz.errors import NotReady, code
from kibitz.models.core import Core


class Measured:
    """What every model can tell of its metrics; it is a base of `Model`, and nobody makes one.

    Example:
        >>> import kibitz, numpy as np
        >>> model = kibitz.Sequential([kibitz.Input((2,)), kibitz.layers.Dense(1, kernel_initializer="zeros")])
        >>> model.compile("sgd", "mse", metrics=["mae"])
        >>> _ = model.evaluate(np.ones((4, 2)), np.full((4, 1), 2.0), verbose=0)
        >>> {name: float(value) for name, value in model.get_metrics_result().items()}
        {'loss': 4.0, 'mae': 2.0}
    """

    core: Core

    @property
    def metrics(self) -> list[Any]:
        """The metric objects, in the order of compile; known after the first data."""
        return [] if self.core.objective is None else [each.metric for each in self.core.objective.measures]

    @property
    def metrics_names(self) -> list[str]:
        """The names of what `evaluate` gives, in its order."""
        return [] if self.core.objective is None else self.core.objective.names

    def get_metrics_result(self) -> dict[str, Any]:
        """The loss and the metrics as of now, as JAX arrays by name.

        In a hook these are the running means after that very batch. After validation they are its numbers, until the
        next epoch begins; after a run, those that it ended with.

        Raises:
            NotReady: If the metrics were compiled and have seen no data, so that not all of them are known.
        """
        objective = self.core.objective
        if objective is None:
            return {}
        if objective.outputs is None and (objective.given["metrics"] or objective.given["weighted_metrics"]):
            raise NotReady(
                "The metrics have seen no data yet.",
                given=code("model.get_metrics_result()"),
                wanted="a model that was trained or evaluated",
                cure="model.evaluate(x, y) first",
            )
        results = objective.results(objective.accumulated.now())
        first = [name for name in objective.names if name in results]
        return {name: results[name] for name in (*first, *(each for each in results if each not in first))}

    def reset_metrics(self) -> None:
        """Begin the running means anew: in a hook, from the next batch on."""
        if self.core.objective is not None:
            self.core.objective.accumulated.put(self.core.objective.accumulators())
