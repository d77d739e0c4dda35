"""A model as it was after a step of a run: from its commit, or from the one before it and the steps between."""

from __future__ import annotations

from typing import Any

import numpy as np

from kibitz.checkpoint.document import check_document
from kibitz.checkpoint.files import exists
from kibitz.checkpoint.run_folder import Commit, RunFolder
from kibitz.data.standard import standard
from kibitz.errors import InvalidArgument, KibitzError, NotReady, UnusableFile, code
from kibitz.models.core import Core
from kibitz.models.prepare import is_iterator
from kibitz.models.recorded import Data, as_recorded
from kibitz.models.refreezing import take
from kibitz.models.replaying import LookBack, Replay
from kibitz.models.restoring import put_back
from kibitz.models.running import run_replay
from kibitz.models.trainability import Trainability
from kibitz.models.written_again import move
from kibitz.replay.past import Past, kept_commits, past_and_newest


def build_from(core: Core, x: Any) -> None:
    """Make the weights for inputs like these, if there are none yet and the inputs are at hand as arrays."""
    if not core.built and x is not None and not is_iterator(x):
        core.owner.build_for(standard(x, "x"))


def put_in(core: Core, commit: Commit) -> None:
    """Put the state of a commit into a model that is not being trained.

    Args:
        core: The parts of the model, which has its weights and was compiled.
        commit: The commit.
    """
    check_document(commit.document, commit.arrays, commit.path)
    core.timeline.carry(metrics=[])
    was, taken_up, asked = core.timeline.read(), core.taken_up, Trainability(core.owner)
    try:
        move(core, commit.document["trainable"])
        put_back(core, commit)
    except KibitzError:
        if core.taken_up is not taken_up:
            asked.put_back()
            take(core, was, taken_up)
        raise


def put_step(
    core: Core, run: Any, step: int | None, data: Data, callbacks: Any = None, tolerance: float | None = None
) -> None:
    """Put the state after a step of a run into a model.

    Args:
        core: The parts of the model.
        run: The folder of the run.
        step: The step, from 0; -1 is what the run began with. None means the last one.
        data: What fit was given; needed where no commit was made behind that step.
        callbacks: Those of the run that are traced into the step. None means none.
        tolerance: As in a replay.
    """
    core.check_compiled("take the state of a run")
    folder = RunFolder(run, writes=False)
    past, newest = past_and_newest(folder)
    done = past.last if step is None else _done(step, past)
    commit = _commit_after(folder, past, done, newest)
    if commit is None:
        if data.x is None:
            near = sorted(kept_commits(folder, past), key=lambda each: abs(each - done))[:3]
            raise NotReady(
                f"No commit was kept behind step {done - 1}, so the steps before it must be run again.",
                given=code(f"step={done - 1}"),
                wanted=f"the data of the run; or a step with a commit: {', '.join(str(at - 1) for at in sorted(near))}",
                cure=f"load_step(run, {done - 1}, x, y)",
            )
        asked = LookBack(run, (done - 1, done), tolerance=tolerance, says=False, stays=True)
        _run_up_to(core, Replay(core, asked, past, nobody=True), data, callbacks)
        return
    build_from(core, data.x)
    put_in(core, commit)


def _run_up_to(core: Core, replay: Replay, data: Data, callbacks: Any) -> None:
    """Run a stretch again and stay there; that this was a run is nothing that the model remembers."""
    owner, runs = core.owner, (dict(core.last), core.latest)
    history = owner.history
    try:
        run_replay(core, as_recorded(replay.commit, replay.past, data, callbacks), replay)
    finally:
        owner.history = history
        core.last, core.latest = runs


def program_in(folder: RunFolder) -> dict[str, Any] | None:
    """What makes the model of a run anew, as its first commit has it; None if that is code of the user's own."""
    steps = folder.steps()
    program = folder.read(steps[0]).document.get("program") if steps else None
    return program if isinstance(program, dict) else None


def _done(step: Any, past: Past) -> int:
    """How many steps are done behind a step."""
    if isinstance(step, bool) or not isinstance(step, int | np.integer) or not past.first - 1 <= step < past.last:
        raise InvalidArgument(
            "There is no such step in the run.",
            given=step,
            wanted=f"a whole number from {past.first} to {past.last - 1}; {past.first - 1} is what the run began with",
            cure=f"step={past.last - 1}",
        )
    return int(step) + 1


def _commit_after(folder: RunFolder, past: Past, done: int, newest: Commit) -> Commit | None:
    if done == past.last == newest.document["step"]:
        commit = newest
    elif done in kept_commits(folder, past):
        try:
            commit = folder.read(done)
        except UnusableFile:
            if exists(folder.of(done)):
                raise
            return None  # another process has let it go meanwhile
    else:
        return None
    # At the end of an epoch hooks may have written once more behind it, and that belongs to the step too.
    return None if commit.document["begun"] and done in past.ends.values() else commit
