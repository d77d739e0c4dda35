"""The sentences that an outline says as text and as a picture alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kibitz.callbacks.touches import LOOKS

if TYPE_CHECKING:
    from kibitz.models.outline import Part

FAILING = {"warn": "its errors are warnings", "detach": "is let go if it fails"}
"""What becomes of the run if a callback fails; that it ends is not said."""

ON_BITS = (
    "A callback that acts within the step makes it another program, so bits may change in the last place even where it "
    "only looks. Nobody else's looking on changes a bit."
)


def marks_of(part: Part, *, briefly: bool = False) -> list[str]:
    """What a callback may touch, in a few words each.

    Args:
        part: The callback.
        briefly: Leave out what it reads, where that is told at length.
    """
    told = briefly and any(what == "reads" for what, _ in part.touches.words)
    marks = [mark for mark in part.touches.marks if not (told and mark in LOOKS)]
    marks = marks or ["only looks on"]
    return [*marks, FAILING[part.on_error]] if part.on_error in FAILING else marks
