"""How far back a replay begins, for a graph hook that the run had not to say what it would have said then."""

from __future__ import annotations

from collections import Counter
from typing import Any

import jax
import jax.numpy as jnp

from kibitz.checkpoint.run_folder import Commit
from kibitz.engine.graph_hooks import GraphHook
from kibitz.models.core import Core
from kibitz.models.hooking import graph_hooks
from kibitz.models.running import as_list
from kibitz.replay.past import Past


def reach_back(core: Core, commit: Commit, past: Past, start: int, callbacks: Any, *, means: bool = True) -> int:
    """The step at which new graph hooks must be there at the latest.

    No commit knows their means over the epoch, nor what they carry from step to step. So one that logs a number must be
    there from the beginning of the epoch on, and one that carries something from the beginning of the run on.

    Args:
        core: The parts of the model.
        commit: A commit of the run, which knows whose graph hooks there were.
        past: What is known of the run.
        start: The first step that is looked at.
        callbacks: Who looks on.
        means: Whether their means over the epoch are wanted.
    """
    hooked = commit.document.get("hooked")
    there = Counter(name for name in hooked if isinstance(name, str)) if isinstance(hooked, list) else Counter[str]()
    new: list[GraphHook] = []
    for hook in graph_hooks(core, as_list(callbacks)).hooks:
        new += [] if there[hook.name] else [hook]
        there[hook.name] -= 1
    told = [_told(core, hook) for hook in new]
    if any(carries for carries, _ in told):
        return min(start, past.first)
    if means and any(logs for _, logs in told):
        return max((first for first, _ in past.epochs.values() if first <= start), default=start)
    return start


def _told(core: Core, hook: GraphHook) -> tuple[bool, bool]:
    """Whether a hook carries something from step to step, and whether it logs a number that has a mean."""

    def look(params: dict[str, Any]) -> Any:
        state, said = hook.init(params), {}
        for function in (hook.on_gradients, hook.on_update):
            if function is not None:
                _, state, logs = function(dict(params), dict(params), state)
                said |= {name: jnp.asarray(value) for name, value in logs.items()}
        return jax.tree.map(jnp.asarray, state), said

    params = core.timeline.behind.params if core.built else {}
    shown = {core.owner.shown(name): jax.ShapeDtypeStruct(value.shape, value.dtype) for name, value in params.items()}
    try:
        state, said = jax.eval_shape(look, shown)
    except Exception:  # noqa: BLE001 - it is of the user's, and the fit will say what is wrong with it
        return False, True
    return bool(jax.tree.leaves(state)), any(each.ndim == 0 for each in said.values()) or not core.built
