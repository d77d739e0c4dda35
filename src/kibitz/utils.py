"""A door: names of `keras.utils`, each from its home."""

from kibitz.callbacks.progbar import Progbar
from kibitz.data.categorical import normalize, to_categorical
from kibitz.registered import (
    CustomObjectScope,
    custom_object_scope,
    get_custom_objects,
    get_registered_name,
    get_registered_object,
    register_keras_serializable,
)
from kibitz.seed import set_random_seed
from kibitz.session import clear_session

__all__ = [
    "CustomObjectScope",
    "Progbar",
    "clear_session",
    "custom_object_scope",
    "get_custom_objects",
    "get_registered_name",
    "get_registered_object",
    "normalize",
    "register_keras_serializable",
    "set_random_seed",
    "to_categorical",
]
