"""A door: names of `keras.initializers`, each from its home; a class has the name of a function too, as in Keras."""

from kibitz.layers.initializers import (
    Constant,
    GlorotNormal,
    GlorotUniform,
    HeNormal,
    HeUniform,
    Identity,
    Initializer,
    LecunNormal,
    LecunUniform,
    Ones,
    Orthogonal,
    RandomNormal,
    RandomUniform,
    TruncatedNormal,
    VarianceScaling,
    Zeros,
    deserialize,
    get,
    serialize,
)
from kibitz.layers.initializers import Constant as constant
from kibitz.layers.initializers import GlorotNormal as glorot_normal
from kibitz.layers.initializers import GlorotUniform as glorot_uniform
from kibitz.layers.initializers import HeNormal as he_normal
from kibitz.layers.initializers import HeUniform as he_uniform
from kibitz.layers.initializers import Identity as identity
from kibitz.layers.initializers import LecunNormal as lecun_normal
from kibitz.layers.initializers import LecunUniform as lecun_uniform
from kibitz.layers.initializers import Ones as ones
from kibitz.layers.initializers import Orthogonal as orthogonal
from kibitz.layers.initializers import RandomNormal as random_normal
from kibitz.layers.initializers import RandomUniform as random_uniform
from kibitz.layers.initializers import TruncatedNormal as truncated_normal
from kibitz.layers.initializers import VarianceScaling as variance_scaling
from kibitz.layers.initializers import Zeros as zeros

__all__ = [
    "Constant",
    "GlorotNormal",
    "GlorotUniform",
    "HeNormal",
    "HeUniform",
    "Identity",
    "Initializer",
    "LecunNormal",
    "LecunUniform",
    "Ones",
    "Orthogonal",
    "RandomNormal",
    "RandomUniform",
    "TruncatedNormal",
    "VarianceScaling",
    "Zeros",
    "constant",
    "deserialize",
    "get",
    "glorot_normal",
    "glorot_uniform",
    "he_normal",
    "he_uniform",
    "identity",
    "lecun_normal",
    "lecun_uniform",
    "ones",
    "orthogonal",
    "random_normal",
    "random_uniform",
    "serialize",
    "truncated_normal",
    "variance_scaling",
    "zeros",
]
