"""Schedules that follow a cosine down: once, with or without a warm-up, or again and again."""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp

from kibitz.errors import InvalidArgument
from kibitz.optimizers.arguments import number, rate
from kibitz.optimizers.schedules.base import LearningRateSchedule, as_float, whole_periods

_steps = number("(0, inf)", cure=1000)
_share = number("(-inf, inf)", cure=0.0)
_warmup = number("[0, inf)", cure=100)
_factor = number("(0, inf)", cure=2.0)


class CosineDecay(LearningRateSchedule):
    """Let the learning rate fall along half a cosine, after a straight warm-up if one is wanted.

    Args:
        initial_learning_rate: The rate at step 0.
        decay_steps: Steps of the fall, counted from the end of the warm-up. More than 0.
        alpha: The rate at the end, as a share of the rate that the fall began at.
        name: A name for the configuration; nothing else uses it.
        warmup_target: The rate that the warm-up climbs to. None means no warm-up.
        warmup_steps: Steps of the warm-up.

    Raises:
        InvalidArgument: If a rate is negative or not finite, `decay_steps` is not more than 0, or there are
            `warmup_steps` without a `warmup_target` (Keras ignores them then).

    Example:
        >>> from kibitz.optimizers.schedules import CosineDecay
        >>> schedule = CosineDecay(0.0, decay_steps=10, warmup_target=1.0, warmup_steps=4)
        >>> [round(float(schedule(step)), 3) for step in (0, 2, 4, 9, 14)]
        [0.0, 0.5, 1.0, 0.5, 0.0]

    Source: https://keras.io/api/optimizers/learning_rate_schedules/cosine_decay/ ;
    Loshchilov and Hutter 2016, https://arxiv.org/abs/1608.03983
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: float,
        alpha: float = 0.0,
        name: str = "CosineDecay",
        warmup_target: float | None = None,
        warmup_steps: float = 0,
    ):
        self.initial_learning_rate = rate("initial_learning_rate", initial_learning_rate)
        self.decay_steps, self.alpha, self.name = _steps("decay_steps", decay_steps), _share("alpha", alpha), name
        self.warmup_target = None if warmup_target is None else rate("warmup_target", warmup_target)
        self.warmup_steps = _warmup("warmup_steps", warmup_steps)
        if warmup_steps and warmup_target is None:
            raise InvalidArgument(
                "There are warm-up steps, and no rate to warm up to.",
                given=warmup_steps,
                wanted="`warmup_target` too, or no `warmup_steps`",
                cure=f"CosineDecay(0.0, {decay_steps}, warmup_target={initial_learning_rate}, "
                f"warmup_steps={warmup_steps})",
            )

    def __call__(self, step: Any) -> jax.Array:
        """Compute the learning rate of a step."""
        now, initial = as_float(step), jnp.float32(self.initial_learning_rate)
        if self.warmup_target is None:
            return self._fall(now, initial)
        target, warmup = jnp.float32(self.warmup_target), jnp.float32(self.warmup_steps)
        after = self._fall(now - warmup, target)
        if not self.warmup_steps:
            return after
        before = (target - initial) * (now / warmup) + initial
        return jnp.where(now < warmup, before, after)

    def _fall(self, now: jax.Array, start: jax.Array) -> jax.Array:
        steps = jnp.float32(self.decay_steps)
        done = jnp.minimum(now, steps) / steps
        cosine = 0.5 * (1.0 + jnp.cos(math.pi * done))
        return start * ((1 - self.alpha) * cosine + self.alpha)

    def get_config(self) -> dict[str, Any]:
        """Give the arguments that make this schedule again."""
        names = ("initial_learning_rate", "decay_steps", "alpha", "name", "warmup_target", "warmup_steps")
        return {name: getattr(self, name) for name in names}


class CosineDecayRestarts(LearningRateSchedule):
    """Let the learning rate fall along half a cosine, jump up, and fall again, each time more slowly.

    Args:
        initial_learning_rate: The rate at step 0.
        first_decay_steps: Steps of the first fall. More than 0.
        t_mul: How many times longer each fall is than the one before.
        m_mul: How many times higher each fall begins than the one before.
        alpha: The rate at the end of a fall, as a share of `initial_learning_rate`.
        name: A name for the configuration; nothing else uses it.

    Raises:
        InvalidArgument: If the rate is negative or not finite, or `first_decay_steps` or `t_mul` is not more than 0.

    Example:
        >>> from kibitz.optimizers.schedules import CosineDecayRestarts
        >>> schedule = CosineDecayRestarts(1.0, first_decay_steps=10)
        >>> [round(float(schedule(step)), 3) for step in (0, 5, 10, 20)]
        [1.0, 0.5, 1.0, 0.5]

    Source: https://keras.io/api/optimizers/learning_rate_schedules/cosine_decay_restarts/ ;
    Loshchilov and Hutter 2016, https://arxiv.org/abs/1608.03983
    """

    def __init__(
        self,
        initial_learning_rate: float,
        first_decay_steps: float,
        t_mul: float = 2.0,
        m_mul: float = 1.0,
        alpha: float = 0.0,
        name: str = "SGDRDecay",
    ):
        self.initial_learning_rate = rate("initial_learning_rate", initial_learning_rate)
        self.first_decay_steps = _steps("first_decay_steps", first_decay_steps)
        self.alpha, self.name = _share("alpha", alpha), name
        self.t_mul, self.m_mul = _factor("t_mul", t_mul), _factor("m_mul", m_mul)

    def __call__(self, step: Any) -> jax.Array:
        """Compute the learning rate of a step."""
        falls, done = self._place(step)
        height = jnp.power(jnp.float32(self.m_mul), falls)
        cosine = 0.5 * height * (1.0 + jnp.cos(math.pi * done))
        alpha = jnp.float32(self.alpha)
        return jnp.float32(self.initial_learning_rate) * ((1 - alpha) * cosine + alpha)

    def _place(self, step: Any) -> tuple[jax.Array, jax.Array]:
        """Find how many falls are over, and how much of the present one is."""
        firsts = as_float(step) / jnp.float32(self.first_decay_steps)
        if self.t_mul == 1.0:
            falls = whole_periods(step, self.first_decay_steps)
            return falls, firsts - falls
        # Keras computes this in float32 throughout, and the boundary between two falls hangs on the last place.
        t_mul = jnp.float32(self.t_mul)
        falls = jnp.floor(jnp.log(1.0 - firsts * (1.0 - t_mul)) / jnp.log(t_mul))
        before = (1.0 - jnp.power(t_mul, falls)) / (1.0 - t_mul)
        return falls, (firsts - before) / jnp.power(t_mul, falls)

    def get_config(self) -> dict[str, Any]:
        """Give the arguments that make this schedule again."""
        names = ("initial_learning_rate", "first_decay_steps", "t_mul", "m_mul", "alpha", "name")
        return {name: getattr(self, name) for name in names}
