"""TensorBoard's messages, which protobuf makes when they are imported."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import Any


@cache
def proto(name: str) -> Any:
    """One of TensorBoard's files of messages.

    Args:
        name: Its name, such as "event" or "summary".

    Example:
        >>> from kibitz.callbacks.board.proto import proto
        >>> proto("event").Event(step=3).step
        3
    """
    return import_module(f"tensorboard.compat.proto.{name}_pb2")
