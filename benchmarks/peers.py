"""Times Kibitz beside other libraries in one run: `make peers`, in an environment of its own, and never in CI.

Every contestant is a process, since Keras has one backend in each. All are started, compile what they must, and wait;
then each round asks one after the other for one call of fit, in an order that moves on by one each round. A figure is a
median over rounds. Beside the time on the wall stands the processor's: it says more where a machine has other things to
do, but not how well the cores are used.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.workloads import ROWS, convolutional, dense, digits, targets

BATCH = 128
EPOCHS = {"A": 20, "B": 10, "C": 1}
"""In one call of fit. What happens once, such as bringing the data to the device, weighs as it does for a user."""
BACKENDS = {"keras on jax": "jax", "keras on tensorflow": "tensorflow", "keras on torch": "torch"}
CONTESTANTS = ["kibitz", *BACKENDS, "torch by hand", "lightning"]
PACKAGES = ["kibitz", "jax", "keras", "tensorflow-cpu", "torch", "lightning"]


def data(kind: str, rows: int) -> tuple[Any, Any]:
    """Images and targets of a workload."""
    x, y = digits(rows=rows)
    return (x.reshape(-1, 28, 28, 1) if kind == "C" else x), targets(kind, y)


def fit_of(contestant: str, kind: str, rows: int) -> Callable[[], Any]:
    """A whole training of a workload, as this contestant does it."""
    x, y = data(kind, rows)
    if contestant in ("torch by hand", "lightning"):
        from benchmarks.torches import by_hand, by_lightning

        return (by_hand if contestant == "torch by hand" else by_lightning)(kind, x, y, BATCH, EPOCHS[kind])
    if contestant == "kibitz":
        import kibitz as library
    else:
        import keras as library
    model = convolutional(library) if kind == "C" else dense(library, kind)
    return lambda: model.fit(x, y, batch_size=BATCH, epochs=EPOCHS[kind], verbose=0)


def serve(contestant: str, rows: dict[str, int]) -> None:
    """Be a contestant: warm up, then answer each line that names a workload with seconds and processor seconds."""
    answers, sys.stdout = sys.stdout, sys.stderr  # what a library prints is no answer
    found = {kind: fit_of(contestant, kind, each) for kind, each in rows.items()}
    for run in found.values():
        run()
    print("ready", file=answers, flush=True)
    for line in sys.stdin:
        began, used = time.perf_counter(), time.process_time()
        found[line.strip()]()
        print(time.perf_counter() - began, time.process_time() - used, file=answers, flush=True)


class Contestant:
    """A process that fits when it is asked to."""

    def __init__(self, name: str, rows: dict[str, int]):
        environment = {**os.environ, "JAX_PLATFORMS": "cpu", "CUDA_VISIBLE_DEVICES": "", "TF_CPP_MIN_LOG_LEVEL": "3",
                       "KERAS_BACKEND": BACKENDS.get(name, "jax")}  # fmt: skip
        self.process = subprocess.Popen(  # noqa: S603 - it is this very file
            [sys.executable, "-W", "ignore", "-m", "benchmarks.peers", "--serve", name, json.dumps(rows)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )
        if self._answer() != ["ready"]:
            raise SystemExit(f"{name} did not begin")

    def _answer(self) -> list[str]:
        return self.process.stdout.readline().split()

    def fit(self, kind: str) -> tuple[float, float]:
        """Seconds, and seconds of the processor."""
        self.process.stdin.write(f"{kind}\n")
        self.process.stdin.flush()
        wall, processor = self._answer()
        return float(wall), float(processor)

    def end(self) -> None:
        """Let it go."""
        self.process.stdin.close()
        self.process.wait()


def timed(rows: dict[str, int], rounds: int, names: list[str]) -> dict[str, dict[str, Any]]:
    """For each workload and contestant the median microseconds of a step, on the wall and of the processor."""
    contestants = {name: Contestant(name, rows) for name in names}
    times: dict[str, dict[str, list[tuple[float, float]]]] = {kind: {name: [] for name in names} for kind in rows}
    try:
        for turn in range(rounds):
            for kind in rows:
                for name in names[turn % len(names) :] + names[: turn % len(names)]:
                    times[kind][name].append(contestants[name].fit(kind))
    finally:
        for contestant in contestants.values():
            contestant.end()
    found: dict[str, dict[str, Any]] = {}
    for kind, each in times.items():
        steps = EPOCHS[kind] * -(-rows[kind] // BATCH)
        found[kind] = {
            name: {
                "wall": round(1e6 * median(wall for wall, _ in pairs) / steps, 1),
                "processor": round(1e6 * median(used for _, used in pairs) / steps, 1),
            }
            for name, pairs in each.items()
        }
    return found


def show(found: dict[str, dict[str, Any]]) -> None:
    """Print a table."""
    print(f"{'microseconds a step':<26}{'wall':>10}{'kibitz / it':>13}{'processor':>13}{'kibitz / it':>13}")
    for kind, each in found.items():
        ours = each.get("kibitz")
        for name, one in each.items():
            ratios = {what: f"{ours[what] / one[what]:.2f}" if ours else "" for what in ("wall", "processor")}
            first = f"{one['wall']:>10.0f}{ratios['wall']:>13}"
            print(f"{kind}  {name:<23}{first}{one['processor']:>13.0f}{ratios['processor']:>13}")


def main() -> None:
    """Run the comparison."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", nargs="*", choices=["A", "B", "C"], default=["A", "B", "C"], help="which workloads")
    parser.add_argument("--contestants", nargs="*", choices=CONTESTANTS, default=CONTESTANTS)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/peers.json"))
    parser.add_argument("--serve", nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve:
        serve(given.serve[0], json.loads(given.serve[1]))
        return
    rows = {kind: {"A": ROWS, "B": ROWS, "C": 6_400}[kind] for kind in given.only}
    found = timed(rows, given.rounds, given.contestants)
    show(found)
    report = {"machine": platform.platform(), "cores": os.cpu_count(), "python": platform.python_version(),
              "versions": {name: importlib.metadata.version(name) for name in PACKAGES}, "rounds": given.rounds,
              "load": os.getloadavg()[1], "batch": BATCH, "epochs": EPOCHS, "rows": rows,
              "microseconds a step": found}  # fmt: skip
    given.out.parent.mkdir(parents=True, exist_ok=True)
    given.out.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
