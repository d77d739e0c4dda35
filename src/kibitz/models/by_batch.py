"""One batch at a time, without hooks: for loops that a user writes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from kibitz.data.source import Batch
from kibitz.engine.supply import place
from kibitz.models.arguments import check_both_weights
from kibitz.models.core import Core
from kibitz.models.objective import Objective
from kibitz.models.prepare import arrays, with_class_weight
from kibitz.models.refreezing import take_up
from kibitz.models.rehearsal import outputs_of, rehearse
from kibitz.models.running import in_order


class ByBatch:
    """What every model can do with one batch; it is a base of `Model`, and nobody makes one.

    Example:
        >>> import kibitz, numpy as np
        >>> model = kibitz.Sequential([kibitz.Input((2,)), kibitz.layers.Dense(1, kernel_initializer="zeros")])
        >>> model.compile("sgd", "mse")
        >>> model.test_on_batch(np.ones((4, 2)), np.ones((4, 1)))
        1.0
    """

    core: Core
    build_for: Callable[[Any], None]

    def train_on_batch(
        self, x: Any, y: Any = None, sample_weight: Any = None, class_weight: Any = None, return_dict: bool = False
    ) -> Any:
        """Do one step on one batch; no hook is called.

        Args:
            x: The inputs of the batch.
            y: Its targets.
            sample_weight: A weight for each row. None means 1 for all.
            class_weight: A weight for each class. None means 1 for all.
            return_dict: Whether to give a dict by name in place of a list.

        Returns:
            This batch's own numbers.

        Source: https://keras.io/api/models/model_training_apis/#trainonbatch-method
        """
        check_both_weights(class_weight, sample_weight)
        batch = Batch(*arrays(x, y, sample_weight))
        if class_weight is not None:
            batch = batch._replace(weight=with_class_weight(batch.y, class_weight))
        programs, objective = self._rehearsed(batch, training=True)
        timeline = self.core.timeline
        before = timeline.read()
        after, row = programs.once("train", (), before.with_(metrics=objective.accumulators(), graph={}), batch)
        timeline.base = after.with_(metrics=before.metrics, graph=before.graph)  # of a fit around this, if there is one
        objective.accumulated.leave(after.metrics)
        return _numbers(programs.train_rows.unpack(row)[0], objective, return_dict)

    def test_on_batch(self, x: Any, y: Any = None, sample_weight: Any = None, return_dict: bool = False) -> Any:
        """Measure one batch; no hook is called.

        Args:
            x: The inputs of the batch.
            y: Its targets.
            sample_weight: A weight for each row. None means 1 for all.
            return_dict: Whether to give a dict by name in place of a list.

        Source: https://keras.io/api/models/model_training_apis/#testonbatch-method
        """
        batch = Batch(*arrays(x, y, sample_weight))
        programs, objective = self._rehearsed(batch, training=False)
        variables = self.core.timeline.read().variables()
        after, row = programs.once("test", (variables,), objective.accumulators(), batch)
        objective.accumulated.leave(after)
        return _numbers(programs.test_rows.unpack(row)[0], objective, return_dict)

    def predict_on_batch(self, x: Any) -> Any:
        """The outputs for one batch as NumPy arrays; no hook is called.

        Args:
            x: The inputs of the batch.

        Source: https://keras.io/api/models/model_training_apis/#predictonbatch-method
        """
        return jax.tree.map(np.array, self(x))

    def __call__(self, x: Any, training: bool = False) -> Any:
        """The outputs for one batch as JAX arrays.

        Args:
            x: The inputs of the batch.
            training: Whether layers such as dropout and batch normalization act as in training; their random state and
                their statistics move on then.
        """
        batch = Batch(arrays(x, None, None)[0])
        self.build_for(batch.x)
        outputs_of(self.core, batch.x)
        variables, placed = self.core.timeline.read().variables(), place(batch)[0]
        if training:
            outputs, after, _ = self.core.timeline.forward(variables, placed, training=True)
            others = self.core.timeline.behind.others
            self.core.timeline.write_variables({name: after[name] for name in others})
            return outputs
        return self.core.programs_for_use().outputs(variables, placed)

    def _rehearsed(self, batch: Batch, *, training: bool) -> Any:
        self.core.check_compiled("train_on_batch" if training else "test_on_batch")
        self.build_for(batch.x)
        take_up(self.core)
        rehearse(self.core, batch, training=training)
        return self.core.ready("fit")


def _numbers(logs: dict[str, Any], objective: Objective, return_dict: bool) -> Any:
    return logs if return_dict else in_order(logs, objective.names)
