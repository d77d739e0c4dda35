"""The optimizer: pure functions over trees of arrays, with Keras's arguments and Keras's arithmetic."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from kibitz.errors import InvalidArgument, ShapeMismatch, Unsupported, WrongType, code, describe
from kibitz.naming import auto_name
from kibitz.optimizers.clipping import clipping
from kibitz.optimizers.configured import Configured
from kibitz.optimizers.ema import moving_average, overwritten
from kibitz.optimizers.hand import HandLoop
from kibitz.optimizers.paths import paths
from kibitz.optimizers.rate import Scheduled, rate_at
from kibitz.optimizers.rule import Slots, Step, filled, per_parameter
from kibitz.optimizers.weight_decay import Spared, decayed

COMMON = ("iterations", "learning_rate", "average", "gradient_accumulator")
"""The entries of a state that are no slots."""


class Optimizer(Configured, HandLoop):
    """How parameters move, given their gradients: the base of all optimizers.

    The arithmetic is two pure functions: `state = optimizer.init(params)` and
    `params, state = optimizer.apply(grads, state, params)`, over any tree of arrays, to be used under `jax.jit`. The
    state is a dict of arrays whose structure and dtypes never change, so a compiled step serves for ever; the learning
    rate is in it, and setting it compiles nothing.

    For an optimizer of your own write `slots` (what is kept per parameter) and `rule` (what happens to one parameter),
    and name its own arguments in `hyperparameters`, each with the check that it has to pass.

    Args:
        learning_rate: How far a step goes: a number of 0 or more, a schedule, or a function of the step.
        weight_decay: The share that a weight loses before a step of learning rate 1. None: no decay.
        clipnorm: The greatest length of one parameter's gradient. None: not clipped so.
        clipvalue: The greatest size of one element of a gradient. None: not clipped so.
        global_clipnorm: The greatest length of all gradients together. None: not clipped so.
        use_ema: Whether to keep a moving average of the weights, which they become when `fit` ends.
        ema_momentum: How much of the old average stays in a step; used with `use_ema`.
        ema_overwrite_frequency: Updates after which the average also replaces the weights while training goes on.
            None: only at the end.
        loss_scale_factor: The loss is multiplied by it before, the gradients are divided by it after differentiation:
            against underflow in float16. None: as they are.
        gradient_accumulation_steps: Steps whose gradients are averaged into one update. `iterations` counts updates
            then, while a schedule still counts steps. None: every step is an update.
        name: Its name. None: its class's, with a number.
        **kwargs: Nothing; an argument that does not exist is told.

    Raises:
        InvalidArgument: If a number lies outside what makes sense, or more than one kind of clipping is asked for.
        WrongType: If an argument is of the wrong kind.
        UnknownName: If an argument does not exist.
        Unsupported: If a subclass has Keras's `update_step` (write `rule`), or an argument is set after the optimizer
            has a state: it is compiled into the step. (Keras takes it, and goes on as before.)

    Example:
        >>> import jax.numpy as jnp
        >>> from kibitz.optimizers import Optimizer
        >>> class SignDescent(Optimizer):
        ...     def rule(self, gradient, slots, step):
        ...         return -step.learning_rate * jnp.sign(gradient), {}
        >>> optimizer, params = SignDescent(0.5), {"w": jnp.ones(2)}
        >>> state = optimizer.init(params)
        >>> params, state = optimizer.apply({"w": jnp.array([3.0, -4.0])}, state, params)
        >>> params["w"].tolist(), int(state["iterations"])
        ([0.5, 1.5], 1)

    Source: https://keras.io/api/optimizers/
    """

    traced_init = False
    """Whether `init` is better compiled as one program; ours makes its arrays on the host, and needs none."""

    def __init__(
        self,
        learning_rate: Any,
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
        self._refuse(kwargs)
        if hasattr(self, "update_step"):
            raise Unsupported(
                "This optimizer has Keras's `update_step`, which assigns to variables; here a rule gives the change.",
                given=type(self),
                wanted="a subclass with `rule`, and `slots` if it keeps something",
                cure="def rule(self, gradient, slots, step): return -step.learning_rate * gradient, {}",
            )
        super().__init__(learning_rate)
        self.name = auto_name(type(self).__name__) if name is None else name
        self.weight_decay, self.use_ema, self.ema_momentum = weight_decay, use_ema, ema_momentum
        self.clipnorm, self.clipvalue, self.global_clipnorm = clipnorm, clipvalue, global_clipnorm
        self.ema_overwrite_frequency, self.loss_scale_factor = ema_overwrite_frequency, loss_scale_factor
        self.gradient_accumulation_steps = gradient_accumulation_steps
        self._spared = Spared()
        self._clipping()

    # -- what a subclass writes ---------------------------------------------------------------------------------------

    def slots(self) -> list[dict[str, float]]:
        """What is kept for each parameter: names and first values, in groups as Keras creates them."""
        return []

    def rule(self, gradient: jax.Array, slots: Slots, step: Step) -> tuple[jax.Array, Slots]:  # noqa: ARG002 - a subclass uses them
        """Say what one parameter's gradient does.

        Args:
            gradient: The gradient, clipped, in the dtype of the parameter (or float32, if that is narrower).
            slots: What is kept for the parameter, by name, in the same dtype.
            step: The parameter (decayed), the learning rate, both in the same dtype, and the number of the update.

        Returns:
            The change that is to be added to the parameter, and its slots after it.

        Raises:
            Unsupported: If the subclass has not written it.
        """
        raise Unsupported(
            f"The optimizer {type(self).__name__} does not say how a parameter moves.",
            given=type(self),
            wanted="a subclass with `rule`",
            cure="def rule(self, gradient, slots, step): return -step.learning_rate * gradient, {}",
        )

    def transformation(self) -> optax.GradientTransformationExtraArgs:
        """This optimizer's rule as an Optax transformation; its `update` takes `learning_rate` and `step` too."""
        return per_parameter({name: value for group in self.slots() for name, value in group.items()}, self.rule)

    # -- what the engine calls ----------------------------------------------------------------------------------------

    def init(self, params: Any) -> dict[str, Any]:
        """Make the state for a tree of parameters.

        Args:
            params: A tree of float arrays.

        Returns:
            A dict: "iterations" (int32), "learning_rate" (a float32 number, or a schedule without an array in it), the
            optimizer's slots as trees like `params`; "average" with `use_ema`, "gradient_accumulator" with
            `gradient_accumulation_steps`.
        """
        self._clipping()
        self._spared.among(params, self._names)
        params = jax.tree.map(jnp.asarray, params)
        state: dict[str, Any] = {
            key: value if isinstance(value, Scheduled) else jax.device_put(np.array(value))
            for key, value in self._own.items()
            if key in {"iterations", "learning_rate"}
        }
        zeros = {"average": self.use_ema, "gradient_accumulator": self.gradient_accumulation_steps}
        for key, wanted in zeros.items():
            if wanted:
                state[key] = jax.tree.map(lambda each: filled(each, 0), params)
        slots: Any = self.transformation().init(params)
        return {**state, **slots}

    def apply(self, grads: Any, state: Any = None, params: Any = None) -> tuple[Any, dict[str, Any]]:
        """Take one step.

        Args:
            grads: A tree like `params`: what differentiating the scaled loss gave.
            state: What `init` or the step before gave.
            params: The tree of parameters.

        Returns:
            The parameters and the state after the step.

        Raises:
            WrongType: If it is called as in Keras, without a state.
            ShapeMismatch: If the gradients are not like the parameters.
        """
        self._same_trees(grads, state, params)
        if not jax.tree.leaves(params):
            return params, dict(state)
        iterations, every = state["iterations"], self.gradient_accumulation_steps
        updates = iterations // every if every else iterations
        if (scale := self.loss_scale_factor) is not None:
            grads = jax.tree.map(lambda each: each / scale, grads)
        if every:
            params, after = self._accumulate(grads, state, params, updates, every)
        else:
            params, after = self._update(grads, state, params, updates)
        if self.use_ema:
            after["average"] = moving_average(state["average"], params, self.ema_momentum, updates)
            params = overwritten(params, after["average"], self.ema_overwrite_frequency, updates)
        return params, {**state, **after, "iterations": iterations + 1}

    def scale_loss(self, loss: Any, state: Any = None) -> Any:  # noqa: ARG002 - LossScaleOptimizer's is in the state
        """Scale the loss as it is to be differentiated; `apply` scales the gradients back."""
        return loss if self.loss_scale_factor is None else loss * self.loss_scale_factor

    def finalize(self, params: Any, state: Any) -> Any:
        """Give the parameters as they shall be when training is over: with `use_ema` the average, else themselves."""
        if not self.use_ema:
            return params
        begun = state["iterations"] > 0
        return jax.tree.map(lambda old, new: jnp.where(begun, new, old), params, self.ema_of(state))

    def ema_of(self, state: Any) -> Any:
        """Give the moving average of the weights, a tree like the parameters.

        Raises:
            InvalidArgument: If the optimizer was made without `use_ema=True`.
        """
        if not self.use_ema:
            raise InvalidArgument(
                "This optimizer keeps no moving average of the weights.",
                given=self,
                wanted="an optimizer with use_ema=True",
                cure=f"{type(self).__name__}(..., use_ema=True)",
            )
        return state["average"]

    def joined(self, state: dict[str, Any], params: Mapping[str, Any], joining: Collection[str]) -> dict[str, Any]:
        """Give the state for parameters of which some have only now joined, and stood still up to here.

        What is kept for them is as `init` makes it, but for the average of a weight that stood still: it is the weight.

        Args:
            state: The state, with what `init` makes for those that join.
            params: The parameters by name.
            joining: The names of those that join.
        """
        if "average" not in state or not joining:
            return state
        average = {**state["average"], **{name: jnp.array(params[name]) for name in joining}}
        return {**state, "average": average}

    def exclude_from_weight_decay(
        self, var_list: Iterable[Any] | None = None, var_names: Iterable[str] | None = None
    ) -> None:
        """Spare parameters from weight decay; to be called before the optimizer is given to a model.

        Args:
            var_list: Parameters: each a variable (by its `path`), a path such as "dense/bias", or a tuple of its
                parts.
            var_names: Regular expressions that are searched for in a parameter's name; one with a "/" in it in its
                whole path.

        Raises:
            InvalidArgument: If the optimizer has a state already.

        Example:
            >>> import jax.numpy as jnp
            >>> from kibitz.optimizers import SGD
            >>> optimizer = SGD(1.0, weight_decay=0.5)
            >>> optimizer.exclude_from_weight_decay(var_names=["bias"])
            >>> ones, zeros = ({name: of(1) for name in ("bias", "kernel")} for of in (jnp.ones, jnp.zeros))
            >>> params, _ = optimizer.apply(zeros, optimizer.init(ones), ones)
            >>> params["bias"].tolist(), params["kernel"].tolist()
            ([1.0], [0.5])
        """
        if self.built:
            raise InvalidArgument(
                "What is spared from weight decay is compiled into the optimizer's step.",
                given=code("optimizer.exclude_from_weight_decay(...)"),
                wanted="a call before the optimizer is given to a model",
                cure="optimizer.exclude_from_weight_decay(...), then model.compile(optimizer=optimizer, ...)",
            )
        self._spared = Spared(var_list, var_names)

    # -- within a step ------------------------------------------------------------------------------------------------

    def _update(self, grads: Any, state: Mapping[str, Any], params: Any, updates: Any) -> tuple[Any, dict[str, Any]]:
        """Clip, decay, move: the parameters and the slots after it."""
        rate = self._rate(state)
        slots: Any = {key: value for key, value in state.items() if key not in COMMON}
        grads, _ = self._clipping().update(grads, optax.EmptyState())
        if self.weight_decay is not None:
            params = decayed(params, rate, self.weight_decay, self._spared.among(params, self._names))
        changes, slots = self.transformation().update(grads, slots, params, learning_rate=rate, step=updates + 1)
        return optax.apply_updates(params, changes), dict(slots)

    def _accumulate(
        self, grads: Any, state: Mapping[str, Any], params: Any, updates: Any, every: int
    ) -> tuple[Any, dict[str, Any]]:
        """Add the gradients up; once a round is full, update with their mean."""
        slots = {key: value for key, value in state.items() if key not in COMMON}
        total = jax.tree.map(lambda new, old: new.astype(old.dtype) + old, grads, state["gradient_accumulator"])

        def update() -> Any:
            after, moved = self._update(jax.tree.map(lambda each: each / every, total), state, params, updates)
            return after, moved, jax.tree.map(jnp.zeros_like, total)

        due = (state["iterations"] + 1) % every == 0
        params, slots, total = jax.lax.cond(due, update, lambda: (params, slots, total))
        return params, {**slots, "gradient_accumulator": total}

    def _rate(self, state: Mapping[str, Any]) -> Any:
        return rate_at(state["learning_rate"], state["iterations"])

    def _groups(self) -> list[Iterable[str]]:
        return [["average"], ["gradient_accumulator"], *self.slots()]

    def _rate_entry(self) -> Any:
        return self._read()["learning_rate"]

    def _clipping(self) -> optax.GradientTransformation:
        chosen = {name: getattr(self, name) for name in ("clipnorm", "clipvalue", "global_clipnorm")}
        asked = {name: value for name, value in chosen.items() if value is not None}
        if len(asked) > 1:
            raise InvalidArgument(
                "An optimizer clips in one way.",
                given=asked,
                wanted="one of `clipnorm`, `clipvalue` and `global_clipnorm`",
                cure=f"{type(self).__name__}(global_clipnorm=1.0)",
            )
        return clipping(**chosen)

    def _same_trees(self, grads: Any, state: Any, params: Any) -> None:
        if not isinstance(state, Mapping) or "iterations" not in state or params is None:
            raise WrongType(
                "A step takes gradients, a state and parameters, and gives new parameters and a new state.",
                given=code("optimizer.apply(grads, variables)"),
                wanted="a state from `optimizer.init(params)`",
                cure="params, state = optimizer.apply(grads, state, params), "
                "or optimizer.apply_gradients(zip(grads, variables))",
            )
        given, wanted = _shapes(grads), _shapes(params)
        if given != wanted or jax.tree.structure(grads) != jax.tree.structure(params):
            raise ShapeMismatch(
                "The gradients are not like the parameters.",
                given=given,
                wanted=describe(wanted),
                cure="grads = jax.grad(loss)(params)",
            )
        kept = [name for group in self._groups() for name in group]
        for name in kept if jax.tree.leaves(params) else ():
            if (name in state or name not in COMMON) and _shapes(state.get(name)) != wanted:
                raise ShapeMismatch(
                    "This state was made by another optimizer, or for other parameters.",
                    given=sorted(state),
                    wanted=f'"{name}" for each of the parameters',
                    cure="state = optimizer.init(params)",
                )


def _shapes(tree: Any) -> dict[str, tuple[int, ...]]:
    return {"/".join(path): jnp.shape(leaf) for path, leaf in zip(paths(tree), jax.tree.leaves(tree), strict=True)}
