"""The first values of a whole model, drawn in one compiled program instead of one for each shape."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import jax
import numpy as np
from flax import nnx

from kibitz.engine.forked import FORKS
from kibitz.layers.initializer import FromJax, RandomInitializer
from kibitz.layers.seeds import words_of

MANY = 2**24  # numbers that are worth the best code
HASTY = {"xla_backend_optimization_level": 1}
"""How to compile on CPU what runs once: in a third of the time, and the bits are the same (there is a test)."""


@dataclass(frozen=True)
class Draw:
    """What is drawn for one variable; two that differ only in their seeds are equal, and are one program."""

    initializer: RandomInitializer = field(compare=False)
    kind: Any
    shape: tuple[int, ...]
    dtype: Any


def draw_together(undrawn: Sequence[tuple[RandomInitializer, nnx.Variable[Any]]]) -> None:
    """Give every variable the values that its initializer draws, to the bit what it would draw alone.

    Seeds are arguments of the program, so that one program serves all seeds, and all models that are built alike.

    Args:
        undrawn: Initializers, each with its variable, which has the shape and the dtype.
    """
    if not undrawn:
        return
    FORKS.computing()
    draws = [Draw(each, _kind(each), variable.get_raw_value().shape, variable.get_raw_value().dtype)
             for each, variable in undrawn]  # fmt: skip
    words = np.stack([words_of(each.seed) for each, _ in undrawn])
    values = _program(tuple(draws), jax.default_backend())(jax.device_put(words))
    for (_, variable), value in zip(undrawn, values, strict=True):
        variable.set_raw_value(value)


@lru_cache(maxsize=64)
def _program(draws: tuple[Draw, ...], platform: str) -> Any:
    def drawn(words: Any) -> list[Any]:
        keys = [jax.random.wrap_key_data(words[index], impl="threefry2x32") for index in range(len(draws))]
        return [each.initializer.draw(key, each.shape, each.dtype) for each, key in zip(draws, keys, strict=True)]

    few = sum(math.prod(each.shape) for each in draws) <= MANY
    return jax.jit(drawn, compiler_options=HASTY if few and platform == "cpu" else None)


def _kind(initializer: RandomInitializer) -> Any:
    """What decides on the program besides shape and dtype; one of the user's own is like no other."""
    if not type(initializer).__module__.startswith("kibitz.") or isinstance(initializer, FromJax):
        return id(initializer)  # it is kept with the program, so that no other gets its number
    config = {**initializer.get_config(), "seed": None}
    return type(initializer), repr(sorted(config.items()))
