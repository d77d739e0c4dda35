"""How XLA compiles in the tests: in a hurry, but where the machine code is what is looked at; and what is forgotten.

Four fifths of what a test of Kibitz takes, where nothing is in the compilation cache, are XLA's: it makes code that is
fast for days of programs that run for a moment. In a hurry it leaves most optimizations out and makes one piece of
each program, and takes a quarter of the time. Numbers may then differ in their last places, so tests that compare bits
of different programs, or say what the optimizing compiler does, are compiled as a user's programs are.

Before XLA compiles a program, JAX writes it down, in a context of MLIR that it makes anew each time: four milliseconds
and 1.3 MB, for as long as the program is held. Thousands of small programs share contexts, and are the same programs.
"""

from __future__ import annotations

import ctypes
import gc
import os
import sys
import threading
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

IN_A_HURRY = {
    "xla_backend_optimization_level": 0,
    "xla_llvm_disable_expensive_passes": True,
    "xla_cpu_parallel_codegen_split_count": 1,
    "xla_cpu_use_fusion_emitters": False,
}
MOST_MEMORY = 3 * 2**29
"""Bytes that a worker may hold at the end of a file; beyond that it forgets its programs."""
PROGRAMS_OF_A_CONTEXT = 64
"""How many programs are written in one context. It keeps what any of them needs, so it must end at some time."""

_now = dict[str, Any]()


@cache
def options() -> dict[str, Any]:
    """Those of them that the compiler which is installed knows."""
    return {name: value for name, value in IN_A_HURRY.items() if _known(name, value)}


def flags() -> str:
    """The same for `XLA_FLAGS`, which a process of its own is given before it begins."""
    return " ".join(f"--{name}={str(value).lower()}" for name, value in options().items())


def _known(name: str, value: Any) -> bool:
    import jax

    try:
        jax.jit(lambda number: number + 1).lower(1.0).compile(compiler_options={name: value})
    except Exception:
        return False
    return True


def compile_in_a_hurry(wanted: bool) -> None:
    """How programs are compiled from now on; what was compiled the other way is forgotten.

    Args:
        wanted: Whether to hurry. `COMPILER=careful` in the environment says that nobody ever does.
    """
    share_contexts()
    chosen = options() if wanted and os.environ.get("COMPILER") != "careful" else {}
    if chosen == _now:
        return
    _patch()
    _now.clear()
    _now.update(chosen)
    sys.modules["jax"].clear_caches()


def _patch() -> None:
    """JAX has one place where the options of a compilation are made, and no public way to it for all programs."""
    from jax._src import compiler

    made = compiler.get_compile_options
    if getattr(made, "hurries", False):
        return

    def get_compile_options(*args: Any, env_options_overrides: Any = None, **named: Any) -> Any:
        return made(*args, env_options_overrides={**_now, **(env_options_overrides or {})}, **named)

    get_compile_options.hurries = True  # type: ignore[attr-defined]
    compiler.get_compile_options = get_compile_options


class _Context(threading.local):
    """The context of a thread, and how many programs were written in it."""

    shared: Any = None
    programs = PROGRAMS_OF_A_CONTEXT


@cache
def share_contexts() -> None:
    """Have the programs that a thread writes share contexts. No bit of them changes, nor is any compiled less."""
    from jax._src.interpreters import mlir

    made, own = getattr(mlir, "make_ir_context", None), _Context()
    if made is None:  # a JAX that makes them elsewhere: tests take longer then
        return

    def make_ir_context() -> Any:
        if own.programs == PROGRAMS_OF_A_CONTEXT:
            own.shared, own.programs = made(), 0
        own.programs += 1
        return own.shared

    mlir.make_ir_context = make_ir_context


def forget() -> None:
    """Let programs go, and give their memory back to the system, where they have become many: Linux alone says so.

    Neither is enough: what JAX lets go, the C library keeps for the process.
    """
    with suppress(OSError, AttributeError):
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
        if pages * os.sysconf("SC_PAGE_SIZE") > MOST_MEMORY and "jax" in sys.modules:
            sys.modules["jax"].clear_caches()
            gc.collect()
            ctypes.CDLL(None).malloc_trim(0)
