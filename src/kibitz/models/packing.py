"""What another process needs to fit a model as this one does: made anew there, with its data mapped into memory."""

from __future__ import annotations

import types
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any

from flax import nnx

from kibitz.errors import InvalidArgument, KibitzError, Unsupported, code
from kibitz.models.compile_config import read, written
from kibitz.models.core import Core
from kibitz.models.model import Model
from kibitz.models.running import FitArguments
from kibitz.models.sequential import Sequential
from kibitz.models.trainability import flag_of, train
from kibitz.replay.parcel import packed, unpacked
from kibitz.replay.shared_arrays import SharedArrays


@dataclass(frozen=True)
class Packed:
    """A fit that another process can make anew.

    Args:
        parts: The model, what it is compiled with, what fit was given, and the callbacks, each packed.
    """

    parts: Mapping[str, bytes]

    @classmethod
    def of(cls, core: Core, given: FitArguments, callbacks: list[Any], shared: SharedArrays) -> Packed:
        """Pack a fit.

        Args:
            core: The parts of the model.
            given: What fit was given; its callbacks are left out.
            callbacks: Those that go along.
            shared: Where large arrays are put.

        Raises:
            InvalidArgument: If something of it cannot go, by its name.
        """
        parts = {}
        for name, thing in (*_of_model(core.owner), *_of_fit(given), *((f"callbacks {called}", each)
                            for called, each in enumerate(callbacks))):  # fmt: skip
            try:
                parts[name] = packed(thing() if isinstance(thing, _Later) else thing, shared)
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
