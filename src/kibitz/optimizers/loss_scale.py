"""A loss scale that finds its own size, against underflow in float16."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Self

import jax
import jax.numpy as jnp
import numpy as np

from kibitz.errors import InvalidArgument, Unsupported, WrongType
from kibitz.optimizers.arguments import Check, number, whole
from kibitz.optimizers.base import Optimizer
from kibitz.optimizers.configured import SHARED
from kibitz.optimizers.layout import Entry
from kibitz.optimizers.rule import at_least_float32
from kibitz.variable import Variable

OWN = ("step_counter", "dynamic_scale")


def _is_the_inner_ones(name: str, value: Any) -> Any:
    if value != {"use_ema": False, "ema_momentum": 0.99}.get(name):
        raise Unsupported(
            f"`{name}` belongs to the optimizer within.",
            given=value,
            wanted=f"`{name}` set on the inner optimizer",
            cure=f"LossScaleOptimizer(Adam({name}={value!r}))",
        )
    return value


class LossScaleOptimizer(Optimizer):
    """Multiply the loss by a number as large as the gradients bear, and divide the gradients by it again.

    Small gradients would be 0 in float16. A step whose gradients are not all finite is not taken, and halves the
    number; `dynamic_growth_steps` good steps in a row double it.

    Args:
        inner_optimizer: The optimizer that moves the parameters; it has the learning rate and all else.
        initial_scale: The number at first. Rather too large than too small: it falls faster than it rises.
        dynamic_growth_steps: Good steps after which it doubles.
        name: Its name. None: "loss_scale_optimizer", with a number.
        **kwargs: Nothing but what older configurations hold.

    Raises:
        WrongType: If `inner_optimizer` is no optimizer.
        InvalidArgument: If the inner optimizer has a loss scale of its own, or a number makes no sense.

    Example:
        >>> import jax.numpy as jnp
        >>> from kibitz.optimizers import LossScaleOptimizer, SGD
        >>> optimizer, params = LossScaleOptimizer(SGD(1.0), initial_scale=4.0), {"w": jnp.ones(1)}
        >>> state = optimizer.init(params)
        >>> params, state = optimizer.apply({"w": jnp.array([jnp.inf])}, state, params)
        >>> params["w"].tolist(), float(state["dynamic_scale"]), int(state["iterations"])
        ([1.0], 2.0, 0)

    Source: https://keras.io/api/optimizers/loss_scale_optimizer/
    """

    hyperparameters: ClassVar[dict[str, Check]] = {
        **dict.fromkeys(SHARED, _is_the_inner_ones),
        "initial_scale": number("(0, inf)", cure=32768.0),
        "dynamic_growth_steps": whole(1, cure=2000, optional=False),
    }

    def __init__(
        self,
        inner_optimizer: Optimizer,
        initial_scale: float = 2.0**15,
        dynamic_growth_steps: int = 2000,
        name: str | None = None,
        **kwargs: Any,
    ):
        if not isinstance(inner_optimizer, Optimizer):
            raise WrongType(
                "What is to be wrapped is no optimizer.",
                given=inner_optimizer,
                wanted="an instance of an optimizer",
                cure="LossScaleOptimizer(Adam())",
            )
        if inner_optimizer.loss_scale_factor is not None or not kwargs.pop("dynamic", True):
            raise InvalidArgument(
                "There would be two loss scales, or a fixed one.",
                given=inner_optimizer,
                wanted="a dynamic scale here, or a fixed `loss_scale_factor` without LossScaleOptimizer",
                cure="Adam(loss_scale_factor=1024.0), or LossScaleOptimizer(Adam())",
            )
        older = {key: kwargs.pop(key) for key in SHARED if key in kwargs}
        super().__init__(0.0, name=name, **older, **kwargs)
        self.initial_scale, self.dynamic_growth_steps = initial_scale, dynamic_growth_steps
        self.inner_optimizer, self._own = inner_optimizer, dict(inner_optimizer._own)  # noqa: SLF001 - its wrapper
        inner_optimizer.bind(self._read, self._write, owner=self)

    @property
    def learning_rate(self) -> Any:
        """The inner optimizer's learning rate."""
        return self.inner_optimizer.learning_rate

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        self.inner_optimizer.learning_rate = value

    @property
    def iterations(self) -> Variable:
        """How many updates were made; a step that was not taken is none."""
        return self.inner_optimizer.iterations

    def bind(self, read: Any, write: Any, **others: Any) -> None:
        """Tie both optimizers to a state that is held elsewhere; see `Optimizer`."""
        super().bind(read, write, **others)
        self.inner_optimizer.bind(self._read, self._write, **{**others, "owner": self})

    def init(self, params: Any) -> dict[str, Any]:
        """Make the state: the inner optimizer's, with "step_counter" (int32) and "dynamic_scale" (float32)."""
        state = self.inner_optimizer.init(params)
        own = {"step_counter": np.int32(0), "dynamic_scale": np.float32(self.initial_scale)}
        return {**state, **jax.device_put(own)}

    def apply(self, grads: Any, state: Any = None, params: Any = None) -> tuple[Any, dict[str, Any]]:
        """Take one step if all gradients are finite, and find the next scale; see `Optimizer`."""
        self._same_trees(grads, state, params)
        inner = {key: value for key, value in state.items() if key not in OWN}
        counter, scale = state["step_counter"], state["dynamic_scale"]

        def good() -> Any:
            unscaled = jax.tree.map(lambda each: _divided(each, scale), grads)
            moved, after = self.inner_optimizer.apply(unscaled, inner, params)
            grows = counter == self.dynamic_growth_steps - 1
            return moved, after, jnp.where(grows, 0, counter + 1), jnp.where(grows, scale * 2.0, scale)

        def bad() -> Any:
            return params, inner, jnp.zeros_like(counter), scale * 0.5

        finite = jnp.all(jnp.asarray([jnp.all(jnp.isfinite(each)) for each in jax.tree.leaves(grads)]))
        params, after, counter, scale = jax.lax.cond(finite, good, bad)
        return params, {**after, "step_counter": counter, "dynamic_scale": scale}

    def scale_loss(self, loss: Any, state: Any = None) -> Any:
        """Multiply the loss by the state's scale, or by the initial one where there is no state."""
        return loss * (self.initial_scale if state is None else state["dynamic_scale"].astype(jnp.asarray(loss).dtype))

    def finalize(self, params: Any, state: Any) -> Any:
        """Give the parameters as the inner optimizer wants them when training is over."""
        return self.inner_optimizer.finalize(params, state)

    def ema_of(self, state: Any) -> Any:
        """Give the inner optimizer's moving average of the weights."""
        return self.inner_optimizer.ema_of(state)

    def get_config(self) -> dict[str, Any]:
        """Give the arguments that make this optimizer again, the inner one as a dict."""
        from kibitz.optimizers.registry import serialize

        return {
            "name": self.name,
            "inner_optimizer": serialize(self.inner_optimizer),
            "initial_scale": self.initial_scale,
            "dynamic_growth_steps": self.dynamic_growth_steps,
        }

    @classmethod
    def from_config(cls, config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None) -> Self:
        """Make an optimizer from what `get_config` gave; see `Optimizer`."""
        from kibitz.optimizers.registry import deserialize

        inner = deserialize(config["inner_optimizer"], custom_objects)
        return cls(inner, **{key: value for key, value in config.items() if key != "inner_optimizer"})

    def _groups(self) -> list[Any]:
        return self.inner_optimizer._groups()  # noqa: SLF001 - its wrapper

    def _entries(self) -> list[Entry]:
        """List the scale before the slots, as Keras does (which lists two unused numbers besides)."""
        listed = super()._entries()
        rank = {key: place for place, key in enumerate(("iterations", "learning_rate", *OWN))}
        return sorted(listed, key=lambda each: rank.get(each.key, len(rank)))


def _divided(gradient: jax.Array, scale: jax.Array) -> jax.Array:
    # The scale may be more than float16 holds: divided by infinity, all gradients would be 0.
    kind = at_least_float32(gradient.dtype)
    return gradient.astype(kind) / scale.astype(kind)
