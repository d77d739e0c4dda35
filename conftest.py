"""The test session, with the screws turned: one platform, one oracle, no warning unheard, nothing compiled twice.

It stands at the root, and not in tests/, so that the examples in the docstrings of src run under it as well.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Generator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.callbacks.wandb_runs import ALONE
from tests.hurry import compile_in_a_hurry, forget

ROOT = Path(__file__).parent

SLOW = {
    "tests/callbacks/test_third_party.py": "three other libraries are imported, one with a database of its own",
    "tests/examples": "each page is a process of its own, with JAX to load",
    "tests/faults": "runs are begun again and again, some of them as processes that are killed",
    "tests/free": "the same run is made again and again, cut in many ways",
    "tests/fuzz": "every reader of files is given many",
    "tests/house/test_import_time.py": "each test is a process of its own, with JAX to load",
    "tests/replay/test_workers.py": "each replay starts two processes, with JAX to load",
    "tests/oracle/test_faults.py": "each fault is shown under both libraries",
    "tests/oracle/test_faults_of_callbacks.py": "each fault is shown under both libraries",
    "tests/soak": "each soak is a process of its own, or several",
}
"""What `make fast` leaves out, folder by folder or file by file, and why."""

WHOLE = {
    "tests/house": "its cases are the files of src, and the one that was changed must be among them",
}
"""Where `make fast` runs all cases of a test. Elsewhere it runs the first of each twenty."""

CAREFUL = {
    "tests/durable": "a run that is gone on with has the very bits of one that was not, with the code that users run",
    "tests/faults": "the same",
    "tests/free/test_donated.py": "how steps are cut changes no bit: that is a question to the optimizing compiler",
    "tests/free/test_graph_hooks_same_bits.py": "the same",
    "tests/free/test_same_bits.py": "the same",
    "tests/replay": "what is run again has the bits that it had",
    "tests/runs/test_replay.py": "the same, also in other processes",
    "tests/layers/test_drawing.py": "weights drawn together have the bits of weights drawn alone, in other programs",
    "tests/models/test_fresh_process.py": "its processes compile as users do",
}
"""Where programs are compiled as a user's are, and why; elsewhere in a hurry, but with `COMPILER=careful`."""

# Before anything imports JAX or Keras, and in the environment, so that the processes that tests start have it too.
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT / "src"), os.environ.get("PYTHONPATH")]))
os.environ["JAX_PLATFORMS"] = "cpu"
os.environ["KERAS_BACKEND"] = "jax"
# Workers share the cores, so each has one thread for its arithmetic. The size of XLA's pool of threads decides on bits,
# so it is the same with workers and without.
os.environ.setdefault("NPROC", "1")
# Keras reads a configuration from the home folder, and writes one there. Neither belongs into a test.
os.environ["KERAS_HOME"] = str(ROOT / "build" / "keras")
os.environ["MPLBACKEND"] = "agg"
# A process that a test starts reads what the first one compiled of Kibitz, and a worker the tests that another rewrote.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False
os.environ.update(ALONE)
# Each program is compiled once, for all workers and all sessions to come.
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(ROOT / ".jax_cache"))
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES", "-1")


def pytest_configure() -> None:
    """No clock may fail a property: a first example compiles, and workers share cores."""
    from hypothesis import settings

    from tests.drawn import DEEPER

    always = os.environ.get("CI") == "true" and DEEPER == 1  # the same examples in every run of CI
    settings.register_profile("kibitz", deadline=None, max_examples=50 * DEEPER, derandomize=always)
    settings.load_profile("kibitz")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> Generator[None, Any, Any]:
    """Have a test's programs, and those of its fixtures, compiled as it should be; give memory back after each file."""
    compile_in_a_hurry(item.get_closest_marker("careful") is None)
    result = yield
    if nextitem is None or nextitem.path != item.path:
        forget()
    return result


def pytest_collection_finish() -> None:
    """Have the collector of garbage leave alone what was made so far and stays: ten thousand tests, JAX and Keras."""
    gc.collect()
    gc.freeze()


def pytest_sessionfinish() -> None:
    """End the process that Weights & Biases began, if it did."""
    if "wandb" in sys.modules:
        sys.modules["wandb"].teardown()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what is careful, and what is slow: what stands in SLOW, and all but every twentieth case of one test."""
    seen: dict[tuple[Path, str], int] = {}
    for item in items:
        test = (item.path, getattr(item, "originalname", None) or item.name)
        case = seen[test] = seen.get(test, -1) + 1
        if within(item.path, *SLOW) or (case % 20 and not within(item.path, *WHOLE)):
            item.add_marker(pytest.mark.slow)
        if within(item.path, *CAREFUL):
            item.add_marker(pytest.mark.careful)
    # Together, for between the two all programs are forgotten.
    items.sort(key=lambda item: item.get_closest_marker("careful") is None)


@cache
def within(path: Path, *folders: str) -> bool:
    """Whether a file is one of these, or lies in one of these folders."""
    return any(path.is_relative_to(ROOT / folder) for folder in folders)
