"""Workloads D and E: Flax NNX modules of which a step takes long, and what they are trained with."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx

import kibitz
from benchmarks.effort import Effort

WORDS, WIDTH, LENGTH, HEADS = 256, 128, 64, 4
SIDE = 2048


class Block(nnx.Module):
    """Attention to what came before, then two layers for each place."""

    def __init__(self, rngs: nnx.Rngs):
        self.norm_1, self.norm_2 = nnx.LayerNorm(WIDTH, rngs=rngs), nnx.LayerNorm(WIDTH, rngs=rngs)
        self.attention = nnx.MultiHeadAttention(HEADS, WIDTH, decode=False, rngs=rngs)
        self.wide, self.narrow = nnx.Linear(WIDTH, 4 * WIDTH, rngs=rngs), nnx.Linear(4 * WIDTH, WIDTH, rngs=rngs)

    def __call__(self, x: Any) -> Any:
        """From (batch, place, width) to the same."""
        x += self.attention(self.norm_1(x), mask=nnx.make_causal_mask(x[..., 0]))
        return x + self.narrow(nnx.gelu(self.wide(self.norm_2(x))))


class Transformer(nnx.Module):
    """D: a transformer of two layers, width 128, that says which word comes next."""

    def __init__(self, rngs: nnx.Rngs):
        self.words, self.places = nnx.Embed(WORDS, WIDTH, rngs=rngs), nnx.Embed(LENGTH, WIDTH, rngs=rngs)
        self.blocks = nnx.List([Block(rngs), Block(rngs)])
        self.norm, self.out = nnx.LayerNorm(WIDTH, rngs=rngs), nnx.Linear(WIDTH, WORDS, rngs=rngs)

    def __call__(self, x: Any) -> Any:
        """From words (batch, place) to logits (batch, place, word)."""
        x = self.words(x) + self.places(jnp.arange(x.shape[1]))
        for block in self.blocks:
            x = block(x)
        return self.out(self.norm(x))


class Workload(NamedTuple):
    """What both contestants are given.

    Args:
        module: The module, to be trained by one of them alone.
        kibitz_loss: The loss, as `compile` takes it.
        loss: The same as a function of (outputs, targets).
        optimizer: The Optax transformation that both use, so that the arithmetic is the same.
        x: Inputs.
        y: Targets.
        batch_size: Rows in a batch.
    """

    module: nnx.Module
    kibitz_loss: Any
    loss: Any
    optimizer: optax.GradientTransformation
    x: np.ndarray
    y: np.ndarray
    batch_size: int


def workload(kind: str, effort: Effort) -> Workload:
    """D, the transformer, or E, one matrix product so large that dispatch is nothing beside it."""
    rng, rngs = np.random.default_rng(0), nnx.Rngs(0)
    if kind == "D":
        size = effort.of(16, 16, 2)
        x = rng.integers(0, WORDS, (size * effort.of(80, 20, 2), LENGTH + 1)).astype("int32")
        loss = kibitz.losses.SparseCategoricalCrossentropy(from_logits=True)
        by_hand = optax.softmax_cross_entropy_with_integer_labels
        return Workload(Transformer(rngs), loss, lambda outputs, y: by_hand(outputs, y).mean(), optax.adam(1e-3),
                        x[:, :-1], x[:, 1:], size)  # fmt: skip
    side, size = effort.of(SIDE, SIDE, 8), effort.of(512, 512, 4)
    x, y = rng.random((2, size * effort.of(20, 8, 2), side), dtype="float32")
    module = nnx.Linear(side, side, use_bias=False, rngs=rngs)
    return Workload(module, "mse", lambda outputs, y: jnp.mean((outputs - y) ** 2), optax.adam(1e-3), x, y, size)
