"""A durable run that had ended and is begun again: nothing is trained, and it ends as it did."""

from __future__ import annotations

from kibitz.callbacks.dispatch import Dispatch
from kibitz.checkpoint.run_folder import Commit
from kibitz.models.core import Core
from kibitz.models.restoring import newcomers, put_back
from kibitz.replay.entry import Entry, Wrote
from kibitz.replay.recorder import Recorder


class Ended:
    """Leaves the model as it was at the end of the run.

    Hooks are called at the end as they were then, and what the run's own callbacks write there stands in its end
    already. What a callback writes that is new to the run is left to it.

    Args:
        core: The parts of the model.
        final: How the run ended.
        dispatch: The callbacks.
        recorder: Tells what they write.
    """

    def __init__(self, core: Core, final: Commit, dispatch: Dispatch, recorder: Recorder):
        self._core, self._final, self._recorder = core, final, recorder
        self._new = {seat.name for seat in newcomers(dispatch, final)}
        self._wrote: list[Entry] = []
        recorder.over = self._closed
        recorder.begin()

    def trained(self) -> None:
        """All have had `on_train_end`."""
        self._wrote += self._recorder.taken()[0]
        if not any(isinstance(each, Wrote) and each.by in self._new for each in self._wrote):
            put_back(self._core, self._final)

    def _closed(self) -> None:
        """All have had `on_run_end`; where the process was killed in it, what was written there is not in the end."""
        if self._final.document.get("closed"):
            self.trained()
