"""M. A durable run: committed as it goes on, and gone on with by the next process that starts the same program."""

from __future__ import annotations

import time
import warnings
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import jax

from kibitz.callbacks.dispatch import Dispatch
from kibitz.callbacks.say import say
from kibitz.callbacks.state import Kept
from kibitz.checkpoint.background import Background
from kibitz.checkpoint.document import FORMAT, PACKED, check_document
from kibitz.checkpoint.fingerprint import differences
from kibitz.checkpoint.packed import pack, unpack
from kibitz.checkpoint.run_folder import Commit, RunFolder, check_room, last_put_away, tell
from kibitz.checkpoint.state_file import shortened
from kibitz.clock import Beat
from kibitz.data.feed import OnePass
from kibitz.data.source import Source
from kibitz.engine.state import TrainState, plain
from kibitz.engine.timeline import exported, restored
from kibitz.errors import InvalidArgument, KibitzError, ShapeMismatch, Unsupported, code
from kibitz.logs import Logs
from kibitz.loops.place import Place
from kibitz.loops.validation import Validation
from kibitz.models.core import Core
from kibitz.models.durable_arguments import DurableArguments
from kibitz.models.made_of import made_of
from kibitz.models.termination import Termination

SHARE = 0.01  # of a run's time that commits may take, with commit="auto"
SOONEST = 1.0  # seconds between two commits, with commit="auto"


class Durable:
    """Keeps one fit: where it was left, what was there, and how it goes on.

    Args:
        core: The parts of the model.
        given: What fit was told about durability.
        verbose: Whether to say what is gone on with.
    """

    def __init__(self, core: Core, given: DurableArguments, verbose: Any):
        self._core, self._given, self._says = core, given, verbose not in (0, False)
        self._folder = RunFolder(given.run)
        self._lock = self._folder.lock()
        self._folder.clear()
        self._background, self.termination = Background(), Termination()
        self._cost, self._last, self._began = 0.0, 0.0, time.monotonic()
        self._spent, self._grown = 0.0, False
        self._now: dict[str, Any] = {}
        self._beat: Beat | None = None
        self._found: Commit | None = None
        self.place: Place | None = None

    # -- before the first step ---------------------------------------------------------------------------------------

    def look(self, epochs: int) -> None:
        """Find what there is, and take the seeds that it was begun with.

        Args:
            epochs: The end that is planned now.
        """
        newest, final = self._folder.newest(), self._folder.final()
        if newest is None and self._given.resume == "weights":
            newest = last_put_away(self._folder)
        if final is not None and (newest is None or final.document["epochs"] < epochs):
            final = None  # more epochs are wanted: the run goes on from before its end
        self._found = newest if final is None else final
        if self._found is None or self._given.resume == "weights":
            return
        document = self._found.document
        check_document(document, self._found.arrays, self._found.path)
        vars(self._core)["row_seed"] = document["row_seed"]
        self._core.fits = document["fits"]
        self.place = self._place(document, ended=final is not None, grown=document["epochs"] < epochs)

    def agree(self, given: Any, source: Source, sets: Mapping[str, OnePass]) -> None:
        """Refuse to go on with something else than the run was begun with.

        Args:
            given: What fit was given.
            source: The data of training.
            sets: Those of validation.

        Raises:
            InvalidArgument: It says what is otherwise, line by line.
        """
        now = self._now = made_of(self._core, given, source, sets)
        check_room(self._folder.path, sum(leaf.nbytes for leaf in jax.tree.leaves(self._core.timeline.behind)))
        if self.place is None or self._found is None or self._given.resume == "force":
            return
        was = unpack(self._found.document["made_of"], self._found.arrays)
        if was.get("seed") is None or now.get("seed") is None:  # only a seed that was set, and is another, is refused
            was, now = ({**each, "seed": None} for each in (was, now))
        lines = differences(was, now)
        if lines:
            raise InvalidArgument(
                f"This run was begun with something else: {shortened(lines, 8)}.",
                given=code(f'fit(..., run="{self._given.run}")'),
                wanted="the model, the data and the settings that it was begun with",
                cure='another folder; resume="weights" to begin anew with its weights; resume="force" to go on anyway',
            )

    def attach(self, dispatch: Dispatch, validation: Validation | None, said: Any, planned: range, steps: Any) -> None:
        """Take part in a run that is about to begin."""
        self._dispatch, self._validation, self._said, self._planned = dispatch, validation, said, planned
        run = dispatch.run
        run.dir, run.resumed, run.keep = str(self._folder.path), self.place is not None, self._at_boundary
        self._kept = [Kept(callback) for callback in dispatch.callbacks]
        if self._given.commit is not None:
            self._beat = Beat(self._given.commit, "fit", name="commit")
            self._beat.settle(steps, len(planned))
            if not self._beat.cadence.timed:
                run.acts.append(self._beat.until)

    # -- going on ----------------------------------------------------------------------------------------------------

    def restore(self) -> None:
        """Put back what was there, or begin: step 0 is a commit too."""
        for kept in self._kept:
            kept.begun()
        if self.place is None or self._found is None:
            if self._found is not None:
                self._take_weights(self._found)
            self._commit(Logs(), self._planned.start, begun=False, wait=True)
            return
        document, arrays = self._found.document, self._found.arrays
        timeline, run = self._core.timeline, self._dispatch.run
        try:
            timeline.base = restored(timeline.read(), arrays)
        except (KeyError, ShapeMismatch) as error:
            raise InvalidArgument(
                "The commit does not fit this model: " + str(error).splitlines()[0],
                given=str(self._found.path),
                wanted="the state of this model, compiled as it is",
                cure='resume="weights", or another folder',
            ) from error
        self._core.owner.put_aside({name[6:]: arrays[name] for name in arrays if name.startswith("aside/")})
        run.clock.epoch, run.clock.batch, run.clock.step = self.place.epoch, self.place.batch, self.place.step
        self._restore_callbacks(unpack(document["callbacks"], arrays))
        self._said.set_state(unpack(document["said"], arrays))
        if self._validation is not None:
            self._validation.set_state(unpack(document["latest"], arrays))
        if document["stop"] is not None and not self._grown:
            reason, by, now = document["stop"]
            run.stop(reason, now=now)
            run.by = by
        self._spent = document["seconds"]
        self._last = time.monotonic()
        if not self.place.ended:
            self._folder.reopen()
        self._say()

    def _place(self, document: dict[str, Any], *, ended: bool, grown: bool) -> Place:
        self._grown = grown
        logs = unpack(document["logs"], self._found.arrays if self._found else {})
        return Place(document["epoch"], document["batch"], document["step"], document["begun"], Logs(logs), ended)

    def _restore_callbacks(self, states: list[tuple[str, Any, float]]) -> None:
        """Each gets what one of its name and number had; who is new begins anew, and who is gone is forgotten."""
        held = dict(zip(_numbered(name for name, *_ in states), states, strict=True))
        seats = self._dispatch.seats
        for key, kept, seat in zip(_numbered(seat.name for seat in seats), self._kept, seats, strict=True):
            if key in held:
                _, state, waited = held[key]
                self._give(kept, state, seat.name)
                if seat.beat is not None:
                    seat.beat.elapsed = waited

    def _give(self, kept: Kept, state: dict[str, Any], name: str) -> None:
        try:
            kept.restore(state)
        except KibitzError:
            raise
        except Exception as error:
            raise InvalidArgument(
                f"{name} cannot take what the commit says that it remembered: {type(error).__name__}: {error}.",
                given=str(self._found and self._found.path),
                wanted="what its get_state gives today",
                cure='begin anew in another folder, with resume="weights", or without this callback',
            ) from error

    def _take_weights(self, commit: Commit) -> None:
        timeline = self._core.timeline
        now = timeline.read()
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
        timeline.base = restored(now, {**fresh, **wanted})
        self._folder.put_away()

    def _say(self) -> None:
        place = self.place
        if not self._says or place is None:
            return
        if place.ended:
            say(f"{self._folder.path}: this run has ended after {place.step} steps; nothing is left to train.")
        else:
            within = f", batch {place.batch}" if place.begun else ""
            say(f"{self._folder.path}: going on with epoch {place.epoch + 1}{within}, after {place.step} steps.")

    # -- committing --------------------------------------------------------------------------------------------------

    def _at_boundary(self, logs: Logs, begun: bool) -> None:
        asked = self.termination.asked or self._dispatch.run.asked_to_end()
        if asked or self._due(begun):
            epoch = self._dispatch.run.clock.epoch
            self._commit(logs, epoch if begun else epoch + 1, begun=begun, wait=asked)
        self.termination.obey()

    def _due(self, begun: bool) -> bool:
        run = self._dispatch.run
        last = not begun and (run.stop_requested or run.clock.epoch + 1 >= self._planned.stop)
        if last:
            return True
        if self._beat is not None:
            if self._beat.cadence.in_epochs:
                return not begun and self._beat.due(run.clock)
            return begun and self._at_rest() and self._beat.due(run.clock)
        elapsed = time.monotonic() - self._last
        return begun and elapsed > max(SOONEST, self._cost / SHARE) and self._at_rest() and not self._background.busy

    def _at_rest(self) -> bool:
        """Whether the state at hand is that of the hooks: a commit elsewhere would have steps run twice."""
        return (self._beat is not None and not self._beat.cadence.timed) or self._core.timeline.beyond == 0

    def _commit(self, logs: Logs, epoch: int, *, begun: bool, wait: bool = False) -> None:
        began = time.perf_counter()
        state, document = self._core.timeline.kept, self._document(logs, epoch, begun=begun)
        step = document["step"]
        try:
            self._background.begin(lambda: self._write(step, state, document))
            if wait:
                self._background.wait()
        except KibitzError as error:
            self._tell(error)
        tell(self._folder)
        self._cost = time.perf_counter() - began + self._background.seconds
        self._last = time.monotonic()

    def _tell(self, error: KibitzError) -> None:
        """A commit that could not be written costs that commit, and not the run."""
        if isinstance(error, Unsupported):
            raise error
        warnings.warn(
            f"A commit was not written: {error.what} The run goes on; the last good commit stands.", stacklevel=2
        )

    def _document(self, logs: Logs, epoch: int, *, begun: bool) -> dict[str, Any]:
        """What a commit says besides the state; taken now, written later."""
        run, clock = self._dispatch.run, self._dispatch.run.clock
        stop = [run.reason, run.by, run.stop_now] if run.stop_requested else None
        callbacks = [
            (seat.name, kept.state(), 0.0 if seat.beat is None else seat.beat.waited())
            for kept, seat in zip(self._kept, self._dispatch.seats, strict=True)
        ]
        return {
            "format": FORMAT, "step": clock.step, "epoch": epoch, "batch": clock.batch if begun else 0, "begun": begun,
            "epochs": self._planned.stop, "stop": stop, "outcome": None, "row_seed": self._core.row_seed,
            "fits": self._core.fits - 1, "seconds": self._spent + time.monotonic() - self._began,
            "logs": dict(logs), "callbacks": callbacks, "said": self._said.get_state(),
            "latest": {} if self._validation is None else self._validation.get_state(), "made_of": self._now,
            "aside": self._core.owner.set_aside(),
        }  # fmt: skip

    def _write(self, step: int, state: TrainState, document: dict[str, Any]) -> None:
        """In a thread: bring the state to the host, and all of it to the disk."""
        self._folder.write(step, *_packed(state, document))
        self._folder.thin(self._given.keep)

    def end(self, logs: Logs) -> None:
        """Training has ended as it should: wait for the last commit, and say how it ended."""
        if self.place is not None and self.place.ended:
            return
        self._background.wait()
        run = self._dispatch.run
        document = self._document(logs, run.clock.epoch + 1, begun=False)
        document |= {"outcome": "stopped" if run.stop_requested else "completed"}
        self._folder.write_final(*_packed(self._core.timeline.kept, document))

    def close(self) -> None:
        """Wait for what is being written, and let the folder go, whatever ended the run."""
        try:
            self._background.close()
        except KibitzError as error:
            self._tell(error)
        finally:
            tell(self._folder)
            self._lock.release()


def _packed(state: TrainState, document: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    arrays = exported(state)
    arrays |= {f"aside/{name}": plain(value) for name, value in document.pop("aside").items()}
    packed: dict[str, Any] = {}
    held: dict[str, Any] = {}
    for name, value in document.items():
        packed[name] = pack(value, f"document/{name}", held) if name in PACKED else value
    return {**arrays, **held}, packed


def _numbered(names: Iterable[str]) -> list[tuple[str, int]]:
    """Each name with how often it has come before."""
    seen: Counter[str] = Counter()
    found = []
    for name in names:
        found.append((name, seen[name]))
        seen[name] += 1
    return found
