"""The tiny models and data of the scenarios: weights and rows from a seeded generator, the same for both libraries."""

from __future__ import annotations

import contextlib
import io
import re
from collections.abc import Iterator
from typing import Any

import numpy as np


def rows(count: int, *shape: int, seed: int = 0) -> np.ndarray:
    """Numbers from -1 to 1 as float32."""
    return np.random.default_rng(seed).uniform(-1, 1, (count, *shape)).astype("float32")


def line_data(count: int = 10) -> tuple[np.ndarray, np.ndarray]:
    """Rows of three numbers, and their sum with a bend in it as the target, as a column."""
    x = rows(count, 3)
    return x, x.sum(axis=1, keepdims=True) + 0.5 * x[:, :1] ** 2


def class_data(count: int = 12, classes: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Rows of three numbers, and a class as an integer."""
    return rows(count, 3), np.random.default_rng(5).integers(0, classes, count)


def fix(model: Any, seed: int = 7) -> Any:
    """Set all weights of a built model from a seeded generator; moving variances stay positive."""
    random = np.random.default_rng(seed)
    model.set_weights([random.uniform(0.1, 0.6, np.shape(weight)).astype("float32") for weight in model.get_weights()])
    return model


def line(ns: Any, optimizer: Any = None, loss: Any = "mse", metrics: Any = ("mae",), **compiled: Any) -> Any:
    """Three numbers in, one out: four weights, plain SGD unless told otherwise."""
    model = ns.Sequential([ns.Input((3,)), ns.layers.Dense(1, name="out")])
    fix(model)
    optimizer = ns.optimizers.SGD(0.1) if optimizer is None else optimizer
    model.compile(optimizer=optimizer, loss=loss, metrics=list(metrics) if metrics else None, **compiled)
    return model


def classifier(ns: Any, classes: int = 3, activation: str = "softmax", **compiled: Any) -> Any:
    """Three numbers in, a probability for each class out."""
    model = ns.Sequential([ns.Input((3,)), ns.layers.Dense(classes, activation=activation, name="out")])
    fix(model)
    settings = {"optimizer": ns.optimizers.SGD(0.2), "loss": "sparse_categorical_crossentropy", **compiled}
    model.compile(**settings)
    return model


def stacked(ns: Any, shape: tuple[int, ...], *layers: Any, **compiled: Any) -> Any:
    """Any stack of layers on an input of this shape, with fixed weights, compiled with SGD and mse unless told."""
    model = ns.Sequential([ns.Input(shape), *layers])
    fix(model)
    model.compile(**{"optimizer": ns.optimizers.SGD(0.1), "loss": "mse", **compiled})
    return model


def two_heads(ns: Any, **compiled: Any) -> Any:
    """One input, an output "a" of one number and "b" of two: functional in Keras, an NNX module in Kibitz."""
    if ns.__name__ == "keras":
        given = ns.Input((3,), name="x")
        heads = {key: ns.layers.Dense(size, name=key)(given) for key, size in (("a", 1), ("b", 2))}
        model = ns.Model(given, heads)
    else:
        model = ns.Model(_two_heads_module())
        model.predict(rows(1, 3), verbose=0)
    set_dense(model, ns, {"a": 1, "b": 2})
    model.compile(**{"optimizer": ns.optimizers.SGD(0.1), "loss": "mse", **compiled})
    return model


def two_inputs(ns: Any, keys: tuple[str, ...] | None = ("left", "right")) -> Any:
    """Two inputs of three numbers, added after a dense layer each; by name, or by position if `keys` is None."""
    if ns.__name__ == "keras":
        left, right = (ns.Input((3,), name=name) for name in ("left", "right"))
        total = ns.layers.Add()([ns.layers.Dense(1, name="a")(left), ns.layers.Dense(1, name="b")(right)])
        model = ns.Model({"left": left, "right": right} if keys else (left, right), total)
    else:
        model = ns.Model(_two_inputs_module(keys))
        both = (rows(1, 3), rows(1, 3))
        model.predict(dict(zip(keys, both, strict=True)) if keys else both, verbose=0)
    set_dense(model, ns, {"a": 1, "b": 1})
    model.compile(optimizer=ns.optimizers.SGD(0.1), loss="mse", metrics=["mae"])
    return model


def set_dense(model: Any, ns: Any, sizes: dict[str, int]) -> None:
    """Give each dense layer, found by its name, the same weights in both libraries."""
    for index, (name, size) in enumerate(sizes.items()):
        kernel, bias = rows(3, size, seed=20 + index), rows(1, size, seed=30 + index)[0]
        if ns.__name__ == "keras":
            model.get_layer(name).set_weights([kernel, bias])
        else:
            layer = getattr(model.module, name)
            layer.kernel[...], layer.bias[...] = kernel, bias


def dense_weights(model: Any, ns: Any, *names: str) -> list:
    """The weights of dense layers found by name, kernel before bias."""
    if ns.__name__ == "keras":
        return [weight for name in names for weight in model.get_layer(name).get_weights()]
    layers = [getattr(model.module, name) for name in names]
    return [np.array(weight[...]) for layer in layers for weight in (layer.kernel, layer.bias)]


def _two_heads_module() -> Any:
    from flax import nnx

    class TwoHeads(nnx.Module):
        def __init__(self, rngs: Any):
            self.a, self.b = nnx.Linear(3, 1, rngs=rngs), nnx.Linear(3, 2, rngs=rngs)

        def __call__(self, x: Any) -> dict:
            return {"a": self.a(x), "b": self.b(x)}

    return TwoHeads(nnx.Rngs(0))


def _two_inputs_module(keys: tuple[str, ...] | None) -> Any:
    from flax import nnx

    class TwoInputs(nnx.Module):
        def __init__(self, rngs: Any):
            self.a, self.b = nnx.Linear(3, 1, rngs=rngs), nnx.Linear(3, 1, rngs=rngs)

        def __call__(self, both: Any) -> Any:
            left, right = (both[key] for key in keys) if keys else both
            return self.a(left) + self.b(right)

    return TwoInputs(nnx.Rngs(0))


def files(folder: Any) -> list[str]:
    """The names in a folder, sorted."""
    return sorted(each.name for each in folder.iterdir())


@contextlib.contextmanager
def printed() -> Iterator[io.StringIO]:
    """What is printed inside."""
    with contextlib.redirect_stdout(io.StringIO()) as text:
        yield text


def without_times(text: str) -> list[str]:
    """The lines of a printed text without control codes, bars and measured times."""
    text = re.sub(r"\x1b\[[0-9;]*m|\x08|[━╸╺]", "", text)
    text = re.sub(r"(- )?\b\d+(ms|s|us)(/(step|epoch|batch))?\b", "", text)
    finished = [re.sub(r"\s+", " ", row.split("\r")[-1]).strip() for row in text.split("\n")]
    return [row for row in finished if row]


def raised(call: Any, kind: type[BaseException]) -> str:
    """Whether a call raises an error that `except kind` would catch."""
    try:
        call()
    except kind:
        return kind.__name__
    except Exception as error:
        return f"not {kind.__name__} but {type(error).__name__}"
    return "nothing"
