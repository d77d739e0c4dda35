"""What must be measured in a process of its own, and what a process can say of its memory."""

from __future__ import annotations

import ctypes
import gc
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.stamp import ROOT

STATUS = Path("/proc/self/status")
MEASURABLE = STATUS.exists()  # only Linux tells a process its peak, and lets it begin anew


def in_new_process(module: str, *words: str, **settings: str) -> dict[str, Any]:
    """Run `python -m module words`; what it printed last, as JSON, and how long it took from its start to its end.

    Settings are put into its environment.
    """
    # Nothing that another process has compiled may be found.
    environment = {**os.environ, "JAX_ENABLE_COMPILATION_CACHE": "false", **settings}
    environment.pop("JAX_COMPILATION_CACHE_DIR", None)
    began = time.perf_counter()
    command = [sys.executable, "-m", module, *words]
    done = subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, check=True)  # noqa: S603 - our own words
    return {**json.loads(done.stdout.splitlines()[-1]), "process": time.perf_counter() - began}


def resident() -> int:
    """Bytes of memory that this process holds now."""
    return _status("VmRSS")


def peak() -> int:
    """The most bytes that it held since it began, or since `forget_peak`."""
    return _status("VmHWM")


def forget_peak() -> None:
    """Give back what was freed, and measure the peak from now on."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def _status(name: str) -> int:
    for line in STATUS.read_text(encoding="ascii").splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024
    raise OSError(f"{STATUS} has no {name}.")
