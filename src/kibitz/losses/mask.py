"""The mask that a loss function leaves beside its values, for the reduction to find.

`sparse_categorical_crossentropy(..., ignore_class=...)` knows which values count, and returns values only. Keras pins
the mask to the returned array; JAX's arrays take no attributes, so here it is left in a note that the `Loss` that is
being called reads. A function that calls the loss function and returns what it got keeps the mask, as in Keras; one
that returns anything else (a sum of two losses, a scaled one) loses it, as in Keras.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

_notes: ContextVar[list[tuple[Any, Any]] | None] = ContextVar("kibitz_loss_masks", default=None)


@contextmanager
def masks_left() -> Iterator[list[tuple[Any, Any]]]:
    """Collect what `leave_mask` notes inside the `with` block, as pairs of values and mask.

    Example:
        >>> from kibitz.losses.mask import leave_mask, mask_of, masks_left
        >>> values = [0.5, 0.0]
        >>> with masks_left() as notes:
        ...     leave_mask(values, [True, False])
        >>> mask_of(values, notes)
        [True, False]
    """
    notes: list[tuple[Any, Any]] = []
    token = _notes.set(notes)
    try:
        yield notes
    finally:
        _notes.reset(token)


def leave_mask(values: Any, mask: Any) -> None:
    """Note which of `values` count; without a `Loss` that listens, nothing happens.

    Args:
        values: The array that the loss function is about to return.
        mask: Booleans of the same shape; False where a value does not count.

    Example:
        >>> from kibitz.losses.mask import leave_mask
        >>> leave_mask([0.5, 0.0], [True, False])
    """
    notes = _notes.get()
    if notes is not None:
        notes.append((values, mask))


def mask_of(values: Any, notes: list[tuple[Any, Any]]) -> Any:
    """The mask left for this very array, or None.

    Args:
        values: The array that a loss function returned.
        notes: What `masks_left` collected.

    Example:
        >>> from kibitz.losses.mask import mask_of
        >>> values = [0.5, 0.0]
        >>> mask_of(values, [(values, [True, False])])
        [True, False]
    """
    return next((mask for noted, mask in notes if noted is values), None)
