"""What a run was made of: so that a run that goes on with something else is told so, by name."""

from __future__ import annotations

import hashlib
import os
import platform
from collections.abc import Mapping
from functools import cache
from importlib import metadata
from typing import Any

import jax
import numpy as np

from kibitz.data.mapped import expect

WHOLE = 2**22  # bytes of an array that are looked at whole
ROWS = 1024  # rows that are looked at in a larger one, spread evenly, the first and the last among them


def of_data(tree: Any) -> Any:
    """Shapes, dtypes and a digest of arrays; of large ones a thousand rows are looked at.

    Args:
        tree: Arrays, or dicts, lists and tuples of them. None stays None.

    Example:
        >>> import numpy as np
        >>> from kibitz.checkpoint.fingerprint import of_data
        >>> of_data(np.zeros((2, 3), "float32"))
        ['float32[2, 3] 2bb6ae06ad472028']
    """
    return [_of_array(np.asarray(leaf)) for leaf in jax.tree.leaves(tree)]


def _of_array(array: np.ndarray) -> str:
    looked = array
    if array.nbytes > WHOLE and array.ndim:
        rows = np.unique(np.linspace(0, len(array) - 1, ROWS).astype(int))
        expect(array, rows)
        looked = array[rows]
    raw = np.ascontiguousarray(looked).reshape(-1)
    data = repr(raw.tolist()).encode() if raw.dtype.hasobject else raw.view(np.uint8).data if raw.nbytes else b""
    shape = ", ".join(map(str, array.shape))
    return f"{array.dtype}[{shape}] {hashlib.blake2b(data, digest_size=8).hexdigest()}"


def of_machine() -> dict[str, str]:
    """Versions and whatever else decides on bits."""
    named = ("kibitz", "jax", "jaxlib", "flax", "optax", "numpy")
    found = {name: _version(name) for name in named}
    found["python"] = ".".join(platform.python_version_tuple()[:2])
    found["machine"] = platform.machine()
    found["devices"] = f"{jax.device_count()} {jax.devices()[0].device_kind}"
    found["XLA_FLAGS"] = os.environ.get("XLA_FLAGS", "")
    # XLA's pool of threads decides on bits on CPU.
    found["NPROC"] = os.environ.get("NPROC", "") or str(_usable_cores())
    return found


def differences(was: Mapping[str, Any], now: Mapping[str, Any], where: str = "") -> list[str]:
    """What is otherwise now, line by line.

    Args:
        was: What was written down.
        now: What there is.
        where: What both are of.

    Example:
        >>> from kibitz.checkpoint.fingerprint import differences
        >>> differences({"batch_size": 32, "model": {"a": "x"}}, {"batch_size": 64, "model": {"a": "x", "b": "y"}})
        ['batch_size was 32 and is 64', 'model b is new: y']
    """
    lines = []
    for key in dict.fromkeys((*was, *now)):
        name = f"{where} {key}".strip()
        if key not in now:
            lines.append(f"{name} is gone: it was {was[key]}")
        elif key not in was:
            lines.append(f"{name} is new: {now[key]}")
        elif isinstance(was[key], Mapping) and isinstance(now[key], Mapping):
            lines += differences(was[key], now[key], name)
        elif was[key] != now[key]:
            lines.append(f"{name} was {was[key]} and is {now[key]}")
    return lines


@cache
def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "unknown"


def _usable_cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
