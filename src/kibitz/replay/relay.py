"""The door of a replay whose steps are run in other processes: what is told from there is fired here, in order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kibitz.callbacks.dispatch import Dispatch, Seat
from kibitz.errors import NotReady, code
from kibitz.hooks import OUTCOME_HOOK
from kibitz.replay.telling import Told


class Relay:
    """Watches the door: what the loops of this process fire nobody hears, for here not one step is run.

    Args:
        dispatch: The door.
        elsewhere: Callbacks that look on where the steps are run, and not here.
    """

    def __init__(self, dispatch: Dispatch, elsewhere: Sequence[Any]):
        self._dispatch, self._elsewhere = dispatch, elsewhere
        self._hearing = self.begun = self._ending = self._closing = False
        self._logs: dict[str, Any] = {}

    def fire(self, told: Told) -> None:
        """Fire a hook that was fired elsewhere, then do what was asked for in it."""
        run = self._dispatch.run
        run.clock.epoch, run.clock.batch, run.clock.step, run.clock.in_epoch = told.clock
        run.validating = told.validating
        if told.validation is not None:
            run.validation = told.validation
        args = told.args(self._logs)
        self._logs = args[-1]
        self._hearing = self.begun = True
        try:
            self._dispatch.fire(told.hook, *args)
        finally:
            self._hearing = False
        if not told.hook.startswith("on_test"):
            run.carry_out(self._logs)

    def end(self) -> dict[str, Any]:
        """From here on the end is heard that the loop of this process comes to; the logs as they stood."""
        self._ending = True
        return self._logs

    def tells(self, seat: Seat) -> bool:
        """Whether this callback is told here of what was fired elsewhere."""
        return not any(seat.callback is each for each in self._elsewhere)

    # -- the door ----------------------------------------------------------------------------------------------------

    def opens(self, hook: str, args: tuple[Any, ...]) -> None:  # noqa: ARG002 - the door says which
        """A hook is about to be fired."""
        self._closing = hook == OUTCOME_HOOK
        if self._closing or (self._ending and hook == "on_train_end"):
            self._hearing = self.begun

    def hears(self, seat: Seat) -> bool:
        """Whether it was fired elsewhere, and this one looks on here; the end is heard by all."""
        return self._hearing and (self._closing or self.tells(seat))

    def heard(self, seat: Seat) -> None:
        """A callback has had the hook."""

    def closes(self, hook: str, args: tuple[Any, ...]) -> None:
        """All have had it."""

    def quiet(self, kind: str, own: float) -> float:  # noqa: ARG002 - no batch passes here
        """Nobody is kept from passing."""
        return own


class LogsAlone:
    """Stands for the model where the steps are run in other processes; whoever asks it for something is told so.

    Args:
        workers: How many processes there are.
    """

    def __init__(self, workers: int):
        vars(self)["_workers"] = workers

    def __getattr__(self, name: str) -> Any:
        raise self._refusal(f"self.model.{name}")

    def __setattr__(self, name: str, value: Any) -> None:
        if name != "history":  # History leaves itself there, and reads nothing
            raise self._refusal(f"self.model.{name} = {value!r}")

    def refuse(self, what: str) -> Any:
        """What raises when it is called, however it is called.

        Args:
            what: What somebody would have asked for, as code.
        """

        def refused(*_: Any) -> Any:
            raise self._refusal(what)

        return refused

    def _refusal(self, what: str) -> NotReady:
        return NotReady(
            "Only logs are at hand here: the steps are run again in other processes, and the model is there.",
            given=code(f"{what}, in a replay with workers={vars(self)['_workers']}"),
            wanted="a callback that reads its logs",
            cure="a method merge(self, other), so that copies of it look on where the model is; or workers=1",
        )
