"""A door: names of `keras.initializers`, each from its home."""

from kibitz.layers.initializers import *  # noqa: F403 - the home's own list of names is the list
from kibitz.layers.initializers import __all__ as __all__
