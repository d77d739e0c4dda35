"""What is compiled while a run goes on, counted by asking JAX itself, so that nothing is compiled in silence."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import jax

EVENT = "/jax/core/compile/backend_compile_duration"
_listening: list[list[tuple[str, float]]] = []


@contextmanager
def compiled_meanwhile(found: list[tuple[str, float]]) -> Iterator[None]:
    """Append the name and the seconds of everything that is compiled while this lasts, in whatever thread.

    A program that comes out of the persistent compilation cache counts too: JAX reports the time that it took to read.

    Args:
        found: Where they go.
    """
    _listen()
    _listening.append(found)
    try:
        yield
    finally:
        _listening[:] = [each for each in _listening if each is not found]


@cache
def _listen() -> None:
    # Once, and at the first run only: importing Kibitz does nothing. JAX has no public way to take a listener back.
    jax.monitoring.register_event_duration_secs_listener(_heard)


def _heard(event: str, duration_secs: float, **details: Any) -> None:
    if event == EVENT:
        for found in _listening:
            name = str(details.get("fun_name", "a program"))
            found.append((name.removeprefix("jit(").removesuffix(")"), duration_secs))
