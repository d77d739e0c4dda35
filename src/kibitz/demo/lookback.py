"""The demo of looking back: a run that went wrong at one step, which is found afterwards, and shown."""

from __future__ import annotations

import shutil
import textwrap
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from kibitz.callbacks.base import Callback
from kibitz.callbacks.gradient_clip import GradientClip
from kibitz.callbacks.gradient_norms import GradientNorms
from kibitz.datasets import digits
from kibitz.demo.lookback_picture import draw, in_characters
from kibitz.demo.story import shifted
from kibitz.layers.input import Input
from kibitz.layers.linear import Dense
from kibitz.models.sequential import Sequential
from kibitz.optimizers.sgd import SGD
from kibitz.seed import set_random_seed

BATCH, EPOCH = 40, 20
GREAT = 1.5  # no weight of a run that goes well is as large
AROUND = 4  # steps that are shown before and after


class Reads(Callback):
    """Reads the loss of every batch, and if there are any the gradients' norms; it was not there in the run."""

    def on_train_begin(self, logs: Any = None) -> None:
        """Forget what was read before."""
        self.losses: list[float] = []
        self.norms: list[float] = []

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Read."""
        self.losses.append(logs.batch["loss"])
        self.norms.append(logs.batch.get("gradient_norm", np.nan))


class Planted(NamedTuple):
    """Data in which the rows of one step are bad.

    Args:
        x: Images, rows flat.
        y: Labels.
        step: The step that has the bad rows, where rows come in their order.
        labels: The right labels of these rows.
    """

    x: np.ndarray
    y: np.ndarray
    step: int
    labels: np.ndarray


def plant(x: np.ndarray, y: np.ndarray, step: int, seed: int = 0) -> Planted:
    """Spoil the rows of one step: their labels are shuffled, and nobody has divided their pixels by 255.

    Args:
        x: Images from 0 to 1, rows flat.
        y: Their labels.
        step: Which step's.
        seed: Of the shuffling.

    Example:
        >>> import numpy as np
        >>> from kibitz.demo.lookback import plant
        >>> planted = plant(np.ones((120, 4), "float32"), np.arange(120) % 10, 1)
        >>> planted.x[39:42, 0].tolist(), planted.x[79:81, 0].tolist()
        ([1.0, 255.0, 255.0], [255.0, 1.0])
    """
    rows = slice(step * BATCH, (step + 1) * BATCH)
    x, y = x.copy(), y.copy()
    labels = y[rows].copy()
    x[rows] *= 255
    y[rows] = np.random.default_rng(seed).permutation(labels)
    return Planted(x, y, step, labels)


def look_back(folder: Path, steps: int = 600, life: Callable[[Path], str] | None = None) -> int | None:
    """Train with bad rows, and find them afterwards.

    Args:
        folder: Where the run, its branch and the picture go; those of an earlier demo are taken away.
        steps: How long to train; the bad rows come after three fifths. At least 100.
        life: Draws a run's life as `kibitz look` does. None leaves it out.

    Returns:
        The step that was found.
    """
    began = time.perf_counter()
    run, branch = folder / "lookback" / "run", folder / "lookback" / "branch"
    for each in (run, branch):
        shutil.rmtree(each, ignore_errors=True)
    data, (x_test, y_test) = _data(steps)
    print("Kibitz: a run went wrong last night. It is never too late to look.\n")
    print(f"Data     {digits.SOURCE}")
    print(f"         {steps} steps of {BATCH} images. In one of them the labels are shuffled and the pixels 255 times")
    print("         as bright, as if somebody had forgotten to scale them.\n")

    print('1  The run, with fit(..., run="run", commit="1 epoch"): what kibitz look shows of it\n')
    model = _model()
    model.fit(data.x, data.y, batch_size=BATCH, shuffle=False, steps_per_epoch=EPOCH, epochs=steps // EPOCH, verbose=0,
              run=run, commit="1 epoch", keep=30)  # fmt: skip
    if life is not None:
        print(life(run))
    right = _accuracy(model, x_test, y_test)
    print(f"\n   It reads {right:.1%} of the test's digits. The process is gone; what is left is the folder.")

    print("\n2  After which step was a weight as large as that for the first time?\n")
    print("   def too_large(model, logs):")
    print(f"       return abs(model.get_weights()[0]).max() > {GREAT}\n")
    print("   model.bisect(x, y, run=run, when=too_large)\n")
    model = _model()
    found = model.bisect(data.x, data.y, run=run, when=too_large, verbose=0)
    print(textwrap.fill(str(found), 96, initial_indent="   ", subsequent_indent="   "))
    if found.step is None or found.rows is None:
        return None
    _show_rows(model, run, found.step, list(found.rows), data)
    norms, losses = _show_gradients(model, run, found.step, data)
    print(f"\n5  What moved: model.diff(run, {found.step - 1}, {found.step}, x, y)\n")
    moved = model.diff(run, found.step - 1, found.step, data.x, data.y)
    print("\n".join(f"   {line}" for line in str(moved).splitlines()))
    other, otherwise = _branch_off(model, run, branch, found.step, data, x_test, y_test, right)

    path = folder / "lookback.png"
    draw(path, losses, (found.step, otherwise), norms, data.x[list(found.rows)], data.y[list(found.rows)], data.labels,
         (right, other))  # fmt: skip
    print(f"\nPicture  {path}: both runs, the gradients, and all {BATCH} rows")
    print(f"Runs     kibitz look {run}; kibitz look {branch}")
    print(f"Time     {time.perf_counter() - began:.0f} seconds")
    return found.step


def too_large(model: Any, logs: Any) -> bool:  # noqa: ARG001 - bisect gives both
    """Whether a weight of the first layer is larger than any should be."""
    return np.abs(model.get_weights()[0]).max() > GREAT


def _show_rows(model: Any, run: Path, step: int, rows: list[int], data: Planted) -> None:
    print(f"\n3  Its rows, and what the model of the step before says: model.load_step(run, {step - 1}, x, y)\n")
    model.load_step(run, step - 1, data.x, data.y)
    said = model.predict(data.x[rows] / 255, verbose=0).argmax(axis=1)
    print(
        in_characters(
            data.x[rows], [f"labelled {data.y[row]}, says {one}" for row, one in zip(rows, said, strict=True)]
        )
    )
    wrong = int((said != data.y[rows]).sum())
    print(f"\n   {wrong} of the {len(rows)} labels are not what it says; of the pixels the brightest is "
          f"{data.x[rows].max():.0f}, of all others {np.delete(data.x, rows, axis=0).max():.0f}")  # fmt: skip


def _show_gradients(model: Any, run: Path, step: int, data: Planted) -> tuple[list[float], list[float]]:
    around = f"{max(0, step - AROUND)}:{step + AROUND + 1}"
    print(
        f'\n4  The gradients of then: model.replay(x, y, run=run, steps="{around}", callbacks=[GradientNorms(), ...])\n'
    )
    reads = Reads()
    told = model.replay(data.x, data.y, run=run, steps=around, callbacks=[GradientNorms(), reads], verbose=0)
    for at, norm, loss in zip(told.steps, reads.norms, reads.losses, strict=True):
        bar = "#" * max(1, round(12 * np.log10(1 + norm)))
        print(f"   step {at}  loss {loss:9.3f}  gradient {norm:10.2f}  {bar}")
    norms = reads.norms
    whole = model.replay(data.x, data.y, run=run, callbacks=[reads], verbose=0)
    print(
        f"\n   And the loss of every batch, which nobody had kept: {len(reads.losses)} steps run again, the same to the"
    )
    print(f"   bit at all {len(set(whole.exact))} commits")
    return norms, reads.losses


def _branch_off(
    model: Any, run: Path, branch: Path, step: int, data: Planted, x_test: Any, y_test: Any, right: float
) -> tuple[float, list[float]]:
    print(f"\n6  What would have been, with gradients that are clipped from step {step - 10} on\n")
    print(f'   model.replay(x, y, run=run, steps="{step - 10}:", callbacks=[GradientClip(norm=1.0)], branch="branch")')
    reads = Reads()
    heard = [GradientClip(norm=1.0), reads]
    model.replay(data.x, data.y, run=run, steps=f"{step - 10}:", callbacks=heard, branch=branch, verbose=0)
    other = _accuracy(model, x_test, y_test)
    print(f"   {other:.1%} of the test's digits, in place of {right:.1%}")
    return other, reads.losses


def _data(steps: int) -> tuple[Planted, tuple[np.ndarray, np.ndarray]]:
    (x, y), (x_test, y_test) = digits.load_data()
    x, y = shifted(x.reshape(len(x), -1).astype("float32") / 255, y)
    order = np.random.default_rng(0).permutation(len(x))[: steps * BATCH]
    return plant(x[order], y[order], steps * 3 // 5 + 7), (
        x_test.reshape(len(x_test), -1).astype("float32") / 255,
        y_test,
    )


def _model() -> Sequential:
    set_random_seed(7)
    model = Sequential([Input((784,)), Dense(64, activation="relu", name="hidden"), Dense(10, name="digit")])
    model.compile(SGD(0.1), _loss(), metrics=["accuracy"])
    return model


def _loss() -> Any:
    from kibitz.losses.crossentropy import SparseCategoricalCrossentropy

    return SparseCategoricalCrossentropy(from_logits=True)


def _accuracy(model: Any, x: Any, y: Any) -> float:
    return float((model.predict(x, batch_size=250, verbose=0).argmax(axis=1) == y).mean())
