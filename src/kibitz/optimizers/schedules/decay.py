"""Schedules that fall: by a power, by a fraction, along a polynomial, in steps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

from kibitz.errors import InvalidArgument, ShapeMismatch, code
from kibitz.optimizers.arguments import flag, number, rate
from kibitz.optimizers.schedules.base import LearningRateSchedule, as_float, whole_periods

_steps = number("(0, inf)", cure=1000)
_any = number("(-inf, inf)", cure=0.9)


class _Periodic(LearningRateSchedule):
    # The same happens in each period, smoothly or at its end.
    def __init__(self, initial_learning_rate: float, decay_steps: float, decay_rate: float, staircase: bool, name: str):
        self.initial_learning_rate = rate("initial_learning_rate", initial_learning_rate)
        self.decay_steps = _steps("decay_steps", decay_steps)
        self.decay_rate = _any("decay_rate", decay_rate)
        self.staircase = flag("staircase", staircase)
        self.name = name

    def get_config(self) -> dict[str, Any]:
        """Give the arguments that make this schedule again."""
        return _config(self, "initial_learning_rate", "decay_steps", "decay_rate", "staircase", "name")

    def _periods(self, step: Any) -> jax.Array:
        if self.staircase:
            return whole_periods(step, self.decay_steps)
        return as_float(step) / jnp.float32(self.decay_steps)


class ExponentialDecay(_Periodic):
    """Multiply the learning rate by `decay_rate` every `decay_steps` steps, smoothly or in stairs.

    Args:
        initial_learning_rate: The rate at step 0.
        decay_steps: Steps after which the rate has been multiplied by `decay_rate` once. More than 0.
        decay_rate: The factor.
        staircase: Whether the rate stays the same for `decay_steps` steps at a time.
        name: A name for the configuration; nothing else uses it.

    Raises:
        InvalidArgument: If the rate is negative or not finite, or `decay_steps` is not more than 0.

    Unlike Keras: a whole number as initial rate is a float too (Keras computes with integers then, and gives 0); a
    stair begins at its step (in Keras, compiled by JAX, some begin a step late).

    Example:
        >>> from kibitz.optimizers.schedules import ExponentialDecay
        >>> schedule = ExponentialDecay(1.0, decay_steps=10, decay_rate=0.5)
        >>> [float(schedule(step)) for step in (0, 10, 20)]
        [1.0, 0.5, 0.25]

    Source: https://keras.io/api/optimizers/learning_rate_schedules/exponential_decay/
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: float,
        decay_rate: float,
        staircase: bool = False,
        name: str = "ExponentialDecay",
    ):
        super().__init__(initial_learning_rate, decay_steps, decay_rate, staircase, name)

    def __call__(self, step: Any) -> jax.Array:
        """Compute the learning rate of a step."""
        return jnp.float32(self.initial_learning_rate) * jnp.power(jnp.float32(self.decay_rate), self._periods(step))


class InverseTimeDecay(_Periodic):
    """Divide the learning rate by a number that grows with time: `1 + decay_rate * step / decay_steps`.

    Args:
        initial_learning_rate: The rate at step 0.
        decay_steps: Steps in which the divisor grows by `decay_rate`. More than 0.
        decay_rate: How much the divisor grows.
        staircase: Whether the rate stays the same for `decay_steps` steps at a time.
        name: A name for the configuration; nothing else uses it.

    Raises:
        InvalidArgument: If the rate is negative or not finite, or `decay_steps` is not more than 0.

    Example:
        >>> from kibitz.optimizers.schedules import InverseTimeDecay
        >>> schedule = InverseTimeDecay(1.0, decay_steps=10, decay_rate=1.0)
        >>> [float(schedule(step)) for step in (0, 10, 30)]
        [1.0, 0.5, 0.25]

    Source: https://keras.io/api/optimizers/learning_rate_schedules/inverse_time_decay/
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: float,
        decay_rate: float,
        staircase: bool = False,
        name: str = "InverseTimeDecay",
    ):
        super().__init__(initial_learning_rate, decay_steps, decay_rate, staircase, name)

    def __call__(self, step: Any) -> jax.Array:
        """Compute the learning rate of a step."""
        return jnp.float32(self.initial_learning_rate) / (1.0 + jnp.float32(self.decay_rate) * self._periods(step))


class PolynomialDecay(LearningRateSchedule):
    """Go from one learning rate to another in `decay_steps` steps, along a power of the time that is left.

    Args:
        initial_learning_rate: The rate at step 0.
        decay_steps: Steps until the end is reached. More than 0.
        end_learning_rate: The rate from then on.
        power: The power: 1 is a straight line, 0.5 falls late, 2 falls early.
        cycle: Whether to stretch the way to the next multiple of `decay_steps` instead of staying at the end.
        name: A name for the configuration; nothing else uses it.

    Raises:
        InvalidArgument: If a rate is negative or not finite, or `decay_steps` is not more than 0.

    Unlike Keras: with a `power` that is no whole number the rate after the end is the end's (in Keras, compiled by
    JAX, it is NaN); a new way of `cycle` begins at its step.

    Example:
        >>> from kibitz.optimizers.schedules import PolynomialDecay
        >>> schedule = PolynomialDecay(1.0, decay_steps=4, end_learning_rate=0.0)
        >>> [float(schedule(step)) for step in (0, 1, 2, 4, 9)]
        [1.0, 0.75, 0.5, 0.0, 0.0]

    Source: https://keras.io/api/optimizers/learning_rate_schedules/polynomial_decay/
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: float,
        end_learning_rate: float = 0.0001,
        power: float = 1.0,
        cycle: bool = False,
        name: str = "PolynomialDecay",
    ):
        self.initial_learning_rate = rate("initial_learning_rate", initial_learning_rate)
        self.decay_steps = _steps("decay_steps", decay_steps)
        self.end_learning_rate = rate("end_learning_rate", end_learning_rate)
        self.power = _any("power", power)
        self.cycle = flag("cycle", cycle)
        self.name = name

    def __call__(self, step: Any) -> jax.Array:
        """Compute the learning rate of a step."""
        now, end = as_float(step), jnp.float32(self.decay_steps)
        if self.cycle:
            ways = -whole_periods(-jnp.asarray(step), self.decay_steps)  # rounded up
            end = end * jnp.maximum(ways, 1.0)
        else:
            now = jnp.minimum(now, end)
        # Compiled, 10 * (1 / 10) may be more than 1, and a power of what is less than 0 is NaN.
        left = jnp.power(jnp.maximum(1 - now / end, 0.0), jnp.float32(self.power))
        initial, final = jnp.float32(self.initial_learning_rate), jnp.float32(self.end_learning_rate)
        return (initial - final) * left + final

    def get_config(self) -> dict[str, Any]:
        """Give the arguments that make this schedule again."""
        return _config(self, "initial_learning_rate", "decay_steps", "end_learning_rate", "power", "cycle", "name")


class PiecewiseConstantDecay(LearningRateSchedule):
    """Keep the learning rate constant between given steps.

    Args:
        boundaries: Steps after which the next rate holds (the step itself still has the rate before). They grow.
        values: The rates: one more than there are boundaries.
        name: A name for the configuration; nothing else uses it.

    Raises:
        ShapeMismatch: If there is not exactly one rate more than there are boundaries.
        InvalidArgument: If there is no boundary, they do not grow, or a rate is negative or not finite.

    Example:
        >>> from kibitz.optimizers.schedules import PiecewiseConstantDecay
        >>> schedule = PiecewiseConstantDecay([10, 20], [1.0, 0.5, 0.25])
        >>> [float(schedule(step)) for step in (0, 10, 11, 21)]
        [1.0, 1.0, 0.5, 0.25]

    Source: https://keras.io/api/optimizers/learning_rate_schedules/piecewise_constant_decay/
    """

    def __init__(self, boundaries: Sequence[float], values: Sequence[float], name: str = "PiecewiseConstant"):
        self.boundaries = [_any("boundaries", each) for each in boundaries]
        self.values = [rate("values", each) for each in values]
        self.name = name
        if len(self.boundaries) != len(self.values) - 1:
            raise ShapeMismatch(
                "Each boundary lies between two values, so there is one value more than there are boundaries.",
                given=code(f"{len(self.boundaries)} boundaries, {len(self.values)} values"),
                wanted=f"{len(self.boundaries) + 1} values",
                cure="PiecewiseConstantDecay([100], [0.1, 0.01])",
            )
        if not self.boundaries or any(b <= a for a, b in zip(self.boundaries, self.boundaries[1:], strict=False)):
            raise InvalidArgument(
                "The boundaries do not grow.",
                given=list(boundaries),
                wanted="at least one step, each more than the one before",
                cure="PiecewiseConstantDecay([100, 200], [0.1, 0.01, 0.001])",
            )

    def __call__(self, step: Any) -> jax.Array:
        """Compute the learning rate of a step."""
        step = jnp.asarray(step)
        passed = jnp.sum(step > jnp.asarray(self.boundaries).astype(step.dtype))
        return jnp.asarray(self.values, jnp.float32)[passed]

    def get_config(self) -> dict[str, Any]:
        """Give the arguments that make this schedule again."""
        return _config(self, "boundaries", "values", "name")


def _config(schedule: LearningRateSchedule, *names: str) -> dict[str, Any]:
    return {name: getattr(schedule, name) for name in names}
