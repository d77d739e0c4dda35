"""A door: names of `keras.regularizers`, each from its home; a class has the name of a function too, as in Keras."""

from kibitz.layers.regularizers import (
    L1,
    L1L2,
    L2,
    OrthogonalRegularizer,
    Regularizer,
    deserialize,
    get,
    serialize,
)
from kibitz.layers.regularizers import L1 as l1
from kibitz.layers.regularizers import L1L2 as l1_l2
from kibitz.layers.regularizers import L2 as l2
from kibitz.layers.regularizers import OrthogonalRegularizer as orthogonal_regularizer

__all__ = [
    "L1",
    "L1L2",
    "L2",
    "OrthogonalRegularizer",
    "Regularizer",
    "deserialize",
    "get",
    "l1",
    "l1_l2",
    "l2",
    "orthogonal_regularizer",
    "serialize",
]
