"""Ftrl: online learning with weights that become exactly 0."""

from __future__ import annotations

from typing import Any, ClassVar

import jax
import jax.numpy as jnp

from kibitz.optimizers.arguments import Check, number
from kibitz.optimizers.base import Optimizer
from kibitz.optimizers.rule import Slots, Step

_strength = number("[0, inf)", cure=0.1)


class Ftrl(Optimizer):
    """Follow the regularized leader: for wide, sparse, shallow models whose weights shall become exactly 0.

    Args:
        learning_rate: How far a step goes: a number, a schedule, or a function of the step.
        learning_rate_power: How the rate falls with the sum of squares: 0 means not at all. At most 0.
        initial_accumulator_value: What the sums of squares begin with. At least 0.
        l1_regularization_strength: How strongly weights are drawn to exactly 0. At least 0.
        l2_regularization_strength: How strongly weights are made small. At least 0.
        l2_shrinkage_regularization_strength: The same, as a penalty on the weight itself. At least 0.
        beta: The paper's beta.
        weight_decay: This and all that follow: see `Optimizer`.

    Raises:
        InvalidArgument: If a number lies outside what makes sense.

    Example:
        >>> import jax.numpy as jnp
        >>> from kibitz.optimizers import Ftrl
        >>> optimizer, params = Ftrl(1.0, l1_regularization_strength=2.0), {"w": jnp.array([0.0, 0.0])}
        >>> params, _ = optimizer.apply({"w": jnp.array([1.0, -4.0])}, optimizer.init(params), params)
        >>> [round(float(each), 2) for each in params["w"]]
        [0.0, 0.5]

    Source: https://keras.io/api/optimizers/ftrl/ ; McMahan et al. 2013,
    https://research.google.com/pubs/archive/41159.pdf
    """

    hyperparameters: ClassVar[dict[str, Check]] = {
        "learning_rate_power": number("(-inf, 0]", cure=-0.5),
        "initial_accumulator_value": _strength,
        "l1_regularization_strength": _strength,
        "l2_regularization_strength": _strength,
        "l2_shrinkage_regularization_strength": _strength,
        "beta": number("(-inf, inf)", cure=0.0),
    }

    def __init__(
        self,
        learning_rate: Any = 0.001,
        learning_rate_power: float = -0.5,
        initial_accumulator_value: float = 0.1,
        l1_regularization_strength: float = 0.0,
        l2_regularization_strength: float = 0.0,
        l2_shrinkage_regularization_strength: float = 0.0,
        beta: float = 0.0,
        weight_decay: float | None = None,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        use_ema: bool = False,
        ema_momentum: float = 0.99,
        ema_overwrite_frequency: int | None = None,
        loss_scale_factor: float | None = None,
        gradient_accumulation_steps: int | None = None,
        name: str | None = None,
        **kwargs: Any,
    ):
        super().__init__(
            learning_rate,
            weight_decay,
            clipnorm,
            clipvalue,
            global_clipnorm,
            use_ema,
            ema_momentum,
            ema_overwrite_frequency,
            loss_scale_factor,
            gradient_accumulation_steps,
            name,
            **kwargs,
        )
        self.learning_rate_power, self.initial_accumulator_value = learning_rate_power, initial_accumulator_value
        self.l1_regularization_strength = l1_regularization_strength
        self.l2_regularization_strength = l2_regularization_strength
        self.l2_shrinkage_regularization_strength = l2_shrinkage_regularization_strength
        self.beta = beta

    def slots(self) -> list[dict[str, float]]:
        """The sum of squares, and the leader's linear term."""
        return [{"accumulator": self.initial_accumulator_value, "linear": 0.0}]

    def rule(self, gradient: jax.Array, slots: Slots, step: Step) -> tuple[jax.Array, Slots]:
        """Give the change of one parameter, its sum of squares and its linear term."""
        l1, power = self.l1_regularization_strength, -self.learning_rate_power
        old, total = slots["accumulator"], slots["accumulator"] + jnp.square(gradient)
        shrunk = gradient + 2 * self.l2_shrinkage_regularization_strength * step.parameter
        sigma = (jnp.power(total, power) - jnp.power(old, power)) / step.learning_rate
        linear = slots["linear"] + (shrunk - sigma * step.parameter)
        l2 = self.l2_regularization_strength + self.beta / (2.0 * step.learning_rate)
        target = (jnp.clip(linear, -l1, l1) - linear) / (jnp.power(total, power) / step.learning_rate + 2 * l2)
        # The leader says where the parameter is, and Optax adds a difference: exact where the target is 0.
        return target - step.parameter, {"accumulator": total, "linear": linear}
