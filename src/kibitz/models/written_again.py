"""What hooks wrote to a run that has been, written again where they did."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import jax
import numpy as np

from kibitz.checkpoint.run_folder import RunFolder
from kibitz.engine.refitting import refitted
from kibitz.engine.state import TrainState, canonical
from kibitz.errors import UnusableFile
from kibitz.models.core import Core
from kibitz.models.refreezing import take
from kibitz.models.trainability import Trainability
from kibitz.replay.entry import Wrote
from kibitz.replay.logged import Packed, Untold, from_logged
from kibitz.replay.recorder import measures, named, place_of
from kibitz.run import Run


class WrittenAgain:
    """Does what a hook did, as the journal tells it.

    Args:
        core: The parts of the model.
        folder: The run that has been.
        run: The run that is it again.
        heard: Tells whether somebody hears the hook in which it is.

    Attributes: `at_work`, whether it is this that writes to the model now, and no callback.
    """

    def __init__(self, core: Core, folder: RunFolder, run: Run, heard: Callable[[], bool]):
        self._core, self._folder, self._run, self._heard = core, folder, run, heard
        self._file: dict[str, np.ndarray] = {}  # the arrays that were read last
        self._untold: set[tuple[str, str]] = set()  # of what in the logs it has been said that it is not known
        self.at_work = False

    def __call__(self, entry: Wrote, args: tuple[Any, ...]) -> None:
        """Do what a hook did."""
        what, run = entry.what, self._run
        if "@odd" in what or what.get("@arrays") is True:
            odd = what.get("@odd", "wrote more arrays than are kept")
            raise self._unknown(entry, f"{odd} at step {entry.step}, in {entry.hook}, and that cannot be written again")
        with self.writing():
            if what.get("@averages") is True:
                self._core.owner.put_aside(self._core.timeline.read().params)
            if "@moved" in what:
                self.move(what["@moved"])
            values = {name: value for name, value in what.items() if not name.startswith("@")} | self._arrays(entry)
            measured = {name: values.pop(name) for name in list(values) if name.startswith("measured/")}
            if measured:
                self._measure(measured)
            if values:
                state = self._core.timeline.read()
                self._core.timeline.base = _with(state, values, moved="@moved" in what)
            if what.get("@averages") is False:
                self._core.owner.keep_averages()
        if "@stop" in what:
            run.asking = entry.by
            reason, wanted, now, evaluating = what["@stop"]
            run.stop(reason, now=now) if wanted else run.flag(False)
            run.stop_evaluating = evaluating
            run.asking = ""
        if "@evaluate" in what:
            run.evaluate(what["@evaluate"])
        if args and isinstance(args[-1], dict):
            self._log(entry, args[-1], what.get("@logs", {}), what.get("@taken", ()))
            self._log(entry, getattr(args[-1], "batch", {}), what.get("@own", {}), what.get("@gone", ()))

    def _log(self, entry: Wrote, logs: dict[str, Any], put: Mapping[str, Any], taken: Sequence[str]) -> None:
        """Put into the logs what a hook did, and say of what is not known that it is missing."""
        for name in taken:
            logs.pop(name, None)
        for name, logged in put.items():
            value = from_logged(logged, self._kept(entry) if isinstance(logged, Packed) else {})
            if not isinstance(value, Untold):
                logs[name] = value
            elif (entry.by, name) not in self._untold and self._heard():
                self._untold.add((entry.by, name))
                warnings.warn(
                    f"{entry.who} put {name!a:.80} into the logs of {entry.hook}, and here it is missing: "
                    f"{value.why!a:.200}. First at step {entry.step}; with {entry.who} among the callbacks and "
                    "with_original=True it is there.", stacklevel=2,
                )  # fmt: skip

    def _kept(self, entry: Wrote) -> dict[str, np.ndarray]:
        """The arrays that a hook wrote, as far as they are kept; a file is read once, for all that stands in it."""
        beginning = f"{place_of(entry.moment, entry.by)}/"
        if not any(name.startswith(beginning) for name in self._file):
            self._file = self._folder.written.read(entry.step, "")
        found = {name[len(beginning) :]: each for name, each in self._file.items() if name.startswith(beginning)}
        return found or self._folder.written.read(entry.step, beginning)

    def _arrays(self, entry: Wrote) -> dict[str, np.ndarray]:
        names = entry.what.get("@arrays", ())
        if not names:
            return {}
        found = self._kept(entry)
        if not set(names) <= found.keys():
            lost = f"wrote arrays at step {entry.step}, in {entry.hook}, and they are not kept any more"
            raise self._unknown(entry, lost, "; a run with more room, such as keep=100, keeps more")
        return {name: found[name] for name in names}

    def _unknown(self, entry: Wrote, what: str, more: str = "") -> UnusableFile:
        return UnusableFile(
            f"{entry.who} {what}.",
            given=str(self._folder.path),
            wanted="what was written there",
            cure=f"{entry.who} among the callbacks, and with_original=True; or a stretch behind a later commit{more}",
        )

    def _measure(self, values: dict[str, Any]) -> None:
        """Put numbers in place of what an evaluation has measured so far."""
        accumulated = self._core.check_compiled("replay").accumulated
        now = [list(each) for each in accumulated.now()]
        for name, value in measures(now).items():
            if name in values:
                _, index, place = name.split("/")
                now[int(index)][int(place)] = canonical(values[name], value, name)
        accumulated.put(now)

    def move(self, trainable: str) -> None:
        """Let these parts of the model be trained from now on, and no others."""
        move(self._core, trainable)

    @contextmanager
    def writing(self) -> Iterator[None]:
        """While this lasts, it is the replay that writes."""
        self.at_work = True
        try:
            yield
        finally:
            self.at_work = False


def move(core: Core, trainable: str) -> None:
    """Let these parts of a model be trained from now on, and no others.

    Args:
        core: The parts of the model.
        trainable: A one or a nought for each part, as `Trainability` writes it.
    """
    Trainability(core.owner).take(trainable)
    asked = Trainability(core.owner)
    if asked != core.taken_up:
        moved = core.timeline.forward.trainable(core.frozen())
        take(core, refitted(core.timeline, core.optimizer, core.hooks, moved), asked)


def _with(state: TrainState, values: Mapping[str, Any], *, moved: bool) -> TrainState:
    """A state with some of its leaves replaced, by their names.

    Args:
        state: The state.
        values: The values by their names.
        moved: Whether parameters have been frozen or freed in the same hook, so that they may have other names.
    """
    now = named(state)
    if moved:  # what the optimizer kept for those that it moves no more is gone
        values = {**{_other(name): value for name, value in values.items() if name not in now}, **values}
        values = {name: value for name, value in values.items() if name in now}
    if unknown := values.keys() - now.keys():
        raise UnusableFile(
            f"The journal tells of {min(unknown)!a}, which this model has not.",
            given=f"{len(unknown)} such names",
            wanted="what the state of this model has",
            cure="the model that the run was of",
        )
    bare = state.with_(graph={})
    leaves, structure = jax.tree.flatten(bare)
    new = [canonical(values[name], leaf, name) if name in values else leaf
           for name, leaf in zip(now, leaves, strict=True)]  # fmt: skip
    return jax.tree.unflatten(structure, new).with_(graph=state.graph)


def _other(name: str) -> str:
    """What a variable is called where it is frozen, from where it is not; and the other way round."""
    kind, _, rest = name.partition("/")
    return {"params": "others", "others": "params"}.get(kind, kind) + "/" + rest
