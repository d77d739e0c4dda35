"""Which commits of a run to keep: the first, the newest three, and of the rest some, spread evenly."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

NEWEST = 3


def kept(steps: Sequence[int], most: int) -> set[int]:
    """The steps whose commits stay, so many at the most.

    Args:
        steps: The steps that have a commit, in any order.
        most: How many may stay; never fewer than the first and the newest.

    Example:
        >>> from kibitz.checkpoint.thinning import kept
        >>> sorted(kept(range(0, 1100, 100), 6))
        [0, 300, 500, 800, 900, 1000]
    """
    ordered = sorted(set(steps))
    most = max(most, 2)
    if len(ordered) <= most:
        return set(ordered)
    newest = ordered[-min(NEWEST, most - 1) :]
    stay = {ordered[0], *newest}
    between = [step for step in ordered if step not in stay]
    room = most - len(stay)
    first, last = ordered[0], newest[0]
    for number in range(1, room + 1):
        # Where an even spread would have one; of those that are left the nearest.
        wanted = first + (last - first) * number / (room + 1)
        nearest = min((step for step in between if step not in stay), key=lambda step: (abs(step - wanted), step))
        stay.add(nearest)
    return stay


def kept_within(sizes: Mapping[int, int], most: int) -> set[int]:
    """The same, where not their number but their bytes are bounded.

    Args:
        sizes: The bytes of each step's commit.
        most: How many bytes may stay; the first and the newest stay anyway.
    """
    for count in range(len(sizes), 2, -1):
        stay = kept(list(sizes), count)
        if sum(sizes[step] for step in stay) <= most:
            return stay
    return kept(list(sizes), 2)
