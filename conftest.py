"""The test session, with the screws turned: one platform, one oracle, no warning unheard, nothing compiled twice.

It stands at the root, and not in tests/, so that the examples in the docstrings of src run under it as well.
"""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path(__file__).parent

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
# Each program is compiled once, for all workers and all sessions to come.
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(ROOT / ".jax_cache"))
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES", "-1")


def pytest_configure() -> None:
    """No clock may fail a property: a first example compiles, and workers share cores."""
    from hypothesis import settings

    settings.register_profile("kibitz", deadline=None, derandomize=os.environ.get("CI") == "true")
    settings.load_profile("kibitz")
