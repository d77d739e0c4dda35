"""A stretch run again in several processes side by side, each from a commit of its own; hooks are fired in order."""

from __future__ import annotations

import signal
import tempfile
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import jax

from kibitz.callbacks.declared import has
from kibitz.callbacks.dispatch import Dispatch
from kibitz.callbacks.say import say
from kibitz.checkpoint.packed import unpack
from kibitz.errors import InvalidArgument, NotReady, UnusableFile, code
from kibitz.hooks import HOOKS
from kibitz.logs import Logs
from kibitz.loops.place import Place
from kibitz.loops.validation import Validation
from kibitz.models.arguments import whole
from kibitz.models.core import Core
from kibitz.models.reaching_back import reach_back
from kibitz.models.replaying import LookBack, Replay
from kibitz.models.running import FitArguments
from kibitz.replay.parcel import packed, unpacked
from kibitz.replay.past import Past
from kibitz.replay.pieces import pieces
from kibitz.replay.process import DONE, EVENTS, FAILED, Processes, shares
from kibitz.replay.relay import LogsAlone, Relay
from kibitz.replay.shared_arrays import SharedArrays
from kibitz.replay.stretch import Stretch
from kibitz.replay.telling import Told

if TYPE_CHECKING:
    from kibitz.models.working import Finished, Making


def spread(replay: Replay, core: Core, given: FitArguments, asked: LookBack, workers: Any,
           making: Making | None = None) -> Replay:  # fmt: skip
    """The same replay in several processes, if more than one is wanted, and there are commits to begin at.

    Args:
        replay: The replay in this process.
        core: The parts of the model.
        given: What fit was given.
        asked: What is to be looked at.
        workers: How many processes.
        making: Makes the fit anew in another process. None takes the model and the data there.

    Raises:
        InvalidArgument: If `workers` is less than 1, or the originals are to be run as they were.
    """
    count = whole("workers", workers) or 1
    if count == 1:
        return replay
    if asked.with_original:
        raise InvalidArgument(
            "Callbacks that are run as they were are run in one process, for each goes on from what it did before.",
            given=code(f"with_original=True, workers={count}"),
            wanted="one of the two",
            cure="workers=1",
        )
    kept = {step for step in replay.kept_commits() if step <= replay.done.began or step > replay.stretch.start}
    cut = pieces(replay.stretch, kept, count)
    return replay if len(cut) == 1 else SideBySide(core, given, asked, replay.past, cut, making)


def alone(workers: Any) -> None:
    """Refuse several processes for a run that is to go on, and not only to be looked at.

    Raises:
        InvalidArgument: If more than one is wanted.
    """
    count = whole("workers", workers) or 1
    if count > 1:
        raise InvalidArgument(
            "A branch is a run, and its steps follow one another: one process runs it.",
            given=code(f"branch=..., workers={count}"),
            wanted="one of the two",
            cure="workers=1",
        )


class SideBySide(Replay):
    """Keeps a fit that is run elsewhere: checks it here, starts the processes, and fires what they tell.

    Args:
        core: The parts of the model.
        given: What fit was given.
        asked: What is to be looked at.
        past: What is known of the run.
        cut: The pieces.
        making: Makes the fit anew in another process. None takes the model and the data there.
    """

    finishes = False  # pyright: ignore[reportAssignmentType, reportIncompatibleMethodOverride] - no step is run here
    """Here it goes nowhere."""

    def __init__(self, core: Core, given: FitArguments, asked: LookBack, past: Past, cut: list[Stretch],
                 making: Making | None):  # fmt: skip
        super().__init__(core, asked, past, callbacks=given.callbacks)
        self._given, self._cut, self._making = given, cut, making
        self._along: list[Any] = []
        self._over, self._ran, self._epoch = False, 0, -1

    def attach(self, dispatch: Dispatch, validation: Validation | None, said: Any, planned: range, steps: Any) -> None:  # noqa: ARG002 - fit says it
        """Take part in the fit that is about to begin; to its loop it has ended already."""
        self._dispatch, self._said, run = dispatch, said, dispatch.run
        self._along = [each for each in dispatch.callbacks if has(each, "merge")]
        self._relay = dispatch.watch = Relay(dispatch, self._along)
        self.place = Place(planned.start, 0, 0, begun=False, logs=Logs(), ended=True)
        alone = LogsAlone(len(self._cut))
        for callback in dispatch.callbacks:
            callback.set_model(alone) if hasattr(callback, "set_model") else setattr(callback, "model", alone)
        run.validate = alone.refuse("self.run.evaluate()")
        run.graph_state_of = alone.refuse("self.run.graph_state(self)")
        vars(run)["batch_of"] = alone.refuse("self.batch")
        if self._asked.says:
            began = ", ".join(f"{self._commit_of(piece):,}" for piece in range(len(self._cut)))
            say(f"{self.done.run}: looking back at {self.stretch}; {self.stretch.stop - self._step} steps are run "
                f"again, in {len(self._cut)} processes, from the commits after {began} steps.")  # fmt: skip

    def _commit_of(self, place: int) -> int:
        since = self._since(place)
        return max(step for step in (self._step, *self.kept_commits()) if step <= since)

    def _since(self, place: int) -> int:
        """Where a piece begins at the latest; means over an epoch go on here, but for those who look on there."""
        return self._step if place == 0 else reach_back(
            self._core, self.commit, self.past, self._cut[place].start, self._given.callbacks, means=bool(self._along)
        )  # fmt: skip

    # -- the processes -----------------------------------------------------------------------------------------------

    def restore(self) -> None:
        """Run it all."""
        run, recorded = self._dispatch.run, unpack(self.commit.document["made_of"], self.commit.arrays)
        settings = {"NPROC": str(recorded["machine"]["NPROC"]), "XLA_PYTHON_CLIENT_PREALLOCATE": "false"}
        with SharedArrays() as shared:
            tasks = self._tasks(shared)
            processes = Processes("kibitz.models.working:work", len(self._cut), settings, shared.descriptors)
            with processes:
                for place, task in enumerate(tasks):
                    processes.give(place, task)
                processes.await_ready(run.heed)
                shared.close()  # what they need they hold themselves
                for place in range(len(self._cut)):
                    self._follow(processes, place)
                    if self._looked_away():
                        break
                else:
                    processes.rest()

    def _tasks(self, shared: SharedArrays) -> list[bytes]:
        """What each process is to do."""
        from kibitz.models.packing import Packed
        from kibitz.models.working import SETTINGS, Task, going_along

        making = self._making
        if making is None:
            try:
                making = Packed.of(self._core, self._given, going_along(self._dispatch.callbacks), shared)
            except OSError as error:
                raise UnusableFile(f"The disk refuses: {error.strerror or error}.", given=tempfile.gettempdir(),
                                   wanted="room for a copy of the data", cure="workers=1") from error  # fmt: skip
        hooks, every = self._wanted()
        configured = {name: getattr(jax.config, name) for name in SETTINGS if hasattr(jax.config, name)}
        given = self._asked
        return [
            packed(Task(making, replace(given, steps=(piece.start, piece.stop), epochs=None, says=False,
                                        since=self._since(place)), hooks, every, cores, configured))
            for place, (piece, cores) in enumerate(zip(self._cut, shares(len(self._cut)), strict=True))
        ]  # fmt: skip

    def _wanted(self) -> tuple[tuple[str, ...], str | None]:
        """The hooks that somebody hears here, and how often at the ends of batches."""
        at = {hook: [each for each in self._dispatch.at(hook) if self._relay.tells(each.seat)] for hook in HOOKS}
        beats = [each.beat for each in at["on_train_batch_end"]]
        if self._said.names:  # their means go on from piece to piece, step by step
            return tuple(hook for hook, found in at.items() if found or hook == "on_train_batch_end"), None
        paces = {str(beat.cadence) if beat is not None and beat.cadence.unit == "step" else None for beat in beats}
        return tuple(hook for hook, found in at.items() if found), paces.pop() if len(paces) == 1 else None

    # -- what they tell ----------------------------------------------------------------------------------------------

    def _follow(self, processes: Processes, place: int) -> None:
        """Fire what one process tells, to its end."""
        run = self._dispatch.run
        for kind, message in processes.of(place, run.heed):
            if kind == EVENTS:
                block: list[Told] = unpacked(message)
                for told in block:
                    if self._belongs(told, place):
                        self._say_again(told, place)
                        self._relay.fire(told)
                        run.heed()
                        if self._looked_away():
                            return
            elif kind == DONE:
                self._finish(place, message)
            elif kind == FAILED:
                raise self._failed(place, message)
            else:
                raise self._killed(processes)

    def _say_again(self, told: Told, place: int) -> None:
        """Graph hooks that are new have no means in a commit: each piece would begin them in the midst of an epoch."""
        if told.clock[0] != self._epoch:
            self._epoch = told.clock[0]
            self._said.begin_epoch()
        if place and told.hook in {"on_train_batch_end", "on_epoch_end", "on_train_end"} and self._said.names:
            self._said.again(told.values, (told.batch or {}) if told.hook == "on_train_batch_end" else {})

    def _looked_away(self) -> bool:
        """Whether a callback has asked to stop: then the rest is not looked at."""
        run = self._dispatch.run
        if not run.stop_requested or self._over:
            return False
        if self.place is not None:
            self.place.logs.update(self._relay.end())
        return True

    def _belongs(self, told: Told, place: int) -> bool:
        """Whether the whole stretch has it too, and not only its piece, which begins and ends for itself."""
        if told.hook == "on_train_end":
            return place == len(self._cut) - 1
        if place == 0 or told.clock[2] != self._cut[place].start:
            return True
        anew = told.hook == "on_epoch_begin" and told.clock[2] not in self.past.ends.values()
        return told.hook != "on_train_begin" and not anew

    def _finish(self, place: int, message: bytes) -> None:
        """Take what a process has to say at its end."""
        finished: Finished = unpacked(message)
        begin = self._cut[place].start if place else -1  # commits before it were met by the piece before
        self.done.exact += [step for step in finished.done.exact if step > begin]
        self.done.apart |= {step: far for step, far in finished.done.apart.items() if step > begin}
        self._ran += finished.done.steps_run
        if place == 0:
            self.done.began = finished.done.began
            self._said.set_state(finished.said)
        for callback, copy in zip(self._along, finished.callbacks, strict=True):
            callback.merge(copy)
        if place == len(self._cut) - 1:
            kind, reason, by = finished.outcome
            run, self._over = self._dispatch.run, True
            if kind == "stopped":
                run.asking = by
                run.stop(reason, now=True)
                run.asking = ""

    def _failed(self, place: int, message: bytes) -> BaseException:
        data, words, text, notes = unpacked(message)
        error = unpacked(data) if data else NotReady(
            f"The process that runs {self._cut[place]} again has failed: {words}", given=self.done.run,
            wanted="a program that runs there as it does here", cure="workers=1, to see where")  # fmt: skip
        for note in notes if not vars(error).get("__notes__") else ():  # some bring them along
            error.add_note(note)
        error.add_note(f"in the process that runs {self._cut[place]} again:\n{text.rstrip()}")
        return error

    def _killed(self, processes: Processes) -> NotReady:
        place = processes.lost[0]
        status = processes.ended(place)
        how = f"ended with status {status}" if status >= 0 else f"was killed by {_signal(-status)}"
        return NotReady(
            f"The process that runs {self._cut[place]} again {how}, and said nothing.",
            given=code(f"replay(..., workers={len(self._cut)})"),
            wanted="processes that live to their end: each needs memory for the model and for its batches",
            cure="fewer of them, such as workers=1",
        )

    def end(self, logs: Logs) -> None:
        """The processes have said themselves whether they came to their ends."""

    def close(self) -> None:
        """Give the model back as it was."""
        super().close()
        self.done.steps_run = self._ran


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
