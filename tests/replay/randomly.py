"""Random programs that are trained, killed, gone on with, and looked back at; what a callback hears, as text."""

from __future__ import annotations

import hashlib
import math
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import strategies as st

import kibitz as keras
from kibitz import callbacks, layers
from kibitz.checkpoint.written import Written
from kibitz.hooks import HOOKS
from kibitz.models.durable import Durable
from kibitz.models.replaying import Replay
from kibitz.replay import recorder
from kibitz.run import Run

RNG = np.random.default_rng(7)
X = RNG.normal(size=(37, 3)).astype("float32")
Y = RNG.integers(0, 2, size=(37, 1)).astype("float32")
WEIGHT = RNG.uniform(0.5, 2, size=37).astype("float32")
VX, VY = RNG.normal(size=(10, 3)).astype("float32"), RNG.integers(0, 2, size=(10, 1)).astype("float32")

ACTIONS = ("rate", "weights", "in place", "slots", "metrics", "evaluate", "logs", "arrays", "stop", "stop now",
           "nested", "fit")  # fmt: skip
WRITES_IN = ("on_train_batch_begin", "on_train_batch_end", "on_epoch_begin", "on_epoch_end", "on_test_begin",
             "on_test_batch_end", "on_test_end", "on_train_begin", "on_train_end", "on_run_end")  # fmt: skip
SHIPPED = ("ReduceLROnPlateau", "EarlyStopping", "LearningRateScheduler", "SwapEMAWeights", "FreezeUntil",
           "GradientClip")  # fmt: skip
GRAPH = ("GradientClip",)
NEW = ("", "GradientNorms", "GradientNorms every 2 steps", "GradientNorms every 5 steps")
"""Graph hooks that come to a run that has been, and the run had not; they leave its bits as they are."""


class Dies(BaseException):
    """Nobody handles it."""


class Death(callbacks.Callback):
    """Dies in a hook, at a step."""

    adds = ()

    def __init__(self, step: int, hook: str):
        super().__init__()
        self._step = step
        setattr(self, hook, self._die)

    def _die(self, *_: Any, **__: Any) -> None:
        if self.run.step >= self._step:
            raise Dies


class Writes(callbacks.Callback):
    """Does something to the model in a hook, at moments that look as if they were drawn."""

    def __init__(self, hook: str, action: str, seed: int, one_in: int):
        super().__init__()
        self.adds = ("added", "other") if action in {"logs", "arrays"} else ()
        self._action, self._seed, self._one_in, self._hook = action, seed, one_in, hook
        setattr(self, hook, self._heard)
        self.__name__ = f"Writes{seed}"

    def _heard(self, *args: Any, logs: Any = None) -> None:
        logs = logs if logs is not None else args[-1]
        at = f"{self._seed} {self._hook} {self.run.step} {args[:-1]} {self.run.validating}"
        drawn = zlib.crc32(at.encode())
        if drawn % self._one_in == 0:
            self._act(np.float32((drawn >> 8) % 97 + 1), logs)

    def _act(self, number: np.float32, logs: Any) -> None:
        model, action = self.model, self._action
        if action == "rate":
            model.optimizer.learning_rate = number / 1000
        elif action == "weights":
            model.set_weights([each * (1 + number / 1000) for each in model.get_weights()])
        elif action == "in place":
            model.layers[0].kernel.assign(np.asarray(model.layers[0].kernel) * np.float32(0.9))
        elif action == "slots":
            model.optimizer.variables[-1].assign(np.asarray(model.optimizer.variables[-1]) * np.float32(0.5))
        elif action == "metrics":
            model.reset_metrics()
        elif action == "evaluate" and self.run.sets is not None and self._hook != "on_run_end":
            self.run.evaluate()
        elif action == "logs" and self._hook != "on_run_end":
            logs["added"], logs["other"] = number / 7, float(number)
            getattr(logs, "batch", {})["mine"] = number
        elif action == "arrays" and self._hook != "on_run_end":
            logs["added"], logs["other"] = np.full((2, 1), number), (int(number), None, [number], {"a": np.arange(2)})
        elif action == "stop" and number > 60:
            model.stop_training = True
        elif action == "stop now" and number > 60:
            self.run.stop("enough", now=True)
        elif action == "nested":
            model.evaluate(VX, VY, verbose=0), model.predict(VX, verbose=0)
        elif action == "fit":
            model.fit(VX, VY, batch_size=5, epochs=1, verbose=0)


class Hears(callbacks.Callback):
    """Writes down what it is given and what it sees; also where a run is kept, so that two tellings can be joined."""

    adds = ()

    def __init__(self, hooks: tuple[str, ...], *, looks: bool = True):
        super().__init__()
        self._events: list[tuple[Any, ...]] = []
        for hook in hooks:
            setattr(self, hook, self._hearing(hook))
        self._looks = looks

    def _hearing(self, hook: str) -> Any:
        def heard(*args: Any, logs: Any = None) -> None:
            given = logs if logs is not None else args[-1]
            clock = self.run.clock
            said = told(given) if hook != "on_run_end" else (given.kind, given.reason, given.by)
            where = (clock.epoch, clock.batch, clock.step, self.run.validating)
            seen = self.seen() if self._looks else ()
            self._events.append((hook, clock.step, (args[:1] if "_batch_" in hook or "epoch" in hook else ()), said,
                                 where, seen))  # fmt: skip

        return heard

    def seen(self) -> tuple[Any, ...]:
        model = self.model
        slots = [np.asarray(each) for each in model.optimizer.variables]
        return (
            digest(model.get_weights()), digest(slots), repr(float(np.asarray(model.optimizer.learning_rate))),
            repr(model.get_metrics_result()), model.stop_training, self.run.stop_now, repr(self.run.validation),
        )  # fmt: skip


def digest(arrays: Any) -> str:
    told = hashlib.blake2b(digest_size=6)
    for each in arrays:
        told.update(np.asarray(each).tobytes())
    return told.hexdigest()


def told(logs: Any) -> str:
    return repr([(name, type(value).__name__, value) for name, value in logs.items()]) + repr(
        sorted(getattr(logs, "batch", {}).items())
    )


@contextmanager
def noted(hears: Hears) -> Iterator[None]:
    """While this lasts, it is noted where a run may be kept, and where it is begun again; and all arrays are kept."""
    patch = pytest.MonkeyPatch()
    patch.setattr(recorder, "ROOM", math.inf)
    patch.setattr(Written, "thin", lambda written, most: None)
    boundary = Run.boundary

    def noting(run: Run, logs: Any, *, begun: bool) -> None:
        if run.keep is not None:  # a run within a hook is none that may be kept
            hears._events.append(("boundary", run.clock.step, begun))
        boundary(run, logs, begun=begun)

    def restoring(kind: Any) -> None:
        restore = kind.restore

        def restored(keeper: Any) -> None:
            restore(keeper)
            step, begun = (0, False) if keeper.place is None else (keeper.place.step, keeper.place.begun)
            hears._events.append(("restored", step, begun))

        patch.setattr(kind, "restore", restored)

    patch.setattr(Run, "boundary", noting)
    restoring(Durable), restoring(Replay)
    try:
        yield
    finally:
        patch.undo()


@dataclass(frozen=True)
class Program:
    """A program and what is done with it."""

    seed: int = 0
    noisy: bool = False
    optimizer: str = "sgd"
    batch_size: int = 8
    epochs: int = 3
    rows: int = 37
    steps_per_epoch: int | None = None
    weights: str = ""
    freq: Any = None
    sets: bool = False
    shuffle: bool = True
    writes: tuple[tuple[str, str, int], ...] = ()
    shipped: tuple[str, ...] = ()
    commit: str = "3 steps"
    keep: int = 10
    deaths: tuple[tuple[int, str], ...] = ()
    hooks: tuple[str, ...] = HOOKS
    looks: bool = True
    new: str = ""

    @property
    def data(self) -> dict[str, Any]:
        given: dict[str, Any] = {"x": X[: self.rows], "y": Y[: self.rows]}
        if self.freq is not None:
            given["validation_data"] = {"one": (VX, VY), "two": (VX[:4], VY[:4])} if self.sets else (VX, VY)
        if self.weights == "sample":
            given["sample_weight"] = WEIGHT[: self.rows]
        if self.weights == "class":
            given["class_weight"] = {0: 1.0, 1: 2.5}
        return given

    def model(self) -> Any:
        keras.utils.set_random_seed(self.seed)
        parts = [layers.Dense(4, activation="tanh", input_shape=(3,), name="first")]
        parts += [layers.BatchNormalization(name="norm"), layers.Dropout(0.4)] if self.noisy else []
        model = keras.Sequential([*parts, layers.Dense(1, activation="sigmoid")])
        ema = {"use_ema": True, "ema_momentum": 0.8} if "SwapEMAWeights" in self.shipped else {}
        schedule = keras.optimizers.schedules.ExponentialDecay(0.05, 4, 0.8)
        optimizers = {
            "sgd": lambda: keras.optimizers.SGD(0.05, momentum=0.9, **ema),
            "adam": lambda: keras.optimizers.Adam(0.01, **ema),
            "decay": lambda: keras.optimizers.SGD(schedule, momentum=0.5, **ema),
        }
        model.compile(optimizers[self.optimizer](), "binary_crossentropy", metrics=["accuracy"])
        return model

    @property
    def _settable(self) -> bool:
        return self.optimizer != "decay"

    def made(self, name: str) -> Any:
        if name == "ReduceLROnPlateau":
            return callbacks.ReduceLROnPlateau("loss", patience=1, factor=0.5, min_delta=0.05)
        if name == "EarlyStopping":
            return callbacks.EarlyStopping("loss", patience=1, min_delta=0.05, restore_best_weights=True)
        if name == "LearningRateScheduler":
            return callbacks.LearningRateScheduler(lambda epoch, rate: float(rate) * 0.7)
        if name == "SwapEMAWeights":
            return callbacks.SwapEMAWeights(swap_on_epoch=self.seed % 2 == 0)
        if name == "FreezeUntil":
            return callbacks.FreezeUntil(["first", "norm"] if self.noisy else "first", epoch=1)
        return callbacks.GradientClip(norm=0.1)

    def listed(self) -> list[Any]:
        rates = {"ReduceLROnPlateau", "LearningRateScheduler"}
        named = [name for name in self.shipped if self._settable or name not in rates]
        written = [Writes(hook, action, 10 * self.seed + number, one_in)
                   for number, (hook, action, one_in) in enumerate(self.writes)
                   if self._settable or action != "rate"]  # fmt: skip
        return [*map(self.made, named), *written]

    def lookers(self) -> list[Any]:
        """What must be given to a replay too: callbacks that are a part of the step."""
        return [*(self.made(name) for name in self.shipped if name in GRAPH), *self.newly()]

    def newly(self) -> list[Any]:
        """The graph hooks that the run had not."""
        _, _, every = self.new.partition(" every ")
        return [callbacks.GradientNorms(every=every or None)] if self.new else []

    def hears(self) -> Hears:
        return Hears(self.hooks, looks=self.looks)

    def fit(self, run: Path, hears: Hears, death: tuple[int, str] | None = None, *, new: bool = False) -> Any:
        """Train it once, up to a death; the model."""
        model = self.model()
        given: dict[str, Any] = {"batch_size": self.batch_size, "epochs": self.epochs, "verbose": 0}
        given |= {"steps_per_epoch": self.steps_per_epoch, "shuffle": self.shuffle, "commit": self.commit}
        if self.freq is not None:
            given["validation_freq"] = self.freq
        listed = [*self.listed(), *(self.newly() if new else [])]
        if death is not None:
            listed.insert(0, Death(*death))
        with noted(hears):
            model.fit(**self.data, callbacks=[*listed, hears], run=run, keep=self.keep, **given)
        return model

    def trained(self, run: Path, *, new: bool = False) -> list[tuple[Any, ...]]:
        """Train it, with all its deaths; what was heard, joined where it was gone on with.

        Begun again when it has ended, it ends as it did, and so does what was kept of it.

        Args:
            run: Its folder.
            new: Whether the graph hooks are there that a replay of it is given.
        """
        whole: list[tuple[Any, ...]] = []
        for death in (*self.deaths, None):
            hears = self.hears()
            try:
                model = self.fit(run, hears, death, new=new)
            except Dies:
                whole = joined(whole, hears._events)
                continue
            ended = state_of(model)
            assert state_of(self.fit(run, self.hears(), new=new)) == ended
            kept = self.model()
            kept.load_step(run)
            assert state_of(kept) == ended
            return joined(whole, hears._events)
        return whole


def state_of(model: Any) -> str:
    return digest(model.export_state().values())


def joined(before: list[tuple[Any, ...]], now: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """What one process heard up to where another went on, and what that one heard."""
    begin = next((at for at, event in enumerate(now) if event[0] == "restored"), None)
    if begin is None:
        return before
    if not before:
        return now[begin:]
    place = now[begin][1:]
    ends = [at for at, event in enumerate(before) if event[0] in {"boundary", "restored"} and event[1:] == place]
    return before[: ends[-1] + 1] + now[begin + 1 :]


def within(events: list[tuple[Any, ...]], start: int, stop: int, *, ended: bool) -> list[tuple[Any, ...]]:
    """What of a run was heard in the time of some steps."""
    found, since = [], None
    for event in events:
        hook, step, *_ = event
        if hook in {"boundary", "restored"}:
            since = event
            continue
        if hook in {"on_train_end", "on_run_end"}:
            ended and found.append(event)
            since = (*since[:2], "over") if hook == "on_train_end" and since else since
            continue
        fresh = since is not None and since[1] == step
        ahead = hook == "on_train_batch_begin" or (fresh and since[2] is False)
        over = fresh and since[2] == "over"
        first = step if ahead else step - 1
        if (over and ended) or (not over and start <= first < stop):
            found.append(event)
    return found


def steps_of(events: list[tuple[Any, ...]]) -> int:
    return max(event[1] for event in events if event[0] != "restored")


@st.composite
def programs(draw: Any) -> Program:
    """Any program that can be trained."""
    number = st.integers
    freq = draw(st.sampled_from([None, 1, 2, [1, 3], "3 steps", "2 steps"]))
    hooks = draw(st.sampled_from([HOOKS, HOOKS, ("on_train_batch_end",), ("on_epoch_begin", "on_epoch_end"),
                                  ("on_epoch_end", "on_test_end", "on_train_end", "on_run_end")]))  # fmt: skip
    writes = draw(st.lists(st.tuples(st.sampled_from(WRITES_IN), st.sampled_from(ACTIONS), number(1, 4)), max_size=3))
    shipped = tuple(draw(st.lists(st.sampled_from(SHIPPED), max_size=2, unique=True)))
    # Behind a hook that changes gradients a new one makes another program, which may have other bits, and says so.
    new = "" if set(shipped) & set(GRAPH) else draw(st.sampled_from(NEW))
    return Program(
        seed=draw(number(0, 9)), noisy=draw(st.booleans()), optimizer=draw(st.sampled_from(["sgd", "adam", "decay"])),
        batch_size=draw(st.sampled_from([8, 16])), epochs=draw(number(1, 4)), rows=draw(st.sampled_from([37, 32])),
        steps_per_epoch=draw(st.sampled_from([None, None, 3, 7])),
        weights=draw(st.sampled_from(["", "", "sample", "class"])), freq=freq,
        sets=draw(st.booleans()), shuffle=draw(st.booleans()), writes=tuple(writes),
        shipped=shipped,
        commit=draw(st.sampled_from(["1 step", "2 steps", "3 steps", "5 steps", "1 epoch"])),
        keep=draw(st.sampled_from([2, 3, 10])),
        deaths=tuple(draw(st.lists(st.tuples(number(1, 9), st.sampled_from(
            ["on_train_batch_begin", "on_train_batch_end", "on_epoch_end", "on_epoch_begin"])), max_size=2))),
        hooks=hooks, looks=draw(st.booleans()), new=new,
    )  # fmt: skip
