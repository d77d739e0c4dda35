"""What a program may ask of the ground that it stands on: the backend, the dtype of numbers, the smallest of them."""

from __future__ import annotations


def backend() -> str:
    """The library that computes: always "jax".

    Example:
        >>> from kibitz.platform import backend
        >>> backend()
        'jax'
    """
    return "jax"


def floatx() -> str:
    """The dtype of numbers where nothing else was said: always "float32"; `set_dtype_policy` is for layers."""
    return "float32"


def epsilon() -> float:
    """The number that keeps divisions by zero away: 1e-7, as in Keras."""
    return 1e-7


def image_data_format() -> str:
    """Where the channels of an image are where nothing else was said: always "channels_last"."""
    return "channels_last"


def disable_traceback_filtering() -> None:
    """Nothing to do: an error comes with its whole traceback anyway."""


def is_traceback_filtering_enabled() -> bool:
    """Whether the library's own lines are left out of tracebacks: never."""
    return False
