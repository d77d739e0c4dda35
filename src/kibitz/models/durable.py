"""M. A durable run: committed as it goes on, and gone on with by the next process that starts the same program."""

from __future__ import annotations

import time
import warnings
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

import jax

from kibitz.callbacks.dispatch import Dispatch
from kibitz.callbacks.say import say
from kibitz.callbacks.state import Kept
from kibitz.checkpoint.background import Background
from kibitz.checkpoint.document import check_document
from kibitz.checkpoint.fingerprint import differences
from kibitz.checkpoint.leaf import leaf_digests
from kibitz.checkpoint.packed import unpack
from kibitz.checkpoint.run_folder import Commit, RunFolder, check_room, last_put_away, reopen, tell, whose
from kibitz.checkpoint.state_file import shortened
from kibitz.clock import Beat, Clock
from kibitz.data.feed import Feed, OnePass
from kibitz.data.source import Source
from kibitz.engine.state import TrainState
from kibitz.errors import InvalidArgument, KibitzError, MissingExtra, Unsupported, code
from kibitz.logs import Logs
from kibitz.loops.place import Place
from kibitz.loops.validation import Validation
from kibitz.models.core import Core
from kibitz.models.document import document_of, packed_commit, program_of
from kibitz.models.durable_arguments import DurableArguments
from kibitz.models.ended import Ended
from kibitz.models.made_of import made_of
from kibitz.models.restoring import (
    begin_as,
    count_on,
    enter_source,
    fits_of,
    go_on_at,
    newcomers,
    place_in,
    put_back,
    source_at,
    state_digest,
    stop_as,
    take_weights,
)
from kibitz.models.termination import Termination
from kibitz.models.trainability import Trainability
from kibitz.replay.entry import Committed, Entry, Lost
from kibitz.replay.journal import Journal
from kibitz.replay.recorder import Recorder

SHARE = 0.01  # of a run's time that commits may take, with commit="auto"
SOONEST = 1.0  # seconds between two commits, with commit="auto"


class Durable:
    """Keeps one fit: where it was left, what was there, and how it goes on.

    Args:
        core: The parts of the model.
        given: What fit was told about durability.
        verbose: Whether to say what is gone on with.
    """

    _recorder: Recorder  # of the run, once there is one

    def __init__(self, core: Core, given: DurableArguments, verbose: Any):
        self._core, self._given, self._says = core, given, verbose not in (0, False)
        self._folder = RunFolder(given.run, store=given.store)
        self._lock = self._folder.lock()
        self._folder.clear()
        self._background, self.termination = Background(self._folder.path), Termination()
        self._cost, self._last, self._began = 0.0, 0.0, time.monotonic()
        self._spent, self._grown = 0.0, False
        self._now: dict[str, Any] = {}
        self._id = uuid4().hex  # from the system's randomness: no seed may decide it, and it decides nothing
        self._source: Source | None = None
        self._clock: Clock | None = None
        self._asked_to_save = False
        self._beat: Beat | None = None
        self._found: Commit | None = None
        self._journal = Journal(self._folder.journal)
        self._unwritten: list[Entry] = []  # what the journal is to say with the next commit
        self._program: dict[str, Any] | None = None
        self._final: dict[str, Any] = {}  # what is said of the end, once it has come
        self._ended: Ended | None = None
        self.place: Place | None = None

    # -- before the first step ---------------------------------------------------------------------------------------

    def look(self, epochs: int) -> None:
        """Find what there is, and take the seeds that it was begun with.

        Args:
            epochs: The end that is planned now.
        """
        self._folder.id = whose(self._folder)
        newest, final = self._folder.newest(), self._folder.final()
        if final is not None and final.document.get("id") != self._folder.id:
            warnings.warn(f"The end of another run lies here, and is left aside: {final.path}", stacklevel=2)
            final = None
        if newest is None and self._given.resume == "weights":
            newest = last_put_away(self._folder)
        if final is not None and (newest is None or final.document["epochs"] < epochs):
            final = None  # more epochs are wanted: the run goes on from before its end
        self._found = newest if final is None else final
        if self._found is None or self._given.resume == "weights":
            return
        check_document(self._found.document, self._found.arrays, self._found.path)
        self._id = self._found.document["id"]
        begin_as(self._core, self._found)
        self._grown = self._found.document["epochs"] < epochs
        self.place = place_in(self._found, ended=final is not None)

    def ready(self) -> None:
        """The model has its weights; those of the run are put in when it begins."""

    def enter(self, feed: Feed) -> None:
        """Put a source that knows its place where it was left, before anything is read from it."""
        self._source = feed.source
        commit = None if self.place is None else self._found
        enter_source(feed, commit, self.place, lambda: 0 if self._clock is None else self._clock.step)

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
        lines = self._refused(was, now)
        if lines:
            raise InvalidArgument(
                f"This run was begun with something else: {shortened(lines, 8)}.",
                given=code(self._given.written),
                wanted="the model, the data and the settings that it was begun with",
                cure=f'another folder; {self._given.by_fit}resume="weights" to begin anew with its weights; '
                'resume="force" to go on anyway',
            )

    def _refused(self, was: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
        """What is otherwise now and may not be, line by line."""
        return differences(was, now)

    def attach(self, dispatch: Dispatch, validation: Validation | None, said: Any, planned: range, steps: Any) -> None:
        """Take part in a run that is about to begin."""
        self._dispatch, self._validation, self._said, self._planned = dispatch, validation, said, planned
        run = dispatch.run
        run.dir, run.resumed, run.keep = str(self._folder.path), self.place is not None, self._at_boundary
        owner = self._core.owner
        trainability = Trainability(owner)
        self._trainable = lambda: trainability.look().written
        dispatch.watch = self._recorder = Recorder(
            run, self._core.timeline, self._trainable, lambda: owner.averages_in_place
        )
        if validation is not None:
            validation.tell = self._recorder.validated
        self._clock, self._fit = run.clock, self._core.fits - 1
        run.savers.append(self._save)
        self._kept = [Kept(callback) for callback in dispatch.callbacks]
        left = self._found if self.place is not None and not self.place.ended else None
        self._new = [] if left is None else newcomers(dispatch, left)
        self._recorder.late, self._recorder.over = list(self._new), self._closed
        if self._given.commit is not None:
            self._beat = Beat(self._given.commit, "fit", name="commit")
            self._beat.settle(steps, len(planned))
            if not self._beat.cadence.timed:
                run.acts.append(self._beat.until)

    # -- going on ----------------------------------------------------------------------------------------------------

    def restore(self) -> None:
        """Put back what was there, or begin: step 0 is a commit too."""
        for kept, seat in zip(self._kept, self._dispatch.seats, strict=True):
            if not any(seat is each for each in self._new):
                kept.begun()
        if self.place is None or self._found is None:
            if self._found is not None:
                take_weights(self._core, self._found)
                self._folder.put_away()
            self._journal.cut(0)
            self._program = program_of(self._core)
            self._commit(Logs(), self._planned.start, begun=False, wait=True)
            self._record(begun=False)
            return
        document = self._found.document
        put_back(self._core, self._found, cure=f'{self._given.by_fit}resume="weights", or another folder')
        count_on(self._core, self._found)
        go_on_at(self.place, self._found, self._dispatch, self._kept, self._said, self._validation)
        if document["stop"] is not None and not self._grown:
            stop_as(self._dispatch.run, document["stop"])
        self._spent = document["seconds"]
        self._last = time.monotonic()
        if not self.place.ended:
            reopen(self._folder)
            self._folder.written.forget(self.place.step)
            if not self._journal.cut(document["journal"]):
                self._unwritten += [Lost(self.place.step), self._committed(document, state_digest(self._found.arrays))]
            self._record(begun=self.place.begun)
        else:
            self._ended = Ended(self._core, self._found, self._dispatch, self._recorder)
        self._say()

    def _record(self, *, begun: bool) -> None:
        """From here on, write down what hooks do."""
        self._recorder.moments.boundary(begun=begun)
        self._recorder.begin()
        self._recorder.begin_late(self._dispatch, within=begun)
        for kept, seat in zip(self._kept, self._dispatch.seats, strict=True):
            if any(seat is each for each in self._new):
                kept.begun()

    def _say(self) -> None:
        place = self.place
        if not self._says or place is None:
            return
        if place.ended:
            say(f"{self._folder.path}: this run has ended after {place.step} steps; nothing is left to train.")
        else:
            within = f", batch {place.batch}" if place.begun else ""
            say(f"{self._folder.path}: going on with epoch {place.epoch + 1}{within}, after {place.step} steps.")

    finishes = True
    """It goes on to its own end."""

    def leaves_out(self) -> bool:
        """No validation is left out."""
        return False

    def measured(self, accumulators: list[Any]) -> None:
        """A hook has put other numbers in place of what an evaluation has measured so far."""
        self._recorder.measured(accumulators)

    # -- committing --------------------------------------------------------------------------------------------------

    def _at_boundary(self, logs: Logs, begun: bool) -> None:
        self._recorder.boundary(begun=begun, seconds=self._seconds())
        asked = self.termination.asked or self._dispatch.run.asked_to_end()
        if asked or self._asked_to_save or self._due(begun):
            epoch = self._dispatch.run.clock.epoch
            self._commit(logs, epoch if begun else epoch + 1, begun=begun, wait=asked)
        self.termination.obey()

    def _save(self, _: Mapping[str, Any]) -> None:
        """Somebody has asked the run to save: at the boundary that comes next, so that no hook is lost between."""
        self._asked_to_save = True

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
        self._asked_to_save = False
        state, document = self._core.timeline.kept, self._document(logs, epoch, begun=begun)
        entries, written = self._recorder.taken()
        self._heed()
        self._unwritten += entries
        self._background.begin(lambda: self._write(state, document, written))
        if wait:
            self._heed()
        tell(self._folder)
        self._cost = time.perf_counter() - began + self._background.seconds
        self._last = time.monotonic()

    def _heed(self) -> None:
        """Wait for the commit that is being written; one that could not be costs that commit, and not the run."""
        try:
            self._background.wait()
        except KibitzError as error:
            self._tell(error)

    def _tell(self, error: KibitzError) -> None:
        if isinstance(error, Unsupported | MissingExtra):
            raise error
        warnings.warn(
            f"A commit was not written: {error.what} The run goes on; the last good commit stands.", stacklevel=2
        )

    def _document(self, logs: Logs, epoch: int, *, begun: bool) -> dict[str, Any]:
        """What a commit says besides the state; taken now, written later."""
        told = document_of(
            self._core, self._trainable(), self._dispatch, self._kept, self._said, self._validation, logs, epoch,
            begun=begun,
        )  # fmt: skip
        goes_on = self._found if self.place is not None else None
        return told | {
            "epochs": self._planned.stop, "seconds": self._seconds(), "made_of": self._now, "id": self._id,
            "source": source_at(self._source, told["step"]), **fits_of(self._core, self._fit),
            "parent": None if goes_on is None else goes_on.document.get("parent"),
        }  # fmt: skip

    def _seconds(self) -> float:
        """How long the run has taken, with what the processes before this one did."""
        return self._spent + time.monotonic() - self._began

    def _write(self, state: TrainState, document: dict[str, Any], written: dict[str, Any]) -> None:
        """In a thread: bring the state to the host, and all of it to the disk; the journal first."""
        step = document["step"]
        arrays, packed = packed_commit(state, document)
        self._folder.find_again()
        if written:
            self._folder.written.write(step, written)
        digests = leaf_digests(arrays)
        self._unwritten.append(self._committed(document, state_digest(arrays, digests)))
        packed["journal"] = self._say_written()
        if step == 0:
            packed["program"] = self._program
        self._folder.write(step, arrays, packed, digests)
        self._folder.thin(self._given.keep)

    @staticmethod
    def _committed(document: Mapping[str, Any], digest: str) -> Committed:
        return Committed(document["step"], document["epoch"], document["begun"], float(document["seconds"]), digest)

    def _say_written(self) -> int:
        """Bring to the disk what the journal is to say; how long it is then."""
        length = self._journal.append(self._unwritten)
        self._unwritten = []
        return length

    def end(self, logs: Logs) -> None:
        """Training has ended as it should: wait for the last commit, and say how it ended."""
        if self._ended is not None:
            self._ended.trained()
            return
        self._background.wait()
        run = self._dispatch.run
        self._final = self._document(logs, run.clock.epoch + 1, begun=False)
        self._final |= {"outcome": "stopped" if run.stop_requested else "completed"}
        self._write_final(*self._recorder.taken())

    def _write_final(self, entries: list[Entry], written: dict[str, Any]) -> None:
        """Write how the run ended, with what hooks have written since its last commit."""
        arrays, packed = packed_commit(self._core.timeline.kept, dict(self._final))
        self._unwritten += entries
        if written:
            self._folder.written.write(packed["step"] + 1, written)
        packed["journal"] = self._say_written()
        self._folder.write_final(arrays, packed)

    def _closed(self) -> None:
        """All have had `on_run_end`: what they wrote there is the end of the run too, and is written once."""
        entries, written = self._recorder.taken()
        if self._final and entries:
            self._final |= {"trainable": self._trainable(), "aside": self._core.owner.set_aside(), "closed": True}
            self._write_final(entries, written)

    def finish(self) -> None:
        """The fit is over, and nobody has raised."""

    def close(self) -> None:
        """Wait for what is being written, and let the folder go, whatever ended the run."""
        if hasattr(self, "_recorder"):
            self._recorder.end()
        try:
            self._background.close()
        except KibitzError as error:
            self._tell(error)
        finally:
            tell(self._folder)
            self._lock.release()
