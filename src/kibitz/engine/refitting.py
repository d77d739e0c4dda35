"""The state of a model when other parameters are moved from now on, and going on from it."""

from __future__ import annotations

from typing import Any

import jax

from kibitz.engine.carried import carried
from kibitz.engine.forward import Forward
from kibitz.engine.graph_hooks import GraphHooks
from kibitz.engine.state import TrainState
from kibitz.engine.timeline import Timeline


def refitted(timeline: Timeline, optimizer: Any, hooks: GraphHooks, trainable: set[str]) -> TrainState:
    """The state at the cursor as it is when other parameters are moved: the optimizer goes on with those that stay.

    Args:
        timeline: Where the state is; it is left as it is.
        optimizer: What moves the parameters.
        hooks: The graph hooks that look on.
        trainable: The names of the parameters that are moved from now on.

    Raises:
        Unsupported: If it cannot be told what the optimizer, or a graph hook, keeps for which parameter.
    """
    timeline.push()
    here, values = timeline.here, timeline.here.variables()
    params = {name: values[name] for name in timeline.forward.names if name in trainable}
    init = jax.jit(optimizer.init) if optimizer.traced_init else optimizer.init
    slots = carried(here.optimizer, init, here.params, params, f"the optimizer {optimizer.name}")
    return TrainState(
        params,
        {name: values[name] for name in timeline.forward.names if name not in trainable},
        optimizer.joined(slots, params, params.keys() - here.params.keys()),
        here.metrics,
        hooks.carried(here.graph, here.params, params),
    )


def go_on_from(timeline: Timeline, state: TrainState) -> None:
    """Go on from a state in which other parameters are moved; whoever runs steps needs other programs for it."""
    timeline.forward = Forward(timeline.forward.module)  # what is frozen may stand in the graph too
    timeline.base = state
