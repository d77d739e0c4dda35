"""Processes that begin where this one stands: forked before JAX has begun its work, and nothing is imported anew."""

from __future__ import annotations

import multiprocessing
import os
import signal
import traceback
from collections.abc import Callable
from typing import Any

from jax._src import xla_bridge

FORKED = multiprocessing.get_context("fork")


class Died(Exception):
    """A process that should have come back did not."""


def apart(call: Callable[..., Any], *args: Any) -> Any:
    """What a function gives in a process of its own.

    Args:
        call: The function.
        *args: What it is given.

    Raises:
        Died: If it raised, or its process was killed; it says how.
    """
    code, told = begin(call, *args)
    if code:
        raise Died(f"{call.__name__}{args} ended with {code}: {told}")
    return told


def begin(call: Callable[..., Any], *args: Any) -> tuple[int, Any]:
    """How a process ended that does one thing, and what it told: what the function gave, or what it raised."""
    assert not xla_bridge.backends_are_initialized(), "JAX has threads by now, and a fork would not have them"
    ours, theirs = FORKED.Pipe(duplex=False)
    process = FORKED.Process(target=_do, args=(theirs, call, args))
    process.start()
    theirs.close()
    try:
        told = ours.recv()
    except EOFError:
        told = "it was killed"
    process.join()
    return process.exitcode or 0, told


def die() -> None:
    """End this process at once, as a power cut would: nothing is closed, nobody is told."""
    os.kill(os.getpid(), signal.SIGKILL)


def _do(pipe: Any, call: Callable[..., Any], args: Any) -> None:
    try:
        pipe.send(call(*args))
    except BaseException:
        pipe.send(traceback.format_exc())
        os._exit(1)
