"""Keras's layers, over Flax NNX: each is an `nnx.Module`, and any `nnx.Module` goes beside them."""

from kibitz.layers.activation import ELU, Activation, LeakyReLU, ReLU, Softmax
from kibitz.layers.base import Layer
from kibitz.layers.convolution import Conv1D, Conv2D
from kibitz.layers.convolution import Conv1D as Convolution1D
from kibitz.layers.convolution import Conv2D as Convolution2D
from kibitz.layers.embedding import Embedding
from kibitz.layers.global_pooling import (
    GlobalAveragePooling1D,
    GlobalAveragePooling2D,
    GlobalMaxPooling1D,
    GlobalMaxPooling2D,
)
from kibitz.layers.global_pooling import GlobalAveragePooling1D as GlobalAvgPool1D
from kibitz.layers.global_pooling import GlobalAveragePooling2D as GlobalAvgPool2D
from kibitz.layers.global_pooling import GlobalMaxPooling1D as GlobalMaxPool1D
from kibitz.layers.global_pooling import GlobalMaxPooling2D as GlobalMaxPool2D
from kibitz.layers.input import Input, InputLayer
from kibitz.layers.input_spec import InputSpec
from kibitz.layers.linear import Dense, Identity, Rescaling
from kibitz.layers.normalization import BatchNormalization, LayerNormalization
from kibitz.layers.pooling import AveragePooling1D, AveragePooling2D, MaxPooling1D, MaxPooling2D
from kibitz.layers.pooling import AveragePooling1D as AvgPool1D
from kibitz.layers.pooling import AveragePooling2D as AvgPool2D
from kibitz.layers.pooling import MaxPooling1D as MaxPool1D
from kibitz.layers.pooling import MaxPooling2D as MaxPool2D
from kibitz.layers.registry import deserialize, serialize
from kibitz.layers.registry import missing as __getattr__
from kibitz.layers.regularization import Dropout
from kibitz.layers.reshaping import Flatten, Reshape

__all__ = [
    "ELU",
    "Activation",
    "AveragePooling1D",
    "AveragePooling2D",
    "AvgPool1D",
    "AvgPool2D",
    "BatchNormalization",
    "Conv1D",
    "Conv2D",
    "Convolution1D",
    "Convolution2D",
    "Dense",
    "Dropout",
    "Embedding",
    "Flatten",
    "GlobalAveragePooling1D",
    "GlobalAveragePooling2D",
    "GlobalAvgPool1D",
    "GlobalAvgPool2D",
    "GlobalMaxPool1D",
    "GlobalMaxPool2D",
    "GlobalMaxPooling1D",
    "GlobalMaxPooling2D",
    "Identity",
    "Input",
    "InputLayer",
    "InputSpec",
    "Layer",
    "LayerNormalization",
    "LeakyReLU",
    "MaxPool1D",
    "MaxPool2D",
    "MaxPooling1D",
    "MaxPooling2D",
    "ReLU",
    "Rescaling",
    "Reshape",
    "Softmax",
    "deserialize",
    "serialize",
]
