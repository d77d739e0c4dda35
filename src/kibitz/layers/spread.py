"""Whether an array is spread over several devices, and how."""

from __future__ import annotations

from typing import Any


def spread(value: Any) -> Any:
    """The sharding of an array that lies on several devices, in parts or as copies; None for any other value.

    Args:
        value: Anything; most often an array.

    Example:
        >>> import jax.numpy as jnp
        >>> from kibitz.layers.spread import spread
        >>> spread(jnp.ones(2)), spread(3.0)
        (None, None)
    """
    sharding = getattr(value, "sharding", None)
    devices = getattr(sharding, "device_set", ())  # a tracer's sharding has no devices
    return sharding if len(devices) > 1 else None
