"""A stretch of a run cut into pieces, each of which begins at a commit, for several processes to run side by side."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection

from kibitz.replay.stretch import Stretch


def pieces(stretch: Stretch, commits: Collection[int], most: int) -> list[Stretch]:
    """Cut a stretch at commits, so that each piece has about as many steps to run again as the others.

    What lies between the stretch and the commit before it must be run again too, and counts for the first piece.

    Args:
        stretch: The stretch.
        commits: The steps that have a commit.
        most: How many pieces at most; where there are too few commits within the stretch, there are fewer.

    Example:
        >>> from kibitz.replay.pieces import pieces
        >>> from kibitz.replay.stretch import Stretch
        >>> for piece in pieces(Stretch(50, 400), [0, 100, 200, 250, 300], 2):
        ...     print(piece)
        steps 50 to 199
        steps 200 to 399
        >>> len(pieces(Stretch(10, 20), [0, 100], 4))
        1
    """
    known = sorted(commits)
    before = bisect_right(known, stretch.start)
    began = known[before - 1] if before else stretch.start
    within = [step for step in known if stretch.start < step < stretch.stop]
    cuts = [stretch.start]
    for place in range(1, most):
        ideal = began + (stretch.stop - began) * place / most
        left = [step for step in within if step > cuts[-1]]
        if left:
            cuts.append(min(left, key=lambda step: abs(step - ideal)))
    ends = [*cuts[1:], stretch.stop]
    return [Stretch(start, stop) for start, stop in zip(cuts, ends, strict=True)]
