"""What a program may ask of the ground that it stands on: the backend, the dtype of numbers, the smallest of them."""

from __future__ import annotations


def backend() -> str:
    """The library that computes: always "jax".

    Example:
        >>> from kibitz.platform import backend
        >>> backend()
        'jax'

    Source: https://keras.io/api/utils/config_utils/
    """
    return "jax"


def floatx() -> str:
    """The dtype of numbers where nothing else was said: always "float32"; `set_dtype_policy` is for layers.

    Example:
        >>> from kibitz.platform import floatx
        >>> floatx()
        'float32'

    Source: https://keras.io/api/utils/config_utils/
    """
    return "float32"


def epsilon() -> float:
    """The number that keeps divisions by zero away.

    Example:
        >>> from kibitz.platform import epsilon
        >>> epsilon()
        1e-07

    Source: https://keras.io/api/utils/config_utils/
    """
    return 1e-7


def image_data_format() -> str:
    """Where the channels of an image are where nothing else was said: always last.

    Example:
        >>> from kibitz.platform import image_data_format
        >>> image_data_format()
        'channels_last'

    Source: https://keras.io/api/utils/config_utils/
    """
    return "channels_last"


def disable_traceback_filtering() -> None:
    """Nothing to do: an error comes with its whole traceback anyway.

    Example:
        >>> from kibitz.platform import disable_traceback_filtering
        >>> disable_traceback_filtering()

    Source: https://keras.io/api/utils/config_utils/
    """


def is_traceback_filtering_enabled() -> bool:
    """Whether the library's own lines are left out of tracebacks: never.

    Example:
        >>> from kibitz.platform import is_traceback_filtering_enabled
        >>> is_traceback_filtering_enabled()
        False

    Source: https://keras.io/api/utils/config_utils/
    """
    return False
