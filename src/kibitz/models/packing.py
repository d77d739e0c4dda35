"""What another process needs to fit a model as this one does: made anew there, with its data mapped into memory."""

from __future__ import annotations

import importlib
import io
import pickle
import types
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import jax
import numpy as np
from flax import nnx

from kibitz.engine.state import plain
from kibitz.errors import InvalidArgument, KibitzError, Unsupported, code
from kibitz.models.compile_config import read, written
from kibitz.models.core import Core
from kibitz.models.model import Model
from kibitz.models.running import FitArguments
from kibitz.models.sequential import Sequential
from kibitz.models.trainability import flag_of, train
from kibitz.replay.relay import LogsAlone
from kibitz.run import Run

SMALL = 4096
"""Bytes up to which an array goes with the rest, and not by a file."""

ITS_OWN = ("__main__", "__mp_main__")
"""Where a program's own classes and functions are said to be; another process has another program there."""


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
        if isinstance(thing, Model | Run | LogsAlone):
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


@dataclass(frozen=True)
class Packed:
    """A fit that another process can make anew.

    Args:
        parts: The model, what it is compiled with, what fit was given, and the callbacks, each packed.
    """

    parts: Mapping[str, bytes]

    @classmethod
    def of(cls, core: Core, given: FitArguments, callbacks: list[Any], folder: Path) -> Packed:
        """Pack a fit.

        Args:
            core: The parts of the model.
            given: What fit was given; its callbacks are left out.
            callbacks: Those that go along.
            folder: Where large arrays are put.

        Raises:
            InvalidArgument: If something of it cannot go, by its name.
        """
        arrays: dict[int, Any] = {}
        parts = {}
        for name, thing in (*_of_model(core.owner), *_of_fit(given), *((f"callbacks {called}", each)
                            for called, each in enumerate(callbacks))):  # fmt: skip
            try:
                parts[name] = packed(thing() if isinstance(thing, _Later) else thing, folder, arrays)
            except OSError:
                raise
            except Exception as error:
                raise _refused(name, thing, error) from error
        return cls(parts)

    def begin(self, do: Callable[[Core, FitArguments], None]) -> None:
        """In the other process: make the model, and fit it."""
        found = {name: unpacked(data) for name, data in self.parts.items()}
        callbacks = [each for name, each in found.items() if name.startswith("callbacks ")]
        given = {each.name: found.get(f"fit {each.name}") for each in fields(FitArguments)}
        do(_made(found).core, FitArguments(**{**given, "callbacks": callbacks}))


class _Later:
    """What is worked out only where an error of it is told of."""

    def __init__(self, work: Callable[[], Any], shown: Any):
        self._work, self.shown = work, shown

    def __call__(self) -> Any:
        return self._work()


def _of_fit(given: FitArguments) -> Iterator[tuple[str, Any]]:
    for each in fields(FitArguments):
        if each.name not in {"callbacks", "durable"}:
            yield f"fit {each.name}", getattr(given, each.name)


def _of_model(owner: Any) -> Iterator[tuple[str, Any]]:
    kind = type(owner)
    stack = isinstance(owner, Sequential)
    if kind.__init__ not in {Model.__init__, Sequential.__init__}:
        raise _refused("model", owner, TypeError(f"nobody knows what {kind.__name__} is made with"))
    yield "model class", kind
    yield "model name", owner.name
    if stack:
        yield "model config", _Later(owner.get_config, owner)
        yield "model flags", _flags(owner)
    else:
        yield "model module", owner.module
    config = {**owner._compile_config, **owner.core.objective.given}  # noqa: SLF001 - what compile was given
    yield "model compiled", _Later(lambda: written(config), config["optimizer"])
    yield "model own", _own([*(owner.layers if stack else ()), *config.values()])


def _made(found: Mapping[str, Any]) -> Any:
    kind, own = found["model class"], found["model own"]
    if "model config" in found:
        model = kind.from_config(found["model config"], own)
        parts = dict(nnx.iter_graph(model.core.timeline.forward.module))
        for path, flag in found["model flags"].items():
            if path in parts and flag_of(parts[path]) != flag:
                train(parts[path], flag)
    else:
        model = kind(found["model module"], name=found["model name"])
    model.compile(**read(found["model compiled"], own))
    return model


def _flags(owner: Any) -> dict[Any, bool]:
    """What is said of each layer's being trained."""
    parts = nnx.iter_graph(owner.core.timeline.forward.module)
    return {path: flag for path, part in parts if (flag := flag_of(part)) is not None}


def _own(things: list[Any]) -> dict[str, Any]:
    """Classes and functions of the user's own among what a model is made of, by their names."""
    found: dict[str, Any] = {}
    for thing in things:
        if isinstance(thing, list | tuple | dict):
            found |= _own(list(thing.values()) if isinstance(thing, dict) else list(thing))
            continue
        named = thing if isinstance(thing, type | types.FunctionType) else type(thing)
        if not named.__module__.startswith(("kibitz.", "builtins", "jax", "flax", "optax", "numpy")):
            found[named.__name__] = named
        if isinstance(thing, nnx.Module):
            found |= _own([each for each in vars(thing).values() if isinstance(each, types.FunctionType)])
    return found


def _refused(name: str, thing: Any, error: Exception) -> InvalidArgument:
    called = "The model" if name.startswith("model") else name.removeprefix("fit ")
    if name.startswith("callbacks "):
        called = type(thing).__name__
    why = str(error).splitlines()[0] if not isinstance(error, KibitzError | Unsupported) else error.what
    return InvalidArgument(
        f"{called} cannot go to another process: {why.rstrip('.')}.",
        given=thing.shown if isinstance(thing, _Later) else thing,
        wanted="data, layers and callbacks that can be pickled, of classes that stand in modules",
        cure=code("kibitz replay RUN train.py --workers 2, where each process runs the program itself; or workers=1"),
    )
