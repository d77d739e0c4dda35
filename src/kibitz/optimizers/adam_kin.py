"""Adam's kin: with Nesterov's look ahead, with the greatest gradient, with steps as long as the weights."""

from __future__ import annotations

from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
import optax

from kibitz.optimizers.arguments import Check, epsilon, fraction
from kibitz.optimizers.base import Optimizer
from kibitz.optimizers.moments import MOMENTS, moments, powers
from kibitz.optimizers.rule import Slots, Step, at_least_float32


class _Kin(Optimizer):
    # Adam's arguments, but for `amsgrad`.
    hyperparameters: ClassVar[dict[str, Check]] = {"beta_1": fraction, "beta_2": fraction, "epsilon": epsilon}

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
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
        self.beta_1, self.beta_2, self.epsilon = beta_1, beta_2, epsilon


class Nadam(_Kin):
    """Adam with Nesterov's look ahead, the momentum warming up.

    Args:
        learning_rate: About how far a weight moves in a step: a number, a schedule, or a function of the step.
        beta_1: The share of the running mean that stays once it is warm, in [0, 1).
        beta_2: The share of the running mean of squares that stays, in [0, 1).
        epsilon: Keeps the divisor from 0.
        weight_decay: This and all that follow: see `Optimizer`.

    Raises:
        InvalidArgument: If a number lies outside what makes sense.

    Example:
        >>> import jax.numpy as jnp
        >>> from kibitz.optimizers import Nadam
        >>> optimizer, params = Nadam(0.5, beta_1=0.0), {"w": jnp.zeros(2)}
        >>> params, _ = optimizer.apply({"w": jnp.array([8.0, -0.25])}, optimizer.init(params), params)
        >>> [round(float(each), 3) for each in params["w"]]
        [-0.5, 0.5]

    Source: https://keras.io/api/optimizers/Nadam/ ; Dozat 2015, http://cs229.stanford.edu/proj2015/054_report.pdf
    """

    def slots(self) -> list[dict[str, float]]:
        """Both running means."""
        return MOMENTS

    def transformation(self) -> optax.GradientTransformationExtraArgs:
        """The rule as an Optax transformation, which also keeps the product of all momenta so far, one number."""
        inner = super().transformation()

        def init(params: Any) -> dict[str, Any]:
            leaves = jax.tree.leaves(params)
            slots: Any = inner.init(params)
            return {
                **slots,
                "u_product": jax.device_put(np.ones((), at_least_float32(leaves[0].dtype) if leaves else np.float32)),
            }

        def update(
            updates: Any, state: Any, params: Any = None, *, step: Any, **extra: Any
        ) -> tuple[Any, dict[str, Any]]:
            product = state["u_product"]
            warm = 1.0 - 0.5 * jnp.power(jnp.asarray(0.96, product.dtype), step.astype(product.dtype))
            product = product * self.beta_1 * warm
            slots: Any
            changes, slots = inner.update(updates, state, params, step=step, u_product=product, **extra)
            return changes, {**slots, "u_product": product}

        return optax.GradientTransformationExtraArgs(init, update)  # pyright: ignore[reportArgumentType] - `step` too

    def rule(self, gradient: jax.Array, slots: Slots, step: Step, *, u_product: jax.Array) -> tuple[jax.Array, Slots]:
        """Give the change of one parameter, and its running means."""
        kind = step.parameter.dtype
        beta_1, beta_2, decay = (jnp.asarray(each, kind) for each in (self.beta_1, self.beta_2, 0.96))
        now = beta_1 * (1.0 - 0.5 * jnp.power(decay, step.number.astype(kind)))
        ahead = beta_1 * (1.0 - 0.5 * jnp.power(decay, (step.number + 1).astype(kind)))
        product = u_product.astype(kind)
        after = moments(gradient, slots, 1 - beta_1, 1 - beta_2)
        mean = ahead * after["momentum"] / (1 - product * ahead) + (1 - now) * gradient / (1 - product)
        size = after["velocity"] / (1 - jnp.power(beta_2, step.number.astype(kind)))
        return -(mean * step.learning_rate / (jnp.sqrt(size) + self.epsilon)), after


class Adamax(_Kin):
    """Divide a running mean of the gradient by the greatest size it had lately.

    As Adam, with the greatest size of the gradient in the place of the root of its mean square: steadier where
    gradients come in bursts.

    Args:
        learning_rate: About how far a weight moves in a step: a number, a schedule, or a function of the step.
        beta_1: The share of the running mean that stays, in [0, 1).
        beta_2: How fast the greatest size is forgotten: the share that stays, in [0, 1).
        epsilon: Keeps the divisor from 0.
        weight_decay: This and all that follow: see `Optimizer`.

    Raises:
        InvalidArgument: If a number lies outside what makes sense.

    Example:
        >>> import jax.numpy as jnp
        >>> from kibitz.optimizers import Adamax
        >>> optimizer, params = Adamax(0.5), {"w": jnp.zeros(2)}
        >>> params, _ = optimizer.apply({"w": jnp.array([8.0, -0.25])}, optimizer.init(params), params)
        >>> [round(float(each), 3) for each in params["w"]]
        [-0.5, 0.5]

    Source: https://keras.io/api/optimizers/adamax/ ; Kingma and Ba 2014, https://arxiv.org/abs/1412.6980
    """

    def slots(self) -> list[dict[str, float]]:
        """The running mean, and the greatest size."""
        return [{"momentum": 0.0, "norm": 0.0}]

    def rule(self, gradient: jax.Array, slots: Slots, step: Step) -> tuple[jax.Array, Slots]:
        """Give the change of one parameter, its running mean and its greatest size."""
        power_1, _ = powers(self.beta_1, self.beta_2, step)
        mean = slots["momentum"] + (gradient - slots["momentum"]) * (1 - self.beta_1)
        norm = jnp.maximum(self.beta_2 * slots["norm"], jnp.abs(gradient))
        change = -(step.learning_rate * mean / ((1 - power_1) * (norm + self.epsilon)))
        return change, {"momentum": mean, "norm": norm}


class Lamb(_Kin):
    """Adam's direction, with a step as long as the parameter itself: for very large batches.

    Args:
        learning_rate: What share of its own length a parameter moves in a step: a number, a schedule, or a function of
            the step.
        beta_1: The share of the running mean that stays, in [0, 1).
        beta_2: The share of the running mean of squares that stays, in [0, 1).
        epsilon: Keeps the divisor from 0.
        weight_decay: This and all that follow: see `Optimizer`.

    Raises:
        InvalidArgument: If a number lies outside what makes sense.

    Example:
        >>> import jax.numpy as jnp
        >>> from kibitz.optimizers import Lamb
        >>> optimizer, params = Lamb(0.5), {"w": jnp.array([3.0, 4.0])}
        >>> params, _ = optimizer.apply({"w": jnp.array([8.0, 0.0])}, optimizer.init(params), params)
        >>> [round(float(each), 3) for each in params["w"]]
        [0.5, 4.0]

    Source: https://keras.io/api/optimizers/lamb/ ; You et al. 2019, https://arxiv.org/abs/1904.00962
    """

    def slots(self) -> list[dict[str, float]]:
        """Both running means."""
        return MOMENTS

    def rule(self, gradient: jax.Array, slots: Slots, step: Step) -> tuple[jax.Array, Slots]:
        """Give the change of one parameter, and its running means."""
        power_1, power_2 = powers(self.beta_1, self.beta_2, step)
        after = moments(gradient, slots, 1 - self.beta_1, 1 - self.beta_2)
        size = jnp.sqrt(after["velocity"] / (1.0 - power_2)) + self.epsilon
        direction = after["momentum"] / (1.0 - power_1) / size
        weight, length = (jnp.sqrt(jnp.sum(jnp.power(each, 2))) for each in (step.parameter, direction))
        moves = (weight > 0) & (length > 0)
        ratio = jnp.where(moves, weight / jnp.where(moves, length, 1.0), 1.0)
        return -(ratio * step.learning_rate * direction), after
