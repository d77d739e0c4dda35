"""Beginning anew: names are counted from the start."""

from __future__ import annotations

from kibitz.layers.naming import forget_names as forget_layers
from kibitz.metrics.naming import forget_names as forget_metrics


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
    forget_layers()
    forget_metrics()
