"""One of several processes that run a stretch again: its piece, and what it tells the one that started it."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable, Mapping
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, BinaryIO, NamedTuple, Protocol

import jax

from kibitz.callbacks.declared import EVERY, beat_of, called, has
from kibitz.callbacks.order import in_order
from kibitz.hooks import GRAPH_HOOKS
from kibitz.models.core import Core
from kibitz.models.replaying import LookBack, Replay, Replayed
from kibitz.models.running import FitArguments, run_replay
from kibitz.replay.parcel import packed, unpacked
from kibitz.replay.process import DONE, EVENTS, FAILED, READY, end_with, receive, send
from kibitz.replay.telling import Teller, Told

SETTINGS = ("jax_enable_x64", "jax_default_matmul_precision", "jax_default_prng_impl", "jax_threefry_partitionable",
            "jax_numpy_dtype_promotion", "jax_debug_nans")  # fmt: skip
"""What of JAX's configuration decides on bits."""


class Making(Protocol):
    """Makes a fit anew in another process."""

    def begin(self, do: Callable[[Core, FitArguments], None]) -> None:
        """Bring about the fit, and hand what it is made of to a function."""
        ...


@dataclass(frozen=True)
class Task:
    """What one process is to do.

    Args:
        making: Makes the fit anew.
        asked: The replay of its piece.
        hooks: The hooks that somebody wants to be told of.
        every: How often at the ends of batches. None means always.
        cores: The cores that it may use. None means all.
        settings: JAX's configuration, by name.
    """

    making: Making
    asked: LookBack
    hooks: tuple[str, ...]
    every: str | None
    cores: frozenset[int] | None
    settings: Mapping[str, Any]


class Finished(NamedTuple):
    """What a process has to say when its piece is done.

    Args:
        done: What was run again.
        outcome: How that ended: the kind, the reason, and who asked.
        callbacks: Those that looked on here.
        said: The means of graph hooks, as they stood.
    """

    done: Replayed
    outcome: tuple[str, str, str]
    callbacks: list[Any]
    said: dict[str, Any]


class Traced:
    """A callback of which only what is traced into the step takes part; its other hooks are called elsewhere, or not.

    Args:
        callback: The callback.
    """

    adds = ()

    def __init__(self, callback: Any):
        self.__name__ = called(callback)
        for name in (*GRAPH_HOOKS, "init_graph_state"):
            if has(callback, name):
                setattr(self, name, getattr(callback, name))
        if (beat := beat_of(callback)) is not None:
            setattr(self, EVERY, str(beat.cadence))


def traced(callbacks: list[Any]) -> list[Any]:
    """Of each callback that has graph hooks, these alone."""
    return [Traced(each) for each in callbacks if any(has(each, name) for name in GRAPH_HOOKS)]


def going_along(callbacks: list[Any]) -> list[Any]:
    """Who looks on where the steps are run: those that can be merged, and what others have traced into the step."""
    found = ([each] if has(each, "merge") else traced([each]) for each in in_order(callbacks))
    return [each for some in found for each in some]


def work(tasks: BinaryIO, answers: BinaryIO) -> None:
    """Do what there is to do, and say how it went.

    Args:
        tasks: Where the task comes from; what loses its other end has nothing to do any more.
        answers: Where messages go.
    """
    try:
        task: Task = unpacked(receive(tasks)[1])
        end_with(tasks)
        if task.cores is not None:
            os.sched_setaffinity(0, task.cores)
        for name, value in task.settings.items():
            jax.config.update(name, value)
        task.making.begin(partial(_replay, task, answers))
    except BaseException as error:  # noqa: BLE001 - whatever it was, it is told
        send(answers, FAILED, _failure(error))


def _replay(task: Task, answers: BinaryIO, core: Core, given: FitArguments) -> None:
    """Run the piece again."""
    send(answers, READY, b"")

    def tell(block: list[Told]) -> None:
        send(answers, EVENTS, packed(block))

    along = going_along(given.callbacks)
    teller = Teller(task.hooks, task.every, tell)
    replay = Replay(core, task.asked)
    given = replace(given, callbacks=[*along, teller], verbose=0, durable=None,
                    epochs=replay.commit.document["epochs"])  # fmt: skip
    with redirect_stdout(sys.__stderr__), redirect_stderr(sys.__stderr__):
        run_replay(core, given, replay)
    merged = [each for each in along if has(each, "merge")]
    send(answers, DONE, packed(Finished(replay.done, teller.outcome, merged, replay.said())))


def _failure(error: BaseException) -> bytes:
    """An error as the other process can raise it; as its text alone, if it is of a kind that cannot go there."""
    text = "".join(traceback.format_exception(error))
    kept = vars(error).get("__notes__", [])
    try:
        data = packed(error) if isinstance(error, Exception) else b""
        unpacked(data)  # whether it comes back
    except Exception:  # noqa: BLE001 - whatever keeps it from going
        data = b""
    return packed((data, f"{type(error).__name__}: {error}", text, kept))
