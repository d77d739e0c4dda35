"""`make soak`: very much of everything, each in a process of its own, and what came of it beside what should."""

from __future__ import annotations

import sys
import time
import warnings

from tests.soak.apart import Died, apart
from tests.soak.figure import Figure
from tests.soak.memory import SAMPLES
from tests.soak.table import SOAKS


def figures(name: str, short: bool) -> list[Figure]:
    """All that a soak measures; to be called in a process of its own."""
    warnings.simplefilter("ignore")
    if short:
        SAMPLES[0] = 4
    row = SOAKS[name]
    return list(row.soak(row.short if short else row.long))


def main(words: list[str]) -> int:
    short, names = "--short" in words, [word for word in words if word != "--short"]
    count = missed = 0
    for name in SOAKS:
        if names and not any(each in name for each in names):
            continue
        began = time.monotonic()
        print(f"{name}{' (short)' if short else ''}", flush=True)
        try:
            found = apart(figures, name, short)
        except Died as died:
            print(f"    {died}  NOT MET", flush=True)
            count, missed = count + 1, missed + 1
            continue
        for each in found:
            print(each, flush=True)
        print(f"    {time.monotonic() - began:.0f} s", flush=True)
        count, missed = count + len(found), missed + sum(not each.met for each in found)
    print(f"{count} targets, {count - missed} met, {missed} not")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
