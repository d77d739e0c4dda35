"""Another run that begins in the midst of one that has been: how it would have gone otherwise from there."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import uuid4

from kibitz.callbacks.base import Callback
from kibitz.callbacks.declared import called
from kibitz.callbacks.history import History
from kibitz.checkpoint.files import remove
from kibitz.checkpoint.leaf import leaf_digests
from kibitz.checkpoint.packed import unpack
from kibitz.checkpoint.run_folder import RunFolder
from kibitz.errors import InvalidArgument, KibitzError, code
from kibitz.models.core import Core
from kibitz.models.durable_arguments import KEEP, durable_arguments
from kibitz.models.prepare import is_iterator
from kibitz.models.putting import program_in
from kibitz.models.replaying import OVER, LookBack, Replay
from kibitz.models.restoring import state_digest
from kibitz.models.running import FitArguments, as_list, run_fit, run_replay
from kibitz.replay.entry import Committed
from kibitz.replay.journal import Journal
from kibitz.replay.past import Past, commit_before, past_of
from kibitz.replay.stretch import Stretch


class Until(Callback):
    """Ends a run after so many steps."""

    adds = ()

    def __init__(self, step: int):
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
        InvalidArgument: If there is a run in that folder, or the data can be read but once.
    """
    core.check_compiled("branch off")
    if is_iterator(given.x):
        raise InvalidArgument(
            "A generator gives its batches once, and a branch begins with those that the run has had.",
            given=given.x,
            wanted="arrays",
            cure="the batches as arrays, to fit and to replay(..., branch=...)",
        )
    parent, there = RunFolder(asked.run, writes=False), RunFolder(branch)
    if there.steps() or there.path.resolve() == parent.path.resolve():
        raise InvalidArgument(
            "There is a run in this folder already, and another one is to begin.",
            given=code(f"branch={str(there.path)!r}"),
            wanted="a folder that is not there, or empty",
            cure=f'branch="{there.path}-2"; or fit(..., run="{there.path}") to go on with that one',
        )
    past = past_of(parent)
    stretch = Stretch.read(asked.steps, asked.epochs, ends=past.epochs, first=past.first, last=past.last)

    def begin(arrays: dict[str, Any], document: dict[str, Any]) -> None:
        digests = leaf_digests(arrays)
        told = Committed(stretch.start, document["epoch"], document["begun"], document["seconds"],
                         state_digest(arrays, digests))  # fmt: skip
        begun = {"journal": Journal(there.journal).append([told]), "program": program_in(parent),
                 "id": uuid4().hex, "parent": {"run": str(parent.path), "step": stretch.start}}  # fmt: skip
        there.write(stretch.start, arrays, document | begun, digests)

    _fork(core, given, replace(asked, forks=begin), past, stretch)
    until = [] if stretch.stop >= past.last else [Until(stretch.stop)]
    durable = durable_arguments(branch, "auto", "force", KEEP)
    try:
        return run_fit(core, replace(given, callbacks=[*as_list(given.callbacks), *until], durable=durable))
    except KibitzError:
        if there.steps() == [stretch.start]:  # it did not come to one step that is kept: there is no other run
            remove(there.of(stretch.start))
        raise


def _fork(core: Core, given: FitArguments, asked: LookBack, past: Past, stretch: Stretch) -> None:
    """Come to where the stretch begins as the run did, with those callbacks alone that the record tells of."""
    commit, start = commit_before(RunFolder(asked.run, writes=False), past, stretch.start), stretch.start
    there = commit.document["step"] == start and not (commit.document["begun"] and start in past.ends.values())
    recorded = {name for name, *_ in unpack(commit.document["callbacks"], commit.arrays)}
    recorded |= set(commit.document.get("hooked", ()))
    as_were = [each for each in as_list(given.callbacks) if called(each) in recorded]
    steps = (start, start + 1) if there else (start - 1, start)
    to = replace(asked, steps=steps, epochs=None, with_original=True, at_once=there)
    run_replay(core, replace(given, callbacks=as_were), Replay(core, to, past, nobody=True))
