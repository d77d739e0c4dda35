"""A door: names of `keras.utils`, each from its home."""

from kibitz.callbacks.progbar import Progbar
from kibitz.data.categorical import to_categorical
from kibitz.seed import set_random_seed
from kibitz.session import clear_session

__all__ = ["Progbar", "clear_session", "set_random_seed", "to_categorical"]
