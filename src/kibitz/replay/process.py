"""A process that runs a piece of a replay, and the pipe that it tells of it through.

A process that
loses the other end of its pipe ends, so none outlives the one that started it, however that one ends.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import struct
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, Self

HEAD = struct.Struct("<cQ")
EVENTS, READY, DONE, FAILED, LOST = b"e", b"r", b"d", b"f", b"x"
"""What a message is: hooks that were fired; that all data are at hand; how it ended; an error; none will come."""

MOST = 2**40
"""Bytes of a message; more is a mistake."""

PATIENCE = 10.0
"""Seconds that a process has to end by itself once it is done."""


def send(stream: BinaryIO, kind: bytes, message: bytes) -> None:
    """Write one message."""
    stream.write(HEAD.pack(kind, len(message)))
    stream.write(message)
    stream.flush()


def receive(stream: BinaryIO) -> tuple[bytes, bytes]:
    """Read one message; LOST if there is none any more."""
    head = stream.read(HEAD.size)
    if len(head) < HEAD.size:
        return LOST, b""
    kind, length = HEAD.unpack(head)
    message = stream.read(length) if length <= MOST else b""
    return (kind, message) if len(message) == length else (LOST, b"")


class Processes:
    """Some processes that each do a task of their own; they are gone when the block is left.

    Args:
        main: The function that they run, as "module:function"; it is given a stream to read its task from, and one to
            write messages to.
        count: How many.
        settings: What is put into their environment.
        files: Descriptors of files that are open there too, under the same numbers.

    Attributes: `lost`, those that have ended without a word, in the order in which it was seen.
    """

    def __init__(self, main: str, count: int, settings: Mapping[str, str], files: Sequence[int] = ()):
        self._main, self._count, self._settings, self._files = main, count, settings, files
        self._processes: list[subprocess.Popen[bytes]] = []
        self._come: queue.SimpleQueue[tuple[int, bytes, bytes]] = queue.SimpleQueue()
        self._waiting: list[deque[tuple[bytes, bytes]]] = [deque() for _ in range(count)]
        self._readers: list[threading.Thread] = []
        self._settled: set[int] = set()
        self.lost: list[int] = []

    def __enter__(self) -> Self:
        """Start them."""
        module, function = self._main.split(":")
        words = f"from kibitz.replay.process import begin; begin({module!r}, {function!r})"
        path = os.pathsep.join(each or str(Path.cwd()) for each in sys.path)
        environment = {**os.environ, **self._settings, "PYTHONPATH": path}
        try:
            for place in range(self._count):
                process = subprocess.Popen(  # noqa: S603 - this very Python, with our own words
                    [sys.executable, "-c", words], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                    pass_fds=self._files,
                )  # fmt: skip
                self._processes.append(process)
                reader = threading.Thread(target=self._read, args=(place, process.stdout), daemon=True)
                reader.start()
                self._readers.append(reader)
        except BaseException:
            self.__exit__()
            raise
        return self

    def _read(self, place: int, stream: BinaryIO) -> None:
        """In a thread, so that no process ever waits until somebody listens."""
        kind = EVENTS
        while kind not in {DONE, FAILED, LOST}:
            try:
                kind, message = receive(stream)
            except (OSError, ValueError):
                kind, message = LOST, b""
            self._come.put((place, kind, message))

    def give(self, place: int, task: bytes) -> None:
        """Give a process its task."""
        stream: Any = self._processes[place].stdin
        with contextlib.suppress(OSError):  # one that is gone is told of when it is asked
            send(stream, EVENTS, json.dumps(sys.path).encode())
            send(stream, EVENTS, task)

    def of(self, place: int, heed: Callable[[], None]) -> Iterator[tuple[bytes, bytes]]:
        """The messages of one process as they come, to its last one; those of others are kept meanwhile.

        As soon as any process is lost, there is one message, which says that.

        Args:
            place: Which process.
            heed: Called now and then; may raise.
        """
        waiting = self._waiting[place]
        while not self.lost:
            while waiting:
                kind, message = waiting.popleft()
                yield kind, message
                if kind in {DONE, FAILED}:
                    return
            heed()
            self._wait()
        yield LOST, b""

    def await_ready(self, heed: Callable[[], None]) -> None:
        """Wait until each has said that it is, or has ended."""
        while len(self._settled) < self._count:
            heed()
            self._wait()

    def _wait(self) -> None:
        with contextlib.suppress(queue.Empty):
            place, kind, message = self._come.get(timeout=0.1)
            if kind != EVENTS:
                self._settled.add(place)
            if kind == LOST:
                self.lost.append(place)
            elif kind != READY:
                self._waiting[place].append((kind, message))

    def ended(self, place: int) -> int:
        """The status with which a process that is lost has ended; below 0 it was killed by that signal."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self._processes[place].wait(PATIENCE)
        return 0

    def rest(self) -> None:
        """Let those who are done end by themselves."""
        for process in self._processes:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(PATIENCE)

    def __exit__(self, *_: object) -> None:
        """End them, whatever they do."""
        for process in self._processes:
            process.kill()
        for process, reader in zip(self._processes, self._readers, strict=False):
            process.wait()
            reader.join(PATIENCE)
            for stream in (process.stdin, process.stdout):
                with contextlib.suppress(OSError):
                    if stream is not None:
                        stream.close()


# -- in the process ----------------------------------------------------------------------------------------------------


def begin(module: str, function: str) -> None:
    """What a process does first: keep the pipe for itself, and end when its other end is gone."""
    import importlib
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all at once; the one who started this one ends it
    answers = os.fdopen(os.dup(1), "wb")
    tasks = os.fdopen(os.dup(0), "rb")
    nowhere = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1):  # what a program prints must not get among the messages, nor may it read them
        os.dup2(nowhere, standard)
    os.close(nowhere)
    _, path = receive(tasks)
    if path:
        sys.path[:] = json.loads(path)
    getattr(importlib.import_module(module), function)(tasks, answers)


def end_with(stream: BinaryIO) -> None:
    """End this process as soon as nobody holds the other end of its pipe."""

    def watch() -> None:
        with contextlib.suppress(OSError, ValueError):
            os.read(stream.fileno(), 1)  # not through the stream, whose lock would be held when this process ends
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def shares(count: int) -> Sequence[frozenset[int] | None]:
    """Which cores each of so many processes may use: of its own, if there are as many; None where it may use all.

    Example:
        >>> from kibitz.replay.process import shares
        >>> shares(10_000)[0] is None
        True
    """
    if not hasattr(os, "sched_getaffinity") or len(cores := sorted(os.sched_getaffinity(0))) < count:
        return [None] * count
    bounds = [round(place * len(cores) / count) for place in range(count + 1)]
    return [frozenset(cores[bounds[place] : bounds[place + 1]]) for place in range(count)]
