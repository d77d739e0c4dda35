"""Gradients kept within bounds, whatever the optimizer."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp

from kibitz.callbacks.base import Callback, Traced
from kibitz.callbacks.number import number
from kibitz.errors import InvalidArgument, code

NAME = "GradientClip"


class GradientClip(Callback):
    """Make gradients smaller where they are too large, before the optimizer sees them.

    Kibitz's optimizers clip themselves (`clipnorm`, `global_clipnorm`, `clipvalue`); use this with any other, or where
    you want to see how often it happens: "clipped" in the logs is the share of steps.

    Args:
        norm: The most that the norm of all gradients together may be; all are scaled alike. None means no bound.
        value: The most that the size of each number may be. None means no bound.
        **declared: `on_error`, `before`, `after`, as for any callback.

    Raises:
        InvalidArgument: If neither or both are given, or one is not more than 0.

    Reads: gradients, within the step.
    Changes: gradients, within the step; logs "clipped", 1 for a step at which it did something.
    Keeps: nothing.
    Unlike Keras: there is none in Keras.

    Example:
        >>> import kibitz, numpy as np
        >>> model = kibitz.Sequential([kibitz.layers.Dense(1, input_shape=(1,), kernel_initializer="zeros")])
        >>> model.compile(kibitz.optimizers.SGD(1.0), "mse")
        >>> clip = kibitz.callbacks.GradientClip(value=0.5)
        >>> history = model.fit(np.ones((1, 1)), [[9.0]], verbose=0, callbacks=[clip])
        >>> model.get_weights()[0].item(), history.history["clipped"]
        (0.5, [1.0])

    Source: Pascanu, Mikolov, Bengio: On the difficulty of training recurrent neural networks, ICML 2013.
    """

    adds = ()

    def __init__(self, norm: float | None = None, value: float | None = None, **declared: Any):
        super().__init__(**declared)
        if (norm is None) == (value is None):
            raise InvalidArgument(
                f"{NAME} has one bound.",
                given=code(f"{NAME}(norm={norm}, value={value})"),
                wanted="norm or value",
                cure=f"{NAME}(norm=1.0)",
            )
        for name, bound in (("norm", norm), ("value", value)):
            if bound is not None and number(NAME, name, bound, least=0, such_as=1) == 0:
                raise InvalidArgument(f"{NAME} would let nothing through.", given=code(f"{NAME}({name}=0)"),
                                      wanted="more than 0", cure=f"{NAME}({name}=1.0)")  # fmt: skip
        self.norm, self.value = norm, value

    def on_gradients(self, grads: dict[str, Any], params: dict[str, Any], state: Any) -> Traced:
        """Make them smaller."""
        if self.value is not None:
            bound = self.value
            over = [jnp.any(jnp.abs(grad) > bound) for grad in grads.values()]
            clipped = {name: jnp.clip(grad, -bound, bound) for name, grad in grads.items()}
            return clipped, state, {"clipped": jnp.any(jnp.stack(over)) if over else 0.0}
        squares = [jnp.sum(jnp.square(grad.astype(jnp.float32))) for grad in grads.values()]
        norm, bound = jnp.sqrt(sum(squares, start=jnp.float32(0))), jnp.float32(self.norm)
        factor = jnp.where(norm > bound, bound / jnp.maximum(norm, bound), 1.0)
        scaled = {name: (grad * factor.astype(grad.dtype)) for name, grad in grads.items()}
        return scaled, state, {"clipped": norm > bound}
