"""The picture of the demo of looking back, and digits in characters."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kibitz.demo.picture import HOT, INK, SOFT
from kibitz.errors import MissingExtra, code

SHADES = " .:*#"
SIDE = 28
SHOWN = 5
APART = 3


def in_characters(images: Any, words: Sequence[str], shown: int = SHOWN) -> str:
    """The first few images side by side, each under its words; in characters that any terminal has.

    Args:
        images: Images [rows, 784]; each is drawn to its own brightness.
        words: What is said of each.
        shown: How many.

    Example:
        >>> import numpy as np
        >>> from kibitz.demo.lookback_picture import in_characters
        >>> print(in_characters(np.ones((1, 784)), ["labelled 3"]).splitlines()[1])
           ##############
    """
    cells = []
    for image, said in zip(np.asarray(images)[:shown], words, strict=False):
        small = image.reshape(SIDE // 4, 4, SIDE // 2, 2).mean(axis=(1, 3))
        shades = np.minimum((small / max(small.max(), 1e-9) * len(SHADES)).astype(int), len(SHADES) - 1)
        width = max(SIDE // 2, len(said))
        cells.append([said.ljust(width), *("".join(SHADES[each] for each in row).ljust(width) for row in shades)])
    return "\n".join((" " * APART + (" " * APART).join(line)).rstrip() for line in zip(*cells, strict=True))


def draw(
    path: Path,
    losses: Sequence[float],
    parted: tuple[int, Sequence[float]],
    norms: Sequence[float],
    images: Any,
    labels: Any,
    right: Any,
    accuracies: tuple[float, float],
) -> None:
    """Save the picture.

    Args:
        path: Where to; the folder is made.
        losses: The loss of every batch of the run.
        parted: The step of the bad rows, and the losses of the branch, up to the end.
        norms: The norms of the gradients around that step, which is in their middle.
        images: The bad rows [rows, 784].
        labels: Their labels.
        right: What they should be.
        accuracies: Of the run, and of the branch, in the test.

    Raises:
        MissingExtra: If matplotlib is not installed.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        raise MissingExtra("The picture is drawn by matplotlib, and it is not installed.",
                           given=code("kibitz demo --lookback"),
                           cure='pip install "kibitz[demo]"') from None  # fmt: skip
    figure = Figure(figsize=(13, 7.2), layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    grid = figure.add_gridspec(2, 2, width_ratios=[1, 1.15])
    _losses(figure.add_subplot(grid[0, 0]), losses, parted, accuracies)
    _norms(figure.add_subplot(grid[1, 0]), parted[0], norms)
    _rows(figure, grid[:, 1], images, labels, right)
    figure.suptitle(
        f"Step {parted[0]:,}, found in a run that had ended: its {len(labels)} rows", fontsize=15, color=INK
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)


def _losses(axes: Any, losses: Sequence[float], parted: tuple[int, Sequence[float]], accuracies: Any) -> None:
    step, otherwise = parted
    axes.plot(losses, color=SOFT, linewidth=1, label=f"the run: {accuracies[0]:.1%} right in the end")
    axes.plot(range(len(losses) - len(otherwise), len(losses)), otherwise, color=INK, linewidth=1,
              label=f"a branch with clipped gradients: {accuracies[1]:.1%}")  # fmt: skip
    axes.axvline(step, color=HOT, linestyle=":", label=f"step {step:,}")
    axes.set(xlabel="step", ylabel="loss of the batch", yscale="log", title="What was, and what would have been")
    axes.legend(frameon=False, fontsize=9)
    axes.spines[["top", "right"]].set_visible(False)


def _norms(axes: Any, step: int, norms: Sequence[float]) -> None:
    first = step - len(norms) // 2
    axes.bar(range(first, first + len(norms)), norms,
             color=[HOT if first + at == step else SOFT for at in range(len(norms))])  # fmt: skip
    axes.set(xlabel="step", ylabel="norm of the gradients", yscale="log", title="Looked at afterwards: GradientNorms")
    axes.set_xticks(range(first, first + len(norms)))
    axes.spines[["top", "right"]].set_visible(False)


def _rows(figure: Any, place: Any, images: Any, labels: Any, right: Any) -> None:
    inner = place.subgridspec(-(-len(labels) // 8), 8)
    for at, (image, label, wanted) in enumerate(zip(images, labels, right, strict=True)):
        axes = figure.add_subplot(inner[at // 8, at % 8])
        axes.axis("off")
        axes.imshow(np.asarray(image).reshape(SIDE, SIDE), cmap="gray_r")
        axes.set_title(f'"{label}"', fontsize=10, color=INK if label == wanted else HOT)
