"""What windows that move over an image or a sequence have in common: sizes, strides, paddings, and where they end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kibitz.errors import InvalidArgument, ShapeMismatch
from kibitz.layers.arguments import one_of, whole


def sizes(value: Any, rank: int, argument: str) -> tuple[int, ...]:
    """Return one whole number for each axis; a single one stands for all.

    Raises:
        InvalidArgument: If there are more or fewer, or one is no whole number of at least 1.

    Example:
        >>> from kibitz.layers.windows import sizes
        >>> sizes(3, 2, "kernel_size")
        (3, 3)
    """
    cure = f"{argument}={2 if rank == 1 else (2,) * rank}"
    if not isinstance(value, list | tuple):
        return (whole(value, argument, cure),) * rank
    if len(value) != rank:
        raise InvalidArgument(
            f"`{argument}` has one number for each axis.", given=value, wanted=f"{rank} of them", cure=cure
        )
    return tuple(whole(each, argument, cure) for each in value)


def padding_of(value: Any, *, causal: bool = False) -> str:
    """Return "valid" or "same", or "causal" where time has a direction."""
    return one_of(value, "padding", ["valid", "same", *(["causal"] if causal else [])], 'padding="same"')


def windowed_shape(
    input_shape: Sequence[int | None],
    *,
    size: Sequence[int],
    strides: Sequence[int],
    padding: str,
    data_format: str,
    owner: str,
    dilation: Sequence[int] | None = None,
    channels: int | None = None,
) -> tuple[int | None, ...]:
    """The shape that windows make of inputs of a shape.

    Args:
        input_shape: The inputs' shape, batch first, None where a size is not known.
        size: The window's size along each axis.
        strides: How far it moves.
        padding: "valid", "same" or "causal".
        data_format: Where the channels are.
        owner: The layer's name, for the message.
        dilation: How far apart the window's points are. None means 1.
        channels: The number of channels that come out. None means that of the inputs.

    Raises:
        ShapeMismatch: If the window is larger than the inputs, or these have not the right number of axes.

    Example:
        >>> from kibitz.layers.windows import windowed_shape
        >>> windowed_shape((None, 28, 28, 1), size=(3, 3), strides=(1, 1), padding="valid",
        ...                data_format="channels_last", owner="conv2d", channels=32)
        (None, 26, 26, 32)
    """
    shape = tuple(input_shape)
    if len(shape) != len(size) + 2:
        raise ShapeMismatch(
            f'Layer "{owner}" cannot take inputs of this shape.',
            given=shape,
            wanted=f"{len(size) + 2} dimensions: the batch, {len(size)} to move along, and the channels",
            cure=f'put a Reshape layer before "{owner}"',
        )
    last = data_format == "channels_last"
    spread = [step * (each - 1) + 1 for each, step in zip(size, dilation or (1,) * len(size), strict=True)]
    along = [
        None if given is None else (given - (window if padding == "valid" else 1)) // stride + 1
        for given, window, stride in zip(shape[1:-1] if last else shape[2:], spread, strides, strict=True)
    ]
    if any(each is not None and each <= 0 for each in along):
        raise ShapeMismatch(
            f'The window of layer "{owner}" is larger than what it gets.',
            given=shape,
            wanted=f"at least {tuple(spread)} along the axes that it moves along",
            cure='padding="same", a smaller window, or fewer layers that shrink before it',
        )
    depth = (shape[-1] if last else shape[1]) if channels is None else channels
    return (shape[0], *along, depth) if last else (shape[0], depth, *along)
