"""The layers by name: how a file says which layer it means, and what is said of a layer that is not here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kibitz.errors import MissingName
from kibitz.layers.activation import ELU, Activation, LeakyReLU, ReLU, Softmax
from kibitz.layers.base import Layer
from kibitz.layers.convolution import Conv1D, Conv2D
from kibitz.layers.embedding import Embedding
from kibitz.layers.global_pooling import (
    GlobalAveragePooling1D,
    GlobalAveragePooling2D,
    GlobalMaxPooling1D,
    GlobalMaxPooling2D,
)
from kibitz.layers.input import InputLayer
from kibitz.layers.linear import Dense, Identity, Rescaling
from kibitz.layers.lookup import Table
from kibitz.layers.normalization import BatchNormalization, LayerNormalization
from kibitz.layers.pooling import AveragePooling1D, AveragePooling2D, MaxPooling1D, MaxPooling2D
from kibitz.layers.regularization import Dropout
from kibitz.layers.reshaping import Flatten, Reshape

LAYERS: tuple[type[Layer], ...] = (
    *(Dense, Identity, Rescaling, Embedding, InputLayer, Flatten, Reshape, Dropout, Conv1D, Conv2D),
    *(Activation, ReLU, LeakyReLU, ELU, Softmax, BatchNormalization, LayerNormalization),
    *(MaxPooling1D, MaxPooling2D, AveragePooling1D, AveragePooling2D),
    *(GlobalAveragePooling1D, GlobalAveragePooling2D, GlobalMaxPooling1D, GlobalMaxPooling2D),
)
TABLE = Table("layer", "keras.layers", LAYERS, cure='{"class_name": "Dense", "config": {"units": 10}}', spell=str)


def serialize(layer: Layer) -> Any:
    """Write a layer down as Keras does: its class's name and its arguments, no weights.

    Args:
        layer: The layer.

    Example:
        >>> from kibitz.layers import Flatten, serialize
        >>> serialize(Flatten())["class_name"]
        'Flatten'
    """
    return TABLE.serialize(layer)


def deserialize(config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None) -> Layer:
    """Make the layer that `serialize` wrote down; nothing is imported by a name in it.

    Args:
        config: What `serialize` gave, or Keras's own.
        custom_objects: Your own classes by name. None means there are none.

    Raises:
        UnknownName: If the class is neither one of ours nor in `custom_objects`.

    Example:
        >>> from kibitz.layers import deserialize
        >>> deserialize({"class_name": "Dense", "config": {"units": 3, "name": "top"}})
        <Dense name=top, built=False>
    """
    return TABLE.deserialize(config, custom_objects)


def missing(name: str) -> Any:
    """Say of a layer that is not here what to do; the door `kibitz.layers` asks it.

    Raises:
        MissingName: Always.
    """
    raise MissingName(
        "Kibitz has no layer of this name.",
        given=name,
        there_is=sorted(layer.__name__ for layer in LAYERS),
        cure="any nnx.Module in its place, such as nnx.MultiHeadAttention: Sequential takes them",
    )
