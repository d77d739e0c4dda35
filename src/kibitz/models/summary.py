"""A model as a table: layers, the shapes that they give, and how many numbers they hold."""

from __future__ import annotations

import io
import itertools
import shutil
import sys
from collections.abc import Callable, Iterable
from typing import Any

import jax
import numpy as np
from flax import nnx

from kibitz.errors import InvalidArgument, UnknownName, code


def summary(
    model: Any,
    line_length: int | None = None,
    positions: Iterable[float] | None = None,
    print_fn: Callable[[str], Any] | None = None,
    expand_nested: bool = False,  # noqa: ARG001 - there is nothing nested to expand
    show_trainable: bool = False,
    layer_range: Iterable[str] | None = None,
) -> None:
    """Print the model as a table.

    Args:
        model: The model.
        line_length: How wide the table is, in characters. None means 88, or what the terminal has room for.
        positions: Where columns end, as shares of the width. None means Keras's own.
        print_fn: Called with the text. None prints it.
        expand_nested: Nothing to do: a model has no models inside.
        show_trainable: Whether to say for each layer if it is trained.
        layer_range: The names of the first and the last layer to show. None shows all.

    Raises:
        InvalidArgument: If a column would have no room.
        UnknownName: If `layer_range` names no layer.

    Unlike Keras: the optimizer's numbers are not counted in.

    Example:
        >>> import kibitz
        >>> model = kibitz.Sequential([kibitz.Input((4,)), kibitz.layers.Dense(3, name="small")], name="tiny")
        >>> text = []
        >>> model.summary(print_fn=text.append)
        >>> "small (Dense)" in text[0], "Total params: 15" in text[0]
        (True, True)

    Source: https://keras.io/api/models/model/#summary-method
    """
    if line_length is not None and (isinstance(line_length, bool) or not isinstance(line_length, int)):
        raise InvalidArgument("line_length is a number of characters.", given=line_length, wanted="a whole number",
                              cure="line_length=100")  # fmt: skip
    rows = _rows(model, layer_range)
    wanted = 88 + 12 * show_trainable
    width = line_length or min(wanted, shutil.get_terminal_size().columns - 4)
    text = _table(model, rows, _columns(width, positions, show_trainable), show_trainable)
    if print_fn is None:
        sys.stdout.write(f"{text}\n")
    else:
        print_fn(text)


def _columns(width: int, positions: Iterable[float] | None, show_trainable: bool) -> list[int]:
    """How wide each column is: in Keras's places."""
    shares = list(positions or (0.45, 0.8, 1.0))
    if show_trainable:
        shares = [*(share * 0.9 for share in shares), 1.0]
    ends = [0, *(int(share * width) for share in shares)]
    widths = [end - begin for begin, end in itertools.pairwise(ends)]
    if min(widths) < 4:
        raise InvalidArgument("There is no room for a column of the summary.",
                              given=code(f"line_length={width}, positions={shares}"),
                              wanted="4 characters or more for each", cure="line_length=80")  # fmt: skip
    return widths


def _rows(model: Any, layer_range: Iterable[str] | None) -> list[tuple[str, str, str, bool]]:
    shapes, rows = _shapes(model), []
    for index, layer in enumerate(model.layers):
        kind = type(layer).__name__
        name = getattr(layer, "name", None)
        count = f"{_numbers(layer):,}" if getattr(layer, "built", True) else "0 (unbuilt)"
        label = f"{name} ({kind})" if name else f"{kind.lower()}_{index} ({kind})"
        rows.append((label, shapes[index], count, getattr(layer, "trainable", True)))
    if not rows:
        count = model.count_params() if model.built else 0
        rows.append((type(model.module).__name__ if model.built else model.name, "?", f"{count:,}", True))
    if layer_range is None:
        return rows
    first, last = layer_range
    names = [getattr(layer, "name", "") for layer in model.layers]
    for name in (first, last):
        if name not in names:
            raise UnknownName("There is no layer of this name.", given=name, there_is=names,
                              cure="layer_range=(first, last)")  # fmt: skip
    return rows[names.index(first) : names.index(last) + 1]


def _numbers(module: Any) -> int:
    state = nnx.state(module, nnx.Not(nnx.RngState))
    return sum(int(np.prod(leaf.shape)) for leaf in jax.tree.leaves(state))


def _shapes(model: Any) -> list[str]:
    shapes = []
    for layer in model.layers:
        shape = getattr(layer, "output_shape", None) if model.built else None
        shapes.append("?" if shape is None else str(tuple(shape)))
    return shapes


def _table(model: Any, rows: list[tuple[str, str, str, bool]], widths: list[int], show_trainable: bool) -> str:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    width = sum(widths)
    table = Table(width=width, show_lines=True)
    headers: Any = (("Layer (type)", "left"), ("Output Shape", "left"), ("Param #", "right"), ("Trainable", "center"))
    for (header, justify), room in zip(headers, widths, strict=False):
        table.add_column(header, justify=justify, width=room)
    for label, shape, count, trainable in rows:
        shown = [escape(label), shape, count]
        if show_trainable:
            shown.append("-" if count.startswith("0") else "Y" if trainable else "N")
        table.add_row(*shown)
    total = model.count_params() if model.built else 0
    moved = sum(int(np.prod(weight.shape)) for weight in model.trainable_weights) if model.built else 0
    stream = io.StringIO()
    console = Console(file=stream, width=width, no_color=True, force_terminal=False)
    console.print(f'Model: "{model.name}"', markup=False, highlight=False)
    console.print(table)
    for label, count in (("Total", total), ("Trainable", moved), ("Non-trainable", total - moved)):
        console.print(f" {label} params: {count:,} ({_bytes(4 * count)})", markup=False, highlight=False)
    return stream.getvalue().rstrip("\n")


def _bytes(count: float) -> str:
    for unit in ("B", "KB", "MB", "GB"):
        if count < 1024 or unit == "GB":
            return f"{count:.2f} {unit}"
        count /= 1024
    return ""
