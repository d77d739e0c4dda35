"""How XLA compiles in the tests: in a hurry, but where the machine code is what is looked at.

Four fifths of what a test of Kibitz takes, where nothing is in the compilation cache, are XLA's: it makes code that is
fast for days of programs that run for a moment. In a hurry it leaves most optimizations out and makes one piece of
each program, and takes a quarter of the time. Numbers may then differ in their last places, so tests that compare bits
of different programs, or say what the optimizing compiler does, are compiled as a user's programs are.
"""

from __future__ import annotations

import os
import sys
from typing import Any

IN_A_HURRY = {
    "xla_backend_optimization_level": 0,
    "xla_llvm_disable_expensive_passes": True,
    "xla_cpu_parallel_codegen_split_count": 1,
    "xla_cpu_use_fusion_emitters": False,
}
_now = dict[str, Any]()


def compile_in_a_hurry(wanted: bool) -> None:
    """How programs are compiled from now on; what was compiled the other way is forgotten.

    Args:
        wanted: Whether to hurry. `COMPILER=careful` in the environment says that nobody ever does.
    """
    options = IN_A_HURRY if wanted and os.environ.get("COMPILER") != "careful" else {}
    if options == _now:
        return
    _patch()
    _now.clear()
    _now.update(options)
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
