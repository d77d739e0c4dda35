"""Beginning anew: names are counted from the start."""

from __future__ import annotations

from kibitz.naming import forget_names


def clear_session(free_memory: bool = True) -> None:  # noqa: ARG001 - nothing is kept that could be freed
    """Count the names of layers and metrics from the start: the next Dense is `dense`.

    Args:
        free_memory: Nothing to do: a model that nobody holds is gone, and its memory with it.

    Example:
        >>> import kibitz
        >>> kibitz.utils.clear_session()
        >>> kibitz.layers.Dense(1).name
        'dense'

    Source: https://keras.io/api/utils/config_utils/#clearsession-function
    """
    forget_names()
