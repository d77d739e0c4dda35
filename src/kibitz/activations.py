"""A door: names of `keras.activations`, each from its home."""

from kibitz.layers.activations import *  # noqa: F403 - the home's own list of names is the list
from kibitz.layers.activations import __all__ as __all__
