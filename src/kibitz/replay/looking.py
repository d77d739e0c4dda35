"""The door of a run that is run again: it opens for a stretch, and what hooks wrote in their time is written again."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from typing import Any

from kibitz.callbacks.dispatch import Dispatch, Seat
from kibitz.hooks import OUTCOME_HOOK
from kibitz.replay.entry import Wrote
from kibitz.replay.moment import BETWEEN, WITHIN, Moment, Moments
from kibitz.replay.past import Past, next_above
from kibitz.replay.stretch import Stretch

ENDINGS = ("on_train_end", OUTCOME_HOOK)
BY_BATCH = ("on_train_batch_begin", "on_train_batch_end")


class Looking:
    """Watches the door of a replay.

    Outside the stretch nobody hears anything, but for those who are run as they were. Those who look on hear
    `on_train_begin` when the stretch begins, and `on_epoch_begin` if that is in the midst of an epoch.

    Args:
        dispatch: The door.
        stretch: The steps to look at.
        past: What is known of the run.
        write: Writes again what a hook wrote; told which hook's arguments there are.
        live: The names of callbacks that are run as they were: nothing is written again in their place.
        push: Takes what was written into the user's own module.
    """

    def __init__(
        self,
        dispatch: Dispatch,
        stretch: Stretch,
        past: Past,
        write: Callable[[Wrote, tuple[Any, ...]], None],
        live: Collection[str],
        push: Callable[[], None],
    ):
        self.moments = Moments(dispatch.run.clock)
        self.begun, self.ended = False, False
        self._dispatch, self._stretch, self._past = dispatch, stretch, past
        self._write, self._live, self._push = write, frozenset(live), push
        self._hearing, self._opening = False, False
        wanted = [moment for moment, each in past.writes.items() if any(one.by not in self._live for one in each)]
        # Callbacks that came to a run that went on began where it did: no hook of a replay is fired there.
        self._late = [moment for moment in wanted if _is_late(moment)]
        self._begins = {moment.step for moment in wanted if moment.hook == BY_BATCH[0]}
        self._stops = sorted(
            {moment.step for moment in wanted if moment.hook in BY_BATCH or _is_late(moment)}
            | {step for step, _ in past.commits}
        )

    # -- the door ----------------------------------------------------------------------------------------------------

    def opens(self, hook: str, args: tuple[Any, ...]) -> None:
        """A hook is about to be fired: write what was written in it before anybody hears it."""
        if self._opening:
            return
        moment = self.moments.fired(hook, args)
        self._hearing = False
        if hook == "on_train_begin":
            return  # those who look on hear it when the stretch begins
        within = self.begun if hook in ENDINGS else self._within(moment)
        if within and not self.begun:
            self._begin(moment)
        for entry in self._past.writes.get(moment, ()):
            if entry.by not in self._live:
                self._write(entry, args)
        self._hearing = within

    def hears(self, seat: Seat) -> bool:
        """Those who are run as they were hear all, the others the stretch."""
        live = seat.name in self._live
        return not live if self._opening else live or self._hearing

    def heard(self, seat: Seat) -> None:  # noqa: ARG002 - the door says who
        """A callback has had the hook."""
        self._push()

    def closes(self, hook: str, args: tuple[Any, ...]) -> None:
        """All have had it."""

    def quiet(self, kind: str, own: float) -> float:
        """How many batches may pass: to where something was written or is compared, or the stretch begins or ends."""
        if kind != "train":
            step = self._dispatch.run.clock.step
            if self._past.writes_at(step, f"on_{kind}_batch"):
                return 0
            return own if self._hearing or self._live else math.inf
        step = self._dispatch.run.clock.step
        if step in self._begins or (not self.begun and step >= self._stretch.start):
            return 0
        least = min(next_above(self._stops, step), next_above([self._stretch.start, self._stretch.stop], step)) - step
        return min(own, least) if self.begun or self._live else least

    # -- the stretch -------------------------------------------------------------------------------------------------

    def boundary(self, *, begun: bool) -> None:
        """All callbacks have had their hooks, of a batch, or of an epoch; or the commit to begin at is put back."""
        self.moments.boundary(begun=begun)
        at = self._dispatch.run.clock.step, WITHIN if begun else BETWEEN
        for moment in self._late:
            if moment[:2] == at:
                for entry in self._past.writes[moment]:
                    if entry.by not in self._live:
                        self._write(entry, ())

    def over(self, *, begun: bool) -> bool:
        """Whether the stretch is over at this boundary, and the run was not.

        Args:
            begun: Whether it is the boundary of a batch.
        """
        step = self._dispatch.run.clock.step
        if step < self._stretch.stop or (step >= self._past.last and self._past.over):
            return False
        return not begun or step not in self._past.ends.values()

    def leaves_out(self) -> bool:
        """Whether a validation that is due may be left out: nobody looks at its numbers, and nobody wrote in it."""
        run = self._dispatch.run
        end = self._past.ends.get(run.clock.epoch, math.inf)
        if self._live or end > self._stretch.start or self._past.writes_at(run.clock.step, "on_test"):
            return False
        self.moments.evaluated()
        return True

    def _within(self, moment: Moment) -> bool:
        """Whether a moment is in the time of the steps of the stretch."""
        ahead = moment.part == BETWEEN or moment.hook == BY_BATCH[0]  # it belongs to the step that comes
        first = moment.step if ahead else moment.step - 1
        return self._stretch.start <= first < self._stretch.stop

    def _begin(self, moment: Moment) -> None:
        self.begun, self._opening = True, True
        try:
            self._dispatch.fire("on_train_begin", {})
            if moment.hook != "on_epoch_begin":
                self._dispatch.fire("on_epoch_begin", self._dispatch.run.clock.epoch, {})
        finally:
            self._opening = False


def _is_late(moment: Moment) -> bool:
    return moment.hook == "on_train_begin" or (moment.hook == "on_epoch_begin" and moment.part == WITHIN)
