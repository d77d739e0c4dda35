"""G. The timeline: the one home of a model's device state, and the road along which training moves it.

The device may run ahead of the hooks. `base` is the state at the step that the hooks have reached: whoever reads the
model reads `base`, which is brought there if it is not there yet; whoever writes it writes `base`, through one
canonicaliser, and what was done beyond it is dropped. `on_train_batch_begin(b)` sees the state after b steps of the
epoch, `on_train_batch_end(b)` the state after b + 1.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from kibitz.data.feed import Feed, OnePass
from kibitz.data.nonfinite import Watch
from kibitz.engine.forward import Forward
from kibitz.engine.lookahead import Lookahead
from kibitz.engine.programs import Programs
from kibitz.engine.state import Arrays, TrainState, canonical, plain
from kibitz.engine.step import LogRows
from kibitz.engine.supply import Chunk, Supply, place
from kibitz.logs import Logs


class Timeline:
    """Holds the state; lends it to readers, takes it from writers, and moves it by steps.

    Args:
        forward: The model's module as a function.
    """

    def __init__(self, forward: Forward):
        self.forward = forward
        self._road: Lookahead | None = None
        self._touched = False
        self.writes = 0
        self._shown: Arrays = forward.read()
        # Copies: the arrays in the module belong to whoever made it.
        self._base = TrainState({}, {name: _copied(value) for name, value in self._shown.items()}, {}, [])
        self.freeze(set())
        self.show()

    @property
    def base(self) -> TrainState:
        """The state at the step that the hooks have reached."""
        if self._road is not None:
            self._road.touched(wrote=False)
        return self.here

    @base.setter
    def base(self, state: TrainState) -> None:
        if self._road is not None:
            self._road.touched(wrote=True)
        self._put(state)

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
        if self._road is None:
            self._base = state
        else:
            self._road.replace(state)

    # -- for readers -------------------------------------------------------------------------------------------------

    def read(self) -> TrainState:
        """The state at the cursor, with everything in it that somebody wrote into the module."""
        self.pull()
        return self.base

    def pull(self) -> None:
        """Bring the module's variables up to date; edits made to them in the meantime are taken first."""
        if self._road is not None:
            self._road.touched(wrote=False)
        self.refresh()

    def refresh(self) -> None:
        """Bring the module's variables up to date for hooks that may look at the user's own module unseen."""
        self.push()
        self.show()

    def show(self) -> None:
        """Put the state at the cursor into the module's variables."""
        variables = self.here.variables()
        self.forward.show(variables)
        self._shown = variables
        self._touched = True

    def optimizer_state(self, *, counted: bool) -> Mapping[str, Any]:
        """The optimizer's state as a mapping that looks up only what is asked for.

        What the host knows anyway is answered without a rewind: a learning rate, which no step changes, and the count
        of iterations, if every step counts.
        """
        return Known(self, counted=counted)

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
        new = {name: canonical(value, now[name], name) for name, value in edits.items()}
        self.base = base.with_(
            params={name: new.get(name, value) for name, value in base.params.items()},
            others={name: new.get(name, value) for name, value in base.others.items()},
        )
        self.show()

    def write_optimizer(self, state: dict[str, Any]) -> None:
        """Put a new optimizer state, or part of one, in place of the old."""
        base = self.base
        old = base.optimizer
        self.base = base.with_(optimizer={**old, **{key: _taken(new, old[key], key) for key, new in state.items()}})

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
        if params is not self.here.params:
            self._put(self.here.with_(params=params))
            self.show()

    def reset_metrics(self, metrics: list[Any]) -> None:
        """Begin the running means anew."""
        self._put(self.here.with_(metrics=metrics))

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

    @contextmanager
    def along(self, way: Training) -> Iterator[None]:
        """Let a way hold the state while it is gone along; a way within another one begins where that one stands."""
        outer = self._road
        way.road.begin(self.here)
        self._road = way.road
        try:
            yield
        finally:
            way.road.drop()
            state, self._road = way.road.base, outer
            if outer is None:
                self._base = state
            else:
                self.base = state


class Known(Mapping[str, Any]):
    """An optimizer's state, looked up at the cursor, but where a value is known to be the same before it."""

    def __init__(self, timeline: Timeline, *, counted: bool):
        self._timeline, self._counted = timeline, counted

    def __getitem__(self, key: str) -> Any:
        behind = self._timeline.behind.optimizer
        if self._counted and key == "learning_rate":
            return behind[key]
        if self._counted and key == "iterations":
            return np.int32(np.asarray(behind[key]) + self._timeline.beyond)
        return self._timeline.base.optimizer[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._timeline.behind.optimizer)

    def __len__(self) -> int:
        return len(self._timeline.behind.optimizer)


class Training:
    """Moves the timeline along the batches of a feed."""

    def __init__(self, timeline: Timeline, programs: Programs, feed: Feed):
        self._timeline, self._programs = timeline, programs
        loops = programs.loops["train"]
        supply = Supply(feed, ahead=loops)
        self._source = feed.source
        self._watch = Watch()
        resident = supply.resident is not None

        def run(carry: Any, chunk: Any, start: Any, n: Any) -> Any:
            return programs.train_span(carry, chunk, start, n, resident=resident)

        self.road = Lookahead(run, supply, timeline.here, most=programs.longest if loops else 1)

    def more(self) -> bool:
        """Whether the epoch has another step."""
        return self.road.more()

    def step(self) -> Logs:
        """Do one step; the logs are those of the step that the cursor has now passed."""
        self._timeline.walked()
        row, chunk, at = self.road.step()
        logs = _logs(self._programs.train_rows, row)
        if not math.isfinite(logs.batch["loss"]):
            self._examine(row[None], chunk, at)
        return logs

    def leap(self) -> tuple[Logs, int]:
        """Do all steps of a span at once, for nobody looks on; the logs of the last, and how many they were."""
        self._timeline.walked()
        rows, chunk, first, n = self.road.leap()
        self._examine(rows, chunk, first)
        return _logs(self._programs.train_rows, rows[-1]), n

    def _examine(self, rows: np.ndarray, chunk: Chunk, first: int) -> None:
        at = self._watch.first(self._programs.train_rows.own(rows, "loss"))
        if at is not None:
            self._watch.look(chunk.batch(first + at, self._source))


class Testing:
    """Measures the model on the batches of a feed; its running means are its own."""

    def __init__(self, timeline: Timeline, programs: Programs, feed: OnePass, accumulators: Callable[[], list[Any]]):
        self._timeline, self._programs = timeline, programs
        loops = programs.loops["test"]
        supply = Supply(feed, ahead=loops)
        resident = supply.resident is not None
        self._variables = timeline.here.variables()
        self._writes = timeline.writes

        def run(carry: Any, chunk: Any, start: Any, n: Any) -> Any:
            return programs.test_span(self._variables, carry, chunk, start, n, resident=resident)

        self.road = Lookahead(run, supply, accumulators(), most=programs.longest if loops else 1)

    def more(self) -> bool:
        """Whether there is another batch."""
        return self.road.more()

    def step(self) -> Logs:
        """Measure one batch."""
        self._look_again()
        row, _, _ = self.road.step()
        return _logs(self._programs.test_rows, row)

    def leap(self) -> tuple[Logs, int]:
        """Measure all batches of a span at once; the logs of the last, and how many they were."""
        self._look_again()
        rows, _, _, n = self.road.leap()
        return _logs(self._programs.test_rows, rows[-1]), n

    def _look_again(self) -> None:
        """If a hook wrote to the model, what was measured ahead was measured on another one."""
        self._timeline.push()
        if self._timeline.writes != self._writes:
            self.road.drop()
            self._variables, self._writes = self._timeline.here.variables(), self._timeline.writes


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
        x = place(self._feed.source.load(self._feed.take()))[0]
        outputs = jax.tree.map(np.array, self._programs.predict(self._timeline.here.variables(), x))
        self.outputs.append(outputs)
        # Several outputs stand in the logs under their own names, as in Keras.
        return Logs(sorted(outputs.items()) if isinstance(outputs, dict) else {"outputs": outputs})

    def leap(self) -> tuple[Logs, int]:
        """The same: each batch's outputs come to the host by themselves."""
        return self.step(), 1


def _logs(rows: LogRows, row: np.ndarray) -> Logs:
    running, own = rows.unpack(row)
    return Logs(running, batch=own)


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
