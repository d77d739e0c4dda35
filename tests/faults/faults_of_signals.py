"""Signals at moments that are hard to hit: while XLA compiles, in validation, while a commit is on its way."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from kibitz.checkpoint.run_folder import RunFolder
from tests.faults.faults_of_processes import lives, somewhere
from tests.faults.process import Process
from tests.faults.program import newest

SLOW = {"commit_takes": 1}
NEVER = {"commit_takes": 10_000}


def ended(process: Process, *codes: int) -> None:
    """It ends, and with one of these codes."""
    code = process.end()
    assert code in codes, (code, process.lines[-5:], process.told)


def while_compiling(place: Path) -> None:
    """The batch that is being compiled is done, and committed; then the process ends."""
    uncached = {"JAX_ENABLE_COMPILATION_CACHE": "false"}
    process = Process(place, options={"model": "deep"}, env=uncached)
    process.until("begun")
    time.sleep(0.3)
    assert not process.said("step"), "it was compiled too soon to be hit"
    process.send(signal.SIGTERM)
    ended(process, 143)
    assert [line for line in process.lines if line.startswith("step")] == ["step 1"]
    assert newest(place / "run") == 1
    lives(place, "SIGTERM while compiling", {"model": "deep"})


def in_validation(place: Path) -> None:
    """The validation is done to its end, and no step is lost."""
    process = Process(place)
    process.until("test 0")
    process.send(signal.SIGTERM)
    ended(process, 143)
    assert newest(place / "run") == 9
    lives(place, "SIGTERM in validation")


def while_committing(place: Path) -> None:
    """The commit that is under way gets there; a second SIGTERM does no harm."""
    process = Process(place, options=SLOW)
    process.until("committing 4")
    process.send(signal.SIGTERM)
    time.sleep(0.2)
    process.send(signal.SIGTERM)
    ended(process, 143)
    assert process.said("committed 4")
    assert newest(place / "run") >= 4
    lives(place, "SIGTERM while committing")


def and_killed(place: Path) -> None:
    """Who asked it to end has no patience."""
    process = Process(place, options=SLOW)
    process.until("step 7")
    process.send(signal.SIGTERM)
    time.sleep(0.2)
    process.send(signal.SIGKILL)
    ended(process, -signal.SIGKILL)
    lives(place, "SIGTERM, and SIGKILL 0.2 s later")


def twice(place: Path) -> None:
    """The second Ctrl-C comes while the run is committed because of the first: the commit gets there or does not."""
    process = Process(place, options=SLOW)
    process.until("step 7")
    process.send(signal.SIGINT)
    process.until("committing 7", "committing 8")
    process.send(signal.SIGINT)
    ended(process, -signal.SIGINT)
    assert newest(place / "run") in (6, 7, 8)
    lives(place, "Ctrl-C twice")


def again_and_again(place: Path) -> None:
    """The disk hangs, and the commit never gets there: pressed often enough, Ctrl-C ends the process all the same."""
    process = Process(place, options=NEVER)
    process.until("committing 2")
    pressed = 0
    while not process.within(0.2):
        assert pressed < 20, process.told
        process.send(signal.SIGINT)
        pressed += 1
    ended(process, -signal.SIGINT)
    assert newest(place / "run") == 0
    lives(place, "Ctrl-C again and again")


def to_the_whole_group(place: Path) -> None:
    """A terminal sends Ctrl-C to all: threads and processes that fetch the data do not outlive the run."""
    process = Process(place, options={"source": "thread"}, start_new_session=True)
    process.until("step 7")
    os.killpg(process.process.pid, signal.SIGINT)
    ended(process, -signal.SIGINT)
    for _ in range(100):  # the system takes a moment to take the fetching one away
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.process.pid, 0)
            time.sleep(0.05)
            continue
        break
    else:
        raise AssertionError("a process that fetched data is still there")
    assert process.told.count("Traceback") == 1
    lives(place, "Ctrl-C while data are fetched", {"source": "thread"})


def stopped_for_a_while(place: Path) -> None:
    """Ctrl-Z, and fg: nothing has happened."""
    process = Process(place)
    process.until("step 7")
    process.send(signal.SIGSTOP)
    time.sleep(3)
    process.send(signal.SIGCONT)
    ended(process, 0)
    lives(place, "stopped for a while")


def while_data_hang(place: Path) -> None:
    """A batch never comes: SIGTERM waits for it as any batch is waited for, Ctrl-C pressed twice does not."""
    process = Process(place, options={"source": "hangs"})
    process.until("hanging")
    process.send(signal.SIGTERM)
    process.send(signal.SIGINT)
    time.sleep(0.2)
    process.send(signal.SIGINT)
    ended(process, 143, -signal.SIGINT)
    lives(place, "the data hang", {"source": "thread"})


def read_meanwhile(place: Path) -> None:
    """Another process lists and reads the newest commit in a loop: each one is whole, and none is waited for."""
    process, seen, reads = Process(place), [], 0
    process.until("begun")
    while process.process.poll() is None or reads < 1000:
        found = RunFolder(place / "run", writes=False).newest()
        reads += 1
        if found is not None:
            seen.append(found.document["step"])
    ended(process, 0)
    assert seen == sorted(seen)
    assert len(set(seen)) > 3
    lives(place, "read meanwhile")


MOMENTS: dict[str, Callable[[Path], Any]] = {
    "SIGTERM while XLA compiles": while_compiling,
    "SIGTERM in validation": in_validation,
    "SIGTERM while a commit is on its way": while_committing,
    "SIGTERM, and SIGKILL 0.2 s later": and_killed,
    "Ctrl-C twice, the second while the run is committed": twice,
    "Ctrl-C while the disk hangs": again_and_again,
    "Ctrl-C to the whole group while data are fetched": to_the_whole_group,
    "SIGSTOP, and SIGCONT": stopped_for_a_while,
    "Ctrl-C while the data hang": while_data_hang,
    "a reader in a loop": read_meanwhile,
}


def at_moments(every: int) -> Iterator[str]:
    """Each moment once."""
    for name, happens in list(MOMENTS.items())[::every]:
        with somewhere() as place:
            happens(place)
        yield name
