"""A door: names of `keras.backend`, each from its home."""

from kibitz.platform import backend, epsilon, floatx, image_data_format
from kibitz.session import clear_session

__all__ = ["backend", "clear_session", "epsilon", "floatx", "image_data_format"]
