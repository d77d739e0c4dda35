"""Another run that begins in the midst of one that has been: how it would have gone otherwise from there."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any
from uuid import uuid4

from kibitz.callbacks.base import Callback
from kibitz.callbacks.history import History
from kibitz.checkpoint.run_folder import RunFolder
from kibitz.errors import InvalidArgument, code
from kibitz.models.core import Core
from kibitz.models.durable_arguments import durable_arguments
from kibitz.models.putting import program_in
from kibitz.models.replaying import OVER, LookBack, Replay
from kibitz.models.restoring import state_digest
from kibitz.models.running import FitArguments, run_fit, run_replay
from kibitz.replay.entry import Committed
from kibitz.replay.journal import Journal
from kibitz.replay.past import Past, commit_before, past_of
from kibitz.replay.stretch import Stretch


class Until(Callback):
    """Ends a run after so many steps."""

    adds = ()

    def __init__(self, step: float):
        super().__init__()
        self._step = step

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:  # noqa: ARG002 - the clock says it
        """Look at the clock."""
        if self.run is not None and self.run.step >= self._step:
            self.run.stop(OVER)


def branch_off(core: Core, given: FitArguments, asked: LookBack, branch: Any) -> History:
    """Begin another run where a stretch begins, with the callbacks that are given; `Model.replay` documents it.

    Those callbacks that the record tells of go on with what they remembered, and are run as they were up to there.

    Raises:
        InvalidArgument: If there is a run in that folder.
    """
    core.check_compiled("branch off")
    parent, there = RunFolder(asked.run, writes=False), RunFolder(branch)
    if there.steps() or there.path.resolve() == parent.path.resolve():
        raise InvalidArgument(
            "There is a run in this folder already, and another one is to begin.",
            given=code(f"branch={str(there.path)!r}"),
            wanted="a folder that is not there, or empty",
            cure=f'branch="{there.path}-2"; or fit(..., run="{there.path}") to go on with that one',
        )
    past = past_of(parent)
    stretch = Stretch.read(asked.steps, asked.epochs, ends=past.epochs, last=past.last)

    def begin(arrays: dict[str, Any], document: dict[str, Any]) -> None:
        told = Committed(stretch.start, document["epoch"], document["begun"], document["seconds"], state_digest(arrays))
        begun = {"journal": Journal(there.journal).append([told]), "program": program_in(parent),
                 "id": uuid4().hex, "parent": {"run": str(parent.path), "step": stretch.start}}  # fmt: skip
        there.write(stretch.start, arrays, document | begun)

    _fork(core, given, replace(asked, forks=begin), past, stretch, begin)
    until = Until(math.inf if stretch.stop >= past.last else stretch.stop)
    durable = durable_arguments(branch, "auto", "force", 10)
    return run_fit(core, replace(given, callbacks=[*(given.callbacks or ()), until], durable=durable))


def _fork(core: Core, given: FitArguments, asked: LookBack, past: Past, stretch: Stretch, begin: Any) -> None:
    commit = commit_before(RunFolder(asked.run, writes=False), past, stretch.start)
    if commit.document["step"] == stretch.start:
        begin(commit.arrays, commit.document)
        return
    to = replace(asked, steps=(stretch.start - 1, stretch.start), epochs=None, with_original=True)
    run_replay(core, given, Replay(core, to, past, nobody=True))
