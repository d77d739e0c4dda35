"""What a callback may ask of a model and its optimizer, with nothing behind it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kibitz.run import Run
from kibitz.variable import Variable


class FakeModel:
    """What a callback may ask of a model, and nothing behind it: its one weight counts the steps.

    Args:
        learning_rate: The optimizer's learning rate, kept in float32.

    Example:
        >>> import kibitz
        >>> model = kibitz.testing.FakeModel(learning_rate=0.5)
        >>> _ = kibitz.testing.drive(kibitz.callbacks.History(), epochs=[{"loss": 1.0}] * 2, batches=3, model=model)
        >>> model.get_weights()[0].tolist(), float(model.optimizer.learning_rate)
        ([6.0], 0.5)
    """

    name = "fake"
    built = True
    metrics_names = ("loss",)

    def __init__(self, learning_rate: float = 0.01):
        self.optimizer = FakeOptimizer(learning_rate)
        self.layers: list[Any] = []
        self.metrics: list[Any] = []
        self.history: Any = None
        self.run: Run | None = None
        self.stop_evaluating = self.stop_predicting = False
        self._flag = False
        self._weights = [np.zeros(1, "float32")]

    @property
    def stop_training(self) -> bool:
        """The run's flag, while there is a run."""
        return self._flag if self.run is None else self.run.stop_requested

    @stop_training.setter
    def stop_training(self, wanted: bool) -> None:
        self._flag = wanted
        if self.run is not None:
            self.run.flag(wanted)

    @property
    def weights(self) -> list[Variable]:
        """The weights as variables."""
        return [Variable(lambda: self._weights[0], lambda value: self.set_weights([value]), name="steps")]

    def step(self) -> None:
        """One step: the weight and `optimizer.iterations` grow by one."""
        self._weights[0] = self._weights[0] + 1
        self.optimizer.iterations.assign_add(1)

    def get_weights(self) -> list[np.ndarray]:
        """Copies of the weights."""
        return [weight.copy() for weight in self._weights]

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Put these weights in place of its own."""
        self._weights = [np.array(weight, "float32") for weight in weights]

    def save(self, filepath: Any, overwrite: bool = True) -> None:
        """Write the weights into a file."""
        self.save_weights(filepath, overwrite)

    def save_weights(self, filepath: Any, overwrite: bool = True) -> None:
        """Write the weights into a file."""
        with Path(filepath).open("wb" if overwrite else "xb") as file:
            np.savez(file, *self._weights)

    def load_weights(self, filepath: Any) -> None:
        """Read the weights back."""
        with np.load(filepath) as file:
            self.set_weights([file[name] for name in file.files])


class FakeOptimizer:
    """An optimizer's learning rate and its count of steps, both as variables.

    Args:
        learning_rate: Kept in float32, as a real one keeps it.

    Example:
        >>> import kibitz
        >>> optimizer = kibitz.testing.FakeOptimizer(learning_rate=0.5)
        >>> optimizer.learning_rate = optimizer.learning_rate / 2
        >>> float(optimizer.learning_rate), int(optimizer.iterations)
        (0.25, 0)
    """

    name = "fake"

    def __init__(self, learning_rate: float):
        self._state = {"learning_rate": np.float32(learning_rate), "iterations": np.int32(0)}

    @property
    def learning_rate(self) -> Variable:
        """The learning rate; assign a number to it."""
        return self._variable("learning_rate", np.float32)

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        self.learning_rate.assign(value)

    @property
    def iterations(self) -> Variable:
        """Steps done."""
        return self._variable("iterations", np.int32)

    def _variable(self, name: str, dtype: Any) -> Variable:
        return Variable(lambda: self._state[name], lambda value: self._state.update({name: dtype(value)}), name=name)
