"""The first values of a whole model, drawn in one compiled program instead of one for each shape."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
from flax import nnx

from kibitz.layers.initializer import RandomInitializer
from kibitz.layers.seeds import words_of

MANY = 2**24  # numbers that are worth the best code
HASTY = {"xla_backend_optimization_level": 1}
"""How to compile on CPU what runs once: in a third of the time, and the bits are the same (there is a test)."""


def draw_together(undrawn: Sequence[tuple[RandomInitializer, nnx.Variable[Any]]]) -> None:
    """Give every variable the values that its initializer draws, to the bit what it would draw alone.

    Seeds are arguments of the program, so that one program serves all seeds.

    Args:
        undrawn: Initializers, each with its variable, which has the shape and the dtype.
    """
    if not undrawn:
        return
    shapes = [(variable.get_raw_value().shape, variable.get_raw_value().dtype) for _, variable in undrawn]

    def drawn(words: Any) -> list[Any]:
        keys = [jax.random.wrap_key_data(words[index], impl="threefry2x32") for index in range(len(undrawn))]
        each = zip(undrawn, keys, shapes, strict=True)
        return [initializer.draw(key, shape, dtype) for (initializer, _), key, (shape, dtype) in each]

    words = np.stack([words_of(initializer.seed) for initializer, _ in undrawn])
    few = sum(math.prod(shape) for shape, _ in shapes) <= MANY
    options = HASTY if few and jax.default_backend() == "cpu" else None
    values = jax.jit(drawn, compiler_options=options)(jax.device_put(words))
    for (_, variable), value in zip(undrawn, values, strict=True):
        variable.set_raw_value(value)
