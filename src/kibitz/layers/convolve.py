"""The arithmetic of a convolution, in the form that the platform is good at.

Accelerators have one operation for it, and it is taken as it is. On CPU that is slow in two ways:

- XLA brings a convolution's axes into the order that its fast code wants (batch first, channels last, the kernel with
  the channels that come out last) in the outermost computation of a program alone. The gradients that JAX derives have
  other orders, and in a device loop they fall to code that is 10 to 100 times slower. Here they are written in order.
- Where nothing is padded, or there are few channels, windows that are laid out side by side and multiplied as one
  matrix are faster still. In pieces: all of them together would fit no cache, and take longer to lay out.

Milliseconds of processor time for the outputs and the gradients that a network needs, float32, on a machine in use:

| images, kernel           | one operation | in a loop | gradients in order | in a loop | patches | in a loop |
|--------------------------|---------------|-----------|--------------------|-----------|---------|-----------|
| 128x28x28x1, 3x3x1x32    | 14            | 113       | 16                 | 14        | 8.9     | 4.7       |
| 128x13x13x32, 3x3x32x64  | 43            | 2159      | 43                 | 38        | 33      | 29        |
| 32x16x16x64, 3x3x64x128, padded | 56     | 5399      | -                  | 45        | 56      | 51        |
| 32x32x32x32, 3x3x32x32, padded  | 34     | -         | 32                 | 29        | 49      | 44        |
| 32x14x14x32, 5x5x32x64, padded  | 19     | -         | 18                 | 16        | 32      | 28        |
"""

from __future__ import annotations

import itertools
import math
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

FEW = 4
"""Up to how many channels windows are laid out although the images are padded."""
PIECE = 2**23
"""How many bytes of windows are laid out at a time."""

Pairs = tuple[tuple[int, int], ...]


def convolve(
    images: jax.Array,
    kernel: jax.Array,
    *,
    strides: tuple[int, ...],
    padding: str,
    dilation: tuple[int, ...],
    groups: int = 1,
    channels_last: bool = True,
) -> jax.Array:
    """Move a kernel over images, or over sequences.

    Which form is taken depends on shapes and on the platform, and on nothing else.

    Args:
        images: Of shape (batch, axes, channels), or (batch, channels, axes).
        kernel: Of shape (axes, channels / groups, filters), of the images' dtype.
        strides: How far the kernel moves along each axis.
        padding: "valid", "same", or "causal" for sequences.
        dilation: How far apart the kernel's points are.
        groups: Into how many groups the channels are split.
        channels_last: Where the channels are.

    Returns:
        An array in the order of `images`.

    Example:
        >>> import jax.numpy as jnp
        >>> from kibitz.layers.convolve import convolve
        >>> sequence, kernel = jnp.array([[[1.0], [2.0], [4.0]]]), jnp.ones((2, 1, 1))
        >>> convolve(sequence, kernel, strides=(1,), padding="causal", dilation=(1,)).reshape(-1).tolist()
        [1.0, 3.0, 6.0]
    """
    along = images.shape[1:-1] if channels_last else images.shape[2:]
    spread = [step * (size - 1) + 1 for size, step in zip(kernel.shape, dilation, strict=False)]
    if padding == "causal":
        pads: Pairs = tuple((window - 1, 0) for window in spread)
    else:
        pads = tuple((low, high) for low, high in lax.padtype_to_pads(along, spread, strides, padding.upper()))
    if groups > 1 or jax.default_backend() != "cpu":
        return _at_once(images, kernel, strides, pads, dilation, groups=groups, channels_last=channels_last)
    images = images if channels_last else jnp.moveaxis(images, 1, -1)
    padded = any(pair != (0, 0) for pair in pads)
    places = _places(images, kernel, strides, pads, dilation)
    windows = math.prod(places) * math.prod(kernel.shape[:-1]) * images.dtype.itemsize
    if (padded and kernel.shape[-2] > FEW) or windows > PIECE:
        outputs: Any = _in_order(images, kernel, strides, pads, dilation)
    else:
        images = jnp.pad(images, ((0, 0), *pads, (0, 0))) if padded else images
        outputs = _in_pieces(images, kernel, strides, dilation, places, -(-len(images) * windows // PIECE))
    return outputs if channels_last else jnp.moveaxis(outputs, -1, 1)


def _places(images: Any, kernel: Any, strides: Any, pads: Pairs, dilation: Any) -> tuple[int, ...]:
    """At how many places along each axis the kernel comes to stand."""
    each = zip(images.shape[1:-1], kernel.shape, strides, pads, dilation, strict=False)
    return tuple((size + sum(pad) - step * (window - 1) - 1) // stride + 1 for size, window, stride, pad, step in each)


def _at_once(
    images: jax.Array,
    kernel: jax.Array,
    strides: Any,
    pads: Pairs,
    dilation: Any,
    *,
    spacing: Any = None,
    groups: int = 1,
    channels_last: bool = True,
) -> jax.Array:
    """The one operation that XLA has."""
    moved = "HW"[-len(strides) :]
    order = f"N{moved}C" if channels_last else f"NC{moved}"
    return lax.conv_general_dilated(
        images,
        kernel,
        strides,
        pads,
        lhs_dilation=spacing,
        rhs_dilation=dilation,
        dimension_numbers=(order, f"{moved}IO", order),
        feature_group_count=groups,
    )


@partial(jax.custom_vjp, nondiff_argnums=(2, 3, 4))
def _in_order(images: jax.Array, kernel: jax.Array, strides: Any, pads: Pairs, dilation: Any) -> jax.Array:
    """The same; its gradients are convolutions whose axes stand in the same order."""
    return _at_once(images, kernel, strides, pads, dilation)


def _forward(images: jax.Array, kernel: jax.Array, strides: Any, pads: Pairs, dilation: Any) -> tuple[Any, Any]:
    return _at_once(images, kernel, strides, pads, dilation), (images, kernel)


def _backward(strides: Any, pads: Pairs, dilation: Any, kept: Any, slope: jax.Array) -> tuple[jax.Array, jax.Array]:
    """By the images: the slope, spread out, under the turned kernel. By the kernel: the images under the slope."""
    images, kernel = kept
    axes = tuple(range(1, images.ndim - 1))
    to_images, to_kernel = [], []
    for axis, stride, (low, _), step in zip(axes, strides, pads, dilation, strict=True):
        size, reach = images.shape[axis], step * (kernel.shape[axis - 1] - 1)
        covered = stride * (slope.shape[axis] - 1) + 1
        to_images.append((reach - low, size + low - covered))
        to_kernel.append((low, covered + reach - size - low))
    turned = jnp.flip(kernel, range(len(axes))).swapaxes(-1, -2)
    by_images = _at_once(slope, turned, (1,) * len(axes), tuple(to_images), dilation, spacing=strides)
    first, last = (images.ndim - 1, *axes, 0), (*axes, 0, images.ndim - 1)
    by_kernel = _at_once(images.transpose(first), slope.transpose(last), dilation, tuple(to_kernel), strides)
    return by_images, by_kernel.transpose(last)


_in_order.defvjp(_forward, _backward)


def _in_pieces(
    images: jax.Array, kernel: jax.Array, strides: Any, dilation: Any, places: tuple[int, ...], least: int
) -> jax.Array:
    """Lay out the windows of as many images at a time as a piece holds, and multiply; nothing is padded here."""
    filters = kernel.shape[-1]

    def some(images: jax.Array) -> jax.Array:
        points = []
        for point in itertools.product(*map(range, kernel.shape[:-2])):
            starts = [at * step for at, step in zip(point, dilation, strict=True)]
            stops = [at + (n - 1) * stride + 1 for at, n, stride in zip(starts, places, strides, strict=True)]
            whole = (len(images), *stops, images.shape[-1])
            points.append(lax.slice(images, (0, *starts, 0), whole, (1, *strides, 1)))
        windows = jnp.concatenate(points, axis=-1)
        flat = windows.reshape(-1, windows.shape[-1]) @ kernel.reshape(-1, filters)
        return flat.reshape(*windows.shape[:-1], filters)

    if least <= 1:
        return some(images)
    rows = len(images)
    # A number that the rows can be divided by, if there is one near; else the last piece is filled up.
    pieces = next((n for n in range(least, 2 * least) if rows % n == 0), least)
    size = -(-rows // pieces)
    filled = jnp.pad(images, ((0, pieces * size - rows), *[(0, 0)] * (images.ndim - 1)))
    # Laid out anew in the gradient: to keep the windows takes longer.
    some = jax.checkpoint(some, prevent_cse=False)
    outputs = lax.map(some, filled.reshape(pieces, size, *images.shape[1:]))
    return outputs.reshape(-1, *outputs.shape[2:])[:rows]
