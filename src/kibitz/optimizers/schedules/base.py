"""What a learning rate schedule is: a function of the step, with a configuration."""

from __future__ import annotations

from typing import Any, Self

import jax
import jax.numpy as jnp

from kibitz.errors import Unsupported


class LearningRateSchedule:
    """A learning rate that is computed from the number of the step.

    Give one to an optimizer as its `learning_rate`. It is computed within the compiled step, so that it costs nothing,
    and `optimizer.learning_rate` tells its present value. For a schedule of your own, write `__call__(self, step)`
    with `jax.numpy`, and `get_config` if its configuration is to be saved.

    Example:
        >>> from kibitz.optimizers import SGD
        >>> from kibitz.optimizers.schedules import LearningRateSchedule
        >>> class Harmonic(LearningRateSchedule):
        ...     def __call__(self, step):
        ...         return 1.0 / (step + 1)
        >>> float(SGD(Harmonic()).learning_rate)
        1.0

    Source: https://keras.io/api/optimizers/learning_rate_schedules/
    """

    def __call__(self, step: Any) -> Any:  # noqa: ARG002 - a subclass uses it
        """Compute the learning rate of a step; steps are counted from 0.

        Raises:
            Unsupported: If the subclass has not written it.
        """
        raise Unsupported(
            f"The schedule {type(self).__name__} does not say what the learning rate is.",
            given=type(self),
            wanted="a subclass with `__call__(self, step)`",
            cure="def __call__(self, step): return 0.1 / (step + 1)",
        )

    def get_config(self) -> dict[str, Any]:
        """Give the arguments that make this schedule again.

        Raises:
            Unsupported: If the subclass has not written it.
        """
        raise Unsupported(
            f"The schedule {type(self).__name__} does not tell its configuration, so it cannot be saved.",
            given=type(self),
            wanted="a subclass with `get_config(self)`",
            cure='def get_config(self): return {"initial_learning_rate": self.initial_learning_rate}',
        )

    def __repr__(self) -> str:
        arguments = self.get_config() if type(self).get_config is not LearningRateSchedule.get_config else {}
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in arguments.items())})"

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """Make a schedule from what `get_config` gave."""
        return cls(**config)


def as_float(step: Any) -> jax.Array:
    """Give a step as the float32 that the schedules compute with, as Keras does.

    Example:
        >>> from kibitz.optimizers.schedules.base import as_float
        >>> str(as_float(3).dtype)
        'float32'
    """
    return jnp.asarray(step).astype(jnp.float32)


def whole_periods(step: Any, length: float) -> jax.Array:
    """Count how many whole periods are over at a step, exactly if the length is a whole number.

    Compiled, a division by a constant is a multiplication by its reciprocal, and 41 * (1 / 41) is less than 1.

    Args:
        step: The step, counted from 0.
        length: Steps in a period.

    Example:
        >>> from kibitz.optimizers.schedules.base import whole_periods
        >>> [float(whole_periods(step, 41)) for step in (40, 41, 82)]
        [0.0, 1.0, 2.0]
    """
    step = jnp.asarray(step)
    if isinstance(length, int) and length < 2**31 and jnp.issubdtype(step.dtype, jnp.integer):
        return (step // length).astype(jnp.float32)
    return jnp.floor(as_float(step) / jnp.float32(length))
