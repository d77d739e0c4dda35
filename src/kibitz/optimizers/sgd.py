"""Gradient descent: plain, with momentum, by the sign alone."""

from __future__ import annotations

from typing import Any, ClassVar

import jax
import jax.numpy as jnp

from kibitz.optimizers.arguments import Check, flag, number
from kibitz.optimizers.base import Optimizer
from kibitz.optimizers.rule import Slots, Step


class SGD(Optimizer):
    """Go down the gradient; with momentum, keep going in the direction of the steps before.

    Without momentum `w` becomes `w - learning_rate * g`. With momentum there is a velocity per weight,
    `v = momentum * v - learning_rate * g`, and `w` becomes `w + v`, or `w + momentum * v - learning_rate * g` with
    Nesterov's look ahead. The learning rate is inside the velocity, so a change of it acts little by little.

    Args:
        learning_rate: How far a step goes: a number, a schedule, or a function of the step.
        momentum: The share of the velocity that stays, in [0, 1]. 0 means that none is kept.
        nesterov: Whether to look ahead. Nothing changes without momentum.
        weight_decay: This and all that follow: see `Optimizer`.

    Raises:
        InvalidArgument: If a number lies outside what makes sense.

    Example:
        >>> import jax.numpy as jnp
        >>> from kibitz.optimizers import SGD
        >>> optimizer, params = SGD(1.0, momentum=0.5), {"w": jnp.zeros(1)}
        >>> state, grads = optimizer.init(params), {"w": jnp.ones(1)}
        >>> for _ in range(3):
        ...     params, state = optimizer.apply(grads, state, params)
        >>> params["w"].tolist()
        [-4.25]

    Source: https://keras.io/api/optimizers/sgd/
    """

    hyperparameters: ClassVar[dict[str, Check]] = {"momentum": number("[0, 1]", cure=0.9), "nesterov": flag}

    def __init__(
        self,
        learning_rate: Any = 0.01,
        momentum: float = 0.0,
        nesterov: bool = False,
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
        self.momentum, self.nesterov = momentum, nesterov

    def slots(self) -> list[dict[str, float]]:
        """A velocity, which Keras calls momentum, if there is momentum."""
        return [{"momentum": 0.0}] if self.momentum else []

    def rule(self, gradient: jax.Array, slots: Slots, step: Step) -> tuple[jax.Array, Slots]:
        """Give the change of one parameter, and its velocity."""
        if not slots:
            return -(gradient * step.learning_rate), {}
        velocity = slots["momentum"] * self.momentum - gradient * step.learning_rate
        change = velocity * self.momentum - gradient * step.learning_rate if self.nesterov else velocity
        return change, {"momentum": velocity}


class Lion(Optimizer):
    """Go by the sign of a mix of the gradient and its running mean: each weight moves by the same length.

    It keeps one number per weight where Adam keeps two. Take a learning rate 3 to 10 times smaller than Adam's, and a
    weight decay as much larger.

    Args:
        learning_rate: How far each weight moves in a step: a number, a schedule, or a function of the step.
        beta_1: The share of the running mean in the mix, in (0, 1].
        beta_2: The share of the running mean that stays, in [0, 1].
        weight_decay: This and all that follow: see `Optimizer`.

    Raises:
        InvalidArgument: If a number lies outside what makes sense.

    Example:
        >>> import jax.numpy as jnp
        >>> from kibitz.optimizers import Lion
        >>> optimizer, params = Lion(0.5), {"w": jnp.zeros(3)}
        >>> params, _ = optimizer.apply({"w": jnp.array([8.0, -0.25, 0.0])}, optimizer.init(params), params)
        >>> params["w"].tolist()
        [-0.5, 0.5, 0.0]

    Source: https://keras.io/api/optimizers/lion/ ; Chen et al. 2023, https://arxiv.org/abs/2302.06675
    """

    hyperparameters: ClassVar[dict[str, Check]] = {
        "beta_1": number("(0, 1]", cure=0.9),
        "beta_2": number("[0, 1]", cure=0.99),
    }

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.99,
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
        self.beta_1, self.beta_2 = beta_1, beta_2

    def slots(self) -> list[dict[str, float]]:
        """The running mean."""
        return [{"momentum": 0.0}]

    def rule(self, gradient: jax.Array, slots: Slots, step: Step) -> tuple[jax.Array, Slots]:
        """Give the change of one parameter, and its running mean."""
        beta_1, beta_2 = (jnp.asarray(each, step.parameter.dtype) for each in (self.beta_1, self.beta_2))
        mix = slots["momentum"] * beta_1 + gradient * (1.0 - beta_1)
        mean = slots["momentum"] * beta_2 + gradient * (1.0 - beta_2)
        return -(step.learning_rate * jnp.sign(mix)), {"momentum": mean}
