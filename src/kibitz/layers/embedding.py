"""Whole numbers as vectors that are learned."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from kibitz.layers import constraints, initializers, regularizers
from kibitz.layers.arguments import absent, whole
from kibitz.layers.base import Layer
from kibitz.layers.weight import WeightAttribute


class Embedding(Layer):
    """Look up a learned vector for each whole number: a word, a user, an item.

    Args:
        input_dim: How many numbers there are: they go from 0 to `input_dim - 1`.
        output_dim: The size of the vectors.
        embeddings_initializer: The vectors' first values.
        embeddings_regularizer: A penalty on the vectors, added to the loss. None means none.
        embeddings_constraint: What the vectors must keep to after each step. None means nothing.
        mask_zero: Not here: True is refused.
        weights: The vectors themselves, an array of shape `(input_dim, output_dim)`. None draws them.
        lora_rank, lora_alpha, quantization_config: Not here: anything but None is refused.
        kwargs: See `Layer`.

    Raises:
        InvalidArgument: If a size is no whole number of at least 1.
        ShapeMismatch: If `weights` has another shape.
        Unsupported: For masks, LoRA and quantization.

    Example:
        >>> import numpy as np
        >>> from kibitz.layers import Embedding
        >>> layer = Embedding(3, 2, weights=np.array([[0, 0], [1, 10], [2, 20]]))
        >>> layer(np.array([[2, 1]])).tolist()
        [[[2.0, 20.0], [1.0, 10.0]]]

    A number outside the vocabulary gives NaN, as in Keras on JAX.

    Source: https://keras.io/api/layers/core_layers/embedding/
    """

    embeddings = WeightAttribute()
    config_names = (
        *("input_dim", "output_dim", "embeddings_initializer", "embeddings_regularizer", "activity_regularizer"),
        *("embeddings_constraint", "mask_zero", "quantization_config"),
    )

    def __init__(
        self,
        input_dim: int,
        output_dim: int,
        embeddings_initializer: Any = "uniform",
        embeddings_regularizer: Any = None,
        embeddings_constraint: Any = None,
        mask_zero: bool = False,
        weights: Any = None,
        lora_rank: int | None = None,
        lora_alpha: float | None = None,
        quantization_config: Any = None,
        **kwargs: Any,
    ):
        kwargs.pop("input_length", None)  # Keras takes it, and does nothing with it
        super().__init__(**{"autocast": False, **kwargs})
        absent(
            "Embedding",
            "leave it out",
            mask_zero=mask_zero,
            lora_rank=lora_rank,
            lora_alpha=lora_alpha,
            quantization_config=quantization_config,
        )
        self.input_dim = whole(input_dim, "input_dim", "Embedding(1000, 64)")
        self.output_dim = whole(output_dim, "output_dim", "Embedding(1000, 64)")
        self.embeddings_initializer = initializers.get(embeddings_initializer)
        self.embeddings_regularizer = regularizers.get(embeddings_regularizer)
        self.embeddings_constraint = constraints.get(embeddings_constraint)
        self.mask_zero, self.quantization_config = False, None
        if weights is not None:
            self.build(None)
            self.set_weights(weights if isinstance(weights, list) and len(weights) == 1 else [weights])

    def build(self, input_shape: Any = None) -> None:  # noqa: ARG002 - the vectors do not depend on it
        """Make the vectors."""
        self.embeddings = self.add_weight(
            name="embeddings",
            shape=(self.input_dim, self.output_dim),
            initializer=self.embeddings_initializer,
            regularizer=self.embeddings_regularizer,
            constraint=self.embeddings_constraint,
        )

    def call(self, inputs: jax.Array) -> jax.Array:
        """Give a vector for each number."""
        if not jnp.issubdtype(inputs.dtype, jnp.integer):
            inputs = inputs.astype("int32")
        return jnp.take(self.now("embeddings"), inputs, axis=0).astype(self.compute_dtype)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """The inputs' shape with the vectors' size after it."""
        return (*tuple(input_shape), self.output_dim)
