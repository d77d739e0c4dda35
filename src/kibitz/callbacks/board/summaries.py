"""Numbers, weights and models as the summaries that TensorBoard shows: those that TensorFlow 2 would write."""

from __future__ import annotations

import io
from functools import cache
from typing import Any

import numpy as np

from kibitz.callbacks.board.proto import proto

BUCKETS = 30
"""Of a histogram, as in TensorFlow."""

PICTURES = 3
"""The most pictures of one weight, as in TensorFlow."""


def scalar(tag: str, value: float) -> Any:
    """A number, kept in float32.

    Args:
        tag: What it is called on the page; what comes before a slash is its group.
        value: The number.

    Example:
        >>> from kibitz.callbacks.board.summaries import scalar
        >>> scalar("epoch_loss", 0.5).tag
        'epoch_loss'
    """
    # Made by hand: at each batch, the way by NumPy would take longer than the batch.
    tensor = proto("tensor").TensorProto(dtype=proto("types").DT_FLOAT, float_val=[value], tensor_shape={})
    return proto("summary").Summary.Value(tag=tag, tensor=tensor, metadata=_scalars())


@cache
def _scalars() -> Any:
    from tensorboard.plugins.scalar import metadata

    return metadata.create_summary_metadata("", "")


def number_or_text(tag: str, value: Any) -> Any:
    """A value of the logs: a number as a scalar, and whatever else a callback has put there as text."""
    from tensorboard.plugins.text import metadata

    if not isinstance(value, str):
        try:
            return scalar(tag, float(value))
        except (TypeError, ValueError):
            pass  # several numbers, or none
    return _value(tag, str(value).encode(), metadata.create_summary_metadata("", ""))


def histogram(tag: str, values: Any) -> Any:
    """How often each value occurs; those that are not finite have no place among the buckets, and are left out.

    Args:
        tag: What it is called.
        values: An array of any shape.

    Example:
        >>> from tensorboard.util.tensor_util import make_ndarray
        >>> from kibitz.callbacks.board.summaries import histogram
        >>> rows = make_ndarray(histogram("weights", [0.0, 0.0, 3.0]).tensor)
        >>> rows.shape, rows[0].tolist(), rows[-1, 2].item()
        ((30, 3), [0.0, 0.1, 2.0], 1.0)
    """
    from tensorboard.plugins.histogram import metadata

    return _value(tag, buckets(np.asarray(values, "float64")), metadata.create_summary_metadata("", ""))


def buckets(values: np.ndarray) -> np.ndarray:
    """Rows of (left edge, right edge, count), all of the same width; where there is one value, the last row has it."""
    values = values[np.isfinite(values)]
    if values.size == 0:
        return np.zeros((BUCKETS, 3))
    least, most = values.min(), values.max()
    edges = np.linspace(least, most, BUCKETS + 1)
    if least == most:
        places = np.full(values.shape, BUCKETS - 1)
    else:
        places = np.minimum(((values - least) / ((most - least) / BUCKETS)).astype(int), BUCKETS - 1)
    return np.stack([edges[:-1], edges[1:], np.bincount(places, minlength=BUCKETS)], axis=1)


def picture(tag: str, weight: Any) -> Any | None:
    """A weight as pictures: black for the most negative value, grey for 0, white for the most positive one.

    Args:
        tag: What it is called.
        weight: An array. A vector is a row, a matrix lies on its longer side, kernels are pictures of their own.

    Returns:
        None for a single number, and for more axes than a picture has.
    """
    from tensorboard.plugins.image import metadata

    pixels = _pixels(np.asarray(weight, "float32"))
    if pixels is None:
        return None
    height, width = pixels.shape[1:3]
    encoded = [str(width).encode(), str(height).encode(), *map(_png, pixels[:PICTURES])]
    return _value(tag, np.array(encoded, dtype=object), metadata.create_summary_metadata("", ""))


def keras_model(tag: str, configuration: str) -> Any:
    """A model's configuration, which the page of graphs draws as its conceptual graph.

    Args:
        tag: What it is called.
        configuration: JSON, as `model.to_json()` gives it.
    """
    made = proto("summary").SummaryMetadata
    plugin = made.PluginData(plugin_name="graph_keras_model", content=b"1")
    return _value(tag, configuration.encode(), made(plugin_data=plugin))


def _value(tag: str, data: Any, metadata: Any) -> Any:
    from tensorboard.util.tensor_util import make_tensor_proto

    return proto("summary").Summary.Value(tag=tag, tensor=make_tensor_proto(data), metadata=metadata)


def _pixels(weight: np.ndarray) -> np.ndarray | None:
    """Bytes of shape (pictures, height, width, channels)."""
    weight = weight.squeeze()
    if weight.ndim == 1:
        weight = weight[None, None, :, None]
    elif weight.ndim == 2:
        weight = (weight.T if weight.shape[0] > weight.shape[1] else weight)[None, :, :, None]
    elif weight.ndim == 3:
        weight = weight.transpose(2, 0, 1)[..., None]
    if weight.ndim != 4 or weight.shape[-1] not in {1, 3, 4} or weight.size == 0:
        return None
    weight = np.nan_to_num(weight, nan=0.0, posinf=0.0, neginf=0.0)
    most = np.abs(weight).max() or 1.0
    return np.round(127.5 * (1 + weight / most)).astype("uint8")


def _png(pixels: np.ndarray) -> bytes:
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels).save(file, "PNG")
    return file.getvalue()
