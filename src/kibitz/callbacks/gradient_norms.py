"""How large the gradients are, from within the training step."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp

from kibitz.callbacks.base import Callback, Traced


class GradientNorms(Callback):
    """Log the norm of all gradients together, and if wanted of each parameter's.

    A norm that grows without bound, or shrinks to nothing, is seen here long before the loss tells. It is worked out
    where the gradients are, within the step, and travels with the step's own numbers. At every step of a small model
    that costs up to a quarter of its time; every hundred steps, next to nothing.

    Args:
        each: Whether to log the norm of each parameter too, as "gradient_norm/dense/kernel" and so on.
        every: How often, in steps, such as "100 steps". None means at every step.
        **declared: `on_error`, `before`, `after`, as for any callback.

    Raises:
        InvalidArgument: If `every` cannot be read; before the first step, if it is not in steps.

    Reads: gradients, within the step.
    Changes: nothing; logs "gradient_norm", of an epoch its mean.
    Keeps: nothing.
    Unlike Keras: there is none in Keras.

    Example:
        >>> import kibitz, numpy as np
        >>> model = kibitz.Sequential([kibitz.layers.Dense(1, input_shape=(2,), kernel_initializer="zeros")])
        >>> model.compile("sgd", "mse")
        >>> norms = kibitz.callbacks.GradientNorms()
        >>> history = model.fit(np.ones((4, 2)), np.ones((4, 1)), verbose=0, callbacks=[norms])
        >>> [round(norm, 4) for norm in history.history["gradient_norm"]]  # 2 for each of two weights and a bias
        [3.4641]

    Source: Pascanu, Mikolov, Bengio: On the difficulty of training recurrent neural networks, ICML 2013.
    """

    adds = ()

    def __init__(self, each: bool = False, *, every: str | None = None, **declared: Any):
        super().__init__(every=every, **declared)
        self.each = each

    def on_gradients(self, grads: dict[str, Any], params: dict[str, Any], state: Any) -> Traced:
        """Add up the squares."""
        squares = {name: jnp.sum(jnp.square(grad.astype(jnp.float32))) for name, grad in grads.items()}
        logs = {"gradient_norm": jnp.sqrt(sum(squares.values(), start=jnp.float32(0)))}
        if self.each:
            logs |= {f"gradient_norm/{name}": jnp.sqrt(square) for name, square in squares.items()}
        return grads, state, logs
