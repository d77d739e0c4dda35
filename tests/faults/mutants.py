"""Kibitz made worse in one place, and the scenario that must notice: a suite that cannot fail is no suite."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest

from kibitz.checkpoint import files, lock, orbax_store, pieces, run_folder, state_file
from tests.durable.program import Death, Dies
from tests.faults import faults_of_disks as disks
from tests.faults import faults_of_folders as folders
from tests.faults import faults_of_orbax as orbax
from tests.faults import faults_of_programs as programs
from tests.faults.faults_of_disks import ends_as_undisturbed, folder, program


def durable() -> Any:
    """The class that fit uses, looked up as fit looks it up: whoever collects tests may have read that file again."""
    from kibitz.models.durable import Durable

    return Durable


class Mutant(NamedTuple):
    """How Kibitz is made worse, and who must notice."""

    patch: Callable[[pytest.MonkeyPatch], None]
    caught_by: Callable[[], Iterator[str]]


class _Right(str):
    """A digest that is always the right one."""

    __slots__ = ()
    __hash__ = str.__hash__

    def __eq__(self, other: object) -> bool:
        return True

    def __ne__(self, other: object) -> bool:
        return False


class _Unsynced:
    """The system as it is, but that what a file holds is never synced."""

    def __getattr__(self, name: str) -> Any:
        return getattr(os, name)

    def fsync(self, number: int) -> None:
        if stat.S_ISDIR(os.fstat(number).st_mode):
            os.fsync(number)


class _Nobody(list):
    """Locks that nobody remembers."""

    def add(self, held: Any) -> None:
        pass


def _thinned_first(patch: pytest.MonkeyPatch) -> None:
    real = run_folder.RunFolder.write

    def write(self: Any, *given: Any) -> None:
        for old in self.steps():
            files.remove(self.of(old))
        real(self, *given)

    patch.setattr(run_folder.RunFolder, "write", write)


def _digests_that_are_right(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(state_file, "leaf_digests", lambda arrays: dict.fromkeys(arrays, _Right("0" * 64)))
    patch.setattr(state_file, "digest_of", lambda *args: _Right("0" * 64))


def _lock_as_it_was(patch: pytest.MonkeyPatch) -> None:
    real = lock.Lock.renew
    patch.setattr(lock.Lock, "renew", lambda self: None if self._file is not None else real(self))


def _nobody_is_reminded(patch: pytest.MonkeyPatch) -> None:
    from kibitz.models import restoring

    patch.setattr(restoring, "remind", lambda *given: None)


def _no_stop(patch: pytest.MonkeyPatch) -> None:
    real = durable()._document
    patch.setattr(durable(), "_document", lambda *args, **kwargs: {**real(*args, **kwargs), "stop": None})


def goes_on_in_an_epoch() -> Iterator[str]:
    """A run that died in the midst of an epoch, and again."""
    with folder() as place:
        for step in (3, 5):
            with pytest.raises(Dies):
                program().start(place, Death(step))
        ends_as_undisturbed(place)
    yield "died in an epoch"


def stays_stopped() -> Iterator[str]:
    """A run that was stopped after its first epoch, and died before it had ended."""
    from kibitz import callbacks

    class Stops(callbacks.Callback):
        adds = ()

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            self.model.stop_training = True

    whole = program().start(None, Stops(), epochs=4)
    with folder() as place:
        with pytest.raises(ValueError, match="of a program"):
            program().start(place, Stops(), programs.raising("on_train_end", ValueError), epochs=4)
        assert program().start(place, epochs=4) == whole
    yield "stopped, and died"


MUTANTS = {
    "folders are not synced": Mutant(
        lambda patch: patch.setattr(files, "_sync_folder", lambda folder: None), lambda: disks.power_cuts(1)),
    "new folders are not synced": Mutant(
        lambda patch: patch.setattr(files, "_make_folder", lambda folder: folder.mkdir(parents=True, exist_ok=True)),
        lambda: disks.power_cuts(1)),
    "a file is renamed before it is synced": Mutant(
        lambda patch: patch.setattr(files, "os", _Unsynced()), lambda: disks.power_cuts(1)),
    "old commits go before the new one is safe": Mutant(_thinned_first, lambda: disks.power_cuts(1)),
    "temporary files are not swept": Mutant(
        lambda patch: patch.setattr(run_folder, "sweep", lambda folder: None), lambda: disks.power_cuts(1)),
    "digests are not looked at": Mutant(
        _digests_that_are_right,
        lambda: (disks._died.cache_clear(), (yield from disks.bits_flipped(20)))),
    "the step within a commit is not looked at": Mutant(
        lambda patch: patch.setattr(
            run_folder.RunFolder, "read",
            lambda self, step: run_folder.Commit(self.of(step), *state_file.read_state(self.of(step)))),
        lambda: disks.empty_missing_and_swapped(1)),
    "digests of the arrays of Orbax are not looked at": Mutant(
        lambda patch: patch.setattr(orbax_store, "digests", lambda value, cut: ["0" * 64] * pieces.pieces_of(cut)),
        lambda: orbax.wrong_numbers(10)),
    "digests of the files of Orbax are not looked at": Mutant(
        lambda patch: patch.setattr(orbax_store, "file_digest", lambda path: _Right("0" * 64)),
        lambda: orbax.damaged(1)),
    "arrays without a record are not cleared": Mutant(
        lambda patch: patch.setattr(run_folder, "clear_unfinished", lambda folder: None), lambda: orbax.unfinished(5)),
    "the lock is not taken": Mutant(
        lambda patch: patch.setattr(lock.fcntl, "flock", lambda *args: None), lambda: programs.two_at_once(1)),
    "a child keeps the lock": Mutant(
        lambda patch: patch.setattr(lock, "_held", _Nobody()), lambda: programs.forked(1)),
    "the lock is not taken again": Mutant(_lock_as_it_was, lambda: folders.removed(1)),
    "another folder is written into": Mutant(
        lambda patch: patch.setattr(run_folder, "identity", lambda folder: None), lambda: folders.swapped(1)),
    "room is not looked for": Mutant(
        lambda patch: patch.setattr(run_folder, "room", lambda folder: None), lambda: folders.too_little_room(1)),
    "callbacks do not get their states back": Mutant(
        _nobody_is_reminded, goes_on_in_an_epoch),
    "a stop is forgotten": Mutant(_no_stop, stays_stopped),
}  # fmt: skip


def caught(mutant: Mutant) -> str | None:
    """What the scenario says of the mutant; None if it notices nothing.

    Raises:
        AttributeError, TypeError, NameError, ImportError: If the mutant does not fit what Kibitz is now: that is no
            notice.
    """
    try:
        with pytest.MonkeyPatch.context() as patch:
            mutant.patch(patch)
            for _ in mutant.caught_by():
                pass
    except (AttributeError, TypeError, NameError, ImportError):
        raise
    except (Exception, pytest.fail.Exception) as noticed:
        return (str(noticed).splitlines() or [type(noticed).__name__])[0]
    finally:
        disks._died.cache_clear()
    return None
