"""The running means that Adam and its kin keep."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from kibitz.optimizers.rule import Slots, Step

MOMENTS: list[dict[str, float]] = [{"momentum": 0.0, "velocity": 0.0}]
"""Their slots: the mean of the gradient, and the mean of its square."""


def powers(beta_1: float, beta_2: float, step: Step) -> tuple[jax.Array, jax.Array]:
    """Raise both betas to the number of the step, in the parameter's dtype.

    Example:
        >>> import jax.numpy as jnp
        >>> from kibitz.optimizers.moments import powers
        >>> from kibitz.optimizers.rule import Step
        >>> [float(each) for each in powers(0.5, 0.25, Step(jnp.ones(1), jnp.ones(()), jnp.int32(2)))]
        [0.25, 0.0625]
    """
    kind = step.parameter.dtype
    exponent = step.number.astype(kind)
    return jnp.power(jnp.asarray(beta_1, kind), exponent), jnp.power(jnp.asarray(beta_2, kind), exponent)


def moments(gradient: jax.Array, slots: Slots, new_1: float | jax.Array, new_2: float | jax.Array) -> Slots:
    """Move the running means of the gradient ("momentum") and of its square ("velocity") on.

    Args:
        gradient: One parameter's gradient.
        slots: Its running means before.
        new_1: The share of the gradient in the first.
        new_2: The share of its square in the second.

    Example:
        >>> import jax.numpy as jnp
        >>> from kibitz.optimizers.moments import moments
        >>> after = moments(jnp.float32(4), {"momentum": jnp.float32(0), "velocity": jnp.float32(0)}, 0.5, 0.25)
        >>> {name: float(each) for name, each in after.items()}
        {'momentum': 2.0, 'velocity': 4.0}
    """
    mean, size = slots["momentum"], slots["velocity"]
    return {
        "momentum": mean + (gradient - mean) * new_1,
        "velocity": size + (jnp.square(gradient) - size) * new_2,
    }
