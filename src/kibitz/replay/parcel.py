"""What one of our own processes hands to another, as bytes for a pipe: the one place where anything is pickled.

Both ends are this program, started by this program. Nothing of it lies in a file but arrays, which are plain.
"""

from __future__ import annotations

import importlib
import io
import pickle
import types
from pathlib import Path
from typing import Any

import jax
import numpy as np
from flax import nnx

from kibitz.engine.state import plain
from kibitz.replay.relay import LogsAlone
from kibitz.run import Run

SMALL = 4096
"""Bytes up to which an array goes with the rest, and not by a file."""

ITS_OWN = ("__main__", "__mp_main__")
"""Where a program's own classes and functions are said to be; another process has another program there."""


STAYS = "_stays_in_its_process"
"""The attribute of a class whose instances go nowhere."""


class Packer(pickle.Pickler):
    """Pickles for another of our own processes; large arrays go by files, models and runs do not go at all.

    Args:
        file: Takes the rest.
        folder: Where arrays are put. None lets all go with the rest.
        arrays: Those that are there already, by their identity.
    """

    def __init__(self, file: io.BytesIO, folder: Path | None, arrays: dict[int, tuple[Any, tuple[str, str]]]):
        super().__init__(file, protocol=5)
        self._folder, self._arrays = folder, arrays

    def persistent_id(self, thing: Any) -> Any:
        """What stands for a thing that is not pickled."""
        if isinstance(thing, Run | LogsAlone) or hasattr(type(thing), STAYS):
            return ("nobody",)
        if self._folder is None or not isinstance(thing, np.ndarray | jax.Array) or thing.nbytes <= SMALL:
            return None
        if getattr(thing.dtype, "hasobject", False):
            return None
        if id(thing) not in self._arrays:
            name, array = f"{len(self._arrays)}.npy", thing if isinstance(thing, np.ndarray) else plain(thing)
            np.save(self._folder / name, array.view(np.uint8) if array.dtype.kind == "V" else array)
            self._arrays[id(thing)] = thing, (str(self._folder / name), array.dtype.name)
        return ("array", *self._arrays[id(thing)][1])

    def reducer_override(self, thing: Any) -> Any:
        """Refuse what the other process cannot find, and find what JAX hides."""
        named = isinstance(thing, type | types.FunctionType)
        if named and self._folder is not None and thing.__module__ in ITS_OWN:
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
        if pid[0] == "nobody":
            return None
        array = np.asarray(np.load(pid[1], mmap_mode="r"))
        return array if array.dtype.name == pid[2] else array.view(pid[2])


def packed(thing: Any, folder: Path | None = None, arrays: dict[int, Any] | None = None) -> bytes:
    """A thing as bytes for another of our own processes."""
    file = io.BytesIO()
    Packer(file, folder, {} if arrays is None else arrays).dump(thing)
    return file.getvalue()


def unpacked(data: bytes) -> Any:
    """What one of our own processes packed."""
    return Unpacker(io.BytesIO(data)).load()
