"""What a case of bad input is, and the tiny models at which they are tried."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from flax import nnx

import kibitz
from kibitz.errors import KibitzError
from kibitz.testing import Recorder

X = np.linspace(-1, 1, 128).reshape(32, 4).astype("float32")
Y = X.sum(axis=1, keepdims=True)
LABELS = np.arange(32) % 3
NAN = float("nan")


@dataclass(frozen=True)
class Case:
    """One mistake and the whole of what is said to it.

    `plain` is the exception that a Keras user would catch; `text` may be indented as the code around it.
    """

    name: str
    act: Callable[[Scene], Any]
    kind: type[KibitzError]
    plain: type[Exception]
    text: str

    @property
    def words(self) -> str:
        return textwrap.dedent(self.text).strip()


class Scene:
    """Compiled models that were never trained, and a recorder among the callbacks of every call."""

    def __init__(self):
        self.record = Recorder()
        self.line = stack("line", kibitz.layers.Dense(1, name="out"))
        self.classes = stack("classes", kibitz.layers.Dense(3, name="out"), loss="sparse_categorical_crossentropy")
        self.onehot = stack("onehot", kibitz.layers.Dense(3, name="out"), loss="categorical_crossentropy")
        self.yes_or_no = stack("yes_or_no", kibitz.layers.Dense(1, name="out"), loss="binary_crossentropy")
        self.spare = stack("spare", kibitz.layers.Dense(1, name="out"))
        self.two = kibitz.Model(TwoOutputs(nnx.Rngs(0)), name="two")
        self.two.compile("sgd", {"a": "mse", "b": "mse"})
        self.sides = kibitz.Model(TwoInputs(nnx.Rngs(0)), name="sides")
        self.sides.compile("sgd", "mse")
        self._before = [model.get_weights() for model in self.models]

    def fit(self, x: Any = X, y: Any = Y, model: Any = None, callbacks: Any = (), **more: Any) -> Any:
        more = {"verbose": 0, **more}
        return (model or self.line).fit(x, y, callbacks=[*callbacks, self.record], **more)

    def evaluate(self, x: Any = X, y: Any = Y, model: Any = None, callbacks: Any = (), **more: Any) -> Any:
        return (model or self.line).evaluate(x, y, callbacks=[*callbacks, self.record], verbose=0, **more)

    def predict(self, x: Any = X, callbacks: Any = (), **more: Any) -> Any:
        return self.line.predict(x, callbacks=[*callbacks, self.record], verbose=0, **more)

    @property
    def models(self) -> list[Any]:
        return [each for each in vars(self).values() if isinstance(each, kibitz.Model)]

    def moved(self) -> bool:
        """Whether a weight is not what it was, or a step was counted."""
        pairs = zip(self.models, self._before, strict=True)
        same = all(np.array_equal(*both) for model, was in pairs for both in zip(model.get_weights(), was, strict=True))
        return not same or any(int(model.optimizer.iterations) for model in self.models)

    def reset(self) -> Scene:
        """Put everything back as it was; what was compiled stays."""
        self.record.calls.clear()
        for model, was in zip(self.models, self._before, strict=True):
            model.set_weights(was)
            model.optimizer.iterations.assign(0)
            model.optimizer.learning_rate = 0.01
        return self


def stack(name: str, *layers: Any, loss: str = "mse", shape: tuple[int, ...] = (4,)) -> Any:
    model = kibitz.Sequential([kibitz.Input(shape), *layers], name=name)
    model.compile(kibitz.optimizers.SGD(name=f"{name}_sgd"), loss, metrics=["mae"] if loss == "mse" else None)
    return model


class TwoOutputs(nnx.Module):
    def __init__(self, rngs):
        self.a, self.b = nnx.Linear(4, 1, rngs=rngs), nnx.Linear(4, 2, rngs=rngs)

    def __call__(self, x):
        return {"a": self.a(x), "b": self.b(x)}


class TwoInputs(nnx.Module):
    def __init__(self, rngs):
        self.linear = nnx.Linear(4, 1, rngs=rngs)

    def __call__(self, x):
        return self.linear(x["left"]) - self.linear(x["right"])


class Picky(nnx.Module):
    def __call__(self, x):
        raise ValueError("four columns are a must.")


class Loader:
    """Gives batches anew each time it is asked, as loaders of other libraries do."""

    def __iter__(self):
        return batches(2)

    def __repr__(self):
        return "<Loader>"


class Stream:
    """An iterator over batches that can be shown in a text."""

    def __init__(self, *given: Any):
        self._given = iter(given)

    def __iter__(self):
        return self

    def __next__(self):
        return next(self._given)

    def __repr__(self):
        return "<Stream>"


class Frame:
    """What a data frame shows of itself, with a hole in one column."""

    columns = ("age", "size")

    def __array__(self, dtype=None, copy=None):
        return np.array([[1, 2], [3, None]], object)


class Thing:
    """No callback, though it can be called."""

    def __repr__(self):
        return "<Thing>"


def batches(count: int, rows: int = 4) -> Iterator[Any]:
    for index in range(count):
        yield X[index * rows : (index + 1) * rows], Y[index * rows : (index + 1) * rows]


def put(array: np.ndarray, at: Any, value: Any) -> np.ndarray:
    """A copy with one value changed."""
    copy = array.copy()
    copy[at] = value
    return copy
