"""A door: names of `keras.regularizers`, each from its home."""

from kibitz.layers.regularizers import *  # noqa: F403 - the home's own list of names is the list
from kibitz.layers.regularizers import __all__ as __all__
