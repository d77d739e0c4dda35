"""G. The timeline: the one home of a model's device state, and the road along which training moves it.

`base` is the state at the step that the hooks have reached. Whoever reads the model reads `base`; whoever writes it
writes `base`, through one canonicaliser; and a step is the only other thing that moves it. `on_train_batch_begin(b)`
sees the state after b steps of the epoch, `on_train_batch_end(b)` the state after b + 1.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from kibitz.data.feed import Feed, OnePass
from kibitz.data.nonfinite import Watch
from kibitz.engine.forward import Forward
from kibitz.engine.programs import Programs, place
from kibitz.engine.state import Arrays, TrainState, canonical, plain
from kibitz.logs import Logs


class Timeline:
    """Holds the state; lends it to readers, takes it from writers, and moves it by steps.

    Args:
        forward: The model's module as a function.
    """

    def __init__(self, forward: Forward, frozen: set[str] = frozenset()):  # pyright: ignore[reportArgumentType]
        self.forward = forward
        shown = forward.read()
        trainable = forward.trainable(set(frozen))
        # Copies: the arrays in the module belong to whoever made it, and steps may come to donate theirs.
        arrays = {name: _copied(value) for name, value in shown.items()}
        self.base = TrainState(
            {name: value for name, value in arrays.items() if name in trainable},
            {name: value for name, value in arrays.items() if name not in trainable},
            {},
            [],
        )
        self._shown: Arrays = {}
        self.show()

    # -- for readers -------------------------------------------------------------------------------------------------

    def read(self) -> TrainState:
        """The state at the cursor, with everything in it that somebody wrote into the module."""
        self.pull()
        return self.base

    def pull(self) -> None:
        """Bring the module's variables up to date; edits made to them in the meantime are taken first."""
        self.push()
        self.show()

    def show(self) -> None:
        """Put the state at the cursor into the module's variables."""
        variables = self.base.variables()
        self.forward.show(variables)
        self._shown = variables

    # -- for writers -------------------------------------------------------------------------------------------------

    def push(self) -> None:
        """Take what somebody wrote into the module's variables since they were last brought up to date."""
        edits = {
            name: value for name, value in self.forward.read().items() if value is not self._shown.get(name, value)
        }
        if edits:
            self.write_variables(edits)

    def write_variables(self, edits: Arrays) -> None:
        """Put new values in place of some variables, all or none."""
        now = self.base.variables()
        new = {name: canonical(value, now[name], name) for name, value in edits.items()}
        self.base = self.base.with_(
            params={name: new.get(name, value) for name, value in self.base.params.items()},
            others={name: new.get(name, value) for name, value in self.base.others.items()},
        )
        self.show()

    def write_optimizer(self, state: dict[str, Any]) -> None:
        """Put a new optimizer state, or part of one, in place of the old."""
        old = self.base.optimizer
        self.base = self.base.with_(
            optimizer={**old, **{key: _taken(new, old[key], key) for key, new in state.items()}}
        )

    def install(self, optimizer: Any) -> None:
        """Begin with a fresh optimizer state."""
        self.push()
        self.base = self.base.with_(optimizer=jax.jit(optimizer.init)(self.base.params), metrics=[])

    def freeze(self, frozen: set[str]) -> None:
        """Say anew which parameters no optimizer moves; its state is gone with that."""
        self.push()
        self.forward = Forward(self.forward.module)  # what is frozen may stand in the graph too
        everything, trainable = self.base.variables(), self.forward.trainable(frozen)
        self.base = TrainState(
            {name: value for name, value in everything.items() if name in trainable},
            {name: value for name, value in everything.items() if name not in trainable},
            {},
            [],
        )

    def write_params(self, params: Arrays) -> None:
        """Put the parameters that an optimizer made at the end of training in place of its last step's."""
        if params is not self.base.params:
            self.base = self.base.with_(params=params)
            self.show()

    def reset_metrics(self, metrics: list[Any]) -> None:
        """Begin the running means anew."""
        self.base = self.base.with_(metrics=metrics)

    # -- the road ----------------------------------------------------------------------------------------------------

    def train(self, programs: Programs, feed: Feed) -> Training:
        """A way along the batches of a feed."""
        return Training(self, programs, feed)

    def test(self, programs: Programs, feed: OnePass, accumulators: Callable[[], list[Any]]) -> Testing:
        """A way along the batches of a feed on which the model is measured and left as it is."""
        return Testing(self, programs, feed, accumulators)

    def predict(self, programs: Programs, feed: OnePass) -> Predicting:
        """A way along the batches of a feed on which outputs are collected."""
        return Predicting(self, programs, feed)


class Training:
    """Moves the timeline along the batches of a feed, one step at a time."""

    def __init__(self, timeline: Timeline, programs: Programs, feed: Feed):
        self._timeline, self._programs, self._feed = timeline, programs, feed
        self._watch = Watch()

    def more(self) -> bool:
        """Whether the epoch has another step."""
        return self._feed.more()

    def step(self) -> Logs:
        """Do one step; the logs are those of the step that the cursor has now passed."""
        self._timeline.push()
        batch = self._feed.take()
        self._timeline.base, row = self._programs.train(self._timeline.base, place(batch))  # pyright: ignore[reportOptionalCall] - fit compiles first
        running, own = self._programs.train_rows.unpack(np.asarray(row))
        if self._watch.due(own.get("loss")):
            self._watch.look(batch)
        return Logs(running, batch=own)


class Testing:
    """Measures the model on the batches of a feed; its running means are its own."""

    def __init__(self, timeline: Timeline, programs: Programs, feed: OnePass, accumulators: Callable[[], list[Any]]):
        self._timeline, self._programs, self._feed = timeline, programs, feed
        self._accumulators = accumulators()

    def more(self) -> bool:
        """Whether there is another batch."""
        return self._feed.more()

    def step(self) -> Logs:
        """Measure one batch."""
        self._timeline.push()
        batch = self._feed.take()
        variables = self._timeline.base.variables()
        self._accumulators, row = self._programs.test(variables, self._accumulators, place(batch))  # pyright: ignore[reportOptionalCall] - evaluate compiles first
        running, own = self._programs.test_rows.unpack(np.asarray(row))
        return Logs(running, batch=own)


class Predicting:
    """Runs the model on the batches of a feed and keeps the outputs on the host."""

    def __init__(self, timeline: Timeline, programs: Programs, feed: OnePass):
        self._timeline, self._programs, self._feed = timeline, programs, feed
        self.outputs: list[Any] = []

    def more(self) -> bool:
        """Whether there is another batch."""
        return self._feed.more()

    def step(self) -> Logs:
        """Predict one batch."""
        self._timeline.push()
        x = place(self._feed.take())[0]
        outputs = jax.tree.map(np.array, self._programs.predict(self._timeline.base.variables(), x))
        self.outputs.append(outputs)
        return Logs({"outputs": outputs})


def _taken(new: Any, old: Any, key: str) -> Any:
    if jax.tree.structure(new) != jax.tree.structure(old):
        return new  # another schedule in the place of the old one: that is another program
    return jax.tree.map(lambda value, like: canonical(value, like, f"the optimizer's {key}"), new, old)


def _copied(value: Any) -> Any:
    return value if jnp.issubdtype(value.dtype, jax.dtypes.prng_key) else jnp.array(value, copy=True)


def exported(state: TrainState) -> dict[str, np.ndarray]:
    """The whole state as host arrays by name, for files."""
    flat, _ = jax.tree_util.tree_flatten_with_path(state)
    return {jax.tree_util.keystr(path): plain(value) for path, value in flat}


def imported(state: TrainState, arrays: dict[str, np.ndarray]) -> TrainState:
    """A state from the arrays that `exported` gave, with the dtypes and shapes of `state`; all or none."""
    flat, treedef = jax.tree_util.tree_flatten_with_path(state)
    names = [jax.tree_util.keystr(path) for path, _ in flat]
    values = [canonical(arrays[name], value, name) for name, (_, value) in zip(names, flat, strict=True)]
    return jax.tree.unflatten(treedef, values)
