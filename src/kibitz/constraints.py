"""A door: names of `keras.constraints`, each from its home; a class has the name of a function too, as in Keras."""

from kibitz.layers.constraints import (
    Constraint,
    MaxNorm,
    MinMaxNorm,
    NonNeg,
    UnitNorm,
    deserialize,
    get,
    serialize,
)
from kibitz.layers.constraints import MaxNorm as max_norm
from kibitz.layers.constraints import MinMaxNorm as min_max_norm
from kibitz.layers.constraints import NonNeg as non_neg
from kibitz.layers.constraints import UnitNorm as unit_norm

__all__ = [
    "Constraint",
    "MaxNorm",
    "MinMaxNorm",
    "NonNeg",
    "UnitNorm",
    "deserialize",
    "get",
    "max_norm",
    "min_max_norm",
    "non_neg",
    "serialize",
    "unit_norm",
]
