"""The most memory that D and E hold, beside the loop by hand; each contestant in a process of its own.

What is counted are the arrays that are alive after a first fit, and what a second one needs beyond them: the peak of
resident memory, less what was resident between the two and is no array (libraries, the data, compiled programs). The
peak of the first fit, less what was resident before module and optimizer were made, is shown beside it: it has in it
what compiling takes.
"""

from __future__ import annotations

import json
import sys

from benchmarks.effort import CHECK, QUICK, Effort
from benchmarks.figures import Figures, contestants, ratio
from benchmarks.process import MEASURABLE, forget_peak, in_new_process, peak, resident
from benchmarks.rounds import turns

NAMES = ("kibitz", "by hand")
MIB = 2**20


def measure(effort: Effort) -> Figures:
    if not MEASURABLE:
        return {"contestants": {}, "rows": []}
    kinds = effort.of("DE", "DE", "E")
    running: dict[str, list[float]] = {f"{kind}, {name}": [] for kind in kinds for name in NAMES}
    first: dict[str, list[float]] = {_compiling(each): [] for each in running}
    for each in turns(list(running), effort.of(effort.rounds, 1, 1)):
        kind, name = each.split(", ")
        found = held(name, kind, CHECK) if effort.kind == "check" else _apart(name, kind)
        running[each].append(found["running"] / MIB)
        first[_compiling(each)].append(found["first"] / MIB)
    rows = []
    for kind in kinds:
        one, other = (f"{kind}, {name}" for name in NAMES)
        rows += [
            ratio(f"{kind}: peak memory / a jitted loop by hand", running, one, other, 1.05),
            ratio(f"{kind}: the same, compiling included", first, _compiling(one), _compiling(other)),
        ]
    return {"contestants": contestants({**running, **first}, "MiB"), "rows": rows}


def _compiling(name: str) -> str:
    return f"{name}, compiling included"


def _apart(name: str, kind: str) -> dict[str, float]:
    # glibc keeps what it was given back below a size that grows; fixed, it gives every larger array back at once.
    return in_new_process("benchmarks.parts.memory", name, kind, MALLOC_MMAP_THRESHOLD_="65536")


def held(name: str, kind: str, effort: Effort) -> dict[str, float]:
    """Peaks of one contestant, in this process, of fits of a few steps."""
    import jax

    from benchmarks.modules import workload
    from benchmarks.parts.module import contestant

    jax.block_until_ready(jax.numpy.zeros(1))
    given = workload(kind, effort)
    data = given.x.nbytes + given.y.nbytes
    del given
    forget_peak()
    before = resident() + data
    run = contestant(name, kind, effort)
    run(1)
    first = peak() - before
    forget_peak()
    between = resident() - sum(each.nbytes for each in jax.live_arrays())
    run(3)
    return {"running": peak() - between, "first": first}


if __name__ == "__main__":
    print(json.dumps(held(sys.argv[1], sys.argv[2], QUICK)))
