"""C. The graph hooks of a fit: found among its callbacks, traced into the step while it lasts."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import jax

from kibitz.callbacks.declared import beat_of, called, has
from kibitz.callbacks.state import unplain, vars_of
from kibitz.engine.graph_hooks import GraphHook, GraphHooks
from kibitz.engine.state import plain
from kibitz.errors import InvalidArgument, UnknownName, WrongType, code
from kibitz.hooks import GRAPH_HOOKS
from kibitz.models.core import Core


def graph_hooks(core: Core, callbacks: list[Any]) -> GraphHooks:
    """What these callbacks have traced into the step.

    Raises:
        WrongType: If one of their graph hooks is no function.
        InvalidArgument: If a callback that has one acts at another cadence than in steps.
    """
    return GraphHooks(tuple(_hook(each) for each in callbacks if _is_one(each)), core.owner.shown)


@contextmanager
def hooked(core: Core, hooks: GraphHooks, callbacks: list[Any], run: Any) -> Iterator[None]:
    """While this lasts, the state has what these hooks carry along, and `core.hooks` are these.

    The model's own programs stay as they are: what is trained by hand in a hook, or by a fit within it, has no hooks,
    or its own.
    """
    timeline, outer, outer_hooks = core.timeline, core.timeline.here.graph, core.hooks
    core.hooks = hooks
    if hooks.hooks or outer:
        timeline.carry(graph=hooks.init(timeline.here.params))
    places = {id(callback): place for place, callback in enumerate(each for each in callbacks if _is_one(each))}

    def state_of(callback: Any) -> Any:
        if id(callback) not in places:
            raise UnknownName(
                "Only a callback with a graph hook has a state within the step.",
                given=callback,
                there_is=[hook.name for hook in hooks.hooks],
                cure="self.run.graph_state(self)",
            )
        return jax.tree.map(plain, timeline.graph["hooks"][places[id(callback)]])

    run.graph_state_of = state_of if hooks.hooks else None
    try:
        yield
    finally:
        run.graph_state_of = None
        core.hooks = outer_hooks
        if hooks.hooks or outer:
            timeline.carry(graph=outer)


def _is_one(callback: Any) -> bool:
    return any(has(callback, name) for name in GRAPH_HOOKS)


def _hook(callback: Any) -> GraphHook:
    functions = {name: getattr(callback, name, None) for name in GRAPH_HOOKS}
    for name, function in functions.items():
        if function is not None and not callable(function):
            raise WrongType(f"{called(callback)}.{name} is a function that is traced into the step.", given=function,
                            wanted="a function", cure=f"def {name}(self, values, params, state): ...")  # fmt: skip
    init = {"init": callback.init_graph_state} if has(callback, "init_graph_state") else {}
    return GraphHook(called(callback), _key(callback), **functions, **init, every=_every(callback))


def _every(callback: Any) -> int:
    beat = beat_of(callback)
    if beat is None:
        return 1
    if beat.cadence.unit != "step":
        raise InvalidArgument(
            f"{called(callback)} acts within the step, and is to act every {beat.cadence}.",
            given=code(f'every="{beat.cadence}"'),
            wanted="a number of steps",
            cure='every="100 steps"',
        )
    return int(beat.cadence.amount)


def _key(callback: Any) -> Any:
    """What tells the program of a callback from that of others: for ours, the class and the arguments.

    One of a user's own may be traced from anything, so it is like no other; nor is one that was given a function.
    """
    kind, own = type(callback), vars_of(callback)
    arguments = [name for name in inspect.signature(kind.__init__).parameters if name in own]
    ours = kind.__module__.startswith("kibitz.") and not {*GRAPH_HOOKS, "init_graph_state"} & vars(callback).keys()
    if ours and all(unplain(own[name]) is None for name in arguments):
        return kind, repr([own[name] for name in arguments])
    return id(callback)
