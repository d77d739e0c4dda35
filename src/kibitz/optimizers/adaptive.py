"""Steps divided by the size that gradients had so far: RMSprop, Adagrad, Adadelta."""

from __future__ import annotations

from typing import Any, ClassVar

import jax
import jax.numpy as jnp

from kibitz.optimizers.arguments import Check, epsilon, flag, fraction, number
from kibitz.optimizers.base import Optimizer
from kibitz.optimizers.rule import Slots, Step


class RMSprop(Optimizer):
    """Divide the gradient by the root of a running mean of its square.

    `epsilon` stands within the root, as in Keras.

    Args:
        learning_rate: About how far a weight moves in a step: a number, a schedule, or a function of the step.
        rho: The share of the running mean that stays, in [0, 1).
        momentum: The share of the last steps that is added to the next, in [0, 1]. 0: none is kept.
        epsilon: Keeps the divisor from 0.
        centered: Whether to divide by the root of the variance instead, for which the mean is kept too.
        weight_decay: This and all that follow: see `Optimizer`.

    Raises:
        InvalidArgument: If a number lies outside what makes sense.

    Example:
        >>> import jax.numpy as jnp
        >>> from kibitz.optimizers import RMSprop
        >>> optimizer, params = RMSprop(0.5, rho=0.75), {"w": jnp.zeros(2)}
        >>> params, _ = optimizer.apply({"w": jnp.array([8.0, -2.0])}, optimizer.init(params), params)
        >>> [round(float(each), 3) for each in params["w"]]
        [-1.0, 1.0]

    Source: https://keras.io/api/optimizers/rmsprop/ ; Hinton 2012,
    http://www.cs.toronto.edu/~tijmen/csc321/slides/lecture_slides_lec6.pdf
    """

    hyperparameters: ClassVar[dict[str, Check]] = {
        "rho": fraction,
        "momentum": number("[0, 1]", cure=0.9),
        "epsilon": epsilon,
        "centered": flag,
    }

    def __init__(
        self,
        learning_rate: Any = 0.001,
        rho: float = 0.9,
        momentum: float = 0.0,
        epsilon: float = 1e-7,
        centered: bool = False,
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
        self.rho, self.momentum, self.epsilon, self.centered = rho, momentum, epsilon, centered

    def slots(self) -> list[dict[str, float]]:
        """The mean square; with momentum the last steps; if centered the mean."""
        wanted = {"velocity": True, "momentum": self.momentum > 0, "average_gradient": self.centered}
        return [{name: 0.0} for name, is_kept in wanted.items() if is_kept]

    def rule(self, gradient: jax.Array, slots: Slots, step: Step) -> tuple[jax.Array, Slots]:
        """Give the change of one parameter, and its running means."""
        after = {"velocity": self.rho * slots["velocity"] + (1 - self.rho) * jnp.square(gradient)}
        if self.centered:
            after["average_gradient"] = self.rho * slots["average_gradient"] + (1 - self.rho) * gradient
            size = after["velocity"] - jnp.square(after["average_gradient"]) + self.epsilon
        else:
            size = after["velocity"] + self.epsilon
        change = step.learning_rate * gradient / jnp.sqrt(size)
        if self.momentum > 0:
            change = after["momentum"] = self.momentum * slots["momentum"] + change
        return -change, after


class Adagrad(Optimizer):
    """Divide the gradient by the root of the sum of all its squares so far.

    A weight that moves seldom moves far when it does: good for sparse features. Steps grow shorter and shorter.

    Args:
        learning_rate: How far the first steps go: a number, a schedule, or a function of the step. The paper's is 1.
        initial_accumulator_value: What the sums of squares begin with. At least 0.
        epsilon: Keeps the divisor from 0.
        weight_decay: This and all that follow: see `Optimizer`.

    Raises:
        InvalidArgument: If a number lies outside what makes sense.

    Example:
        >>> import jax.numpy as jnp
        >>> from kibitz.optimizers import Adagrad
        >>> optimizer, params = Adagrad(1.0, initial_accumulator_value=9.0), {"w": jnp.zeros(1)}
        >>> params, _ = optimizer.apply({"w": jnp.array([4.0])}, optimizer.init(params), params)
        >>> [round(float(each), 3) for each in params["w"]]
        [-0.8]

    Source: https://keras.io/api/optimizers/adagrad/ ; Duchi et al. 2011,
    http://www.jmlr.org/papers/volume12/duchi11a/duchi11a.pdf
    """

    hyperparameters: ClassVar[dict[str, Check]] = {
        "initial_accumulator_value": number("[0, inf)", cure=0.1),
        "epsilon": epsilon,
    }

    def __init__(
        self,
        learning_rate: Any = 0.001,
        initial_accumulator_value: float = 0.1,
        epsilon: float = 1e-7,
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
        self.initial_accumulator_value, self.epsilon = initial_accumulator_value, epsilon

    def slots(self) -> list[dict[str, float]]:
        """The sum of squares."""
        return [{"accumulator": self.initial_accumulator_value}]

    def rule(self, gradient: jax.Array, slots: Slots, step: Step) -> tuple[jax.Array, Slots]:
        """Give the change of one parameter, and its sum of squares."""
        total = slots["accumulator"] + jnp.square(gradient)
        return -(step.learning_rate * gradient / jnp.sqrt(total + self.epsilon)), {"accumulator": total}


class Adadelta(Optimizer):
    """Divide the gradient by its running size, and multiply by the running size of the steps themselves.

    Args:
        learning_rate: A factor on the step: a number, a schedule, or a function of the step. The paper's is 1.
        rho: The share of both running means that stays, in [0, 1).
        epsilon: Keeps the divisor from 0, and lets the first steps begin.
        weight_decay: This and all that follow: see `Optimizer`.

    Raises:
        InvalidArgument: If a number lies outside what makes sense.

    Example:
        >>> import jax.numpy as jnp
        >>> from kibitz.optimizers import Adadelta
        >>> optimizer, params = Adadelta(1.0, rho=0.0, epsilon=9.0), {"w": jnp.zeros(1)}
        >>> params, _ = optimizer.apply({"w": jnp.array([4.0])}, optimizer.init(params), params)
        >>> [round(float(each), 3) for each in params["w"]]
        [-2.4]

    Source: https://keras.io/api/optimizers/adadelta/ ; Zeiler 2012, https://arxiv.org/abs/1212.5701
    """

    hyperparameters: ClassVar[dict[str, Check]] = {
        "rho": fraction,
        "epsilon": epsilon,
    }

    def __init__(
        self,
        learning_rate: Any = 0.001,
        rho: float = 0.95,
        epsilon: float = 1e-7,
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
        self.rho, self.epsilon = rho, epsilon

    def slots(self) -> list[dict[str, float]]:
        """The mean square of the gradients, and of the steps."""
        return [{"accumulated_grad": 0.0, "accumulated_delta_var": 0.0}]

    def rule(self, gradient: jax.Array, slots: Slots, step: Step) -> tuple[jax.Array, Slots]:
        """Give the change of one parameter, and both running means."""
        grads, steps = slots["accumulated_grad"], slots["accumulated_delta_var"]
        grads = self.rho * grads + (1 - self.rho) * jnp.square(gradient)
        delta = -(jnp.sqrt(steps + self.epsilon) * gradient / jnp.sqrt(grads + self.epsilon))
        steps = self.rho * steps + (1 - self.rho) * jnp.square(delta)
        return step.learning_rate * delta, {"accumulated_grad": grads, "accumulated_delta_var": steps}
