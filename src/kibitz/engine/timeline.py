"""G. The timeline: the one home of a model's device state, and the road along which training moves it.

The device may run ahead of the hooks. `base` is the state at the step that the hooks have reached: whoever reads the
model reads `base`, which is brought there if it is not there yet; whoever writes it writes `base`, through one
canonicaliser, and what was done beyond it is dropped. `on_train_batch_begin(b)` sees the state after b steps of the
epoch, `on_train_batch_end(b)` the state after b + 1.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import jax
import numpy as np

from kibitz.engine.forward import Forward
from kibitz.engine.lookahead import Lookahead
from kibitz.engine.placement import settled
from kibitz.engine.state import Arrays, TrainState, bare, canonical, copied, plain

PARTS = ("variables", "optimizer", "metrics", "graph")
NOTHING = TrainState({}, {}, {}, [])


class Timeline:
    """Holds the state; lends it to readers, takes it from writers, and moves it by steps.

    Args:
        forward: The model's module as a function.
        called: What the user calls a variable, from its name in the state, for the messages.
    """

    def __init__(self, forward: Forward, called: Callable[[str], str] = str):
        self.forward, self._called = forward, called
        self._road: Lookahead | None = None
        self._touched = False
        # Parts of the state that somebody else may hold: at first whoever made the module.
        self._lent: set[str] = set(PARTS)
        self.spread = False  # whether what is put in is to lie on all devices that variables are spread over
        self.writes = 0
        self.told: Callable[[TrainState, TrainState], None] | None = None
        """Who is told of a write, with the state before it and the one behind it. None: nobody."""
        self._shown: Arrays = forward.read()
        self._base = TrainState({}, dict(self._shown), {}, [])
        self._freeze(set())
        self._show()

    @property
    def base(self) -> TrainState:
        """The state at the step that the hooks have reached."""
        if self._road is not None:
            self._road.touched(wrote=False)
        return self._given_away()

    @base.setter
    def base(self, state: TrainState) -> None:
        if self._road is not None:
            self._road.touched(wrote=True)
        if self.told is not None:
            self.told(self.here, state)
        self._lent = set(PARTS)  # whoever has put it there may hold it
        self._put(state)
        self._show()

    @property
    def optimizer(self) -> dict[str, Any]:
        """The optimizer's state at the cursor; no other part is lent with it."""
        return self._part("optimizer")

    @property
    def metrics(self) -> list[Any]:
        """The accumulators at the cursor; no other part is lent with them."""
        return self._part("metrics")

    @property
    def graph(self) -> dict[str, Any]:
        """What graph hooks carry along, at the cursor; no other part is lent with it."""
        return self._part("graph")

    def _part(self, name: str) -> Any:
        if self._road is not None:
            self._road.touched(wrote=False)
        self._lent.add(name)
        return getattr(self.here, name)

    def _given_away(self) -> TrainState:
        """The state at the cursor for one who may keep it: `owned` puts copies into our dicts, and not into theirs."""
        self._lent = set(PARTS)
        state = self.here
        return state.with_(params=dict(state.params), others=dict(state.others))

    @property
    def here(self) -> TrainState:
        """The same state; the loop's own look at it says nothing of when hooks will look again."""
        return self._base if self._road is None else self._road.base

    @property
    def behind(self) -> TrainState:
        """A state that is at hand, at the cursor or before it: for shapes, and for what no step changes."""
        return self._base if self._road is None else self._road.behind

    def _put(self, state: TrainState) -> None:
        self.writes += 1
        state = settled(state) if self.spread else state
        if self._road is None:
            self._base = state
        else:
            self._road.replace(state)

    # -- for readers -------------------------------------------------------------------------------------------------

    def read(self) -> TrainState:
        """The state at the cursor, with everything in it that somebody wrote into the module."""
        self.pull()
        return self.base

    @property
    def kept(self) -> TrainState:
        """The state at the cursor, for one who keeps it while steps go on, and who has said when that will be."""
        self.push()
        return self._given_away()

    def pull(self) -> None:
        """Bring the module's variables up to date; edits made to them in the meantime are taken first."""
        if self._road is not None:
            self._road.touched(wrote=False)
        self.refresh()

    def refresh(self) -> None:
        """Bring the module's variables up to date for hooks that may look at the user's own module unseen."""
        self.push()
        self._lent.add("variables")
        self._show()

    def _show(self) -> None:
        self.show()
        self._touched = True

    def show(self) -> None:
        """Put the state at the cursor into the module's variables."""
        variables = self.here.variables()
        self.forward.show(variables)
        self._shown = variables

    def owned(self, state: TrainState) -> TrainState:
        """A state whose arrays nobody else holds, for a step that destroys what it is given."""
        if "variables" in self._lent:
            for part in (state.params, state.others):
                for name in part:  # in place, so that an array that nobody holds goes as soon as its copy is there
                    part[name] = self._shown[name] = copied(part[name])
                    self.forward.variables[name].set_raw_value(part[name])
        others = {name: jax.tree.map(copied, getattr(state, name)) for name in self._lent - {"variables"}}
        self._lent = set()
        return state.with_(**others)

    @property
    def beyond(self) -> int:
        """How many steps the cursor is beyond the state that is at hand."""
        return 0 if self._road is None else self._road.beyond

    # -- for writers -------------------------------------------------------------------------------------------------

    def push(self) -> None:
        """Take what somebody wrote into the module's variables since they were last brought up to date."""
        if not self._touched:
            return
        edits = {
            name: value for name, value in self.forward.read().items() if value is not self._shown.get(name, value)
        }
        if edits:
            self.write_variables(edits)

    def walked(self) -> None:
        """A step is about to be done: take edits first, and look for new ones only after somebody reads again."""
        self.push()
        self._touched = False

    def write_variables(self, edits: Arrays) -> None:
        """Put new values in place of some variables, all or none."""
        base = self.base
        now = base.variables()
        new = {name: canonical(value, now[name], self._called(name)) for name, value in edits.items()}
        self.base = base.with_(
            params={name: new.get(name, value) for name, value in base.params.items()},
            others={name: new.get(name, value) for name, value in base.others.items()},
        )

    def write_optimizer(self, state: dict[str, Any]) -> None:
        """Put a new optimizer state, or part of one, in place of the old."""
        base = self.base
        old = base.optimizer
        self.base = base.with_(optimizer={**old, **{key: _taken(new, old[key], key) for key, new in state.items()}})

    def install(self, optimizer: Any, frozen: set[str]) -> None:
        """Begin with a fresh optimizer state.

        Args:
            optimizer: What moves the parameters.
            frozen: Names of those that it leaves alone.
        """
        self._freeze(frozen)
        init = jax.jit(optimizer.init) if optimizer.traced_init else optimizer.init
        self.base = self.here.with_(optimizer=init(self.here.params), metrics=[])
        self._lent.remove("optimizer")  # made just now

    def _freeze(self, frozen: set[str]) -> None:
        self.push()
        self.forward = Forward(self.forward.module)  # what is frozen may stand in the graph too
        everything, trainable = self.here.variables(), self.forward.trainable(frozen)
        self.base = TrainState(
            {name: value for name, value in everything.items() if name in trainable},
            {name: value for name, value in everything.items() if name not in trainable},
            {},
            [],
        )

    def carry(self, **parts: Any) -> None:
        """Let other accumulators (`metrics`), or what graph hooks carry along (`graph`), travel from here on."""
        self._put(self.here.with_(**parts))

    # -- the road ----------------------------------------------------------------------------------------------------

    @contextmanager
    def along(self, road: Lookahead) -> Iterator[None]:
        """Let a road hold the state while it is gone along; a road within another one begins where that one stands."""
        outer = self._road
        road.begin(self.here)
        self._road, self._base = road, NOTHING  # or the first state would be held for as long as the road is
        try:
            yield
        finally:
            state, self._road = road.leave(), outer
            if outer is None:
                self._base = state
            else:
                self.base = state


class Known(Mapping[str, Any]):
    """An optimizer's state as a mapping that looks up, at the cursor, only what is asked for.

    What the host knows anyway is answered without a rewind: a learning rate, which no step changes, and the count of
    iterations, if every step counts.

    Args:
        timeline: Where the state is.
        counted: Whether this is so.
    """

    def __init__(self, timeline: Timeline, *, counted: bool):
        self._timeline, self._counted = timeline, counted

    def __getitem__(self, key: str) -> Any:
        behind = self._timeline.behind.optimizer
        if self._counted and key == "learning_rate":
            return behind[key]
        if self._counted and key == "iterations":
            return np.int32(np.asarray(behind[key]) + self._timeline.beyond)
        return self._timeline.optimizer[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._timeline.behind.optimizer)

    def __len__(self) -> int:
        return len(self._timeline.behind.optimizer)


def _taken(new: Any, old: Any, key: str) -> Any:
    if jax.tree.structure(new) != jax.tree.structure(old):
        return new  # another schedule in the place of the old one: that is another program
    return jax.tree.map(
        lambda value, like: like if value is like else canonical(value, like, f"the optimizer's {key}"), new, old
    )


def named(state: TrainState) -> dict[str, jax.Array]:
    """The whole state by name, where it lies; random keys as their numbers."""
    flat, _ = jax.tree_util.tree_flatten_with_path(state)
    return {jax.tree_util.keystr(path): bare(value) for path, value in flat}


def exported(state: TrainState) -> dict[str, np.ndarray]:
    """The whole state as host arrays by name, for files."""
    return {name: plain(value) for name, value in named(state).items()}


def imported(state: TrainState, arrays: dict[str, np.ndarray]) -> TrainState:
    """A state from the arrays that `exported` gave, with the dtypes and shapes of `state`; all or none."""
    flat, treedef = jax.tree_util.tree_flatten_with_path(state)
    names = [jax.tree_util.keystr(path) for path, _ in flat]
    values = [canonical(arrays[name], value, name) for name, (_, value) in zip(names, flat, strict=True)]
    return jax.tree.unflatten(treedef, values)


def restored(state: TrainState, arrays: dict[str, np.ndarray]) -> TrainState:
    """The state of a run that was left, from the arrays that `exported` gave of it.

    What graph hooks carry along is taken if it is of the same hooks, and begins anew if not.
    """
    if {name for name in named(state) if name.startswith(".graph")} - set(arrays):
        return imported(state.with_(graph={}), arrays).with_(graph=state.graph)
    return imported(state, arrays)
