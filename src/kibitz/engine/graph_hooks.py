"""H. Functions of callbacks that are traced into the training step: they see gradients and updates.

A hook is a pure function of arrays, and may change what it sees. It has a state of its own, which is a part of the
train state, and logs numbers that travel with those of the step. One that acts every so many steps stands in a branch
that is not taken in between.

A hook that gives back the very arrays that it was given leaves the bits of a run as they are without it: what it works
out on the way stands beside the step, behind a barrier. `tests/free/test_graph_hooks_same_bits.py` holds that for
GradientNorms and WeightHistograms, at any cadence, in a loop and step by step. One that gives back others may change
bits even where their values are the same, for it is another program: a product with 1, or a function under `jax.jit`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from kibitz.engine.carried import carried
from kibitz.engine.state import Arrays, copied, in_the_dtype_of
from kibitz.errors import InvalidArgument, ShapeMismatch, WrongType, code, describe
from kibitz.optimizers.rule import at_least_float32

Function = Callable[[Arrays, Arrays, Any], tuple[Arrays, Any, Mapping[str, Any]]]
"""`(gradients or updates, parameters, state) -> (gradients or updates, state, numbers to log)`."""


@dataclass(frozen=True)
class GraphHook:
    """What one callback has traced into the step.

    Args:
        name: What the callback is called.
        key: What tells it from others: a program is compiled anew for each combination.
        on_gradients: Called with the gradients. None: it does not look at them.
        on_update: Called with what the optimizer adds to the parameters. None: it does not look at it.
        init: Gives its first state from the parameters.
        every: It acts at every so many steps, counted over the run.
    """

    name: str
    key: Any
    on_gradients: Function | None = field(default=None, compare=False)
    on_update: Function | None = field(default=None, compare=False)
    init: Callable[[Arrays], Any] = field(default=lambda _: (), compare=False)
    every: int = 1

    def due(self, step: int) -> bool:
        """Whether it acts at this step, counted from 1."""
        return step % self.every == 0


class GraphHooks:
    """All graph hooks of a run, as the step calls them.

    Args:
        hooks: The hooks, in order; each sees what those before it made of the gradients.
        shown: What the user calls a parameter, from its name in the state.
    """

    def __init__(self, hooks: tuple[GraphHook, ...], shown: Callable[[str], str]):
        self.hooks, self._shown = hooks, shown
        self.source: dict[str, GraphHook] = {}  # whose each number is; known when a step was traced
        self._claimed: dict[str, str] = {}  # and from which function

    def init(self, params: Arrays) -> dict[str, Any]:
        """The state of all hooks before the first step."""
        if not self.hooks:
            return {}
        states = [_first_state(hook, self._by_users_names(params)) for hook in self.hooks]
        return {"step": jax.device_put(np.int32(0)), "hooks": states}

    def again(self) -> GraphHooks:
        """The same hooks, for a step that is traced anew."""
        return GraphHooks(self.hooks, self._shown)

    def carried(self, state: dict[str, Any], before: Arrays, after: Arrays) -> dict[str, Any]:
        """The state of all hooks, made to fit other parameters than it was kept for."""
        if not self.hooks:
            return state
        old, new = self._by_users_names(before), self._by_users_names(after)
        states = [
            carried(kept, lambda params, hook=hook: jax.tree.map(jnp.asarray, hook.init(params)), old, new, hook.name)
            for hook, kept in zip(self.hooks, state["hooks"], strict=True)
        ]
        return {**state, "hooks": states}

    def on_gradients(self, grads: Arrays, params: Arrays, state: dict[str, Any], scale: Any) -> Any:
        """The gradients after all hooks have seen them, the state, and the numbers that they log.

        Gradients of a scaled loss are shown without the scale.
        """
        # Behind a barrier the gradients are the ones that the optimizer sees, whoever else looks at them.
        grads = jax.lax.optimization_barrier(grads)
        shown = grads if scale is None else {name: _divided(grad, scale) for name, grad in grads.items()}
        seen, state, logs = self._called("on_gradients", shown, params, state)
        if seen is not shown:
            grads = seen if scale is None else {name: _times(seen[name], scale, grads[name].dtype) for name in grads}
        return grads, state, logs

    def on_update(self, old: Arrays, new: Arrays, state: dict[str, Any]) -> Any:
        """The parameters after all hooks have seen how they are about to move, the state, and the numbers."""
        if not any(hook.on_update for hook in self.hooks):
            return new, state, {}
        updates = {name: new[name] - old[name] for name in old}
        seen, state, logs = self._called("on_update", updates, old, state)
        return (new if seen is updates else {name: old[name] + seen[name] for name in old}), state, logs

    def stepped(self, state: dict[str, Any]) -> dict[str, Any]:
        """The state when a step is done."""
        return {**state, "step": state["step"] + 1} if self.hooks else state

    def _called(self, which: str, values: Arrays, params: Arrays, state: dict[str, Any]) -> Any:
        states, logs, seen = list(state["hooks"]), {}, values
        for place, hook in enumerate(self.hooks):
            function = getattr(hook, which)
            if function is None:
                continue
            call = _Call(hook, which, function, self._by_users_names(seen), self._by_users_names(params))
            changed, states[place], said = call(states[place], state["step"])
            if changed is not None:  # by name: what went through JAX has its names in alphabetical order
                seen = {name: changed[self._shown(name)] for name in seen}
            for name, value in said.items():
                self._claim(name, hook, call.what)
                logs[name] = value
        return seen, {**state, "hooks": states}, logs

    def require_apart(self, names: Collection[str]) -> None:
        """Refuse hooks that log what the step has in its logs anyway.

        Args:
            names: The names in the logs of a step without hooks.

        Raises:
            InvalidArgument: If one does.
        """
        for name in self._claimed.keys() & names:
            raise _twice(name, self._claimed[name], "the step itself")

    def _claim(self, name: str, hook: GraphHook, what: str) -> None:
        other = self.source.setdefault(name, hook)
        if other is not hook or self._claimed.setdefault(name, what) != what:
            raise _twice(name, what, self._claimed[name])

    def _by_users_names(self, arrays: Arrays) -> Arrays:
        return {self._shown(name): value for name, value in arrays.items()}


class _Call:
    """One hook, traced: within a branch if it does not act at every step."""

    def __init__(self, hook: GraphHook, which: str, function: Function, values: Arrays, params: Arrays):
        self.hook, self.what = hook, f"{hook.name}.{which}"
        self.function, self.values, self.params = function, values, params

    def __call__(self, state: Any, step: Any) -> tuple[Arrays | None, Any, dict[str, Any]]:
        """The changed values, or None if it leaves them alone; its new state, and what it logs."""
        changes = False

        def look(state: Any) -> Any:
            nonlocal changes
            values, state, logs = self._checked(state)
            changes = any(values[name] is not self.values[name] for name in values)
            return values, state, logs

        shapes = jax.eval_shape(look, state)
        if self.hook.every == 1:
            values, state, logs = self._checked(state)
            return (values if changes else None), state, logs

        def act(state: Any) -> Any:
            values, state, logs = self._checked(state)
            return (values if changes else ()), state, logs

        def let_be(state: Any) -> Any:
            nothing = {name: jnp.zeros(spec.shape, spec.dtype) for name, spec in shapes[2].items()}
            return (self.values if changes else ()), state, nothing

        due = (step + 1) % self.hook.every == 0
        values, state, logs = jax.lax.cond(due, act, let_be, state)
        return (values if changes else None), state, logs

    def _checked(self, state: Any) -> tuple[Arrays, Any, dict[str, Any]]:
        """What the function gives, if it is what a step can go on with."""
        try:
            given = self.function(dict(self.values), dict(self.params), state)
        except Exception as error:
            error.add_note(f"in {self.what}, while it was traced into the step")
            raise
        if not (isinstance(given, tuple) and len(given) == 3 and isinstance(given[2], Mapping)):
            raise WrongType(
                f"{self.what} gives three things.",
                given=given,
                wanted="(what it was given, its state, a dict of numbers to log)",
                cure='return grads, state, {"norm": optax.tree.norm(grads)}',
            )
        values, after, logs = given
        self._require_alike("the values", values, self.values)
        self._require_alike("the state", after, state)
        after = jax.tree.map(in_the_dtype_of, after, state)
        values = {name: in_the_dtype_of(values[name], old) for name, old in self.values.items()}
        return values, after, {name: self._number(name, value) for name, value in logs.items()}

    def _number(self, name: Any, value: Any) -> jax.Array:
        try:
            if isinstance(name, str):
                return jnp.asarray(value, jnp.float32)
        except (TypeError, ValueError):
            pass
        raise WrongType(
            f"{self.what} logs what is no number under a name.",
            given={name: value},
            wanted="a dict of names and numbers, or arrays of numbers",
            cure='return grads, state, {"norm": optax.tree.norm(grads)}',
        )

    def _require_alike(self, what: str, new: Any, old: Any) -> None:
        same = jax.tree.structure(new) == jax.tree.structure(old) and all(
            np.shape(one) == np.shape(other)
            for one, other in zip(jax.tree.leaves(new), jax.tree.leaves(old), strict=True)
        )
        if not same:
            raise ShapeMismatch(
                f"{self.what} gives {what} in another form than it was given them.",
                given=jax.tree.map(np.shape, new),
                wanted=describe(jax.tree.map(np.shape, old)),
                cure="jax.tree.map(function, values), which keeps the form",
            )


def _first_state(hook: GraphHook, params: Arrays) -> Any:
    state = hook.init(params)
    try:
        return jax.tree.map(_own, state)
    except (TypeError, ValueError) as error:
        raise WrongType(
            f"{hook.name}.init_graph_state gives no state that a step can carry along: {error}",
            given=state,
            wanted="numbers and arrays, in lists, tuples and dicts",
            cure='return {"average": jax.tree.map(jnp.zeros_like, params)}',
        ) from error


def _own(leaf: Any) -> jax.Array:
    """A copy, since a step may destroy what it is given; and strongly typed, or the step would be compiled again."""
    if _is_key(leaf):
        return copied(leaf)
    dtype = jnp.result_type(leaf)
    return jnp.array(leaf, dtype) if isinstance(leaf, jax.Array) else jax.device_put(np.array(leaf, dtype))


def _is_key(leaf: Any) -> bool:
    return isinstance(leaf, jax.Array) and jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)


def _divided(gradient: jax.Array, scale: jax.Array) -> jax.Array:
    # Not in float16: a scale may be more than that holds, and what is left of a gradient less.
    return gradient.astype(at_least_float32(gradient.dtype)) / scale


def _times(gradient: jax.Array, scale: jax.Array, dtype: Any) -> jax.Array:
    return (gradient * scale).astype(dtype)


def _twice(name: str, one: str, other: str) -> InvalidArgument:
    return InvalidArgument(
        f'{one} and {other} both log "{name}".',
        given=code(f'{{"{name}": ...}}'),
        wanted="numbers of different names",
        cure="give one of them another name",
    )
