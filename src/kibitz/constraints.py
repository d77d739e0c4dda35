"""A door: names of `keras.constraints`, each from its home."""

from kibitz.layers.constraints import *  # noqa: F403 - the home's own list of names is the list
from kibitz.layers.constraints import __all__ as __all__
