"""Samples side by side: inputs, outputs and targets, each drawn as what it is."""

from __future__ import annotations

from typing import Any

import numpy as np

INK, SOFT, HOT = "#1f3a5f", "#9db4c0", "#c8553d"
BARS = 32
"""Vectors up to this length are bars; longer ones a line."""


class Panels:
    """A column for each sample, a row for each of its parts.

    Args:
        x: Inputs [rows, ...]; drawn if they are images.
        y: Targets [rows, ...], or class numbers [rows]. None if there are none.
        outputs: What the model gives [rows, ...].

    Example:
        >>> import numpy as np
        >>> from kibitz.callbacks.sample_panels import Panels
        >>> panels = Panels(np.zeros((4, 28, 28)), np.array([1, 2, 3, 4]), np.zeros((4, 10)))
        >>> list(panels.parts)
        ['input', 'output']
    """

    def __init__(self, x: np.ndarray, y: np.ndarray | None, outputs: np.ndarray):
        self.labels = None if y is None else class_numbers(y, outputs)
        parts = {"input": x if is_images(x) else None, "output": outputs, "target": y if self.labels is None else None}
        self.parts = {name: values for name, values in parts.items() if values is not None}
        images = [self.parts[name] for name in ("target", "input", "output") if is_images(self.parts.get(name))]
        self.scale = (float(np.min(images[0])), float(np.max(images[0]))) if images else (0.0, 1.0)

    @property
    def size(self) -> tuple[float, float]:
        """Width and height of the figure, in inches."""
        return max(3.0, 1.5 * len(self.parts["output"])), 0.6 + 1.6 * len(self.parts)

    def draw(self, figure: Any) -> None:
        """Draw all parts of all samples."""
        rows, columns = len(self.parts), len(self.parts["output"])
        grid = figure.subplots(rows, columns, squeeze=False)
        for place, (name, values) in enumerate(self.parts.items()):
            grid[place, 0].set_ylabel(name)
            for column, value in enumerate(values):
                self._draw(grid[place, column], value, column, name)

    def _draw(self, axes: Any, value: Any, column: int, name: str) -> None:
        axes.set_xticks([])
        axes.set_yticks([])
        value = np.asarray(value, "float32")
        if is_images(value[None]):
            low, high = self.scale
            shown = np.clip((value - low) / ((high - low) or 1.0), 0, 1)
            axes.imshow(
                shown[..., 0] if value.ndim == 3 and value.shape[-1] == 1 else shown, cmap="gray", vmin=0, vmax=1
            )
            return
        flat = value.reshape(-1)
        if len(flat) == 1:
            axes.text(0.5, 0.5, f"{flat[0]:.4g}", ha="center", va="center", transform=axes.transAxes)
        elif len(flat) <= BARS:
            label = self.labels[column] if self.labels is not None and name == "output" else None
            axes.bar(range(len(flat)), flat, color=[HOT if place == label else SOFT for place in range(len(flat))])
            if label is not None:
                axes.set_title(f"{label}, said {flat.argmax()}", fontsize=8, color=INK)
        else:
            axes.plot(flat, color=INK, linewidth=1)


def is_images(values: Any) -> bool:
    """Whether these are images, rows first: [rows, height, width], or with 1, 3 or 4 channels behind.

    Example:
        >>> import numpy as np
        >>> from kibitz.callbacks.sample_panels import is_images
        >>> is_images(np.zeros((2, 8, 8))), is_images(np.zeros((2, 8, 8, 3))), is_images(np.zeros((2, 8)))
        (True, True, False)
    """
    if values is None or values.ndim not in (3, 4) or min(values.shape[1:3]) < 2:
        return False
    return values.ndim == 3 or values.shape[3] in (1, 3, 4)


def class_numbers(y: np.ndarray, outputs: np.ndarray) -> list[int] | None:
    """The class of each row, if targets are class numbers and outputs have a number for each class; else None.

    Example:
        >>> import numpy as np
        >>> from kibitz.callbacks.sample_panels import class_numbers
        >>> class_numbers(np.array([2, 0]), np.zeros((2, 3))), class_numbers(np.array([2.5, 0]), np.zeros((2, 1)))
        ([2, 0], None)
    """
    one_each = y.reshape(len(y), -1).shape[1] == 1
    if not one_each or outputs.ndim != 2 or outputs.shape[1] < 2 or not np.issubdtype(y.dtype, np.integer):
        return None
    return [int(label) for label in y.reshape(-1)]
