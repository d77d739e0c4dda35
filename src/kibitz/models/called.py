"""What the user calls the parts of the data: an error speaks of `validation_data[1]`, not of some y."""

from __future__ import annotations

from typing import NamedTuple


class Called(NamedTuple):
    """The names of inputs, targets and weights in the user's own call.

    Args:
        x: The inputs.
        y: The targets.
        weight: The weights of the rows.
        row: The number of the first row, where the data are the end of what the user gave.
        cure: How inputs and targets are given.

    Example:
        >>> from kibitz.models.called import GIVEN
        >>> GIVEN.of_batch(3).y
        'y of batch 3'
    """

    x: str = "x"
    y: str = "y"
    weight: str = "sample_weight"
    row: int = 0
    cure: str = "fit(x, y)"

    def of_batch(self, number: int) -> Called:
        """The names of the parts of one batch of a stream."""
        x, y, weight = (f"{part} of batch {number}" for part in self[:3])
        return Called(x, y, weight, cure="yield x, y")


GIVEN = Called()
"""As `fit`, `evaluate` and `train_on_batch` name them."""

VALIDATION = Called("validation_data[0]", "validation_data[1]", "validation_data[2]", cure="validation_data=(x, y)")
"""The parts of the tuple given as `validation_data`."""

VALIDATION_STREAM = Called("validation x", "validation y", "validation weights")
"""What a generator given as `validation_data` yields."""
