"""An optimizer's arithmetic, written for one parameter, made into an Optax transformation of whole trees."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

Slots = dict[str, jax.Array]
"""What is kept for one parameter, by name."""

Rule = Callable[..., tuple[jax.Array, Slots]]
"""(gradient, slots, step) -> (change, slots)."""


class Step(NamedTuple):
    """What a rule may know besides the gradient.

    Args:
        parameter: The parameter as it is before the step.
        learning_rate: A scalar of the same dtype.
        number: Which update this is, an int32 scalar: the first is 1.

    Example:
        >>> from kibitz.optimizers.rule import Step
        >>> Step(parameter=3.0, learning_rate=0.5, number=1).number
        1
    """

    parameter: jax.Array
    learning_rate: jax.Array
    number: jax.Array


def per_parameter(slots: Mapping[str, float], rule: Rule) -> optax.GradientTransformationExtraArgs:
    """Make an Optax transformation of what happens to one parameter.

    All is computed in the parameter's own dtype, and in float32 where that is narrower.

    Unlike Keras: Keras computes in bfloat16 and float16 too, where 0.999 is 1: Adam then stands still, and Nadam
    divides by 0.

    Args:
        slots: What is kept for each parameter, in its shape and dtype: a name, and the value it begins with.
        rule: `rule(gradient, slots, step)` gives the change that is to be added to the parameter, and the slots after
            it.

    Returns:
        A transformation whose state is a dict of trees, one for each slot, and whose `update` takes two more
        arguments: `learning_rate` and `step`.

    Example:
        >>> import jax.numpy as jnp
        >>> from kibitz.optimizers.rule import per_parameter
        >>> def heavy_ball(gradient, slots, step):
        ...     speed = 0.5 * slots["speed"] - step.learning_rate * gradient
        ...     return speed, {"speed": speed}
        >>> ball, ones = per_parameter({"speed": 0.0}, heavy_ball), {"w": jnp.ones(2)}
        >>> updates, state = ball.update(ones, ball.init(ones), ones, learning_rate=jnp.float32(1.0), step=1)
        >>> updates["w"].tolist(), state["speed"]["w"].tolist()
        ([-1.0, -1.0], [-1.0, -1.0])
    """

    def init(params: Any) -> dict[str, Any]:
        return {
            name: jax.tree.map(lambda each, value=value: filled(each, value), params) for name, value in slots.items()
        }

    def update(
        updates: Any, state: Any, params: Any = None, *, learning_rate: jax.Array, step: Any, **extra: Any
    ) -> tuple[Any, dict[str, Any]]:
        parameters, tree = jax.tree.flatten(params)
        gradients = tree.flatten_up_to(updates)
        kept = {name: tree.flatten_up_to(state[name]) for name in slots}
        changes, after = [], {name: [] for name in slots}
        for place, (gradient, parameter) in enumerate(zip(gradients, parameters, strict=True)):
            kind = at_least_float32(parameter.dtype)
            own = {name: leaves[place].astype(kind) for name, leaves in kept.items()}
            here = Step(parameter.astype(kind), learning_rate.astype(kind), step)
            change, moved = rule(gradient.astype(kind), own, here, **extra)
            changes.append(change.astype(parameter.dtype))
            for name in slots:
                after[name].append(moved[name].astype(parameter.dtype))
        return tree.unflatten(changes), {name: tree.unflatten(leaves) for name, leaves in after.items()}

    return optax.GradientTransformationExtraArgs(init, update)  # pyright: ignore[reportArgumentType] - two more arguments


def filled(like: Any, value: float) -> jax.Array:
    """Make an array of one value, in the shape and dtype of another; on the host, so that nothing is compiled.

    Example:
        >>> import jax.numpy as jnp
        >>> from kibitz.optimizers.rule import filled
        >>> filled(jnp.ones(2), 0.5).tolist()
        [0.5, 0.5]
    """
    return jax.device_put(np.full(like.shape, value, like.dtype))


def at_least_float32(dtype: Any) -> Any:
    """Give the dtype to compute in: float32 for anything narrower.

    Example:
        >>> import jax.numpy as jnp
        >>> from kibitz.optimizers.rule import at_least_float32
        >>> at_least_float32(jnp.dtype("bfloat16")).name, at_least_float32(jnp.dtype("float64")).name
        ('float32', 'float64')
    """
    return jnp.dtype(jnp.float32) if dtype.itemsize < 4 else dtype
