"""A picture drawn by matplotlib, without a window, and put in its place whole."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

from kibitz.checkpoint.files import local, replacing
from kibitz.errors import InvalidArgument, MissingExtra, code

ENDINGS = (".png", ".svg", ".pdf", ".jpg")


def check_picture(owner: str, path: Any) -> Path:
    """The place of a picture, if one can be drawn there at all.

    Args:
        owner: The name of who draws.
        path: Where to.

    Raises:
        InvalidArgument: If its ending is not that of a picture.
        MissingExtra: If matplotlib is not installed.

    Example:
        >>> from kibitz.callbacks.figure import check_picture
        >>> check_picture("SampleViewer", "digits.png").name
        'digits.png'
    """
    target = local(path)
    if target.suffix.lower() not in ENDINGS:
        raise InvalidArgument(
            f"{owner} draws a picture, and this is the name of none.",
            given=str(target),
            wanted=f"a path that ends in {', '.join(ENDINGS)}",
            cure=f'"{target.with_suffix(".png")}"',
        )
    try:
        import matplotlib  # noqa: F401, ICN001 - whether it is there
    except ImportError:
        raise MissingExtra(
            f"{owner} draws with matplotlib, and it is not installed.",
            given=code(f'{owner}, "{target.name}"'),
            cure='pip install "kibitz[plot]"',
        ) from None
    return target


def new_figure(width: float, height: float) -> Any:
    """A white figure of so many inches, that belongs to no window and to nobody else's state."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def save_figure(figure: Any, path: Path) -> None:
    """Write a figure in the place of what is there, whole or not at all.

    Raises:
        UnusableFile: If the disk refuses.
    """
    drawn = io.BytesIO()
    figure.savefig(drawn, format=path.suffix[1:].lower(), dpi=110)
    with replacing(path) as file:
        file.write(drawn.getvalue())
