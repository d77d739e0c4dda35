"""What one of our own processes hands to another, as bytes for a pipe: the one place where anything is pickled.

Both ends are this program, started by this program. Nothing of it lies in a file but large arrays, which are plain.
"""

from __future__ import annotations

import importlib
import io
import pickle
import types
from typing import Any

import jax
import numpy as np
from flax import nnx

from kibitz.replay.relay import LogsAlone
from kibitz.replay.shared_arrays import SharedArrays
from kibitz.run import Run

SMALL = 4096
"""Bytes up to which an array goes with the rest, and is not shared."""

ITS_OWN = ("__main__", "__mp_main__")
"""Where a program's own classes and functions are said to be; another process has another program there."""


STAYS = "_stays_in_its_process"
"""The attribute of a class whose instances go nowhere."""


class Packer(pickle.Pickler):
    """Pickles for another of our own processes; large arrays are shared, models and runs do not go at all.

    Args:
        file: Takes the rest.
        shared: Where large arrays are put. None lets all go with the rest.
    """

    def __init__(self, file: io.BytesIO, shared: SharedArrays | None):
        super().__init__(file, protocol=5)
        self._shared = shared

    def persistent_id(self, thing: Any) -> Any:
        """What stands for a thing that is not pickled."""
        if isinstance(thing, Run | LogsAlone) or hasattr(type(thing), STAYS):
            return ("nobody",)
        if self._shared is None or not isinstance(thing, np.ndarray | jax.Array) or thing.nbytes <= SMALL:
            return None
        if getattr(thing.dtype, "hasobject", False):
            return None
        place = self._shared.put(thing)
        return None if place is None else ("array", place)

    def reducer_override(self, thing: Any) -> Any:
        """Refuse what the other process cannot find, and find what JAX hides."""
        named = isinstance(thing, type | types.FunctionType)
        if named and self._shared is not None and thing.__module__ in ITS_OWN:
            raise pickle.PicklingError(f"{thing.__qualname__} stands in the program itself")
        public = _public(thing) if callable(thing) else None
        return NotImplemented if public is None else (_found, public)


def _found(module: str, name: str) -> Any:
    return getattr(importlib.import_module(module), name)


def _public(thing: Any) -> tuple[str, str] | None:
    """Where a function of JAX or Flax is to be had, if not where it says that it is."""
    module, name = getattr(thing, "__module__", None), getattr(thing, "__name__", None)
    if not isinstance(module, str) or not isinstance(name, str) or not module.startswith(("jax.", "flax.")):
        return None
    for place in (jax.nn, jax.numpy, nnx, jax.lax):
        if getattr(place, name, None) is thing:
            return place.__name__, name
    return None


class Unpacker(pickle.Unpickler):
    """Reads what a `Packer` wrote."""

    def persistent_load(self, pid: Any) -> Any:
        """The thing that something stands for."""
        return None if pid[0] == "nobody" else pid[1].array()


def packed(thing: Any, shared: SharedArrays | None = None) -> bytes:
    """A thing as bytes for another of our own processes.

    Args:
        thing: The thing.
        shared: Where large arrays are put. None means that they are small, or go but once.
    """
    file = io.BytesIO()
    Packer(file, shared).dump(thing)
    return file.getvalue()


def unpacked(data: bytes) -> Any:
    """What one of our own processes packed."""
    return Unpacker(io.BytesIO(data)).load()
