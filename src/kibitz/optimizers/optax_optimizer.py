"""An Optax transformation in the place of an optimizer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, NoReturn, Self

import jax
import jax.numpy as jnp
import optax

from kibitz.errors import MissingName, Unsupported, WrongType, code
from kibitz.optimizers.arguments import Check, real
from kibitz.optimizers.base import Optimizer
from kibitz.optimizers.rate import Scheduled, as_rate
from kibitz.variable import Variable

INJECT = "optax.inject_hyperparams(optax.adam)(learning_rate=1e-3)"


def _is_in_the_chain(name: str, value: Any) -> None:
    if value is not None:
        raise Unsupported(
            f"`{name}` is a part of the transformation here.",
            given=value,
            wanted="Optax's own",
            cure="optax.chain(optax.clip_by_global_norm(1.0), optax.adamw(1e-3, weight_decay=0.004))",
        )


class OptaxOptimizer(Optimizer):
    """Move parameters by an Optax transformation.

    `compile(optimizer=optax.adam(1e-3))` makes one. Its learning rate can be read and set if it is kept in the state,
    by `optax.inject_hyperparams`; otherwise Optax has it in a closure, where nobody reaches it.

    Args:
        transformation: Any Optax transformation whose `update` needs gradients, state and parameters.
        use_ema: This and those that follow: see `Optimizer`.
        ema_momentum: How much of the old average stays in a step; used with `use_ema`.
        ema_overwrite_frequency: Updates after which the average also replaces the weights. None: only at the end.
        loss_scale_factor: What the loss is multiplied by for differentiation. None: nothing.
        gradient_accumulation_steps: Steps whose gradients are averaged into one update. None: every step is one.
        name: Its name. None: "optax_optimizer", with a number.

    Raises:
        WrongType: If `transformation` is none.

    Example:
        >>> import jax.numpy as jnp, optax
        >>> from kibitz.optimizers import OptaxOptimizer
        >>> optimizer = OptaxOptimizer(optax.inject_hyperparams(optax.sgd)(learning_rate=0.5))
        >>> optimizer.learning_rate = 0.25
        >>> params = {"w": jnp.ones(1)}
        >>> params, _ = optimizer.apply(params, optimizer.init(params), params)
        >>> params["w"].tolist()
        [0.75]

    Source: https://optax.readthedocs.io/
    """

    traced_init = True
    hyperparameters: ClassVar[dict[str, Check]] = dict.fromkeys(
        ("weight_decay", "clipnorm", "clipvalue", "global_clipnorm"), _is_in_the_chain
    )

    def __init__(
        self,
        transformation: optax.GradientTransformation,
        *,
        use_ema: bool = False,
        ema_momentum: float = 0.99,
        ema_overwrite_frequency: int | None = None,
        loss_scale_factor: float | None = None,
        gradient_accumulation_steps: int | None = None,
        name: str | None = None,
    ):
        if not isinstance(transformation, optax.GradientTransformation):
            raise WrongType(
                "This is no Optax transformation.",
                given=transformation,
                wanted="what `optax.adam(1e-3)` or `optax.chain(...)` gives",
                cure="OptaxOptimizer(optax.adam(1e-3))",
            )
        super().__init__(
            0.0,
            use_ema=use_ema,
            ema_momentum=ema_momentum,
            ema_overwrite_frequency=ema_overwrite_frequency,
            loss_scale_factor=loss_scale_factor,
            gradient_accumulation_steps=gradient_accumulation_steps,
            name=name,
        )
        del self._own["learning_rate"]
        self._given = optax.with_extra_args_support(transformation)
        self._pending: Any = None

    @property
    def learning_rate(self) -> Variable:
        """The learning rate as a variable, if the state has one.

        Raises:
            MissingName: If it has none, or several.
            WrongType: On setting, if Optax computes it by a schedule.
        """
        self._rate_now()
        return Variable(
            self._rate_now, self._set_rate, name="learning_rate", path=f"{self.name}/learning_rate", trainable=False
        )

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        self._set_rate(value.value if isinstance(value, Variable) else value)

    def transformation(self) -> optax.GradientTransformationExtraArgs:
        """The transformation, its state under the one key "optax", its dtypes kept for ever."""

        def init(params: Any) -> dict[str, Any]:
            state = jax.tree.map(_strong, self._given.init(params))
            return {"optax": state if self._pending is None else _with_rate(state, self._pending)}

        def update(updates: Any, state: Any, params: Any = None, **_: Any) -> tuple[Any, dict[str, Any]]:
            try:
                changes, after = self._given.update(updates, state["optax"], params)
            except TypeError as error:
                if "keyword-only argument" not in str(error):
                    raise
                raise Unsupported(
                    f"This Optax transformation asks for more than gradients, state and parameters: {error}.",
                    given=self,
                    wanted="a transformation whose `update` needs these three",
                    cure="optax.adam(1e-3)",
                ) from error
            return changes, {"optax": jax.tree.map(lambda new, old: _strong(new, old.dtype), after, state["optax"])}

        return optax.GradientTransformationExtraArgs(init, update)

    def get_config(self) -> dict[str, Any]:
        """Give what can be told in a dict: the learning rate (None if there is none to be read) and our arguments.

        The transformation itself is functions, and is not in it.
        """
        return super().get_config()

    @classmethod
    def from_config(cls, config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None) -> Self:  # noqa: ARG003 - as its siblings take it
        """Not possible: a transformation is functions, and no dict tells of them.

        Raises:
            Unsupported: Always.
        """
        raise Unsupported(
            "An Optax transformation cannot be made from a configuration.",
            given=dict(config),
            wanted="the transformation itself",
            cure="OptaxOptimizer(optax.adam(1e-3))",
        )

    def _rate(self, state: Mapping[str, Any]) -> None:  # noqa: ARG002 - Optax has it
        return None

    def _rate_entry(self) -> float | None:
        try:
            return real(self._rate_now())
        except MissingName:
            return None

    def _rate_now(self) -> Any:
        if not self.built and self._pending is not None:
            return self._pending
        state = self._optax_state()
        found = [] if state is None else _injected(state)
        if len(found) != 1:
            self._no_rate(several=len(found) > 1)
        return found[0].hyperparams["learning_rate"]

    def _set_rate(self, value: Any) -> None:
        self._rate_now()
        new = as_rate(value)
        (found,) = _injected(self._optax_state())
        if isinstance(new, Scheduled) or "learning_rate" in getattr(found, "hyperparams_states", ()):
            raise WrongType(
                "Optax computes this learning rate itself, or it is a number: the one cannot replace the other.",
                given=value,
                wanted="a number, where a number was injected",
                cure=INJECT,
            )
        self._pending = new
        if self.built:
            state = self._read()
            self._write({**state, "optax": _with_rate(state["optax"], new)})

    def _optax_state(self) -> Any:
        if self.built:
            return self._read()["optax"]
        # Before there is a state, a state for one weight tells whether there will be a learning rate in it.
        return self._given.init({"w": jnp.zeros((1,))})

    def _no_rate(self, *, several: bool) -> NoReturn:
        raise MissingName(
            "This Optax transformation has "
            + ("more than one learning rate in its state." if several else "no learning rate in its state."),
            given=code(f"{self.name}.learning_rate"),
            wanted="a transformation with one injected learning rate",
            cure=INJECT,
        )


def _has_rate(node: Any) -> bool:
    kept = getattr(node, "hyperparams", None)
    return isinstance(kept, Mapping) and "learning_rate" in kept


def _injected(state: Any) -> list[Any]:
    return [node for node in jax.tree.leaves(state, is_leaf=_has_rate) if _has_rate(node)]


def _with_rate(state: Any, rate: Any) -> Any:
    def put(node: Any) -> Any:
        if not _has_rate(node):
            return node
        old = node.hyperparams["learning_rate"]
        return node._replace(hyperparams={**node.hyperparams, "learning_rate": jnp.asarray(rate, old.dtype)})

    return jax.tree.map(put, state, is_leaf=_has_rate)


def _strong(leaf: Any, dtype: Any = None) -> Any:
    """Give an array its final dtype: what Optax makes of Python numbers is weakly typed, and would compile anew."""
    leaf = jnp.asarray(leaf)
    if jnp.issubdtype(leaf.dtype, jax.dtypes.extended):
        return leaf
    return leaf.astype(leaf.dtype if dtype is None else dtype)
