"""A commit put back: the state into the model, what callbacks remembered into these, and how the run was begun."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

import numpy as np

from kibitz.callbacks.dispatch import Dispatch, Seat
from kibitz.callbacks.state import Kept
from kibitz.checkpoint.leaf import digest_of, leaf_digests
from kibitz.checkpoint.packed import unpack
from kibitz.checkpoint.run_folder import Commit
from kibitz.data.feed import Feed
from kibitz.data.source import Source
from kibitz.data.stateful import StatefulSource
from kibitz.engine.state import TrainState, canonical
from kibitz.engine.timeline import exported, restored
from kibitz.errors import InvalidArgument, KibitzError, ShapeMismatch
from kibitz.logs import Logs
from kibitz.loops.place import Place
from kibitz.loops.validation import Validation
from kibitz.models.core import Core
from kibitz.run import Run

STATE = (".params", ".others", ".optimizer", ".metrics")
"""How the names begin of what a step takes and gives; without what graph hooks carry, for others may look on."""


def state_digest(arrays: Mapping[str, Any], digests: Mapping[str, str] | None = None) -> str:
    """A digest of the state in a commit, the same for whoever looks on.

    Args:
        arrays: Arrays by the names that they have in a commit.
        digests: Those of the arrays, where they are known. None makes them.
    """
    names = [name for name in arrays if name.startswith(STATE)]
    known = leaf_digests({name: arrays[name] for name in names}) if digests is None else digests
    return digest_of({name: known[name] for name in names})


def place_in(commit: Commit, *, ended: bool = False) -> Place:
    """Where a run was left.

    Args:
        commit: Its commit.
        ended: Whether it has ended there.
    """
    document = commit.document
    logs = Logs(unpack(document["logs"], commit.arrays), batch=unpack(document["own"], commit.arrays))
    return Place(document["epoch"], document["batch"], document["step"], document["begun"], logs, ended)


def begin_as(core: Core, commit: Commit) -> None:
    """Take the seed of the order of rows, and the number of the fit, that the run was begun with."""
    vars(core)["row_seed"] = commit.document["row_seed"]
    core.fits = commit.document["fits"]


def fits_of(core: Core, number: int) -> dict[str, int]:
    """What a commit says of the fits of its model: by their numbers rows are put in order.

    Args:
        core: The parts of the model.
        number: The number of the fit that the run is.
    """
    return {"fits": number, "within": core.fits - 1 - number}


def count_on(core: Core, commit: Commit) -> None:
    """Count those fits too that hooks began within the run: the next one has the number that it would have had."""
    within = commit.document.get("within", 0)
    core.fits += within if isinstance(within, int) and within > 0 else 0


def enter_source(feed: Feed, commit: Commit | None, place: Place | None, step: Callable[[], int]) -> None:
    """Put a source that knows its place where it was left, before anything is read from it.

    Args:
        feed: Its feed.
        commit: What is gone on from. None: it begins.
        place: Where that was.
        step: How many steps are done.
    """
    source = feed.source
    if not isinstance(source, StatefulSource):
        return
    source.remember(step)
    if commit is not None and place is not None:
        held = unpack(commit.document["source"], commit.arrays)
        if held is not None:  # in a tuple, since None is a state as well
            source.enter(held[0], place.step, over=not place.begun and feed.steps_per_epoch is None)


def source_at(source: Source | None, step: int) -> tuple[Any] | None:
    """The state that a source had at a step, in a tuple; None if it has none."""
    return (source.at(step),) if isinstance(source, StatefulSource) else None


def put_back(core: Core, commit: Commit, *, cure: str = "the model that the run is of") -> None:
    """Put the state of a commit into a model.

    Args:
        core: The parts of the model.
        commit: The commit.
        cure: What to do if it does not fit.

    Raises:
        InvalidArgument: If it is that of another model.
    """
    timeline, arrays = core.timeline, commit.arrays
    try:
        timeline.base = _as_far(restored(timeline.read(), arrays), commit.document["step"])
    except (KeyError, ShapeMismatch) as error:
        raise InvalidArgument(
            "The commit does not fit this model: " + str(error).splitlines()[0],
            given=str(commit.path),
            wanted="the state of this model, compiled as it is",
            cure=cure,
        ) from error
    core.owner.put_aside({name[6:]: arrays[name] for name in arrays if name.startswith("aside/")})


def _as_far(state: TrainState, step: int) -> TrainState:
    """The same state where graph hooks have come to a step, those too that were not there before."""
    if not state.graph:
        return state
    return state.with_(graph={**state.graph, "step": canonical(np.int32(step), state.graph["step"], "step")})


def take_weights(core: Core, commit: Commit) -> None:
    """Put the weights of a commit into a model, and nothing else of it.

    Raises:
        InvalidArgument: If they are those of another model.
    """
    now = core.timeline.read()
    fresh = exported(now)
    names = [name for name in fresh if name.startswith((".params", ".others"))]
    wanted = {name: commit.arrays[name] for name in names if name in commit.arrays}
    if len(wanted) < len(names) or any(value.shape != fresh[name].shape for name, value in wanted.items()):
        raise InvalidArgument(
            "The weights of the commit are of another model.",
            given=str(commit.path),
            wanted="weights of these names and shapes",
            cure="another folder",
        )
    core.timeline.base = restored(now, {**fresh, **wanted})


def go_on_at(
    place: Place,
    commit: Commit,
    dispatch: Dispatch,
    kept: list[Kept],
    said: Any,
    validation: Validation | None,
    which: Collection[tuple[str, int]] | None = None,
) -> None:
    """Go on where a run was left: its clock, what callbacks remembered, the means and the validation so far.

    Args:
        place: Where that was.
        commit: What was known there.
        dispatch: The callbacks.
        kept: The same, one each, as they are kept.
        said: The means of what graph hooks log.
        validation: The validations; None if there are none.
        which: The callbacks that are reminded, as in `remind`.
    """
    clock = dispatch.run.clock
    clock.epoch, clock.batch, clock.step = place.epoch, place.batch, place.step
    if not place.ended:
        _ask_again(dispatch.run, commit.document.get("asked"), saves=which is None)
    remind(dispatch, kept, commit, which)
    said.set_state(unpack(commit.document["said"], commit.arrays))
    if validation is not None and (latest := unpack(commit.document["latest"], commit.arrays)):
        validation.set_state(latest)


def _ask_again(run: Run, asked: Any, *, saves: bool) -> None:
    """Ask a run for what the one before it was still to do at its commit.

    Args:
        run: The run.
        asked: What that was, as the commit says it.
        saves: Whether to save is among what it may be asked for.
    """
    asked = asked if isinstance(asked, Mapping) else {}
    names = asked.get("evaluate")
    if isinstance(names, list) and run.sets is not None:
        run.evaluate([name for name in names if isinstance(name, str)])
    if saves and "save" in asked:
        run.save()
    if saves and "flush" in asked:
        run.flush()


def stop_as(run: Run, stop: tuple[str, str, bool]) -> None:
    """Ask a run to stop, as somebody had asked the one before it: why, who, and whether at once."""
    reason, by, now = stop
    run.stop(reason, now=now)
    run.by = by


def remind(
    dispatch: Dispatch, kept: list[Kept], commit: Commit, which: Collection[tuple[str, int]] | None = None
) -> None:  # fmt: skip
    """Give each callback what one of its name and number had; who is new begins anew, and who is gone is forgotten.

    Args:
        dispatch: The callbacks.
        kept: The same, one each, as they are kept.
        commit: What they are to remember.
        which: The names and numbers of those who are reminded. None means all.

    Raises:
        InvalidArgument: If one cannot take it.
    """
    states: list[tuple[str, Any, float]] = unpack(commit.document["callbacks"], commit.arrays)
    held = dict(zip(numbered(name for name, *_ in states), states, strict=True))
    for key, each, seat in zip(numbered(seat.name for seat in dispatch.seats), kept, dispatch.seats, strict=True):
        if key in held and (which is None or key in which):
            _, state, waited = held[key]
            _give(each, state, seat.name, commit)
            if seat.beat is not None:
                seat.beat.elapsed = waited


def _give(kept: Kept, state: dict[str, Any], name: str, commit: Commit) -> None:
    try:
        kept.restore(state)
    except KibitzError:
        raise
    except Exception as error:
        raise InvalidArgument(
            f"{name} cannot take what the commit says that it remembered: {type(error).__name__}: {error}.",
            given=str(commit.path),
            wanted="what its get_state gives today",
            cure='begin anew in another folder, with resume="weights", or without this callback',
        ) from error


def newcomers(dispatch: Dispatch, commit: Commit) -> list[Seat]:
    """The callbacks of which a commit does not know.

    Args:
        dispatch: The callbacks.
        commit: The commit.
    """
    known = set(numbered(name for name, *_ in unpack(commit.document["callbacks"], commit.arrays)))
    named = numbered(seat.name for seat in dispatch.seats)
    return [seat for key, seat in zip(named, dispatch.seats, strict=True) if key not in known]


def numbered(names: Iterable[str]) -> list[tuple[str, int]]:
    """Each name with how often it has come before.

    Example:
        >>> from kibitz.models.restoring import numbered
        >>> numbered(["Timer", "History", "Timer"])
        [('Timer', 0), ('History', 0), ('Timer', 1)]
    """
    seen: Counter[str] = Counter()
    found = []
    for name in names:
        found.append((name, seen[name]))
        seen[name] += 1
    return found
