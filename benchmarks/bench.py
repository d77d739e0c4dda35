"""Measures Kibitz beside Keras and loops by hand, and prints ratios: `make bench`, `make bench-quick`.

Each part runs in a process of its own, and can be run alone: `python -m benchmarks.bench --only D`. Within a part each
round runs every contestant once, in an order that moves on by one each round; a figure is a median over rounds, a ratio
is of medians within one run. Nothing here is a test: a clock decides nothing.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from pathlib import Path

os.environ.setdefault("KERAS_BACKEND", "jax")
os.environ.setdefault("JAX_PLATFORMS", "cpu")

from benchmarks.effort import CHECK, FULL, QUICK, Effort
from benchmarks.figures import Figures
from benchmarks.report import merge, read
from benchmarks.stamp import ROOT, stamp
from benchmarks.table import RESULTS, aims, contestants, plain

PARTS: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "A": ("dense", "measure", ("A",)),
    "B": ("dense", "measure", ("B",)),
    "C": ("convolution", "measure", ()),
    "D": ("module", "measure", ("D",)),
    "E": ("module", "measure", ("E",)),
    "graph_hooks": ("graph_hooks", "measure", ()),
    "evaluate": ("measuring", "evaluate", ()),
    "validation": ("measuring", "validation", ()),
    "streamed": ("streamed", "measure", ()),
    "cold": ("cold", "measure", ()),
    "compilations": ("compilations", "measure", ()),
    "memory": ("memory", "measure", ()),
    "growth": ("growth", "measure", ()),
    "responsive": ("responsive", "measure", ()),
    "durable": ("durable", "measure", ()),
    "lookback": ("lookback", "measure", ()),
}
"""Where each part is: a file of `benchmarks/parts`, a function in it, and what that is given before the effort."""


def measured(name: str, effort: Effort) -> Figures:
    """Measure one part in this process."""
    file, function, given = PARTS[name]
    stamped = stamp(effort)
    measure: Callable[..., Figures] = getattr(import_module(f"benchmarks.parts.{file}"), function)
    return {"stamp": stamped, **measure(*given, effort)}


def main() -> None:
    """Measure what was asked for."""
    given = _arguments()
    if given.check:
        for name in given.only:
            began = time.perf_counter()
            measured(name, CHECK)
            print(f"{name} runs ({time.perf_counter() - began:.1f} s)", flush=True)
        return
    effort = QUICK if given.quick else FULL
    effort = effort if given.rounds is None else replace(effort, rounds=given.rounds)
    for name in given.only:
        began = time.perf_counter()
        if len(given.only) == 1:
            merge(given.out, name, measured(name, effort), list(PARTS))
        else:
            _apart(name, given)
        if not given.silent:
            print(f"{name} took {time.perf_counter() - began:.0f} s", file=sys.stderr, flush=True)
    if given.silent:
        return
    report = {name: part for name, part in read(given.out).items() if name in given.only}
    print(plain(contestants(report)), plain(aims(report)), f"Written to {given.out}.", sep="\n\n")


def _apart(name: str, given: argparse.Namespace) -> None:
    words = ["--only", name, "--out", str(given.out), "--silent"]
    words += ["--quick"] if given.quick else []
    words += [] if given.rounds is None else ["--rounds", str(given.rounds)]
    subprocess.run([sys.executable, "-m", "benchmarks.bench", *words], cwd=ROOT, check=True)  # noqa: S603 - our own words


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bench", description=__doc__)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS), help="these parts; the others keep "
                        "in the report what they have, with its date and commit")  # fmt: skip
    parser.add_argument("--quick", action="store_true", help="fewer epochs and rounds: under three minutes")
    parser.add_argument("--rounds", type=int, help="how often each contestant is measured; 5, or 3 if quick")
    parser.add_argument("--out", type=Path, default=RESULTS, help="the report; what is there is merged into")
    parser.add_argument("--check", action="store_true", help="run everything once on next to nothing, write nothing")
    parser.add_argument("--silent", action="store_true", help="print no tables")
    given = parser.parse_args()
    given.out = given.out.resolve()
    return given


if __name__ == "__main__":
    main()
