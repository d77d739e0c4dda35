"""Adam: a running mean of the gradient, divided by the root of a running mean of its square."""

from __future__ import annotations

from typing import Any, ClassVar

import jax
import jax.numpy as jnp

from kibitz.optimizers.arguments import Check, epsilon, flag, fraction, number
from kibitz.optimizers.base import Optimizer
from kibitz.optimizers.moments import MOMENTS, moments, powers
from kibitz.optimizers.rule import Slots, Step


class Adam(Optimizer):
    """Divide a running mean of the gradient by the root of a running mean of its square.

    The default choice: it needs little tuning, since the size of a step hardly depends on the size of the gradient.
    `epsilon` stands outside the root and is "epsilon hat" of the paper, as in Keras (in Optax it is another one).

    Args:
        learning_rate: About how far a weight moves in a step: a number, a schedule, or a function of the step.
        beta_1: The share of the running mean that stays, in [0, 1).
        beta_2: The share of the running mean of squares that stays, in [0, 1).
        epsilon: Keeps the divisor from 0.
        amsgrad: Whether to divide by the greatest running mean of squares so far.
        weight_decay: This and all that follow: see `Optimizer`.

    Raises:
        InvalidArgument: If a number lies outside what makes sense.

    Example:
        >>> import jax.numpy as jnp
        >>> from kibitz.optimizers import Adam
        >>> optimizer, params = Adam(0.5), {"w": jnp.zeros(2)}
        >>> params, _ = optimizer.apply({"w": jnp.array([8.0, -0.25])}, optimizer.init(params), params)
        >>> [round(float(each), 3) for each in params["w"]]
        [-0.5, 0.5]

    Source: https://keras.io/api/optimizers/adam/ ; Kingma and Ba 2014, https://arxiv.org/abs/1412.6980 ; for
    `amsgrad` Reddi et al. 2018, https://openreview.net/pdf?id=ryQu7f-RZ
    """

    hyperparameters: ClassVar[dict[str, Check]] = {
        "beta_1": fraction,
        "beta_2": fraction,
        "epsilon": epsilon,
        "amsgrad": flag,
    }

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
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
        self.beta_1, self.beta_2, self.epsilon, self.amsgrad = beta_1, beta_2, epsilon, amsgrad

    def slots(self) -> list[dict[str, float]]:
        """Both running means, and with `amsgrad` the greatest of the second."""
        return [*MOMENTS, {"velocity_hat": 0.0}] if self.amsgrad else MOMENTS

    def rule(self, gradient: jax.Array, slots: Slots, step: Step) -> tuple[jax.Array, Slots]:
        """Give the change of one parameter, and its running means."""
        power_1, power_2 = powers(self.beta_1, self.beta_2, step)
        alpha = step.learning_rate * jnp.sqrt(1 - power_2) / (1 - power_1)
        after = moments(gradient, slots, 1 - self.beta_1, 1 - self.beta_2)
        size = after["velocity"]
        if self.amsgrad:
            size = after["velocity_hat"] = jnp.maximum(slots["velocity_hat"], size)
        return -(after["momentum"] * alpha / (jnp.sqrt(size) + self.epsilon)), after


class AdamW(Adam):
    """Adam with weight decay that is not part of the gradient.

    Args:
        learning_rate: About how far a weight moves in a step: a number, a schedule, or a function of the step.
        weight_decay: The share that a weight loses before a step of learning rate 1. Not None: that is Adam.
        beta_1: The share of the running mean that stays, in [0, 1).
        beta_2: The share of the running mean of squares that stays, in [0, 1).
        epsilon: Keeps the divisor from 0.
        amsgrad: Whether to divide by the greatest running mean of squares so far.
        clipnorm: This and all that follow: see `Optimizer`.

    Raises:
        InvalidArgument: If a number lies outside what makes sense.
        WrongType: If `weight_decay` is None.

    Example:
        >>> import jax.numpy as jnp
        >>> from kibitz.optimizers import AdamW
        >>> optimizer, params = AdamW(0.5, weight_decay=0.5), {"w": jnp.ones(1)}
        >>> params, _ = optimizer.apply({"w": jnp.zeros(1)}, optimizer.init(params), params)
        >>> params["w"].tolist()
        [0.75]

    Source: https://keras.io/api/optimizers/adamw/ ; Loshchilov and Hutter 2017, https://arxiv.org/abs/1711.05101
    """

    hyperparameters: ClassVar[dict[str, Check]] = {
        **Adam.hyperparameters,
        "weight_decay": number("[0, inf)", cure=0.004),
    }

    def __init__(
        self,
        learning_rate: Any = 0.001,
        weight_decay: float = 0.004,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
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
            beta_1,
            beta_2,
            epsilon,
            amsgrad,
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
