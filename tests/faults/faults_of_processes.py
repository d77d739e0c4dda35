"""Processes that are really killed: at any instant of their life, and started again until one of them ends."""

from __future__ import annotations

import itertools
import json
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from tests.faults.process import Process, hearing_ctrl_c
from tests.faults.program import newest, strays

CHAINS = 5, 5, 20  # kills of one run, before it is let live


@contextmanager
def somewhere() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


@cache
def _undisturbed(options: str) -> tuple[tuple[str, str], float, int]:
    with somewhere() as place:
        began = time.monotonic()
        process = Process(place, durable=False, options=json.loads(options))
        assert process.end() == 0, process.told
        return process.result, time.monotonic() - began, len(process.lines)


def undisturbed(options: Any = None) -> tuple[tuple[str, str], float, int]:
    """How it ends where nobody does anything, how long it lives, and how many lines it says."""
    return _undisturbed(json.dumps(options or {}))


def lives(place: Path, how: str, options: Any = None) -> None:
    """Started once more, and let live, it ends as undisturbed."""
    process = Process(place, options=options)
    assert process.end() == 0, (how, process.told)
    assert process.result == undisturbed(options)[0], how
    assert newest(place / "run") == 27  # the last commit was on its way when fit was about to return
    assert strays(place) == [], how


def at_any_instant(count: int, seed: int = 0, store: str = "auto") -> Iterator[str]:
    """SIGKILL, by turns at a random instant and at a random line: loading and compiling take most of a short life."""
    _, life, lines = undisturbed()
    drawn, number, chains = random.Random(seed), 0, itertools.cycle(CHAINS)
    while number < count:
        with somewhere() as place:
            struck = []
            for _ in range(min(next(chains), count - number)):
                process = Process(place, options={"store": store})
                if number % 2:
                    process.until_lines(line := drawn.randrange(1, lines))
                    struck.append(f"at line {line}")
                else:
                    process.within(after := drawn.uniform(0.1 * life, life))
                    struck.append(f"after {after:.2f} s")
                process.process.kill()
                process.end()
                number += 1
                yield f"kill -9 {struck[-1]} (seed {seed}, number {number})"
            lives(place, f"seed {seed}, killed {', '.join(struck)}")


def asked_to_end(count: int, seed: int = 0) -> Iterator[str]:
    """SIGTERM and Ctrl-C: in the midst of training, and then at random instants.

    While JAX is loaded the process may end with anything, a crash among it: see `libraries_alone`. Once the run has
    begun it ends as it should.
    """
    _, life, _ = undisturbed()
    drawn = random.Random(seed)
    with somewhere() as place:
        for number in range(count):
            process = Process(place)
            which = (signal.SIGTERM, signal.SIGINT)[number % 2]
            if number < 2:
                process.until(when := f"step {7 + 6 * number}")
            else:
                time.sleep(after := drawn.uniform(0, life))
                when = f"after {after:.2f} s (seed {seed}, number {number})"
            begun = process.said("begun")
            process.send(which)
            code = process.end()
            ended = {signal.SIGTERM: 143, signal.SIGINT: -2}[which]
            # It may be over with the run already: then the signal does what it does to any process.
            allowed = (ended,) if number < 2 else (ended, -which, 0)
            assert not begun or code in allowed, (which, code, process.told)
            yield f"{which.name} {when}: {code}"
        lives(place, f"seed {seed}")


def libraries_alone(count: int, seed: int = 0) -> Iterator[str]:
    """Ctrl-C while JAX is loaded, by a program without a line of Kibitz: what a process ends with then is jaxlib's.

    Its extensions are not made for an exception while they set themselves up: there are crashes (-11, -6). Kibitz can
    only see to it that nothing is lost, which `asked_to_end` asks.
    """
    alone = [sys.executable, "-c", "import sys, jax; assert not [each for each in sys.modules if 'kibitz' in each]"]
    began = time.monotonic()
    subprocess.run(alone, check=True)
    life, drawn = time.monotonic() - began, random.Random(seed)
    for _ in range(count):
        with hearing_ctrl_c():
            process = subprocess.Popen(alone, stderr=subprocess.DEVNULL)
        time.sleep(after := drawn.uniform(0.05, 0.5) * life)
        process.send_signal(signal.SIGINT)
        code = process.wait()
        assert code in (0, 1, -signal.SIGINT, -signal.SIGSEGV, -signal.SIGABRT), code
        yield f"Ctrl-C after {after:.2f} s of import jax alone: {code}"
