"""Every exported callback through `check_callback`: the table of what was asked and found.

`python -m tests.callbacks.table` writes it into docs/callbacks-checked.md.
"""

from __future__ import annotations

import contextlib
import inspect
import itertools
import tempfile
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

import kibitz
from kibitz.optimizers import sgd
from kibitz.testing import Checked, check_callback
from kibitz.testing.checks import AS_IT_IS, IN_RUNS
from tests.callbacks.wandb_runs import offline_run
from tests.house.package import ROOT

PAGE = ROOT / "docs" / "callbacks-checked.md"
MARKS = {"ok": "+", "skipped": "-", "failed": "X"}
NAMES = sorted(
    name for name in kibitz.callbacks.__all__ if issubclass(getattr(kibitz.callbacks, name), kibitz.callbacks.Callback)
)
X = np.ones((3, 2), "float32")  # inputs of the kit's model
QUESTIONS = (*AS_IT_IS, *IN_RUNS)


@dataclass(frozen=True)
class How:
    """How a callback is made for the check.

    Args:
        make: Makes it, given the class and a path of its own that nothing lies at.
        changes: Whether it is made to take a hand.
        around: What it needs around it, given a folder.
        batches: Why it is called at batches, if it is, as it is made here.
    """

    make: Callable[[Any, Path], Any] = lambda kind, path: kind()
    changes: bool = False
    around: Callable[[Path], Any] = contextlib.nullcontext
    batches: str = ""


@contextlib.contextmanager
def unreachable(folder: Path) -> Any:
    """Where no server is, RemoteMonitor says so, in every epoch."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        yield


@contextlib.contextmanager
def averaging(folder: Path) -> Any:
    """SwapEMAWeights needs an optimizer that keeps averages."""
    old, sgd.SGD = sgd.SGD, partial(sgd.SGD, use_ema=True)
    try:
        yield
    finally:
        sgd.SGD = old


HOW = {
    "BackupAndRestore": How(lambda kind, path: kind(path), changes=True),
    "CSVLogger": How(lambda kind, path: kind(path)),
    "CallbackList": How(
        lambda kind, path: kind([kibitz.callbacks.History(), kibitz.callbacks.CSVLogger(path)]),
        batches="it passes every hook on",
    ),
    "EarlyStopping": How(lambda kind, path: kind("loss", patience=3)),
    "FreezeUntil": How(lambda kind, path: kind(lambda name: name.endswith("bias"), 2), changes=True),
    "GradientClip": How(lambda kind, path: kind(norm=0.1), changes=True),
    "LambdaCallback": How(lambda kind, path: kind(on_epoch_end=lambda epoch, logs: logs.update(twice=2 * epoch))),
    "LearningRateScheduler": How(lambda kind, path: kind(lambda epoch, rate: rate * 0.5), changes=True),
    "ModelCheckpoint": How(lambda kind, path: kind(path.with_suffix(".keras"), "loss", save_best_only=True)),
    "OrbaxCheckpoint": How(lambda kind, path: kind(path, "loss", save_best_only=True, save_on_background=False)),
    "LearningRateFinder": How(lambda kind, path: kind(steps=10), changes=True, batches="it tries a rate at each"),
    "PredictionWriter": How(lambda kind, path: kind(path.with_suffix(".npz"), at="epoch", x=X)),
    "SampleViewer": How(lambda kind, path: kind(X, path=path.with_suffix(".png"))),
    "SwapEMAWeights": How(changes=True, around=averaging),
    "ProgbarLogger": How(batches="a bar is drawn"),
    "TerminateOnNaN": How(batches="it looks at each loss"),
    "ThroughputMonitor": How(batches="in a run's first epoch, to leave out the step that compiles"),
    "Timer": How(lambda kind, path: kind("1 h"), batches="it may stop at any"),
    "WeightAveraging": How(
        lambda kind, path: kind("ema"),
        changes=True,
        batches="it sees to it that each is trained on with the weights of the training",
    ),
    "WeightHistograms": How(batches="it keeps what was counted at each"),
    "RemoteMonitor": How(lambda kind, path: kind("http://localhost:9"), around=unreachable),
    "TensorBoard": How(lambda kind, path: kind(path, histogram_freq=1)),
    "ReduceLROnPlateau": How(lambda kind, path: kind("loss", patience=2, cooldown=1), changes=True),
    "WandbMetricsLogger": How(
        lambda kind, path: kind(log_freq=2), around=offline_run, batches="it logs every other one"
    ),
    "WandbModelCheckpoint": How(
        lambda kind, path: kind(path.with_suffix(".weights.h5"), save_weights_only=True), around=offline_run
    ),
}
"""The arguments of those that need some, or that say more with some; the others are made without."""


def how(name: str) -> How:
    """How a callback is made; whoever adds one that needs arguments is told where to write them."""
    needed = [
        each.name
        for each in inspect.signature(getattr(kibitz.callbacks, name)).parameters.values()
        if each.default is each.empty and each.kind not in (each.VAR_KEYWORD, each.VAR_POSITIONAL)
    ]
    if needed and name not in HOW:
        raise AssertionError(
            f"{name} cannot be made without {', '.join(needed)}: add to HOW in tests/callbacks/table.py\n"
            f'    "{name}": How(lambda kind, path: kind({needed[0]}=...)),\n'
            "with changes=True if it is there to take a hand in the training"
        )
    return HOW.get(name, How())


def checked(name: str, folder: Path) -> Checked:
    """The report on one exported callback; files lie in a folder."""
    kind, made, numbers = getattr(kibitz.callbacks, name), how(name), itertools.count()
    with made.around(folder):
        return check_callback(lambda: made.make(kind, folder / f"{next(numbers)}"), changes=made.changes, raises=False)


def row(name: str, report: Checked) -> str:
    """One line of the table."""
    return f"{name:<24}" + "".join(f"{MARKS[check.result]:>3}" for check in report.checks)


def page(reports: dict[str, Checked]) -> str:
    """The whole page."""
    head = " " * 24 + "".join(f"{number:>3}" for number in range(1, len(QUESTIONS) + 1))
    skipped = [
        f"- `{name}`, {check.name}: {check.why.splitlines()[0]}"
        for name, report in reports.items()
        for check in report.checks
        if check.result == "skipped" or (check.name == QUESTIONS[-1] and check.why)
    ]
    called = [f"- `{name}`: {how(name).batches}." for name in NAMES if how(name).batches]
    return "\n".join(
        [
            "# The callbacks, checked",
            "",
            "Every callback that Kibitz exports, asked what `kibitz.testing.check_callback` asks of yours. This page",
            "is written by `python -m tests.callbacks.table`, and `tests/callbacks/test_every_callback.py` holds it.",
            "",
            "```text",
            head,
            *(row(name, report) for name, report in reports.items()),
            "",
            "+ it does    - not asked    X it does not",
            "```",
            "",
            *(f"{number}. {question}" for number, question in enumerate(QUESTIONS, 1)),
            "",
            "Not asked, or not of all, and why:",
            "",
            *skipped,
            "",
            "Called at batches as they are made here, and why; the others let steps be done many at a time:",
            "",
            *called,
            "",
        ]
    )


def main() -> None:
    """Check them all, and write the page."""
    with tempfile.TemporaryDirectory() as folder:
        reports = {}
        for name in NAMES:
            (Path(folder) / name).mkdir()
            reports[name] = checked(name, Path(folder) / name)
            print(row(name, reports[name]))
            for check in reports[name].failed:
                print(f"  {check}\n  cure: {check.cure}")
    PAGE.write_text(page(reports), encoding="utf-8")


if __name__ == "__main__":
    main()
