"""`make faults`: everything that may happen to a run happens, and then what a worse Kibitz would not survive."""

from __future__ import annotations

import sys
import time
import traceback
import warnings

from tests.faults.mutants import MUTANTS, caught
from tests.faults.rows import ABSENT, ROWS, covered
from tests.faults.table import FAULTS, Row


def happen(row: Row) -> tuple[int, bool]:
    """How many faults were survived, and whether one was not."""
    count = 0
    try:
        for _ in row.faults(row.long):
            count += 1
    except BaseException as lost:
        if isinstance(lost, KeyboardInterrupt | SystemExit):  # meant for the suite
            raise
        traceback.print_exc()
        return count, True
    return count, False


def main(names: list[str]) -> int:
    warnings.simplefilter("ignore")
    survived = lost = missed = 0
    for name, row in FAULTS.items():
        if names and not any(each in name for each in names):
            continue
        began = time.monotonic()
        count, failed = happen(row)
        survived, lost = survived + count, lost + failed
        told = "AND THEN ONE IS LOST" if failed else "survived"
        print(f"{name:<55}{count:>5} {told} ({time.monotonic() - began:.0f} s)", flush=True)
    for name, mutant in MUTANTS.items():
        if names and "mutants" not in names:
            continue
        noticed = caught(mutant)
        missed += noticed is None
        print(f"mutant: {name:<47}{'  MISSED' if noticed is None else f'  caught: {noticed}'}"[:160], flush=True)
    print(
        f"{covered(FAULTS)} of {len(ROWS) + len(ABSENT)} rows of the list are tried, here or in the tests", flush=True
    )
    print(
        f"{survived + lost} faults, {survived} survived, {lost} lost" + (f"; {missed} mutants missed" if missed else "")
    )
    return 1 if lost or missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
