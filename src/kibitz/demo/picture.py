"""The demo's picture: curves, a confusion matrix, and the digits that the model gets most wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from kibitz.errors import MissingExtra, code

INK, SOFT, HOT = "#1f3a5f", "#9db4c0", "#c8553d"
WORST = 12


def draw(path: Path, history: dict[str, list[float]], best: int, x: Any, y: Any, outputs: Any) -> None:
    """Save the picture.

    Args:
        path: Where to; the folder is made.
        history: The numbers of each epoch, by name.
        best: The epoch whose weights were kept, from 0.
        x: Test images [rows, 28, 28].
        y: Their labels.
        outputs: The model's probabilities [rows, 10].

    Raises:
        MissingExtra: If matplotlib is not installed.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        raise MissingExtra("The picture is drawn by matplotlib, and it is not installed.",
                           given=code("kibitz demo"), cure='pip install "kibitz[demo]"') from None  # fmt: skip
    figure = Figure(figsize=(13, 7.2), layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    grid = figure.add_gridspec(2, 2, width_ratios=[1, 1.15])
    _curves(figure.add_subplot(grid[0, 0]), history, best)
    _confusion(figure.add_subplot(grid[1, 0]), y, outputs.argmax(axis=1))
    _worst(figure, grid[:, 1], x, y, outputs)
    accuracy = float((outputs.argmax(axis=1) == y).mean())
    figure.suptitle(f"{len(y):,} digits that the model has never seen: {accuracy:.1%} right", fontsize=15, color=INK)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)


def _curves(axes: Any, history: dict[str, list[float]], best: int) -> None:
    epochs = np.arange(1, len(history["loss"]) + 1)
    axes.plot(epochs, history["accuracy"], color=SOFT, label="training")
    axes.plot(epochs, history["val_accuracy"], color=INK, label="validation")
    axes.axvline(best + 1, color=HOT, linestyle=":", label=f"best weights: epoch {best + 1}")
    axes.set(xlabel="epoch", ylabel="accuracy", title="How it learned")
    axes.set_xticks(epochs)
    axes.legend(frameon=False, loc="lower right")
    axes.spines[["top", "right"]].set_visible(False)


def _confusion(axes: Any, y: Any, guesses: Any) -> None:
    counts = np.zeros((10, 10), int)
    np.add.at(counts, (y, guesses), 1)
    shade = counts.astype(float)
    np.fill_diagonal(shade, 0)  # what is right would drown what is wrong
    axes.imshow(shade, cmap="Oranges")
    for row in range(10):
        for column in range(10):
            if counts[row, column]:
                axes.text(column, row, counts[row, column], ha="center", va="center", fontsize=8,
                          color=INK if row == column else "black")  # fmt: skip
    axes.set(xlabel="what it said", ylabel="what it was", title="What it takes for what")
    axes.set_xticks(range(10))
    axes.set_yticks(range(10))


def _worst(figure: Any, place: Any, x: Any, y: Any, outputs: Any) -> None:
    guesses = outputs.argmax(axis=1)
    wrong = np.flatnonzero(guesses != y)
    sure = outputs[wrong, guesses[wrong]] - outputs[wrong, y[wrong]]
    rows = wrong[np.argsort(-sure, kind="stable")][:WORST]
    inner = place.subgridspec(4, 3)
    for at in range(WORST):
        axes = figure.add_subplot(inner[at // 3, at % 3])
        axes.axis("off")
        if at >= len(rows):
            continue
        row = rows[at]
        axes.imshow(x[row], cmap="gray_r")
        axes.set_title(
            f"a {y[row]}, said {guesses[row]} ({outputs[row, guesses[row]]:.0%} sure)", fontsize=10, color=HOT
        )
