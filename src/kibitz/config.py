"""A door: names of `keras.config`, each from its home."""

from kibitz.layers.policy import dtype_policy, set_dtype_policy
from kibitz.platform import (
    backend,
    disable_traceback_filtering,
    epsilon,
    floatx,
    image_data_format,
    is_traceback_filtering_enabled,
)

__all__ = [
    "backend",
    "disable_traceback_filtering",
    "dtype_policy",
    "epsilon",
    "floatx",
    "image_data_format",
    "is_traceback_filtering_enabled",
    "set_dtype_policy",
]
