"""The calls of a training loop written by hand, as Keras has them: over lists of variables instead of trees."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import jax.numpy as jnp

from kibitz.errors import NotReady, ShapeMismatch, Unsupported, WrongType, code
from kibitz.optimizers.layout import get, put
from kibitz.optimizers.live import LiveOptimizer
from kibitz.optimizers.paths import path_of
from kibitz.variable import Variable


class HandLoop(LiveOptimizer):
    """An optimizer in a loop without `fit`; it then keeps a state of its own.

    For a loop in plain JAX, `Optimizer.init` and `Optimizer.apply` over a tree of arrays are simpler. This is the
    second base of `Optimizer`; nobody makes one.

    Example:
        >>> import jax.numpy as jnp
        >>> from kibitz.optimizers import SGD
        >>> from kibitz.variable import Variable
        >>> home = {"w": jnp.ones(2)}
        >>> w = Variable(lambda: home["w"], lambda new: home.update(w=new), name="w")
        >>> optimizer = SGD(0.5)
        >>> int(optimizer.apply_gradients([(jnp.ones(2), w)])), home["w"].tolist()
        (1, [0.5, 0.5])
    """

    _keys: list[str]
    init: Callable[[Any], dict[str, Any]]
    apply: Callable[..., tuple[Any, dict[str, Any]]]
    finalize: Callable[[Any, Any], Any]

    def build(self, variables: Iterable[Any]) -> None:
        """Make the state for these variables, once.

        Args:
            variables: The variables (or arrays) that are to be trained, such as `model.trainable_variables`.

        Raises:
            Unsupported: If the optimizer belongs to a model: its state is made with the model's.
        """
        if self._bound is not None:
            raise Unsupported(
                "This optimizer belongs to a model, which makes its state.",
                given=self,
                wanted="an optimizer that was not given to `compile`",
                cure=f"{type(self).__name__}.from_config(optimizer.get_config())",
            )
        if self._by_hand:
            return
        named = _named(variables)
        self._own = self.init(named)
        self._keys, self._order, self._by_hand = list(named), [path_of(key) for key in named], True

    def apply_gradients(self, grads_and_vars: Iterable[tuple[Any, Any]]) -> Variable:
        """Take one step: move the variables, and keep the state.

        Args:
            grads_and_vars: Pairs of a gradient and its variable: all the variables, in the order of `build`.

        Returns:
            The iterations, as a variable.

        Raises:
            WrongType: If a variable cannot be assigned to (an array is returned changed, not changed in place).
        """
        pairs = list(grads_and_vars)
        variables = [variable for _, variable in pairs]
        for each in variables:
            if not hasattr(each, "assign"):
                raise WrongType(
                    "An array cannot be changed in place.",
                    given=each,
                    wanted="variables, with `assign`",
                    cure="params, state = optimizer.apply(grads, state, params)",
                )
        self.build(variables)
        named = _named(variables)
        grads = dict(zip(named, (gradient for gradient, _ in pairs), strict=True))
        after, self._own = self.apply(grads, self._own, named)
        for key, variable in zip(named, variables, strict=True):
            variable.assign(after[key])
        return self.iterations

    def stateless_apply(
        self, optimizer_variables: Sequence[Any], grads: Sequence[Any], trainable_variables: Sequence[Any]
    ) -> tuple[list[Any], list[Any]]:
        """Compute one step without changing anything; it can be compiled.

        Args:
            optimizer_variables: Arrays, one for each of `variables`.
            grads: The gradients, one for each variable that `build` was given.
            trainable_variables: Arrays, one for each variable that `build` was given.

        Returns:
            The trainable variables and the optimizer's variables after the step.

        Raises:
            NotReady: If `build` was not called.
            ShapeMismatch: If a list has not the length it should have.
        """
        if not self._by_hand:
            raise NotReady(
                "The optimizer has not been built for a list of variables.",
                given=code("optimizer.stateless_apply(...)"),
                wanted="optimizer.build(variables) first",
                cure="params, state = optimizer.apply(grads, state, params), which works on any tree",
            )
        keys, slots = self._keys, self._entries()
        for what, given, wanted in (
            ("optimizer_variables", optimizer_variables, len(slots)),
            ("grads", grads, len(keys)),
            ("trainable_variables", trainable_variables, len(keys)),
        ):
            if len(given) != wanted:
                raise ShapeMismatch(
                    f"`{what}` has not the length that the optimizer was built for.",
                    given=code(f"{len(given)} of them"),
                    wanted=f"{wanted}",
                    cure="optimizer.build(trainable_variables)",
                )
        state = self._own
        for entry, value in zip(slots, optimizer_variables, strict=True):
            state = put(state, entry, value)
        params = dict(zip(keys, map(jnp.asarray, trainable_variables), strict=True))
        params, state = self.apply(dict(zip(keys, grads, strict=True)), state, params)
        return [params[key] for key in keys], [get(state, entry) for entry in slots]

    def finalize_variable_values(self, var_list: Iterable[Any]) -> None:
        """Give the variables their final values: with `use_ema`, their moving averages."""
        variables = list(var_list)
        if not self._by_hand:
            return
        named = _named(variables)
        final = self.finalize(named, self._own)
        for key, variable in zip(named, variables, strict=True):
            variable.assign(final[key])


def _named(variables: Iterable[Any]) -> dict[str, Any]:
    """Put variables into a tree under their paths; under their places where these are not all different."""
    listed = list(variables)
    names = [getattr(each, "path", f"variable_{place}") for place, each in enumerate(listed)]
    if len(set(names)) < len(names):
        names = [f"{name}_{place}" for place, name in enumerate(names)]
    values = [jnp.asarray(each.value if hasattr(each, "value") else each) for each in listed]
    return dict(zip(names, values, strict=True))
