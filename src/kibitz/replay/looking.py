"""The door of a run that is run again: it opens for a stretch, and what hooks wrote in their time is written again."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from kibitz.callbacks.dispatch import Dispatch, Seat
from kibitz.hooks import OUTCOME_HOOK
from kibitz.replay.entry import Wrote
from kibitz.replay.moment import BETWEEN, WITHIN, Moment, Moments
from kibitz.replay.past import Past, next_above, refuse_writes
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
        live: The callbacks that are run as they were, by their places at the door, each with its place in the run's
            own order. Nothing is written again in their stead, and what others wrote is written before or behind them
            as it was then.
        order: The place of each of the run's callbacks in its order, by name.
        push: Takes what was written into the user's own module.
        of: The folder of the run, for errors.
    """

    def __init__(
        self,
        dispatch: Dispatch,
        stretch: Stretch,
        past: Past,
        write: Callable[[Wrote, tuple[Any, ...]], None],
        live: Mapping[int, int],
        order: Mapping[str, int],
        push: Callable[[], None],
        of: str = "",
    ):
        self._of = of
        self.moments = Moments(dispatch.run.clock)
        self.begun, self.ended = False, False
        self._dispatch, self._stretch, self._past = dispatch, stretch, past
        self._write, self._order, self._push = write, order, push
        names = [seat.name for seat in dispatch.seats]
        self._live = frozenset(names[place] for place in live)
        self._lively = frozenset(id(dispatch.seats[place]) for place in live)
        # Up to which place in the run's order others have written before this one is called.
        self._bounds = {id(seat): min((at for place, at in live.items() if place >= number), default=math.inf)
                        for number, seat in enumerate(dispatch.seats)}  # fmt: skip
        self._hearing, self._opening, self._looks = False, False, False
        self._unwritten: list[Wrote] = []
        self._args: tuple[Any, ...] = ()
        self._before = self._asked()
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
        self._unwritten = [each for each in self._past.writes.get(moment, ()) if each.by not in self._live]
        self._args, self._hearing = args, within
        if not self._live:
            self._write_up_to(math.inf)

    def hears(self, seat: Seat) -> bool:
        """Those who are run as they were hear all, the others the stretch."""
        if not self._opening:
            self._write_up_to(self._bounds[id(seat)])
        live = id(seat) in self._lively
        self._looks = not live
        if not live:
            self._before = self._asked()
        return not live if self._opening else live or self._hearing

    def heard(self, seat: Seat) -> None:
        """A callback has had the hook: one that only looks on has nothing changed, and may end the looking."""
        self._push()
        if not self._looks or (now := self._asked()) == self._before:
            return
        stopped, _, cut, asked = self._before
        if now[0] and not stopped and now[2:] == (cut, asked):
            self._dispatch.run.stop_now = self.ended = True
        elif now[3] != asked:
            raise refuse_writes(seat.name, "asks for a validation", self._of, "self.model.evaluate(x, y) in the hook")
        else:
            raise refuse_writes(seat.name, "ends a validation" if now[2] != cut else "takes a stop back", self._of)

    @property
    def hearing(self) -> bool:
        """Whether somebody hears the hook that is fired now."""
        return self._hearing or bool(self._live)

    @property
    def may_write(self) -> bool:
        """Whether the callback that is called now is one that is run as it was."""
        return not self._looks

    def _asked(self) -> tuple[bool, bool, bool, Any]:
        run = self._dispatch.run
        return run.stop_requested, run.stop_now, run.stop_evaluating, run.evaluation_asked

    def _write_up_to(self, place: float) -> None:
        while self._unwritten and self._order.get(self._unwritten[0].by, -1) < place:
            self._write(self._unwritten.pop(0), self._args)

    def closes(self, hook: str, args: tuple[Any, ...]) -> None:  # noqa: ARG002 - the door says which
        """All have had it: what those wrote who stood behind all that are here."""
        if not self._opening:
            self._write_up_to(math.inf)

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

    def leaves_out(self, again: float) -> bool:
        """Whether a validation that is due may be left out: nobody looks at its numbers, and nobody wrote in it.

        Args:
            again: The step after which another one is due; the latest stands in `run.validation` until then.
        """
        run = self._dispatch.run
        end = self._past.ends.get(run.clock.epoch, math.inf)
        if self._live or max(end, again) > self._stretch.start or self._past.writes_at(run.clock.step, "on_test"):
            return False
        self.moments.evaluated()
        return True

    def _within(self, moment: Moment) -> bool:
        """Whether a moment is in the time of the steps of the stretch."""
        ahead = moment.part == BETWEEN or moment.hook == BY_BATCH[0]  # it belongs to the step that comes
        first = moment.step if ahead else moment.step - 1
        if self._past.over and first >= self._past.last:  # all epochs are over, and the run is not yet
            return self.begun
        return self._stretch.start <= first < self._stretch.stop

    def _begin(self, moment: Moment) -> None:
        self.begun, self._opening = True, True
        try:
            self._dispatch.fire("on_train_begin", {})
            if moment.hook != "on_epoch_begin" and self._dispatch.run.clock.in_epoch:
                self._dispatch.fire("on_epoch_begin", self._dispatch.run.clock.epoch, {})
        finally:
            self._opening = False


def _is_late(moment: Moment) -> bool:
    return moment.hook == "on_train_begin" or (moment.hook == "on_epoch_begin" and moment.part == WITHIN)
