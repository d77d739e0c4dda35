"""All soaks by name: what is done, how often in the long form and how often in the short one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from tests.soak import soaks_of_data as data
from tests.soak import soaks_of_exits as ends
from tests.soak import soaks_of_fits as fits
from tests.soak import soaks_of_hooks as hooks
from tests.soak import soaks_of_runs as runs
from tests.soak import soaks_of_time as hours
from tests.soak.figure import Figure


class Row(NamedTuple):
    """A soak.

    Args:
        soak: Does it, and gives its figures.
        long: What it is given by `make soak`.
        short: What it is given by the tests.
    """

    soak: Callable[[int], Iterator[Figure]]
    long: int
    short: int


SOAKS = {
    "1,000,000 hooks: 1,000 callbacks at each step": Row(hooks.hooks, 1000, 3),
    "1,000,000 steps, each looked at": Row(hooks.steps, 10**6, 2000),
    "10,000 epochs with validation, logs and commits": Row(hooks.epochs, 10**4, 100),
    "1,000 callbacks that remember": Row(hooks.many_callbacks, 1000, 20),
    "300 metrics": Row(hooks.many_metrics, 300, 5),
    "1,000 fits and 200 models": Row(fits.fits, 1000, 5),
    "50 fits in 50 threads": Row(fits.threads, 50, 2),
    "10,000 signals": Row(fits.signals, 10**4, 72),
    "200 interruptions": Row(fits.interrupted, 200, 2),
    "an array of 8 GB on the disk": Row(data.mapped, 8192, 16),
    "a log of 10,000,000 rows": Row(data.long_logs, 10**7, 2000),
    "killed and gone on with 200 times": Row(runs.resumed, 200, 2),
    "three minutes, whole and in 40 pieces": Row(runs.pieces, 40, 2),
    "gone on with after 1,000,000 steps": Row(runs.deep, 10**6, 40),
    "10,000 commits": Row(runs.commits, 10**4, 20),
    "a state of 600 MB, committed at every step": Row(runs.large, 600, 3),
    "a state of 1.5 GB, in both stores": Row(runs.larger, 1500, 3),
    "240 processes that end while something is written": Row(ends.exits, 240, 2),
    "24 hours by a clock of ours": Row(hours.a_day, 24, 1),
    "a disk that takes 0.3 seconds for everything": Row(runs.slow_disk, 300, 2),
}
